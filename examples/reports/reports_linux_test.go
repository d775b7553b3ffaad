package reports_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

var shots = flag.String("shots", "", "directory for pictures of the pages, to be looked at")

// The example as a visitor sees it, while its programs are killed one after the other.
func TestReports(t *testing.T) {
	t.Parallel()
	needs(t)
	if chromium() == "" {
		if os.Getenv("SPREAD_CONFORMANCE_ALL") != "" && os.Getuid() == 0 { // setup.sh installs it for root
			t.Fatal("needs Chromium (Debian package chromium)")
		}
		t.Skip("needs Chromium (Debian package chromium)")
	}
	d := start(t, nil, "--slow", "10") // long enough to be met while it is made
	site := d.says(`The page: (\S+)`)
	browser := browse(t)

	t.Run("worker killed", func(t *testing.T) {
		p := open(t, browser, site)
		p.shoot("order")
		p.order("Größe & <b>Σ</b>", "month")
		p.wait(`document.getElementById('bar').value > 5`)
		p.says("the sales of")
		p.shoot("running")
		worker := p.maker()
		d.kill(worker)
		p.says(worker + " was lost. worker")
		p.maker(worker)
		p.wait(`document.getElementById('bar').value > 5`)
		p.shoot("again")
		p.ready()
		p.shoot("ready")
		pdf := p.download()
		if n := strings.Count(pdf, "/Type /Page\n"); n < 12 {
			t.Errorf("the PDF has %d pages", n)
		}
		contains(t, pdf, "Größe & <b>Σ</b>", "December", "Radio")
		_, header, _ := get(t, http.DefaultClient, p.text(`document.querySelector('#download a').href`))
		if got, want := header.Get("Content-Disposition"), `attachment; filename="Gr-e-b-b.pdf"; filename*=UTF-8''Gr%C3%B6%C3%9Fe-b-%CE%A3-b.pdf`; got != want {
			t.Errorf("Content-Disposition: %s, want %s", got, want)
		}
		p.visit(site)
		p.says("Größe & <b>Σ</b>")
		p.shoot("list")
		p.expectFailures()
		p.text(`(document.getElementById('title').value = '', document.querySelector('form').submit(), '')`)
		p.says("A title has 1 to 100 characters.")
		p.shoot("wrong")
		d.restart(worker)
	})

	t.Run("back to the form", func(t *testing.T) {
		p := open(t, browser, site)
		p.order("Returning", "region")
		p.text(`(history.back(), '')`)
		p.wait(`document.querySelector('.reports li').innerText.includes('Returning')`)
	})

	t.Run("without JavaScript", func(t *testing.T) {
		p := open(t, browser, site)
		call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		p.order("Plain", "region")
		p.says("makes your report")
		p.says("Your report is ready")
		p.download()
	})

	t.Run("daemon killed", func(t *testing.T) {
		p := open(t, browser, site)
		p.order("Earthquake", "product")
		p.maker()
		d.kill("earth") // the one of the web server, and of two workers
		p.says("The web server cannot reach the queue.")
		p.shoot("daemon-lost")
		d.restart("earth")
		p.ready()
		p.download()
	})

	t.Run("no daemon to hand it to", func(t *testing.T) {
		d.kill("earth")
		p := open(t, browser, site)
		p.order("Kept", "product")
		p.says("Your report is kept")
		p.shoot("daemon-lost-kept")
		d.restart("earth")
		p.ready()
	})

	t.Run("database killed", func(t *testing.T) {
		p := open(t, browser, site)
		p.order("Memory", "product")
		p.maker()
		p.expectFailures()
		unanswered := func(why string) {
			t.Helper()
			p.says("Nothing is heard of your report now. Trying again.")
			some := site + "report.php?id=" + strings.Repeat("0", 32)
			if status, _, body := get(t, http.DefaultClient, some); status != http.StatusServiceUnavailable || !strings.Contains(body, "is kept") {
				t.Errorf("the database %s: status %d", why, status)
			}
		}
		d.signal("database", syscall.SIGSTOP)
		unanswered("hangs")
		d.kill("database")
		unanswered("is gone")
		d.restart("database")
		p.says("lost the database")
		p.ready()
	})

	t.Run("no worker", func(t *testing.T) {
		p := open(t, browser, site)
		p.order("Patience", "product")
		maker := p.maker()
		workers := []string{"worker1", "worker2", "worker3", "worker4"}
		workers = append(slices.DeleteFunc(workers, func(w string) bool { return w == maker }), maker)
		d.kill(workers...)
		p.says("No worker answers")
		p.shoot("no-worker")
		other := open(t, browser, site)
		other.order("More patience", "region")
		other.says("Your report is kept, and will be made when one comes.")
		for _, w := range workers {
			d.restart(w)
		}
		p.ready()
		other.ready()
	})

	t.Run("worker killed again and again", func(t *testing.T) {
		p := open(t, browser, site)
		p.order("Poison", "region")
		var killed []string
		for range 3 {
			maker := p.maker(killed...)
			d.kill(maker)
			killed = append(killed, maker)
		}
		p.says("Your report could not be made")
		p.says("lost, 3 times")
		p.shoot("failed")
		for _, w := range killed {
			d.restart(w)
		}
		id := p.text(`document.getElementById('report').dataset.id`)
		p.visit(site)
		p.says("failed")
		takeTogether(t, d, id)
	})

	t.Run("bad requests", func(t *testing.T) { badRequests(t, site) })

	t.Run("end", func(t *testing.T) {
		d.end(syscall.SIGINT)
		if code := d.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the demo has ended with status %d", code)
		}
	})
}

// takeTogether has two workers take a report at the same time, again and again: each take is another attempt.
func takeTogether(t *testing.T, d *demo, id string) {
	t.Helper()
	pid := d.says(`(?m)^\s*worker4 .*pid (\d+)`)
	cmd := exec.Command("python3", "-c", takers, d.work+"/worker", pid, d.work+"/db.sock", id)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("two takers: %v: %s", err, out)
	}
}

const takers = `
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
sys.path += [sys.argv[1], "/usr/lib/python3/dist-packages"]
from database import Database
_, _, pid, where, id = sys.argv
environment = dict(pair.split("=", 1) for pair in Path("/proc", pid, "environ").read_text().split("\0") if pair)
def take(worker):
    with Database(where, environment["REPORTS_PASSWORD"]) as db:
        return [db.take(id, worker).attempt for _ in range(50)]
with ThreadPoolExecutor() as pool:
    a, b = pool.map(take, ["a", "b"])
assert len({*a, *b}) == 100, (a, b)
`

// order fills in the form.
func (p *page) order(title, kind string) {
	p.t.Helper()
	p.text(fmt.Sprintf(`(() => {
		document.querySelector('[value=%s]').checked = true;
		document.getElementById('title').value = %q;
		document.querySelector('form').submit();
		return '';
	})()`, kind, title))
	p.wait(`document.getElementById('report').dataset.state !== ''`)
	if got := p.text(`document.querySelector('h1').textContent`); got != title {
		p.t.Errorf("the title is %q, want %q", got, title)
	}
}

// maker waits until a worker makes the report, other than some that were killed, and
// returns its name.
func (p *page) maker(killed ...string) string {
	p.t.Helper()
	const headline = `document.getElementById('headline').textContent`
	p.wait(headline + `.includes('makes your report') && !` + fmt.Sprintf(`/^(%s) /.test(`, strings.Join(append(killed, "A"), "|")) + headline + `)`)
	return strings.Fields(p.text(headline))[0]
}

func (p *page) ready() {
	p.t.Helper()
	p.wait(`document.getElementById('report').dataset.state === 'done' && !document.getElementById('download').hidden`)
}

// download gets the PDF by the link of the page.
func (p *page) download() string {
	p.t.Helper()
	status, _, body := get(p.t, http.DefaultClient, p.text(`document.querySelector('#download a').href`))
	if status != http.StatusOK || !strings.HasPrefix(body, "%PDF-") || !strings.Contains(body[len(body)-10:], "%%EOF") {
		p.t.Fatalf("status %d, and %d bytes that are no PDF", status, len(body))
	}
	return body
}

// contains looks for texts in a PDF, if the tool for that is there.
func contains(t *testing.T, pdf string, texts ...string) {
	t.Helper()
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		return
	}
	cmd := exec.Command(tool, "-", "-")
	cmd.Stdin = strings.NewReader(pdf)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if !strings.Contains(string(out), text) {
			t.Errorf("the PDF does not contain %q", text)
		}
	}
}

func get(t *testing.T, c *http.Client, url string) (int, http.Header, string) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, r)
}

func read(t *testing.T, r *http.Response) (int, http.Header, string) {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(body)
}

func badRequests(t *testing.T, site string) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	_, header, form := get(t, c, site)
	if h := header.Get("Content-Security-Policy"); !strings.Contains(h, "default-src 'none'") {
		t.Errorf("Content-Security-Policy: %q", h)
	}
	if h := header.Get("Set-Cookie"); !strings.Contains(h, "HttpOnly") || !strings.Contains(h, "SameSite") {
		t.Errorf("Set-Cookie: %q", h)
	}
	field := func(name string) string {
		return regexp.MustCompile(`name="` + name + `" value="(\w+)"`).FindStringSubmatch(form)[1]
	}
	good := map[string]string{"token": field("token"), "form": field("form"), "kind": "month", "title": "<script>alert(1)</script>", "items": "5"}
	post := func(change, value string) (int, string) {
		values := url.Values{}
		for k, v := range good {
			values.Set(k, v)
		}
		if change != "" {
			values.Set(change, value)
		}
		r, err := c.PostForm(site, values)
		if err != nil {
			t.Fatal(err)
		}
		status, header, body := read(t, r)
		return status, body + header.Get("Location")
	}
	for _, bad := range [][3]string{
		{"token", "", "too old"}, {"token", "00", "too old"}, {"kind", "year", "choose one"}, {"kind", "' OR 1 --", "choose one"},
		{"title", "", "characters"}, {"title", strings.Repeat("ö", 101), "characters"}, {"title", "a\x00b", "characters"}, {"title", "\xff", "characters"},
		{"title", "\u00a0\u200b", "characters"}, {"title", "not in XML: \ufffe", "characters"}, {"title", "\uffff", "characters"},
		{"items", "0", "number"}, {"items", "501", "number"}, {"items", "1e2", "number"}, {"items", "-1", "number"}, {"items", "", "number"},
	} {
		status, body := post(bad[0], bad[1])
		if status != http.StatusUnprocessableEntity || !strings.Contains(body, bad[2]) {
			t.Errorf("%s=%q: status %d, and not %q", bad[0], bad[1], status, bad[2])
		}
		if strings.Contains(body, "<script>alert") {
			t.Errorf("%s=%q: the title is not escaped", bad[0], bad[1])
		}
	}
	large := url.Values{"title": {strings.Repeat("x", 9<<20)}}
	good["title"] = ""
	unknown := url.Values{}
	for k, v := range good {
		unknown.Set(k, v)
	}
	for _, bad := range []struct {
		client *http.Client
		form   url.Values
		says   string
	}{{c, large, "too large"}, {http.DefaultClient, unknown, "allow cookies"}} {
		r, err := bad.client.PostForm(site, bad.form)
		if err != nil {
			t.Fatal(err)
		}
		status, _, body := read(t, r)
		if n := strings.Count(body, `class="wrong"`); status != http.StatusUnprocessableEntity || !strings.Contains(body, bad.says) || n != 1 {
			t.Errorf("status %d, %d complaints, and not %q", status, n, bad.says)
		}
	}
	status, location := post("title", strings.Repeat("ö", 100))
	if status != http.StatusSeeOther || !strings.Contains(location, "report.php?id=") {
		t.Errorf("a good order: status %d, %s", status, location)
	}
	if _, again := post("title", strings.Repeat("ö", 100)); again != location {
		t.Errorf("the same form twice: %s, then %s", location, again)
	}
	if _, other := post("title", "Another"); other == location {
		t.Errorf("another title, and the same report")
	}
	for _, path := range []string{"report.php", "report.php?id=x", "report.php?id[]=x", "status.php?id=%27", "status.php?id=%C3%A9", "status.php?id=%ff", "download.php?id=" + strings.Repeat("0", 32)} {
		if status, _, _ := get(t, c, site+path); status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, status)
		}
	}
	for _, path := range []string{"lib/setup.php", "../lib/setup.php", "%2e%2e/spread.conf", "data/", "index.php/style.css"} {
		if status, _, body := get(t, c, site+path); status < 400 || strings.Contains(body, "Spread_Segment") {
			t.Errorf("%s: status %d", path, status)
		}
	}
	report := location[len(location)-32:]
	for path, methods := range map[string]string{
		"": "TRACE PUT DELETE FOO", "style.css": "PUT", "report.php?id=" + report: "POST PUT", "status.php?id=" + report: "POST", "download.php?id=" + report: "DELETE",
	} {
		for method := range strings.FieldsSeq(methods) {
			request, err := http.NewRequest(method, site+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if status, _, _ := read(t, r); status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: status %d", method, path, status)
			}
		}
	}
	if status, header, _ := get(t, c, site+"download.php?id="+report); status != http.StatusSeeOther {
		t.Errorf("download of what is not ready: status %d, %v", status, header)
	}
}

// The end of its input, as when a connection to this machine breaks, ends the demo.
func TestInputEnds(t *testing.T) {
	t.Parallel()
	needs(t)
	d := start(t, nil)
	d.says(`The page: (\S+)`)
	if err := d.in.Close(); err != nil {
		t.Fatal(err)
	}
	d.says(`Ending all`)
	d.end(syscall.Signal(0))
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("status %d", code)
	}
}

// What goes wrong before anything runs is told in a line, and leaves nothing, also when nobody reads it.
func TestCannotBegin(t *testing.T) {
	t.Parallel()
	needs(t)
	run := func(out *os.File, args ...string) {
		t.Helper()
		temp := t.TempDir()
		if err := os.Chmod(filepath.Dir(temp), 0o755); err != nil { // else root goes elsewhere
			t.Fatal(err)
		}
		cmd := exec.Command("python3", append([]string{"demo.py"}, args...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+temp)
		cmd.Stdout, cmd.Stderr = out, out
		_ = cmd.Run() // its state says it all
		if code := cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("%q: status %d, want 1", args, code)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("%q has left %v (%v)", args, left, err)
		}
	}
	full := t.TempDir()
	file := filepath.Join(full, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why  string
		args []string
	}{
		{"is not empty", []string{"--work", full}},
		{"File exists", []string{"--work", file}},
		{"No such file", []string{"--work", filepath.Join(full, "no", "such")}},
		{"No such file", []string{"--spread", filepath.Join(full, "none")}},
	} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		run(out, c.args...)
		said, err := os.ReadFile(out.Name())
		if err != nil || !strings.Contains(string(said), "reports: ") || !strings.Contains(string(said), c.why) || strings.Contains(string(said), "Traceback") {
			t.Errorf("%q says (%v):\n%s", c.args, err, said)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	run(w, "--spread", filepath.Join(full, "none"))
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	needs(t)
	for args, why := range map[string]string{
		"--port 99999": "99999 is not from 0 to 65535", "--port -1": "-1 is not from 0 to 65535", "--port web": "invalid port value: 'web'",
		"--slow -1": "-1.0 is not from 0 to 3600", "--slow nan": "nan is not from 0 to 3600",
	} {
		cmd := exec.Command("python3", append([]string{"demo.py"}, strings.Fields(args)...)...)
		said, _ := cmd.CombinedOutput() // its state says it all
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(said), why) {
			t.Errorf("%s: status %d, and it says:\n%s", args, code, said)
		}
	}
}

// What root starts runs as another user, who must reach the directory. The demo is ended while it starts a program.
func TestPrivateDirectory(t *testing.T) {
	t.Parallel()
	needs(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	private := t.TempDir()
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	d := start(t, []string{"env", "TMPDIR=" + private})
	d.says(`(?m)^  database$`)
	d.end(syscall.SIGINT)
	out, err := exec.Command("python3", "demo.py", "--spread", "/bin/true", "--work", filepath.Join(private, "work")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot reach") {
		t.Errorf("a directory that is out of reach: %v\n%s", err, out)
	}
}

// A demo that cannot start tells why, and leaves nothing. It is an ordinary user's.
func TestNoStart(t *testing.T) {
	t.Parallel()
	needs(t)
	var as []string
	if os.Geteuid() == 0 {
		here, err := filepath.Abs("demo.py")
		if err != nil {
			t.Fatal(err)
		}
		as = []string{"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "HOME=/nonexistent"}
		if err := exec.Command(as[0], append(as[1:], "python3", "-c", "open('"+here+"')")...).Run(); err != nil {
			t.Logf("tested as root: %v", err) // others cannot read this directory
			as = nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := start(t, as, "--port", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	d.says(`reports: web has ended`)
	d.says(`Ending all`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case <-d.ended:
	case <-ctx.Done():
	}
	d.end(syscall.SIGINT)
	if code := d.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("status %d, want 1", code)
	}
}
