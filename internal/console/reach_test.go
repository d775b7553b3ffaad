package console_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"gospread/spread/internal/console/consoletest"
	"gospread/spread/internal/status"
)

func (p *page) press(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// focus is what has the focus, in words.
func (p *page) focus() string {
	p.t.Helper()
	return p.text(`(() => { const e = document.activeElement; return (e.getAttribute('aria-label') ?? e.id ?? '') || e.textContent; })()`)
}

// tab goes on until something has the focus.
func (p *page) tab(to string) {
	p.t.Helper()
	var seen []string
	for range 60 {
		p.press(kb.Tab)
		at := p.focus()
		if strings.HasPrefix(at, to) {
			// What has the focus can be seen to have it.
			if p.text(`getComputedStyle(document.activeElement).outlineStyle`) == "none" && !eval[bool](p, `document.activeElement.matches('.daemon')`) {
				p.t.Errorf("%s has the focus and does not show it", at)
			}
			return
		}
		seen = append(seen, at)
	}
	p.t.Fatalf("tab does not come to %q, but to %q", to, seen)
}

func TestKeyboard(t *testing.T) {
	p := open(t, consoletest.Options{Daemons: 4, Groups: 60, Sessions: 10}, desktop)
	p.press(kb.Tab)
	if at := p.focus(); at != "Skip to the content" {
		t.Errorf("the first stop is %q", at)
	}
	p.press(kb.Enter)
	p.equal(`document.activeElement.id`, "main")

	// The ring is one stop; arrows go around it, and the middle tells.
	p.tab("earth: member")
	p.press(kb.ArrowRight)
	p.wait(`document.querySelector('.ring .middle').textContent.startsWith('marsmemberround trip')`)
	p.press(kb.ArrowLeft, kb.ArrowLeft)
	p.wait(`document.querySelector('.ring .middle').textContent.startsWith('jupiter')`)
	p.press(kb.Home)
	p.wait(`document.activeElement.getAttribute('aria-label').startsWith('earth')`)

	// Tables: heads sort, arrows go from row to row, Enter opens.
	p.tab("Segment")
	p.press(kb.Enter)
	p.equal(`document.querySelector('#daemons-table th[aria-sort]').getAttribute('aria-sort')`, "descending")
	p.equal(`document.querySelector('#daemons-table tbody .name').textContent`, "jupiter")
	p.tab("Last heard")
	p.tab("jupiter")
	p.press(kb.ArrowDown, kb.Enter)
	p.equal(`document.activeElement.textContent + document.activeElement.getAttribute('aria-expanded')`, "venustrue")
	p.wait(`document.querySelector('#daemons-table .detail').innerText.includes('192.168.0.3:4803')`)
	p.press(kb.ArrowLeft)
	p.equal(`String(document.querySelectorAll('#daemons-table .detail').length)`, "0")

	// Plots: arrows read values, and all plots show the same moment.
	p.wait(`document.querySelector('.plot path.line1').getAttribute('d').split('L').length > 10`)
	p.tab("Messages, per second")
	p.press(kb.ArrowLeft, kb.ArrowLeft, kb.ArrowLeft)
	p.wait(`document.querySelectorAll('.plot .cross').length === 6`)
	p.wait(`/(now|ago): in [\d.\u202f]+.*\/s, out /.test(document.activeElement.getAttribute('aria-valuetext'))`)
	p.wait(`document.querySelector('.when').textContent.startsWith('−')`)
	p.press(kb.Escape)
	p.wait(`document.querySelectorAll('.plot .cross').length === 0`)

	// Focus stays in its row while rows move.
	p.tab("#client")
	who := p.text(`document.activeElement.textContent`)
	p.fake.Stall("#client9#earth", true)
	p.wait(`document.querySelector('#sessions-table tbody .name').textContent === '#client9#earth'`)
	p.equal(`document.activeElement.textContent`, who)

	p.tab("groups-table-filter")
	p.press("4", "2")
	p.wait(`document.querySelectorAll('#groups-table tbody tr').length === 1`)
}

func TestPointerReadsPlots(t *testing.T) {
	p := open(t, consoletest.Options{}, desktop)
	p.wait(`document.querySelector('.plot path.line1').getAttribute('d').split('L').length > 5`)
	box := eval[[]float64](p, `(() => { const b = document.querySelector('.plotbox').getBoundingClientRect(); return [b.right - 10, b.top + 40]; })()`)
	p.do(chromedp.MouseEvent("mouseMoved", box[0], box[1]))
	p.wait(`document.querySelectorAll('.plot .cross').length === 6 && document.querySelectorAll('.plot .dot').length >= 8`)
	p.do(chromedp.MouseEvent("mouseMoved", 5, 5))
	p.wait(`document.querySelectorAll('.plot .cross').length === 0`)
	p.do(chromedp.TapXY(box[0], box[1]))
	p.wait(`document.querySelectorAll('.plot .cross').length === 6`)
}

func TestThemeIsRemembered(t *testing.T) {
	p := open(t, consoletest.Options{}, screen{dark: true})
	background := `getComputedStyle(document.body).backgroundColor`
	p.equal(background, "rgb(17, 20, 24)")
	p.run(`(() => { const s = document.getElementById('theme'); s.value = 'light'; s.dispatchEvent(new Event('change')); })()`)
	p.equal(background, "rgb(246, 247, 248)")
	p.visit()
	p.wait(`document.body.dataset.ready === 'all'`)
	p.equal(background, "rgb(246, 247, 248)")
	p.equal(`document.getElementById('theme').value`, "light")
	p.look(screen{})
	p.run(`(() => { const s = document.getElementById('theme'); s.value = 'dark'; s.dispatchEvent(new Event('change')); })()`)
	p.equal(background, "rgb(17, 20, 24)")
	p.run(`localStorage.clear()`)
}

func TestReducedMotion(t *testing.T) {
	p := open(t, consoletest.Options{}, screen{still: true})
	p.equal(`getComputedStyle(document.querySelector('.daemon')).transitionDuration`, "0s")
	p.look(screen{})
	p.equal(`getComputedStyle(document.querySelector('.daemon')).transitionDuration`, "0.5s")
}

// No width makes the page itself scroll sideways, whatever is open.
func TestNarrow(t *testing.T) {
	for _, n := range []int{1, 8, 60} {
		p := open(t, consoletest.Options{Daemons: n, Segments: min(n, 3), Groups: 10, Sessions: 10, Every: time.Second}, screen{width: 360, height: 740, touch: true})
		trouble(p, n)
		p.run(`document.querySelectorAll('.open').forEach((b) => b.click())`)
		p.run(`document.querySelector('#counters summary').click()`)
		p.wait(`document.querySelectorAll('.detail').length > 20`)
		for _, width := range []int64{320, 360, 414, 639, 640, 768, 999, 1000, 1199, 1200, 1920} {
			p.look(screen{width: width, height: 740, touch: true})
			p.wait(fmt.Sprintf(`innerWidth === %d`, width))
			p.equal(`JSON.stringify([...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, .hidden, .skip, svg')).map((e) => e.outerHTML.slice(0, 80)))`, "[]")
			p.equal(`String(document.documentElement.scrollWidth - innerWidth)`, "0")
		}
	}
}

// trouble has the page show everything that it can.
func trouble(p *page, n int) {
	p.fake.Stall("#client1#earth", true)
	if n > 2 {
		p.fake.Leave("fell silent", "mars", "venus")
	}
	p.fake.Change(func(r *status.Report) {
		r.Sessions[2].Held = true
		r.Daemon.DangerousMonitor = true
		r.Membership.Partition = 1
		if n > 2 {
			r.Daemons[1].Mismatch, r.Daemons[2].Heard = true, -1
		}
	})
	p.wait(`document.getElementById('attention-list').textContent.includes('has taken nothing')`)
}

// Contrast of every text that is shown, by the formula of WCAG 2: 4.5 to 1, or 3 to
// 1 for what is large.
const contrast = `(() => {
	const channels = (c) => c.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = channels(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] === 1) return c;
			if (c[3] !== 0) throw new Error('translucent');
		}
		return [255, 255, 255];
	};
	const poor = new Map();
	let seen = 0;
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest('.hidden, script, noscript, title, desc, .skip')) continue;
		const s = getComputedStyle(e);
		if (e.namespaceURI.endsWith('svg') && s.display === 'none') continue;
		const front = channels(e.namespaceURI.endsWith('svg') ? s.fill : s.color);
		const a = light(front), b = light(behind(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		const size = parseFloat(s.fontSize);
		const need = size >= 24 || (size >= 18.66 && s.fontWeight >= 700) ? 3 : 4.5;
		seen++;
		if (ratio < need) poor.set(s.color + ' ' + e.className, walk.currentNode.data.slice(0, 30) + ' ' + ratio.toFixed(2));
	}
	// Lines and marks that carry meaning need 3 to 1 against the card.
	const card = light(behind(document.querySelector('#rates')));
	for (const [what, property] of [['.plot path.line0', 'stroke'], ['.plot path.line1', 'stroke'], ['.ring .token', 'stroke'], ['.ring .member .dot', 'fill'],
		['.ring .absent .dot', 'stroke'], ['.ring .mismatch .dot', 'stroke'], ['.bar.full i', 'backgroundColor'], ['.bar:not(.full) i', 'backgroundColor']]) {
		const e = document.querySelector(what);
		if (!e) { poor.set(what, 'is not there'); continue; }
		const b = light(channels(getComputedStyle(e)[property]));
		const ratio = (Math.max(card, b) + 0.05) / (Math.min(card, b) + 0.05);
		if (ratio < 3) poor.set(what, ratio.toFixed(2));
	}
	return JSON.stringify([seen > 200, ...poor]);
})()`

func TestContrast(t *testing.T) {
	for _, dark := range []bool{false, true} {
		p := open(t, consoletest.Options{Daemons: 8, Groups: 20, Sessions: 20}, screen{dark: dark})
		p.expectOffline()
		trouble(p, 8)
		p.fake.CutOff("#client3#earth")
		p.fake.Change(func(r *status.Report) { r.Groups[0].Name = "esc\x01aped" })
		p.run(`document.querySelectorAll('.open').forEach((b) => b.click())`)
		p.run(`document.querySelector('#counters summary').click()`)
		p.wait(`document.querySelector('.esc') && document.querySelectorAll('.detail').length > 40 && document.querySelector('.plot path.line1').getAttribute('d')`)
		p.equal(contrast, "[true]")
		p.fake.Refuse(true)
		p.fake.Cut()
		p.wait(`!document.getElementById('stale').hidden`)
		p.equal(contrast, "[true]")
	}
}

// What a screen reader is told of the page.
func TestAccessibilityTree(t *testing.T) {
	p := open(t, consoletest.Options{Daemons: 5, Groups: 3, Sessions: 3}, desktop)
	trouble(p, 5)
	p.wait(`document.querySelector('.plot path.line1').getAttribute('d') && document.querySelectorAll('#daemons-table tbody tr').length === 5`)
	tree := call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes
	seen := map[string][]string{}
	for _, n := range tree {
		if n.Ignored || n.Role == nil {
			continue
		}
		role, name := word(n.Role), word(n.Name)
		seen[role] = append(seen[role], name)
		if name == "" && slices.Contains([]string{"button", "link", "searchbox", "combobox", "slider", "image", "table", "region", "navigation", "columnheader", "rowheader", "group"}, role) {
			t.Errorf("a %s has no name", role)
		}
	}
	for role, names := range map[string][]string{
		"banner": {""}, "main": {""}, "contentinfo": {""}, "navigation": {"Sections"}, "log": {"Changes"},
		"heading":      {"Spread earth", "Needs attention", "Overview", "Ring", "Messages", "Token rotation", "Groups 3", "Clients 3", "Counters"},
		"region":       {"Needs attention", "Overview", "Ring", "Groups", "Clients of this daemon", "Daemons of the configuration"},
		"table":        {"Daemons of the configuration", "Clients of this daemon", "Groups", "Views, the latest first"},
		"columnheader": {"Daemon", "Standing", "Members", "Reason"},
		"rowheader":    {"earth", "#client1#earth", "group-2"},
		"slider":       {"Messages, per second, last 5 minutes", "Delivery, time from order to delivery, last 5 minutes"},
		"group":        {"The ring"},
		"image":        {"earth: member, leader, this daemon, segment 0, round trip none"},
		"searchbox":    {"Filter groups", "Filter clients"},
		"combobox":     {"Colours"},
		"button":       {"Pause", "Members", "group-1"},
	} {
		for _, name := range names {
			if !slices.ContainsFunc(seen[role], func(s string) bool { return s == name || name == "" }) {
				t.Errorf("no %s is called %q, only %q", role, name, seen[role])
			}
		}
	}
	// Nothing that changes each second speaks up by itself.
	p.equal(`String([...document.querySelectorAll('[aria-live], [role=status], [role=alert], [role=log], output')].map((e) => e.id))`, "said")
	p.equal(`String(document.querySelectorAll('th:not([scope])').length) + ' ' + document.querySelectorAll('table:not(:has(caption))').length`, "0 0")
	p.equal(`document.querySelector('.ring title').textContent + ', ' + document.querySelector('.ring').getAttribute('aria-describedby')`, "The ring, ring-desc")
}

// word is a value of the tree that is a string.
func word(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}
