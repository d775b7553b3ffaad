package spreadtest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread"
	"gospread/spread/internal/status"
	"gospread/spread/spreadtest"
)

// teller is the status service of the daemons of a cluster, where the n-th serves at
// 127.1.0.n.
type teller struct {
	t     *testing.T
	c     *spreadtest.Cluster
	port  int
	names []string
}

func newTeller(t *testing.T, daemons int) *teller {
	t.Helper()
	l, err := net.Listen("tcp", "127.1.0.1:0")
	if err != nil {
		t.Skipf("no second loopback address here: %v", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	c := spreadtest.New(t, daemons, spreadtest.WithConfig(fmt.Sprint("HTTPStatus = ", port)))
	return &teller{t, c, port, c.Names()}
}

func (s *teller) url(name, path string) string {
	return fmt.Sprintf("http://127.1.0.%d:%d%s", slices.Index(s.names, name)+1, s.port, path)
}

// get asks a daemon.
func (s *teller) get(name, path string) (code int, body []byte) {
	resp, err := http.Get(s.url(name, path))
	if err != nil {
		s.t.Error(err)
		return 0, nil
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		s.t.Error(err)
	}
	return resp.StatusCode, body
}

// until asks a daemon for its report until it is as it should be.
func (s *teller) until(name, what string, good func(*status.Report) bool) *status.Report {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		_, body := s.get(name, "/status.json")
		var r status.Report
		if err := json.Unmarshal(body, &r); err != nil {
			s.t.Fatal(err)
		}
		if good(&r) {
			return &r
		}
		select {
		case <-tick.C:
		case <-limit:
			s.t.Fatalf("daemon %s does not tell of %s: %s", name, what, body)
		}
	}
}

// ready waits until a daemon is ready, or is not.
func (s *teller) ready(name string, code int) (text string) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		got, body := s.get(name, "/readyz")
		if got == code {
			return string(body)
		}
		select {
		case <-tick.C:
		case <-limit:
			s.t.Fatalf("/readyz of %s is %d: %s", name, got, body)
		}
	}
}

// TestStatusUnderFaults looks at three daemons all the time, while they send, are
// parted, come together again, and one dies: what they tell is what happens.
func TestStatusUnderFaults(t *testing.T) {
	s := newTeller(t, 3)
	events := follow(t, s.url("a", "/events"))
	ctx := t.Context()
	var clients []*spread.Conn
	for _, name := range s.names {
		c := s.c.Dial(name, spread.WithName("u"), spread.WithMembership(true))
		if err := c.Join(ctx, "g"); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
		go func() {
			for {
				if _, err := c.Receive(ctx); err != nil {
					return
				}
			}
		}()
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	defer busy.Wait()
	defer sync.OnceFunc(func() { close(stop) })()
	for i, c := range clients[:2] {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := c.Multicast(ctx, spread.Safe, "g", make([]byte, 1000)); err != nil {
					if i == 0 { // the other's daemon is killed
						t.Errorf("a client was cut off: %v", err)
					}
					return
				}
			}
		})
	}
	for _, name := range []string{"a", "c"} {
		for range 3 {
			busy.Go(func() {
				for {
					for path, codes := range map[string][]int{"/metrics": {200}, "/status.json": {200}, "/healthz": {200}, "/readyz": {200, 503}} {
						if code, body := s.get(name, path); !slices.Contains(codes, code) {
							t.Errorf("%s of %s: %d %s", path, name, code, body)
						}
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
	}

	three := []string{"#u#a", "#u#b", "#u#c"}
	r := s.until("c", "the group", func(r *status.Report) bool { return len(r.Groups) == 1 && slices.Equal(r.Groups[0].Names, three) })
	if r.Groups[0].Local != 1 || len(r.Sessions) != 1 || !slices.Equal(r.Sessions[0].Groups, []string{"g"}) || r.Membership.Leader != "a" ||
		len(r.Daemons) != 3 || r.Network.Datagram == 0 {
		t.Errorf("%+v", r)
	}
	r = s.until("b", "the load", func(r *status.Report) bool { return r.Ring.TokenRotation.Count > 0 && r.Ring.Delivery.P50 > 0 })
	if x := r.Ring; x.PacketsSent == 0 || x.PacketsReceived == 0 || x.Delivered["safe"] == 0 || x.Tokens == 0 || x.TokenRotation.P99 < x.TokenRotation.P50 {
		t.Errorf("%+v", x)
	}
	for _, name := range s.names {
		s.ready(name, 200)
	}

	s.c.Partition([]string{"a", "b"}, []string{"c"})
	s.c.WaitForView(ctx, "a", "b")
	r = s.until("a", "the partition", func(r *status.Report) bool { return slices.Equal(r.Membership.Members, []string{"a", "b"}) })
	if v := r.Views[0]; !slices.Equal(v.Left, []string{"c"}) || v.Cause == "" || v.ID != r.Membership.ID {
		t.Errorf("%+v", v)
	}
	if !slices.Equal(r.Membership.Missing, []string{"c"}) || r.Daemons[2].Member || !r.Daemons[1].Member {
		t.Errorf("%+v", r.Membership)
	}
	s.c.WaitForView(ctx, "c")
	for _, name := range s.names {
		s.ready(name, 200) // in the ring that it can be in
	}

	s.c.Heal()
	s.c.WaitForView(ctx, "a", "b", "c")
	r = s.until("c", "the merge", func(r *status.Report) bool { return len(r.Membership.Members) == 3 })
	if v := r.Views[0]; !slices.Equal(v.Joined, []string{"a", "b"}) || !strings.Contains(v.Cause, "daemons a, b were found") {
		t.Errorf("%+v", v)
	}

	s.c.Kill("b")
	s.c.WaitForView(ctx, "a", "c")
	r = s.until("c", "the death", func(r *status.Report) bool { return slices.Equal(r.Membership.Members, []string{"a", "c"}) })
	if v := r.Views[0]; !slices.Equal(v.Left, []string{"b"}) || v.Cause == "another daemon began it" {
		t.Errorf("%+v", v)
	}
	s.ready("c", 200)
	events.see(t, [][]string{{"a", "b", "c"}, {"a", "b"}, {"a", "b", "c"}, {"a", "c"}})
}

// One who hears a daemon that does not hear it stays in a smaller ring, and is told
// that this is not as it should be.
func TestStatusOfAOneWayLink(t *testing.T) {
	s := newTeller(t, 2)
	s.c.Cut("a", "b")
	s.c.WaitForView(t.Context(), "a")
	if text := s.ready("a", 503); !strings.Contains(text, "membership") {
		t.Error(text)
	}
	for text := ""; !strings.Contains(text, "running, and not in the membership of this daemon: b"); {
		text = s.ready("a", 503)
	}
	s.c.Heal()
	s.c.WaitForView(t.Context(), "a", "b")
	s.ready("a", 200)
	s.ready("b", 200)
}

// followed are the views that a stream of events has told.
type followed struct {
	mu    sync.Mutex
	views [][]string
	new   chan struct{}
}

// follow reads the events of a daemon until the test ends.
func follow(t *testing.T, url string) *followed {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	f := &followed{new: make(chan struct{}, 1)}
	go func() {
		defer resp.Body.Close()
		lines := bufio.NewReader(resp.Body)
		report := false
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(line, "event: ") {
				report = line == "event: report\n"
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok && report {
				f.take(data)
			}
		}
	}()
	return f
}

func (f *followed) take(data string) {
	var r status.Report
	if json.Unmarshal([]byte(data), &r) != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.views = nil
	for _, v := range slices.Backward(r.Views) {
		f.views = append(f.views, v.Members)
	}
	select {
	case f.new <- struct{}{}:
	default:
	}
}

// see waits until the stream has told of these views, in that order, perhaps with others
// between.
func (f *followed) see(t *testing.T, want [][]string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		f.mu.Lock()
		left := want
		for _, v := range f.views {
			if len(left) > 0 && slices.Equal(v, left[0]) {
				left = left[1:]
			}
		}
		views := f.views
		f.mu.Unlock()
		if len(left) == 0 {
			return
		}
		select {
		case <-f.new:
		case <-limit:
			t.Fatalf("the events told of %v, and not of %v", views, left)
		}
	}
}
