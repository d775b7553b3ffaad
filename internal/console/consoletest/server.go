// Package consoletest is a status service whose daemon is made up: for tests of the
// console page, and for looking at it by hand. It keeps the contract of the daemon's
// own: /status.json, and /events with a summary at once and each second, a report at
// once and whenever something changed, and a comment to keep the stream alive.
package consoletest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"gospread/spread/internal/console"
	"gospread/spread/internal/status"
)

// Options say what a fake is like.
type Options struct {
	Daemons  int // of the configuration; 0: 5
	Segments int // 0: 1
	Groups   int
	Sessions int
	// Every is the time between two summaries; 0: a second.
	Every time.Duration
	// Speed is how many times faster the clock of the fake goes; 0: 1.
	Speed float64
}

// Server is a fake status service with the page at /. Its methods may be called at
// any time.
type Server struct {
	mux   *http.ServeMux
	every time.Duration
	born  time.Time
	speed float64

	mu      sync.Mutex
	world   *world
	version int           // of the report
	changed chan struct{} // closed when version is raised
	cut     chan struct{} // closed when all streams are to end
	silent  bool
	garbled bool
	refuse  bool
	opened  int
}

// New makes a fake. Its world moves while somebody watches.
func New(o Options) *Server {
	if o.Daemons == 0 {
		o.Daemons = 5
	}
	if o.Segments == 0 {
		o.Segments = 1
	}
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	now := time.Now()
	s := &Server{
		mux: http.NewServeMux(), every: o.Every, born: now, speed: o.Speed, world: newWorld(o, now),
		changed: make(chan struct{}), cut: make(chan struct{}),
	}
	s.mux.Handle("/", console.Handler())
	s.mux.HandleFunc("GET /status.json", s.status)
	s.mux.HandleFunc("GET /events", s.events)
	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "# a fake has none")
	})
	return s
}

// ServeHTTP serves the page and the data.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Change lets f change the report, and tells all who watch.
func (s *Server) Change(f func(r *status.Report)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.world.report)
	s.announce()
}

func (s *Server) now() time.Time {
	return s.born.Add(time.Duration(float64(time.Since(s.born)) * s.speed))
}

func (s *Server) act(f func(w *world)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.move(s.now())
	f(s.world)
	s.announce()
}

func (s *Server) announce() {
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

// Leave takes daemons out of the view.
func (s *Server) Leave(cause string, names ...string) {
	s.act(func(w *world) { w.install(cause, nil, names) })
}

// Join takes daemons into the view.
func (s *Server) Join(cause string, names ...string) {
	s.act(func(w *world) { w.install(cause, names, nil) })
}

// Stall has a client read nothing from now on, or read again.
func (s *Server) Stall(client string, stalled bool) {
	s.act(func(w *world) { w.stall(client, stalled) })
}

// CutOff ends the session of a client because it is too slow.
func (s *Server) CutOff(client string) {
	s.act(func(w *world) { w.cutOff(client) })
}

// Restart makes the daemon a new one: counters begin anew.
func (s *Server) Restart() {
	s.act(func(w *world) { w.restart() })
}

// Garble sends what is no document instead of summaries, or no longer: an empty
// object, as from a daemon that could not make one.
func (s *Server) Garble(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.garbled = on
	s.announce()
}

// Cut ends all streams.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cut)
	s.cut = make(chan struct{})
}

// Refuse answers requests for streams with an error, or no longer.
func (s *Server) Refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = on
}

// Silence keeps streams open and sends nothing, or sends again.
func (s *Server) Silence(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = on
}

// Opened is how many streams were asked for.
func (s *Server) Opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.document(func(r *status.Report) any { return r })) // who asked has gone
}

// document is the present report, or a part of it.
func (s *Server) document(part func(r *status.Report) any) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.move(s.now())
	if s.garbled {
		return []byte("{}")
	}
	data, err := json.Marshal(part(&s.world.report))
	if err != nil {
		panic(err) // the report is plain data
	}
	return data
}

// state is what a stream needs to know before it waits.
func (s *Server) state() (version int, silent bool, changed, cut <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version, s.silent, s.changed, s.cut
}

func (s *Server) admit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return !s.refuse
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if !s.admit() {
		http.Error(w, "no streams at the moment", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	out := http.NewResponseController(w)
	sent := -1
	for n := 0; ; n++ {
		version, silent, changed, cut := s.state()
		if !silent {
			fmt.Fprintf(w, ": still here\n\nevent: summary\ndata: %s\n\n", s.document(func(r *status.Report) any { return &r.Summary }))
			if version != sent || n%2 == 0 { // queues are never the same
				fmt.Fprintf(w, "event: report\ndata: %s\n\n", s.document(func(r *status.Report) any { return r }))
				sent = version
			}
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-changed:
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
	}
}
