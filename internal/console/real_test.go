package console_test

import (
	"fmt"
	"net"
	"testing"

	"gospread/spread"
	"gospread/spread/internal/console/consoletest"
	"gospread/spread/spreadtest"
)

// The page of a real daemon shows what happens in a real ring: a daemon that is
// killed and comes back, a client that comes and goes, and rates.
func TestRealDaemon(t *testing.T) {
	l, err := net.Listen("tcp", "127.1.0.1:0")
	if err != nil {
		t.Skipf("no second loopback address here: %v", err)
	}
	at := l.Addr().String()
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	if browser == nil {
		t.Skip("needs Chromium")
	}
	c := spreadtest.New(t, 3, spreadtest.WithConfig(fmt.Sprint("HTTPStatus = ", port)))
	c.WaitTogether(t.Context())
	p := blank(t, consoletest.Options{}, desktop)
	p.url = "http://" + at
	p.visit()
	p.wait(`document.body.dataset.ready === 'all'`)
	p.wait(figure + `.includes('Members=3 of 3')`)

	alice := c.Dial("a", spread.WithName("alice"))
	if err := alice.Join(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	p.wait(`document.getElementById('sessions-table').innerText.includes('#alice#a')`)
	p.wait(`document.getElementById('groups-table').innerText.includes('orders')`)
	for range 100 {
		if err := alice.Multicast(t.Context(), spread.Agreed, "orders", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	p.wait(figure + `.some((f) => /^Messages in=[\d.,\u202f]*[1-9]/.test(f))`)

	c.Kill("c")
	p.wait(figure + `.includes('Members=2 of 3')`)
	p.wait(`document.getElementById('said').textContent.includes('Left: c.')`)
	p.wait(`document.querySelector('#views-table tbody tr').innerText.includes('c')`)
	p.wait(`document.querySelectorAll('.daemon')[2].classList.contains('absent')`)
	c.Restart("c")
	p.wait(figure + `.includes('Members=3 of 3')`)

	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	p.wait(`document.body.innerText.includes('client disconnected')`)
}
