package console_test

import (
	"fmt"
	"testing"
	"time"

	"gospread/spread/internal/console/consoletest"
	"gospread/spread/internal/status"
)

// Names and reasons come from strangers, and are shown as what they are.
func TestHostileNames(t *testing.T) {
	const (
		script   = `<script>window.harmed = 1</script><img src=x onerror="window.harmed=1">`
		turned   = "safe\u202egnp.exe\u2066"
		controls = "a\x00b\x1b[31mc\u0085\u200bd\ufeff\u00a0\ue000\n\tz"
		arabic   = "مجموعة"
		broken   = "bad\ufffd"
	)
	p := open(t, consoletest.Options{Groups: 1, Sessions: 2}, screen{width: 360, height: 800, touch: true})
	all := []string{script, turned, controls, arabic, broken, broken, "back\\slash", `"quoted" & 'more'`}
	p.fake.Change(func(r *status.Report) {
		r.Groups = nil
		for _, name := range all {
			r.Groups = append(r.Groups, status.Group{Name: name, View: script, Members: 1, Names: []string{script, turned}})
		}
		r.Sessions[0].Name, r.Sessions[0].Remote, r.Sessions[0].Library, r.Sessions[0].Groups = script, script, script, all
		r.Closed = []status.Closed{{At: time.Now(), Name: turned, Remote: script, Reason: script, Detail: controls, Cut: true, Refused: true}}
		r.Views[0].Cause, r.Views[0].Joined, r.Views[0].Left, r.Views[0].Members = script, []string{script}, []string{turned}, all
		r.Daemons[1].Name, r.Daemons[1].Address, r.Daemons[1].Mismatch = script, script, true
		r.Daemons[2].Name = turned
		r.Daemon.Name, r.Daemon.Version, r.Daemon.Address, r.Daemon.ConfigFile = script, script, script, script
		r.Membership.Leader, r.Membership.ID = script, controls
		r.Clients.Ended = map[string]uint64{script: 1, controls: 2}
		r.Omitted = []string{script}
	})
	p.wait(`document.querySelectorAll('#groups-table .open').length === 8`)
	shown := eval[[]string](p, `[...document.querySelectorAll('#groups-table .open .name')].map((n) => n.textContent)`)
	want := map[string]int{
		script: 1, `safe\u202egnp.exe\u2066`: 1, `a\x00b\x1b[31mc\x85\u200bd\ufeff\xa0\ue000\x0a\x09z`: 1, arabic: 1, "bad\ufffd": 2, `back\slash`: 1, `"quoted" & 'more'`: 1,
	}
	for _, name := range shown {
		want[name]--
	}
	for name, missing := range want {
		if missing != 0 {
			t.Errorf("%q is shown %+d times too few", name, missing)
		}
	}
	p.equal(`String(document.querySelectorAll('#groups-table .esc').length)`, "6")
	p.equal(`getComputedStyle(document.querySelector('#groups-table bdi')).unicodeBidi`, "isolate")

	p.run(`document.querySelectorAll('.open').forEach((b) => b.click())`)
	p.run(`document.querySelector('#counters summary').click()`)
	p.wait(`document.querySelectorAll('.detail').length >= 12 && document.getElementById('counters-tables').innerText.includes('<script>')`)
	p.equal(`String(window.harmed)`, "undefined")
	p.equal(`String(document.querySelectorAll('script').length) + document.querySelectorAll('img').length`, "20")
	// Nothing that changes direction, or cannot be seen, is anywhere on the page.
	p.equal(`JSON.stringify([...document.querySelectorAll('body *')].flatMap((e) => [...e.attributes].map((a) => a.value).concat(e.children.length ? [] : [e.textContent]))
		.filter((s) => /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066\u2067\ufeff]/.test(s)))`, "[]")
	p.equal(`String(document.documentElement.scrollWidth <= 360)`, "true")
	p.equal(`document.title.includes('<script>') ? 'as text' : document.title`, "as text")
}

// The browser itself refuses to take text as HTML on this page.
func TestHTMLIsRefused(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	p.expectRefusals()
	for _, attempt := range []string{
		`document.body.innerHTML = '<b>x</b>'`, `document.body.insertAdjacentHTML('beforeend', '<b>x</b>')`, `document.body.setAttribute('onclick', 'x()')`,
		`document.write('<b>x</b>')`, `new DOMParser().parseFromString('<b>x</b>', 'text/html')`,
	} {
		p.equal(fmt.Sprintf(`(() => { try { %s; return 'taken'; } catch (e) { return e.name; } })()`, attempt), "TypeError")
	}
}

// Much of everything: the page draws what can be looked at, and finds the rest.
func TestThousands(t *testing.T) {
	p := open(t, consoletest.Options{Daemons: 3, Groups: 5000, Sessions: 5000, Every: time.Second}, desktop)
	p.fake.Change(func(r *status.Report) {
		g := &r.Groups[4999]
		g.Name, g.Members, g.Names = "the-big-one", 10000, nil
		for i := range 10000 {
			g.Names = append(g.Names, fmt.Sprintf("#m%d#mars", i))
		}
	})
	p.wait(`document.querySelector('#groups-table tbody').innerText.trim().startsWith('the-big-one')`)
	p.equal(`String(document.querySelectorAll('#groups-table tbody tr').length) + ' ' + document.querySelectorAll('#sessions-table tbody tr').length`, "50 50")
	p.equal(`document.querySelector('#groups-table .note').textContent.replace(/\u202f/g, '')`, "50 of 5000 groups")
	p.run(`document.querySelector('#groups-table .open').click()`)
	p.wait(`document.querySelectorAll('#groups-table .names li').length === 100`)
	p.run(`document.querySelector('#groups-table .detail .more').click()`)
	p.wait(`document.querySelectorAll('#groups-table .names li').length === 600`)
	p.run(`document.querySelector('#sessions-table > .more').click()`)
	p.wait(`document.querySelectorAll('#sessions-table tbody tr').length === 250`)

	p.filter("groups", "GROUP-4711")
	p.wait(`document.querySelectorAll('#groups-table tbody tr').length === 1 && document.querySelector('#groups-table .note').textContent === '1 group matches'`)
	p.filter("groups", "#m9999#mars")
	p.wait(`document.querySelector('#groups-table tbody .name').textContent === 'the-big-one'`)
	p.filter("groups", "no such thing")
	p.wait(`document.querySelector('#groups-table .note').textContent === 'No groups match.'`)
	// Long tasks are those that a user feels.
	longest := eval[float64](p, `new Promise((done) => {
		let longest = 0, last = performance.now(), n = 0;
		const frame = (now) => { longest = Math.max(longest, now - last); last = now; if (++n < 200) requestAnimationFrame(frame); else done(longest); };
		requestAnimationFrame(frame);
	})`)
	t.Logf("longest frame while two reports of 5,000 came: %.0f ms", longest)
}

// filter types into the filter of a table.
func (p *page) filter(table, text string) {
	p.t.Helper()
	p.run(fmt.Sprintf(`(() => { const i = document.getElementById('%s-table-filter'); i.value = %q; i.dispatchEvent(new Event('input')); })()`, table, text))
}

// Texts of the page's own are not taken for those of strangers.
func TestOwnTextIsNotEscaped(t *testing.T) {
	p := open(t, consoletest.Options{Daemons: 8, Segments: 2, Groups: 5, Sessions: 3}, desktop)
	p.fake.Stall("#client1#earth", true)
	p.wait(`document.querySelector('#sessions-table .badge')`)
	p.run(`document.querySelectorAll('.open').forEach((b) => b.click())`)
	p.run(`document.querySelector('#counters summary').click()`)
	p.wait(`document.querySelectorAll('.detail').length > 15`)
	p.equal(`String(document.querySelectorAll('.esc').length) + (document.body.innerText.match(/\\[xu][0-9a-f]+/) ?? '')`, "0")
}
