package console_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"gospread/spread/internal/console/consoletest"
	"gospread/spread/internal/status"
)

var shots = flag.String("shots", "", "directory for pictures of the page, to be looked at")

// Draws the page as people see it: go test ./internal/console -run Screens -shots DIR
func TestScreens(t *testing.T) {
	if *shots == "" {
		t.Skip("-shots DIR draws pictures")
	}
	for _, n := range []int{1, 3, 8, 60} {
		for _, s := range []screen{{width: 1440, height: 1000}, {width: 1440, height: 1000, dark: true}, {width: 360, height: 740, touch: true}, {width: 360, height: 740, touch: true, dark: true}, {width: 820, height: 1100}} {
			name := fmt.Sprintf("%02d-%d-%s.png", n, s.width, map[bool]string{false: "light", true: "dark"}[s.dark])
			t.Run(name, func(t *testing.T) {
				p := open(t, consoletest.Options{Daemons: n, Segments: max(1, n/4*2/3), Groups: n * 40, Sessions: n * 20, Every: 25 * time.Millisecond, Speed: 60}, s)
				scene(p, n)
				p.drawn(270)
				p.shoot(name)
			})
		}
	}
	// Pointed at, opened, filtered, and no longer live.
	for _, s := range []screen{{width: 1440, height: 1000}, {width: 360, height: 740, touch: true, dark: true}} {
		p := open(t, consoletest.Options{Daemons: 8, Segments: 2, Groups: 80, Sessions: 30, Every: 25 * time.Millisecond, Speed: 60}, s)
		p.expectOffline()
		scene(p, 8)
		p.fake.Change(func(r *status.Report) { r.Groups[4].Name = "<b>bold</b> \u202eesrever\u202c \x1b[31m" })
		for _, id := range []string{"daemons", "sessions", "groups", "views", "closed"} {
			p.run(fmt.Sprintf(`document.querySelector('#%s-table .open').click()`, id))
		}
		p.run(`document.querySelector('#counters summary').click()`)
		p.run(`document.querySelectorAll('.daemon')[3].focus()`)
		p.fake.Refuse(true)
		p.fake.Cut()
		p.wait(`!document.getElementById('stale').hidden && document.getElementById('counters-tables').innerText.length > 100`)
		p.run(`(() => { const b = document.querySelector('.plotbox').getBoundingClientRect(); document.querySelector('.plotbox').dispatchEvent(new PointerEvent('pointermove', { clientX: b.left + b.width / 2, clientY: b.top + 20 })); })()`)
		p.shoot(fmt.Sprintf("states-%d.png", s.width))
	}
}

func (p *page) shoot(name string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(*shots, name), picture, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// drawn waits until the plots show so many seconds.
func (p *page) drawn(seconds int) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`(() => {
		const plot = document.querySelector('.plot');
		const x = parseFloat(plot.querySelector('path.line1').getAttribute('d').slice(2));
		return 300 * (1 - (x - 46) / (plot.clientWidth - 54)) > %d;
	})()`, seconds))
}

// scene has something happen in a ring of n.
func scene(p *page, n int) {
	p.drawn(40)
	p.fake.CutOff("#client5#earth")
	if n >= 3 {
		p.fake.Leave("mars fell silent", "mars")
		p.drawn(90)
	}
	if n >= 8 {
		p.fake.Change(func(r *status.Report) {
			r.Sessions[2].Held = true
			r.Daemons[5].Mismatch, r.Daemons[4].Heard = true, -1
		})
		p.fake.Leave("venus and jupiter can no longer be heard", "venus", "jupiter", "saturn", "mercury")
		p.drawn(160)
		p.fake.Join("another part was found", "jupiter")
		p.drawn(250)
		p.fake.Stall("#client1#earth", true)
	}
}
