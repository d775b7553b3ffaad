package reports_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is for a machine that is busy with other things.
const patience = time.Minute

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// browse starts a browser that ends with the test.
func browse(t *testing.T) context.Context {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium()), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("no-default-browser-check", true), chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(patience),
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	browser, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("cannot start %s: %v", chromium(), err)
	}
	return browser
}

// page is a tab. Complaints of the browser about the page are failures.
type page struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	trouble  []string
	failures bool // failed requests are part of the test
}

func open(t *testing.T, browser context.Context, url string) *page {
	t.Helper()
	tab, stop := chromedp.NewContext(browser)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(tab, 3*patience)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	call(p, log.Enable, cdp.Empty{})
	call(p, cdpruntime.Enable, cdp.Empty{})
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, what := range p.trouble {
			t.Errorf("the browser complained: %s", what)
		}
	})
	p.visit(url)
	return p
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *cdpruntime.EventExceptionThrown:
		p.trouble = append(p.trouble, fmt.Sprintf("exception: %+v", *e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceNetwork && p.failures {
			return
		}
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.trouble = append(p.trouble, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

// expectFailures takes failed requests as part of the test.
func (p *page) expectFailures() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = true
}

// call runs a command of the browser's protocol.
func call[P, R any](p *page, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
}

func (p *page) visit(url string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Navigate(url)); err != nil {
		p.t.Fatalf("%s: %v", url, err)
	}
}

// text is the value of a JavaScript expression.
func (p *page) text(expression string) string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%v in:\n%s", err, expression)
	}
	return v
}

// wait returns when an expression has become true, perhaps after the page has made
// room for another. It asks from here, because a page without JavaScript has no timers.
func (p *page) wait(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	again := time.NewTicker(30 * time.Millisecond)
	defer again.Stop()
	look := fmt.Sprintf(`(() => { try { return !!(%s); } catch { return false; } })()`, expression)
	for {
		if done, err := chromedp.Run(ctx, chromedp.Evaluate[bool](look)); err == nil && done {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			p.t.Fatalf("waited in vain for:\n%s\nthe page says:\n%s", expression, p.text(`document.body.innerText.slice(0, 3000)`))
		}
	}
}

// says waits until the page contains a text.
func (p *page) says(text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
}

// screen sets size and colours.
func (p *page) screen(width, height int64, dark, touch bool) {
	p.t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[dark]
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: touch,
	})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// shoot draws the page as it is seen on a desktop and on a phone, if wanted.
func (p *page) shoot(name string) {
	p.t.Helper()
	if *shots == "" {
		return
	}
	for _, s := range []struct {
		name          string
		width, height int64
		dark, touch   bool
	}{{"desktop", 1280, 800, false, false}, {"desktop-dark", 1280, 800, true, false}, {"phone", 360, 740, false, true}, {"phone-dark", 360, 740, true, true}} {
		p.screen(s.width, s.height, s.dark, s.touch)
		picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
		if err == nil {
			err = os.WriteFile(filepath.Join(*shots, name+"-"+s.name+".png"), picture, 0o644)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}
