// Package statusd serves what a daemon tells of itself over HTTP: for probes, for
// Prometheus, as JSON, and as a stream of events. It asks a [Source] and changes
// nothing. Its clients may be slow, many or hostile: connections, time and memory
// are bounded, and pages of other sites cannot read from it.
package statusd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"gospread/spread/internal/status"
)

// Source is the daemon. Its methods are called by many goroutines, often. When ctx ends
// they return what is known, rather than nothing.
type Source interface {
	Summary(ctx context.Context) *status.Summary
	Report(ctx context.Context) *status.Report
	// Changes is another number whenever views, groups or sessions have changed.
	Changes(ctx context.Context) uint64
	// Health tells why the daemon does not work, and Ready why it is not in a ring that
	// it should be in; nil if all is well.
	Health(ctx context.Context) error
	Ready(ctx context.Context) error
}

// Options say what is served.
type Options struct {
	Source Source
	// Hosts are the names of this machine, by which requests may address it beside its
	// addresses and localhost.
	Hosts []string
	// Reasons are those for which sessions can end.
	Reasons []string
	// Console answers at the root; nil: a list of the other addresses does.
	Console http.Handler
	// Log is told what goes wrong with the service itself; nil: nobody is.
	Log io.Writer
}

const (
	// mostConnections is how many there may be at once; for more, idle ones are closed.
	mostConnections = 256
	// mostStreams is how many of them may follow the events.
	mostStreams = 64

	headerTime   = 5 * time.Second  // for the request to come
	idleTime     = time.Minute      // between requests
	answerTime   = 30 * time.Second // for the answer to be taken
	lookTime     = time.Second      // for the source to answer
	mostOfHeader = 8 << 10          // bytes
)

// Server is the service. It may serve several listeners.
type Server struct {
	o       Options
	http    http.Server
	hosts   map[string]bool
	ending  context.Context // ends when the server is closed
	end     context.CancelFunc
	active  sync.WaitGroup // requests
	conns   slots
	idle    idlers
	streams slots

	summaries, reports, metrics document
}

// New makes a server.
func New(o Options) *Server {
	s := &Server{o: o, hosts: map[string]bool{"": true, "localhost": true}, conns: newSlots(mostConnections), streams: newSlots(mostStreams)}
	for _, h := range o.Hosts {
		s.hosts[canonical(h)] = true
	}
	s.idle.since = make(map[net.Conn]time.Time)
	s.ending, s.end = context.WithCancel(context.Background())
	if o.Log == nil {
		o.Log = io.Discard
	}
	s.http = http.Server{Handler: s.guard(s.routes()), ReadHeaderTimeout: headerTime, ReadTimeout: 2 * headerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: mostOfHeader, ConnState: s.idle.note, ErrorLog: log.New(o.Log, "", 0)}
	return s
}

// Serve answers at a listener, and closes it in the end. It returns nil when the server
// or the listener has been closed.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(&boundedListener{Listener: l, places: s.conns, idle: &s.idle, log: s.http.ErrorLog})
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serve the status at %s: %w", l.Addr(), err)
}

// Close ends all listeners and connections, and returns when nobody is answered any
// more.
func (s *Server) Close() {
	s.end()
	_ = s.http.Close() // the connections are gone either way
	s.active.Wait()
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", s.probe(s.o.Source.Health, "the daemon works"))
	mux.HandleFunc("/readyz", s.probe(s.o.Source.Ready, "the daemon is in the ring that it should be in"))
	mux.HandleFunc("/metrics", s.serveMetrics)
	mux.HandleFunc("/status.json", s.serveReport)
	mux.HandleFunc("/events", s.serveEvents)
	if s.o.Console != nil {
		mux.Handle("/", s.o.Console)
	} else {
		mux.HandleFunc("/{$}", serveIndex)
	}
	return mux
}

// probe answers with 200 or, with the reason, 503.
func (s *Server) probe(ask func(context.Context) error, good string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), lookTime)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := ask(ctx); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, err)
			return
		}
		fmt.Fprintln(w, good)
	}
}

func (s *Server) serveReport(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.report(r.Context())) // whoever has gone needs nothing
}

func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	body := s.metrics.get(r.Context(), summaryAge, func(ctx context.Context) []byte {
		return exposition(&sample{s.o.Source.Summary(ctx), s.o.Source.Ready(ctx) == nil, s.o.Reasons})
	})
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(body)
}

const index = `The status of a Spread daemon:

/healthz      200 while the daemon works
/readyz       200 while it is in the ring that it should be in
/metrics      for Prometheus
/status.json  everything
/events       a stream of server-sent events
`

func serveIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, index)
}
