package monitor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gospread/spread/internal/monitor"
	"gospread/spread/internal/monproto"
	"gospread/spread/internal/seal"
	"gospread/spread/internal/status"
)

// fake is a daemon of the test's own.
type fake struct {
	t    *testing.T
	conn *net.UDPConn
	file string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	f := &fake{t, conn, filepath.Join(t.TempDir(), "spread.conf")}
	text := fmt.Sprintf("Spread_Segment 127.0.0.255:%d { a 127.0.0.1 VirtualID = 1 }", conn.LocalAddr().(*net.UDPAddr).Port)
	if err := os.WriteFile(f.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// next is the next request.
func (f *fake) next() (monproto.Header, netip.AddrPort) {
	b := make([]byte, 2000)
	n, from, err := f.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		return monproto.Header{}, from
	}
	b, err = seal.Plain().Open(b[:n])
	h, _, err2 := monproto.Parse(b)
	if err != nil || err2 != nil {
		f.t.Errorf("a request that is none: %v %v", err, err2)
	}
	return h, from
}

// answer sends a body from a socket.
func answer(conn *net.UDPConn, to netip.AddrPort, h monproto.Header, body []byte) {
	_, _ = conn.WriteToUDPAddrPort(seal.Plain().Seal(nil, append(h.Append(nil), body...)), to)
}

// document is a status of several parts.
func document(t *testing.T) []monproto.Part {
	t.Helper()
	s := status.Summary{Schema: status.Schema}
	s.Daemon.Name = strings.Repeat("x", 5*monproto.MaxPart)
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := monproto.Split(b)
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// TestLoss: requests and parts that are lost come again, under the same id; what is
// no answer does no harm.
func TestLoss(t *testing.T) {
	f := newFake(t)
	c := open(t, f.file, "a")
	parts := document(t)
	stranger, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ids := make(chan uint64, 100)
	go func() {
		for try := range 2 + len(parts) {
			h, from := f.next()
			ids <- h.ID
			a := monproto.Header{Kind: monproto.Doc, ID: h.ID, From: 1}
			lie := monproto.Ack{Code: monproto.Refused, Text: "a lie"}
			switch try {
			case 0: // the request is lost
			case 1:
				answer(stranger, from, monproto.Header{Kind: monproto.Done, ID: h.ID, From: 1}, lie.Append(nil))
				answer(f.conn, from, monproto.Header{Kind: monproto.Done, ID: h.ID + 1, From: 1}, lie.Append(nil))
				answer(f.conn, from, monproto.Header{Kind: monproto.Done, ID: h.ID, From: 2}, lie.Append(nil))
				answer(f.conn, from, monproto.Header{Kind: monproto.Done, ID: h.ID, From: 1}, (&monproto.Ack{}).Append(nil)) // OK is no status
				answer(f.conn, from, monproto.Header{Kind: monproto.Status, ID: h.ID, From: 1}, lie.Append(nil))
				answer(f.conn, from, a, []byte("rubbish"))
				_, _ = f.conn.WriteToUDPAddrPort([]byte("gsM\x01 but no sum"), from)
				_, _ = f.conn.WriteToUDPAddrPort(nil, from)
			default: // one part a time
				answer(f.conn, from, a, parts[try-2].Append(nil))
			}
		}
	}()
	s := done(t, c.Status(within(t), []string{"a"}))[0].Summary
	if len(s.Daemon.Name) != 5*monproto.MaxPart {
		t.Errorf("%d bytes", len(s.Daemon.Name))
	}
	for first := <-ids; len(ids) > 0; {
		if id := <-ids; id != first {
			t.Errorf("repeated with id %d instead of %d", id, first)
		}
	}
}

// TestBadDocuments: they are errors.
func TestBadDocuments(t *testing.T) {
	for doc, want := range map[string]string{"{": "read the status", `{"schema":99}`: "schema 99"} {
		f := newFake(t)
		c := open(t, f.file, "a")
		parts, err := monproto.Split([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			h, from := f.next()
			answer(f.conn, from, monproto.Header{Kind: monproto.Doc, ID: h.ID, From: 1}, parts[0].Append(nil))
		}()
		a := c.Status(within(t), []string{"a"})[0]
		if a.Err == nil || !strings.Contains(a.Err.Error(), want) {
			t.Errorf("%s: %v", doc, a.Err)
		}
	}
}

// TestRefusedWithText: what the daemon says comes through.
func TestRefusedWithText(t *testing.T) {
	f := newFake(t)
	c := open(t, f.file, "a")
	go func() {
		h, from := f.next()
		answer(f.conn, from, monproto.Header{Kind: monproto.Done, ID: h.ID, From: 1}, (&monproto.Ack{Code: monproto.Busy, Text: "later"}).Append(nil))
	}()
	a := c.Reload(within(t), []string{"a"})[0]
	var r *monitor.RefusedError
	if !errors.As(a.Err, &r) || a.Err.Error() != "refused: later" || a.Text != "later" {
		t.Errorf("%+v", a)
	}
}
