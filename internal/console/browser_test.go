package console_test

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"gospread/spread/internal/console/consoletest"
)

// patience is for a machine that is busy with other things.
const patience = 30 * time.Second

var browser context.Context // one for all tests, with a tab for each; nil without Chromium

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	path := chromium()
	if path == "" || testing.Short() {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "console")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoFirstRun, chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("no-default-browser-check", true), chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(patience),
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var end context.CancelFunc
	browser, end = chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintf(os.Stderr, "cannot start %s: %v\n", path, err)
		return 1
	}
	return m.Run()
}

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// page is a tab that shows a fake daemon's console.
type page struct {
	t      *testing.T
	ctx    context.Context
	fake   *consoletest.Server
	server *httptest.Server
	url    string // of what is looked at: server, if it is no real daemon

	mu       sync.Mutex
	trouble  []string // what the browser complained about
	requests []string
	offline  bool // failed requests are expected
	refusals bool // so is what the policy refuses
}

// screen is how the tab is looked at.
type screen struct {
	width, height int64
	dark          bool
	touch         bool
	still         bool // prefers-reduced-motion
}

var desktop = screen{width: 1440, height: 1000}

// open shows the page and waits until it has everything. At the end of the test,
// complaints of the browser and requests that left the server are failures.
func open(t *testing.T, o consoletest.Options, s screen) *page {
	p := blank(t, o, s)
	p.visit()
	p.wait(`document.body.dataset.ready === 'all'`)
	return p
}

// blank has the tab and the server, and no page yet.
func blank(t *testing.T, o consoletest.Options, s screen) *page {
	t.Helper()
	if browser == nil {
		t.Skip("needs Chromium (Debian package chromium), and not -short")
	}
	if o.Every == 0 {
		o.Every = 100 * time.Millisecond
	}
	p := &page{t: t, fake: consoletest.New(o)}
	p.server = httptest.NewServer(p.fake)
	p.url = p.server.URL
	t.Cleanup(p.server.Close)
	t.Cleanup(p.fake.Cut)
	tab, stop := chromedp.NewContext(browser)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(tab, 3*patience)
	t.Cleanup(cancel)
	p.ctx = ctx
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	call(p, network.Enable, network.EnableParams{})
	call(p, log.Enable, cdp.Empty{})
	call(p, cdpruntime.Enable, cdp.Empty{})
	p.look(s)
	t.Cleanup(p.verdict)
	return p
}

// visit loads the page.
func (p *page) visit() {
	p.t.Helper()
	p.do(chromedp.Navigate(p.url + "/"))
}

// call runs a command of the browser's protocol.
func call[P, R any](p *page, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	r, err := chromedp.Call(p.ctx, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
	return r
}

// look sets size and preferences.
func (p *page) look(s screen) {
	p.t.Helper()
	if s.width == 0 {
		s.width, s.height = desktop.width, desktop.height
	}
	scheme, motion := "light", "no-preference"
	if s.dark {
		scheme = "dark"
	}
	if s.still {
		motion = "reduce"
	}
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: s.width, Height: s.height, DeviceScaleFactor: 1, Mobile: s.touch,
	})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
	}})
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *cdpruntime.EventExceptionThrown:
		p.trouble = append(p.trouble, fmt.Sprintf("exception: %+v", *e.ExceptionDetails.Exception))
	case *cdpruntime.EventConsoleAPICalled:
		if e.Type == cdpruntime.ConsoleAPICalledTypeError || e.Type == cdpruntime.ConsoleAPICalledTypeWarning || e.Type == cdpruntime.ConsoleAPICalledTypeAssert {
			p.trouble = append(p.trouble, fmt.Sprintf("console.%s: %s", e.Type, e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			if e.Entry.Source == log.EntrySourceNetwork && p.offline {
				return
			}
			if p.refusals {
				return
			}
			p.trouble = append(p.trouble, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

// expectOffline takes failed requests as part of the test from now on.
func (p *page) expectOffline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offline = true
}

// expectRefusals takes complaints of the policy as part of the test.
func (p *page) expectRefusals() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals = true
}

func (p *page) verdict() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, what := range p.trouble {
		p.t.Errorf("the browser complained: %s", what)
	}
	for _, url := range p.requests {
		if !strings.HasPrefix(url, p.url+"/") && !strings.HasPrefix(url, "data:") {
			p.t.Errorf("a request left the server: %s", url)
		}
	}
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// eval is the value of a JavaScript expression, which may be a promise.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%v in:\n%s", err, expression)
	}
	return v
}

func (p *page) text(expression string) string {
	p.t.Helper()
	return eval[string](p, expression)
}

// run evaluates an expression for its effect.
func (p *page) run(expression string) {
	p.t.Helper()
	eval[chromedp.Void](p, "(async () => { await ("+expression+"); })()")
}

// wait returns when an expression has become true.
func (p *page) wait(expression string) {
	p.t.Helper()
	for range 3 { // a page that was left takes the promise with it
		done, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`new Promise((done) => {
			const end = performance.now() + %d;
			const look = () => {
				let ok = false;
				try { ok = %s; } catch {}
				if (ok || performance.now() > end) done(!!ok);
				else setTimeout(look, 20);
			};
			look();
		})`, patience.Milliseconds(), expression), chromedp.EvalAwaitPromise))
		if err == nil && done {
			return
		}
		if err == nil {
			p.t.Fatalf("waited in vain for:\n%s\nthe page says:\n%s", expression, eval[string](p, `document.body.innerText.slice(0, 3000)`))
		}
		if p.ctx.Err() != nil {
			p.t.Fatalf("%v in:\n%s", err, expression)
		}
	}
	p.t.Fatalf("the page went away while waiting for:\n%s", expression)
}

// equal fails unless an expression has that text as its value.
func (p *page) equal(expression, want string) {
	p.t.Helper()
	if got := p.text(expression); got != want {
		p.t.Errorf("%s\nis   %q\nwant %q", expression, got, want)
	}
}
