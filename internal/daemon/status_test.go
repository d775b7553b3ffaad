package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/session"
	"gospread/spread/internal/status"
)

// told waits until the report is as it should be, and returns it.
func (r *running) told(what string, good func(*status.Report) bool) (s *status.Report) {
	r.t.Helper()
	waitFor(r.t, what, func() bool {
		s = r.fullReport(r.t.Context())
		return good(s)
	})
	return s
}

// What one daemon tells is what its clients have done.
func TestReportOfOne(t *testing.T) {
	d := startDaemon(t, "MaxSessions = 9", Options{Version: "1.2.3"})
	a, b := d.connect("alice", true), d.connect("bob", false)
	a.join("g1")
	a.join("g2")
	b.join2("g1")
	for range 10 {
		b.send(clientproto.Safe, "0123456789", "g1")
	}
	b.send(clientproto.FIFO, "x", "g2")
	b.sync()
	r := d.told("all that has been sent", func(r *status.Report) bool { return r.Ring.Delivered["fifo"] == 1 && r.Clients.Groups == 2 })

	want := status.Daemon{Name: "d", ID: int32(d.self.ID), Address: fmt.Sprintf("127.0.0.1:%d", d.port), Version: "1.2.3",
		Started: d.began, Uptime: r.Daemon.Uptime, ConfigHash: d.config.Load().Hash(), ConfigFile: d.file}
	if r.Daemon != want || r.Daemon.Uptime <= 0 || r.Schema != status.Schema {
		t.Errorf("%+v", r.Daemon)
	}
	if m := r.Membership; m.State != "operational" || m.Code != 1 || m.GroupState != "operational" || m.GroupCode != 1 || m.Leader != "d" ||
		!slices.Equal(m.Members, []string{"d"}) || m.Segments != 1 || len(m.Missing) > 0 || m.Changes != 1 || m.ID == "" || m.Since.IsZero() {
		t.Errorf("%+v", m)
	}
	if len(r.Daemons) != 1 || !r.Daemons[0].Member || r.Daemons[0].Heard != 0 {
		t.Errorf("%+v", r.Daemons)
	}
	// Three joins, a leave of nobody, 11 messages, two of sync.
	if c := r.Clients; c.Sessions != 2 || c.MaxSessions != 9 || c.Opened != 2 || c.MessagesIn != 3+11+2 || c.BytesIn < 16*48 ||
		c.MessagesOut < 20 || c.BytesOut < 20*48 || c.QueueDepth.Count == 0 || c.QueueDepth.Buckets[0].Count > c.QueueDepth.Count {
		t.Errorf("%+v", c)
	}
	if x := r.Ring; x.Delivered["safe"] != 10 || x.Messages != x.Delivered["safe"]+x.Delivered["fifo"]+x.Delivered["agreed"] || x.Delivery.Count == 0 ||
		x.Aru != x.High || x.Stable != x.High || x.High == 0 || x.Window == 0 {
		t.Errorf("%+v", x)
	}
	if len(r.Groups) != 2 || r.Groups[0].Name != "g1" || r.Groups[0].Members != 2 || r.Groups[0].Local != 2 ||
		!slices.Equal(r.Groups[0].Names, []string{"#alice#d", "#bob#d"}) || r.Groups[0].View == "" {
		t.Errorf("%+v", r.Groups)
	}
	if s := r.Sessions; len(s) != 2 || s[0].Name != "#alice#d" || !slices.Equal(s[0].Groups, []string{"g1", "g2"}) || !s[0].Views || s[1].Views ||
		s[0].Library != "5.0.1" || !strings.HasPrefix(s[0].Remote, "127.0.0.1:") || s[1].MessagesIn != 1+11+2 || s[0].Since.IsZero() {
		t.Errorf("%+v", s)
	}
	if v := r.Views; len(v) != 1 || v[0].Cause != "this daemon has started" || v[0].ID != r.Membership.ID || !slices.Equal(v[0].Joined, []string{"d"}) {
		t.Errorf("%+v", v)
	}
	if p := r.Process; p.PID != os.Getpid() || p.Goroutines < 3 || p.Heap == 0 {
		t.Errorf("%+v", p)
	}

	// Ends with their reasons: a client that says so, one that vanishes, and a refusal.
	b.send(clientproto.Kill, "", b.private.String())
	d.told("the first end", func(r *status.Report) bool { return len(r.Closed) == 1 })
	a.Conn.(*net.TCPConn).CloseWrite()
	d.told("the second end", func(r *status.Report) bool { return len(r.Closed) == 2 })
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte{3, 0, 1, 1, 'a'})
	io.Copy(io.Discard, conn)
	r = d.told("the third end", func(r *status.Report) bool { return len(r.Closed) == 3 && r.Clients.Groups == 0 })
	if c := r.Closed; c[0].Reason != session.RefusedVersion.String() || !c[0].Refused || c[0].Cut ||
		c[1].Reason != session.ClientClosed.String() || c[1].Name != "#alice#d" || c[1].Refused ||
		c[2].Reason != session.ClientDisconnected.String() || c[2].MessagesIn != 1+11+2 || c[2].At.IsZero() {
		t.Errorf("%+v", c)
	}
	if c := r.Clients; !reflect.DeepEqual(c.Ended, map[string]uint64{session.RefusedVersion.String(): 1, session.ClientClosed.String(): 1,
		session.ClientDisconnected.String(): 1}) || c.Sessions != 0 || c.MessagesIn != 3+11+2 {
		t.Errorf("what has ended does not count any more: %+v", c)
	}
	if len(r.Groups)+len(r.Sessions) != 0 {
		t.Errorf("%+v %+v", r.Groups, r.Sessions)
	}
}

// A slow client is named with its queue, and when it is cut off, with the reason.
func TestReportOfASlowClient(t *testing.T) {
	d := startDaemon(t, "MaxSessionBytes = 400000\nSenderHold = 3000", Options{})
	stalled := d.connect("stalled", false)
	stalled.join2("g")
	sender := d.connect("sender", false)
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() { done <- sender.flood("g", 1000, &stop) }()
	r := d.told("the slow client", func(r *status.Report) bool {
		return len(r.Clients.Slowest) > 0 && r.Sessions[0].Held && r.Clients.Held > 0 && r.Clients.Slowest[0].QueuedBytes > 50_000
	})
	if s := r.Clients.Slowest; s[0].Name != "#stalled#d" || r.Clients.QueuedBytes < 50_000 || r.Clients.Held == 0 || len(s) > status.MostSlow {
		t.Errorf("%+v", r.Clients)
	}
	r = d.told("its end", func(r *status.Report) bool { return len(r.Closed) > 0 })
	if c := r.Closed[0]; c.Name != "#stalled#d" || !c.Cut || !strings.HasPrefix(c.Reason, "slow receiver: ") || c.QueuedBytes < 400_000 || c.QueuedMessages == 0 {
		t.Errorf("%+v", c)
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What is too much is left out, and the report says so.
func TestReportIsBounded(t *testing.T) {
	d := startDaemon(t, "", Options{})
	d.engine.turn(func() { d.engine.lookout.bounds.Groups, d.engine.lookout.bounds.Each = 3, 1 })
	for i := range 2 {
		c := d.connect(fmt.Sprintf("c%d", i), false)
		for g := range 5 {
			c.send(clientproto.Join, "", fmt.Sprintf("g%d", g))
		}
		c.sync()
	}
	r := d.told("all joins", func(r *status.Report) bool { return len(r.Groups) == 3 && r.Groups[0].Members == 2 })
	if r.Clients.Groups != 5 || !slices.Equal(r.Omitted, []string{"3 of 5 groups are shown", "3 members of groups are counted, and not named"}) {
		t.Errorf("%d groups, omitted: %q", r.Clients.Groups, r.Omitted)
	}
	for _, g := range r.Groups {
		if len(g.Names) != 1 || g.Local != 2 {
			t.Errorf("%+v", g)
		}
	}
}

// Many who look at once, while the daemon works, share snapshots, and see counters
// that never go back.
func TestManyLook(t *testing.T) {
	d := startDaemon(t, "", Options{})
	sink := d.connect("sink", false)
	sink.join2("g")
	go io.Copy(io.Discard, sink)
	var stop atomic.Bool
	flooded := make(chan error, 1)
	sender := d.connect("sender", false)
	go func() { flooded <- sender.flood("g", 100, &stop) }()
	snapshots := make(map[*snapshot]bool)
	var mu sync.Mutex
	var readers sync.WaitGroup
	start := time.Now()
	for range 50 {
		readers.Go(func() {
			var last status.Summary
			for range 20 {
				s := d.summary(t.Context())
				if s.Ring.Messages < last.Ring.Messages || s.Clients.MessagesIn < last.Clients.MessagesIn || s.Clients.MessagesOut < last.Clients.MessagesOut ||
					s.Clients.BytesOut < last.Clients.BytesOut || s.Ring.Delivery.Count < last.Ring.Delivery.Count {
					t.Errorf("a counter went back: %+v, %+v", last.Clients, s.Clients)
					return
				}
				last = *s
				d.fullReport(t.Context())
				mu.Lock()
				snapshots[d.engine.look(t.Context(), wantPlain)] = true
				mu.Unlock()
			}
		})
	}
	for i := range 50 { // sessions and groups come and go meanwhile
		c := d.connect(fmt.Sprintf("c%d", i), false)
		c.join2(fmt.Sprint("h", i))
		c.Close()
	}
	readers.Wait()
	stop.Store(true)
	if err := <-flooded; err != nil {
		t.Error(err)
	}
	// Each 100 ms a plain one and a full one.
	if most := 4 + 2*int(time.Since(start)/snapshotAge); len(snapshots) > most {
		t.Errorf("%d snapshots for 1000 looks, want at most %d", len(snapshots), most)
	}
}

// Nobody who looks waits for an engine that hangs; its health says so, and that it
// works again.
func TestHangingEngine(t *testing.T) {
	d := startDaemon(t, "", Options{})
	ctx := t.Context()
	if err := errors.Join(d.health(ctx), d.ready(ctx)); err != nil {
		t.Fatal(err)
	}
	before := d.summary(ctx)
	d.engine.mu.Lock()
	waitFor(t, "the snapshots to be old", func() bool { return d.engine.lookout.fresh(wantPlain) == nil })
	if err := d.health(ctx); err != nil {
		t.Errorf("hangs at once: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	if s := d.summary(short); s.Ring.Messages != before.Ring.Messages {
		t.Errorf("%+v", s)
	}
	cancel()
	d.engine.lookout.mu.Lock()
	d.engine.lookout.since = d.engine.lookout.since.Add(-stuckAfter)
	d.engine.lookout.mu.Unlock()
	hangs := regexp.MustCompile(`the engine hangs: it has made no turn for ([5-9]|\d\d)`)
	for _, err := range []error{d.health(ctx), d.ready(ctx)} {
		if err == nil || !hangs.MatchString(err.Error()) {
			t.Errorf("health: %v", err)
		}
	}
	d.fullReport(ctx) // does not wait
	d.engine.mu.Unlock()
	waitFor(t, "the daemon to be well", func() bool { return d.health(ctx) == nil && d.ready(ctx) == nil })
	d.engine.stop(session.DaemonStopped)
	waitFor(t, "the news", func() bool { err := d.ready(ctx); return err != nil && err.Error() == "the daemon is stopping" })
	if err := d.health(ctx); err != nil {
		t.Error(err)
	}
}

// A daemon that runs outside the membership is one that should be in it, if it has been
// heard since.
func TestOutside(t *testing.T) {
	s := &snapshot{}
	s.ring.Config = &ring.Configuration{Members: []ring.DaemonID{1}}
	for _, c := range []struct {
		what string
		p    ring.PeerStatus
		out  bool
	}{
		{"a member", ring.PeerStatus{ID: 1, Alive: true}, false},
		{"heard", ring.PeerStatus{ID: 2, Alive: true, Heard: time.Second}, true},
		{"heard before", ring.PeerStatus{ID: 2, Alive: true, Heard: 2500 * time.Millisecond}, false},
		{"never heard", ring.PeerStatus{ID: 2, Heard: -1}, false},
		{"has ended", ring.PeerStatus{ID: 2, Heard: time.Second}, false},
		{"another configuration", ring.PeerStatus{ID: 2, Alive: true, Heard: time.Second, Mismatch: true}, false},
	} {
		s.ring.Peers = []ring.PeerStatus{c.p}
		if got := len(outside(s, 2*time.Second)) > 0; got != c.out {
			t.Errorf("%s: %t", c.what, got)
		}
	}
	s.ring.Peers = []ring.PeerStatus{{ID: 2, Alive: true, Heard: 4 * time.Second}}
	if len(outside(s, time.Hour)) > 0 {
		t.Error("one that was heard long ago is waited for")
	}
}

func TestHistory(t *testing.T) {
	h := newHistory()
	for i := range 3 * keptViews {
		h.installed(status.View{ID: fmt.Sprint(i)})
	}
	for i := range 3 * keptClosed {
		h.close(&session.End{Name: fmt.Sprint(i), Reason: session.Stalled, Err: errors.New("why")}, time.Now())
	}
	views, closed := h.past()
	if len(views) != keptViews || views[0].ID != fmt.Sprint(3*keptViews-1) || len(closed) != keptClosed || closed[0].Name != fmt.Sprint(3*keptClosed-1) ||
		!closed[0].Cut || closed[0].Detail != "why" {
		t.Errorf("%d views, %d ends", len(views), len(closed))
	}
	if ended, v := h.counted(); ended[session.Stalled.String()] != 3*keptClosed || v.ID != views[0].ID || h.count() != 3*keptClosed {
		t.Errorf("%v %v", ended, v)
	}
}

// httpGet asks a daemon; code 0: it does not answer there.
func httpGet(port int, path string) (code int, body string) {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// The service is where the file wants it, follows reloads, and ends with the daemon.
func TestHTTPStatus(t *testing.T) {
	first, second := freePort(t), freePort(t)
	d := startDaemon(t, fmt.Sprintf("HTTPStatus = %d", first), Options{})
	d.log.wait(t, fmt.Sprintf("Spread: the status is served at http://127.0.0.1:%d/", first))
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/status.json", "/"} {
		if code, body := httpGet(first, path); code != 200 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	var r status.Report
	if _, body := httpGet(first, "/status.json"); json.Unmarshal([]byte(body), &r) != nil || r.Daemon.Name != "d" {
		t.Errorf("%s", body)
	}
	if _, body := httpGet(first, "/metrics"); !strings.Contains(body, `spread_sessions_ended_total{reason="client closed the connection"} 0`) {
		t.Errorf("%s", body)
	}

	// An address that cannot be had leaves it where it is.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	d.configure(fmt.Sprintf("HTTPStatus = %v\nSenderHold = 7", taken.Addr()))
	d.reload(t.Context())
	d.log.wait(t, "the status service stays as it was: serve the status at "+taken.Addr().String())
	d.log.wait(t, "Spread: changed: SenderHold")
	d.log.wait(t, "Spread: not changed: HTTPStatus: serve the status at")
	if strings.Contains(d.log.String(), "Spread: changed: HTTPStatus") {
		t.Error("the log says that it has moved")
	}
	if code, _ := httpGet(first, "/healthz"); code != 200 {
		t.Errorf("the old address: %d", code)
	}

	d.configure(fmt.Sprintf("HTTPStatus = 127.0.0.1:%d", second))
	d.reload(t.Context())
	if code, body := httpGet(second, "/healthz"); code != 200 {
		t.Errorf("the new address: %d %s", code, body)
	}
	if code, _ := httpGet(first, "/healthz"); code != 0 {
		t.Errorf("it is still at the old address: %d", code)
	}
	d.configure("")
	d.reload(t.Context())
	d.log.wait(t, "Spread: changed: HTTPStatus")
	if code, _ := httpGet(second, "/healthz"); code != 0 {
		t.Errorf("it is still there: %d", code)
	}
	d.configure(fmt.Sprintf("HTTPStatus = 0.0.0.0:%d", first))
	d.reload(t.Context())
	d.log.wait(t, fmt.Sprintf("HTTPStatus = 127.0.0.1:%d is for this machine only", first))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if code, _ := httpGet(first, "/healthz"); code != 0 {
		t.Errorf("it outlives the daemon: %d", code)
	}

	// At the start it must be had.
	d.configure(fmt.Sprintf("HTTPStatus = %v", taken.Addr()))
	if err := d.start(Options{}); err == nil || !strings.Contains(err.Error(), "Change HTTPStatus or leave it out") {
		t.Errorf("started without its status service: %v", err)
	}
	d.configure("")
	if err := d.start(Options{}); err != nil {
		t.Errorf("something was left open: %v", err)
	}
}
