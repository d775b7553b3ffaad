package statusd

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/status"
)

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// follower reads a stream in a bubble.
type follower struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
	start time.Time
}

// event is what a follower got, and when.
type event struct {
	at         time.Duration
	name, data string
}

// inMemory runs a server without sockets, for a test in a bubble.
func inMemory(t *testing.T, f *fake) (connect func() *follower, end func()) {
	l := &pipes{make(chan net.Conn), make(chan struct{})}
	s := New(options(f))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	connect = func() *follower {
		c, theirs := net.Pipe()
		l.conns <- theirs
		return &follower{t: t, conn: c, lines: bufio.NewReader(c), start: time.Now()}
	}
	return connect, func() {
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// ask sends a request and reads the head of the answer.
func (f *follower) ask(path string) *http.Response {
	f.t.Helper()
	io.WriteString(f.conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, err := http.ReadResponse(f.lines, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.lines = bufio.NewReader(resp.Body)
	return resp
}

// next reads up to the next event; what else stands in the stream goes to rest.
func (f *follower) next(rest *[]string) (e event, err error) {
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "event: "):
			e.name = line[7:]
		case strings.HasPrefix(line, "data: "):
			e.data = line[6:]
		case line == "" && e.name != "":
			e.at = time.Since(f.start)
			return e, nil
		case line != "" && rest != nil:
			*rest = append(*rest, line)
		}
	}
}

// A stream has a summary at once and each second; a report at once, soon after
// something has changed, though not more often than each two seconds, and each ten;
// and a comment now and then.
func TestEvents(t *testing.T) {
	f := full()
	synctest.Test(t, func(t *testing.T) {
		connect, end := inMemory(t, f)
		defer end()
		c := connect()
		resp := c.ask("/events")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatal(resp.Status, resp.Header)
		}
		changes := map[int]bool{3: true, 4: true, 5: true, 20: true}
		var rest []string
		for i := 0; i <= 36; i++ {
			e, err := c.next(&rest)
			if err != nil {
				t.Fatal(err)
			}
			var s status.Summary
			if e.name != "summary" || json.Unmarshal([]byte(e.data), &s) != nil || s.Membership.Changes != 7 {
				t.Fatalf("%d: %+v", i, e)
			}
			if e.at != time.Duration(i)*time.Second {
				t.Fatalf("summary %d after %v", i, e.at)
			}
			if reported(i) {
				e, err := c.next(&rest)
				if err != nil || e.name != "report" || e.at != time.Duration(i)*time.Second {
					t.Fatalf("%d: %+v, %v", i, e, err)
				}
			}
			if changes[i] {
				f.set(func() { f.changes++ })
			}
		}
		if comments := strings.Count(strings.Join(rest, "\n"), ": a summary"); rest[0] != "retry: 2000" || comments != 3 {
			t.Errorf("%q", rest)
		}
		c.conn.Close()
	})
}

// reported tells whether TestEvents has a report in that second. Changes: at 3, 4, 5
// and 20.
func reported(second int) bool {
	switch second {
	case 0, 4, 6, 16, 21, 31:
		return true
	}
	return false
}

// One who does not take the events is dropped, and gives its place back; those beyond
// the places are told.
func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connect, end := inMemory(t, full())
		defer end()
		deaf := connect()
		deaf.ask("/events")
		others := make([]*follower, mostStreams-1)
		for i := range others {
			others[i] = connect()
			others[i].ask("/events")
			go func() {
				for {
					if _, err := others[i].next(nil); err != nil {
						return
					}
				}
			}()
		}
		late := connect()
		if resp := late.ask("/events"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("one too many: %s", resp.Status)
		}
		late.conn.Close()
		time.Sleep(eventTime + 2*summaryEvery)
		synctest.Wait()
		again := connect()
		if resp := again.ask("/events"); resp.StatusCode != 200 {
			t.Errorf("there is room again: %s", resp.Status)
		}
		again.conn.Close()
		for _, c := range append(others, deaf) {
			c.conn.Close()
		}
	})
}

// A connection that says nothing, or not all, does not stay; neither does one that does
// not take its answer.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connect, end := inMemory(t, full())
		defer end()
		for text, most := range map[string]time.Duration{
			"":                                  headerTime,
			"GET / HTTP/1.1\r\nHost: loc":       headerTime,
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n": 0, // the answer is not read
		} {
			c := connect()
			io.WriteString(c.conn, text)
			start := time.Now()
			if most == 0 {
				time.Sleep(answerTime + time.Second)
				if _, err := io.WriteString(c.conn, text); err == nil {
					t.Error("it waits for its answer to be taken")
				}
				continue
			}
			io.Copy(io.Discard, c.conn)
			if took := time.Since(start); took > most+time.Second {
				t.Errorf("%q: closed after %v", text, took)
			}
		}
	})
}

// taker is a ResponseWriter that looks at what it is given.
type taker struct {
	http.ResponseWriter
	written [][]byte
}

func (t *taker) Write(b []byte) (int, error)        { t.written = append(t.written, b); return len(b), nil }
func (t *taker) Flush()                             {}
func (t *taker) SetWriteDeadline(_ time.Time) error { return nil }

// A stream sends the document that all have, not a copy: 64 streams that take
// nothing would hold 64 of them.
func TestStreamsShare(t *testing.T) {
	s := New(options(full()))
	defer s.Close()
	to := new(taker)
	st := stream{Server: s, to: to, control: http.NewResponseController(to)}
	if err := st.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"summary": s.summaries.body, "report": s.reports.body} {
		if !slices.ContainsFunc(to.written, func(b []byte) bool { return &b[0] == &body[0] }) {
			t.Errorf("the %s was copied", name)
		}
	}
	for _, b := range st.pieces {
		if b != nil {
			t.Errorf("%q is kept while the stream waits", b)
		}
	}
}
