package statusd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gospread/spread/internal/status"
)

// fake is a daemon whose state a test sets.
type fake struct {
	mu                       sync.Mutex
	s                        status.Report
	health, ready            error
	changes                  uint64
	summaries, reports, asks atomic.Int64
	hang                     bool // until ctx ends
}

func (f *fake) Summary(ctx context.Context) *status.Summary {
	f.summaries.Add(1)
	f.wait(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.s.Summary
	s.Time = time.Now()
	return &s
}

func (f *fake) Report(ctx context.Context) *status.Report {
	f.reports.Add(1)
	f.wait(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.s
	return &r
}

func (f *fake) wait(ctx context.Context) {
	if f.hang {
		<-ctx.Done()
	}
}

func (f *fake) Changes(context.Context) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changes
}

func (f *fake) Health(context.Context) error {
	f.asks.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.health
}

func (f *fake) Ready(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// full is a source with something in each field that is exported.
func full() *fake {
	f := &fake{}
	h := status.Histogram{Count: 3, Sum: 1.5, Buckets: []status.Bucket{{Le: 0.00001, Count: 0}, {Le: 0.5, Count: 2}}}
	f.s.Summary = status.Summary{
		Schema: 1,
		Daemon: status.Daemon{Name: "earth", Version: "1.2\n\"x\\", Started: time.Unix(1e9, 0), ConfigHash: 4294967295},
		Membership: status.Membership{State: "operational", GroupState: "gathering", Leader: "earth", Members: []string{"earth", "mars"},
			Since: time.Unix(1e9, 5e8), Changes: 7},
		Daemons: []status.Peer{{Name: "earth", Member: true}, {Name: "mars", Member: true, RoundTrip: 0.0005, Heard: 0.25}, {Name: "pluto", Heard: -1, Mismatch: true}},
		Clients: status.Clients{Sessions: 3, Ended: map[string]uint64{"stalled": 4}, MessagesIn: 1 << 60, QueuedBytes: 9,
			QueueDepth: status.Sizes{Count: 2, Sum: 3000, Max: 2000, Buckets: []status.SizeBucket{{Le: 1024, Count: 1}, {Le: 4096, Count: 2}}},
			Slowest:    []status.Session{{Name: "#a#earth", QueuedBytes: 9}}},
		Ring: status.Ring{High: 10, Stable: 7, Aru: 8, Delivered: map[string]uint64{"safe": 5}, Rejected: map[string]uint64{"stale": 2},
			TokenRotation: h, TokenWait: h, Delivery: h},
		Network: status.Network{Dropped: map[string]uint64{"overflow": 6}},
		Process: status.Process{CPU: 1.25, Resident: 1 << 20, OpenFiles: 7, MaxFiles: 1024, Goroutines: 5, Heap: 4096},
	}
	return f
}

func options(f *fake) Options {
	return Options{Source: f, Hosts: []string{"Earth.example.com", "earth"}, Reasons: []string{"stalled", "client disconnected"}}
}

// serve runs a server on a port of its own.
func serve(t *testing.T, o Options) (s *Server, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = New(o)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

// get asks for a path, with a Host header of its own if one is given.
func get(t *testing.T, addr, method, path, host string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestEndpoints(t *testing.T) {
	f := full()
	_, addr := serve(t, options(f))
	for _, c := range []struct {
		path, kind, contains string
		code                 int
	}{
		{"/healthz", "text/plain; charset=utf-8", "the daemon works\n", 200},
		{"/readyz", "text/plain; charset=utf-8", "in the ring", 200},
		{"/metrics", "text/plain; version=0.0.4; charset=utf-8", "\nspread_sessions 3\n", 200},
		{"/status.json", "application/json", `"leader":"earth"`, 200},
		{"/", "text/plain; charset=utf-8", "/metrics", 200},
		{"/nothing", "text/plain; charset=utf-8", "404", 404},
		{"/metrics/../../etc/passwd", "text/plain; charset=utf-8", "404", 404},
	} {
		resp, body := get(t, addr, "GET", c.path, "")
		if resp.StatusCode != c.code || resp.Header.Get("Content-Type") != c.kind || !strings.Contains(body, c.contains) {
			t.Errorf("%s: %s, %s, %.200q", c.path, resp.Status, resp.Header.Get("Content-Type"), body)
		}
		if h := resp.Header; h.Get("Cache-Control") != "no-store" || h.Get("Access-Control-Allow-Origin") != "" ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %v", c.path, h)
		}
		if resp, body := get(t, addr, "HEAD", c.path, ""); resp.StatusCode != c.code || body != "" {
			t.Errorf("HEAD %s: %s %q", c.path, resp.Status, body)
		}
	}
	var r status.Report
	if _, body := get(t, addr, "GET", "/status.json", ""); json.Unmarshal([]byte(body), &r) != nil || r.Membership.Changes != 7 {
		t.Errorf("%s", body)
	}
	f.set(func() {
		f.health = errors.New("it hangs")
		f.ready = errors.New("mars is missing")
	})
	for path, want := range map[string]string{"/healthz": "it hangs\n", "/readyz": "mars is missing\n"} {
		if resp, body := get(t, addr, "GET", path, ""); resp.StatusCode != 503 || body != want {
			t.Errorf("%s: %s %q", path, resp.Status, body)
		}
	}
	if _, addr := serve(t, Options{Source: f, Console: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })}); true {
		for path, want := range map[string]string{"/": "/", "/app.js": "/app.js", "/healthz": "it hangs\n"} {
			if _, body := get(t, addr, "GET", path, ""); body != want {
				t.Errorf("with a console: %s: %q", path, body)
			}
		}
	}
}

// Requests that want to change something, or that come by a name that is not this
// machine's, get nothing.
func TestGuard(t *testing.T) {
	f := full()
	_, addr := serve(t, options(f))
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
		if resp, _ := get(t, addr, method, "/status.json", ""); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s", method, resp.Status)
		}
	}
	for host, code := range map[string]int{
		"127.0.0.1": 200, "10.1.2.3:4810": 200, "[::1]:4810": 200, "[::1]": 200, "[fe80::1%25eth0]:1": 200,
		"localhost": 200, "LOCALHOST:4810": 200, "localhost.": 200, "earth:1": 200, "earth.EXAMPLE.com.:4810": 200,
		"evil.com": 403, "evil.com:4810": 403, "earth.evil.com": 403, "localhost.evil.com": 403, "127.0.0.1.evil.com": 403,
		"notearth": 403, "0x7f.1": 403, "2130706433": 403,
	} {
		for _, path := range []string{"/status.json", "/healthz", "/", "/nothing"} {
			want := code
			if path == "/nothing" && code == 200 {
				want = 404
			}
			if resp, _ := get(t, addr, "GET", path, host); resp.StatusCode != want {
				t.Errorf("Host %s, %s: %s, want %d", host, path, resp.Status, want)
			}
		}
	}
	if f.reports.Load() == 0 {
		t.Error("nothing was asked for")
	}
}

// raw sends bytes and returns the status line, "" if there is none.
func raw(t *testing.T, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, text) // it may answer and hang up before it has read all
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestMalformedRequests(t *testing.T) {
	_, addr := serve(t, options(full()))
	for text, want := range map[string]string{
		"GET / HTTP/1.0\r\n\r\n":                                                      "HTTP/1.0 200 OK",
		"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                         "HTTP/1.1 400 Bad Request",
		"GET /healthz HTTP/1.1\r\n\r\n":                                               "HTTP/1.1 400 Bad Request: missing required Host header",
		"\x00\x01\x02\r\n\r\n":                                                        "HTTP/1.1 400 Bad Request",
		"GET http://evil.com/status.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":         "HTTP/1.1 403 Forbidden",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + strings.Repeat("x", 1<<17):       "HTTP/1.1 431 Request Header Fields Too Large",
		"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n":                                   "HTTP/1.1 505 HTTP Version Not Supported: unsupported protocol version",
		"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n": "HTTP/1.1 405 Method Not Allowed",
		"CONNECT evil.com:80 HTTP/1.1\r\nHost: evil.com\r\n\r\n":                      "HTTP/1.1 403 Forbidden",
	} {
		if got := raw(t, addr, text); got != want {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.String()
}

// More connections than there may be are closed, and when others end there is room
// again.
func TestConnectionsAreBounded(t *testing.T) {
	o, said := options(full()), new(lines)
	o.Log = said
	busy := make(chan struct{}, mostConnections)
	o.Console = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		busy <- struct{}{}
		<-r.Context().Done()
	})
	_, addr := serve(t, o)
	ask := func(path string) net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		return c
	}
	var idle []net.Conn
	for range mostConnections {
		c := ask("/healthz")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	// Those that wait for nothing give way.
	for range 3 {
		if got := raw(t, addr, "GET /healthz HTTP/1.0\r\n\r\n"); !strings.Contains(got, "200 OK") {
			t.Fatalf("beside %d idle connections: %q", mostConnections, got)
		}
	}
	for range mostConnections {
		ask("/")
		<-busy
	}
	for _, c := range idle {
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Fatalf("an idle connection was not closed: %v", err)
		}
	}
	// Those that are being answered do not.
	for range 2 {
		if got := raw(t, addr, "GET /healthz HTTP/1.0\r\n\r\n"); got != "" {
			t.Errorf("beside %d busy connections: %q", mostConnections, got)
		}
	}
	if got := said.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "256 connections are open, the most there may be") {
		t.Errorf("it says %q", got)
	}
}

// A hundred who scrape at once get the same, made once or twice; one who does not
// read holds nobody up.
func TestManyScrapers(t *testing.T) {
	f := full()
	f.s.Groups = make([]status.Group, 20000)
	for i := range f.s.Groups {
		f.s.Groups[i].Name = fmt.Sprintf("group%d", i)
	}
	_, addr := serve(t, options(f))
	for range 20 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 5 {
			io.WriteString(c, "GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
	}
	var scrapers sync.WaitGroup
	for range 100 {
		scrapers.Go(func() {
			for _, path := range []string{"/metrics", "/status.json"} {
				resp, err := http.Get("http://" + addr + path)
				if err != nil {
					t.Error(err)
					return
				}
				n, err := io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil || n < 5000 || resp.StatusCode != 200 {
					t.Errorf("%s: %d bytes, %v", path, n, err)
				}
			}
		})
	}
	scrapers.Wait()
	// Each 100 and 250 ms anew, however many ask: this took well below a minute.
	if s, r := f.summaries.Load(), f.reports.Load(); s > 100 || r > 100 {
		t.Errorf("made %d and %d times", s, r)
	}
}

// A daemon that hangs is told as such; nobody waits for it for long.
func TestHangingSource(t *testing.T) {
	f := full()
	f.hang = true
	_, addr := serve(t, options(f))
	start := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if resp, err := http.Get("http://" + addr + "/metrics"); err != nil || resp.StatusCode != 200 {
				t.Error(resp, err)
			} else {
				resp.Body.Close()
			}
		})
	}
	all.Wait()
	if took := time.Since(start); took > 10*lookTime {
		t.Errorf("took %v", took)
	}
}

// Close ends streams, and what is under way.
func TestClose(t *testing.T) {
	f := full()
	s, addr := serve(t, options(f))
	resp, err := http.Get("http://" + addr + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.Close()
	io.Copy(io.Discard, resp.Body) // it ends, one way or the other
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("it still listens")
	}
}

// A panic in the service is a line in the log, and ends one request only.
func TestPanic(t *testing.T) {
	var logged lockedBuffer
	o := options(full())
	o.Log = &logged
	o.Console = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a mistake") })
	_, addr := serve(t, o)
	if got := raw(t, addr, "GET / HTTP/1.0\r\n\r\n"); got != "" {
		t.Error(got)
	}
	if resp, _ := get(t, addr, "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
	if !strings.Contains(logged.String(), "a mistake") {
		t.Errorf("log: %q", logged.String())
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
