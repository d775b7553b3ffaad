package daemon

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/console"
	"gospread/spread/internal/status"
	"gospread/spread/internal/statusd"
)

// httpStatus is the status service while it is wanted.
type httpStatus struct {
	at       string // as it is wanted
	listener net.Listener
	server   *statusd.Server
	serving  sync.WaitGroup
}

// statusAddr is where the configuration wants the status service; empty: nowhere. A
// port alone is that of the loopback interface: several daemons of one machine that
// share a file have loopback addresses of their own.
func statusAddr(cfg *conf.Config, self *conf.Daemon) string {
	at := cfg.Options.HTTPStatus
	if at == "" || strings.ContainsRune(at, ':') {
		return at
	}
	if self.Addr.IsLoopback() {
		return net.JoinHostPort(self.Addr.String(), at)
	}
	return net.JoinHostPort("127.0.0.1", at)
}

// openStatus listens where the configuration wants the status service; nil if nowhere.
func (d *Daemon) openStatus(ctx context.Context, cfg *conf.Config) (*httpStatus, error) {
	at := statusAddr(cfg, &d.self)
	if at == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("serve the status at %s: %w; is the port in use, or the address not of this machine? Change HTTPStatus or leave it out", at, err)
	}
	return &httpStatus{at: at, listener: l}, nil
}

// serveStatus lets the service answer.
func (d *Daemon) serveStatus(h *httpStatus) {
	if h == nil {
		return
	}
	host, _, _ := net.SplitHostPort(h.at) // the parser has seen to that
	h.server = statusd.New(statusd.Options{Source: statusSource{d}, Hosts: []string{d.source.hostname, d.self.Name, host}, Reasons: reasons(),
		Console: console.Handler(), Log: warnings{d.log}})
	at := h.listener.Addr()
	d.log.print("Spread: the status is served at http://%s/", at)
	if a, ok := at.(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: whoever reaches %s can read the names of groups and clients there; "+
			"HTTPStatus = 127.0.0.1:%d is for this machine only", at, a.Port)
	}
	h.serving.Go(func() {
		if err := h.server.Serve(h.listener); err != nil {
			d.log.logf(conf.LevelError, conf.FlagPrint, "Spread: %v", err)
		}
	})
}

// close ends the service, also one that has not begun.
func (h *httpStatus) close() {
	if h == nil {
		return
	}
	_ = h.listener.Close() // closed is what it is to be
	if h.server != nil {
		h.server.Close()
		h.serving.Wait()
	}
}

// moveStatus follows a new configuration. If the address cannot be had, the service
// stays as it was.
func (d *Daemon) moveStatus(ctx context.Context, cfg *conf.Config) error {
	was := d.status
	if at := statusAddr(cfg, &d.self); was == nil && at == "" || was != nil && was.at == at {
		return nil
	}
	h, err := d.openStatus(ctx, cfg)
	if err != nil {
		return err
	}
	d.status = h
	was.close()
	d.serveStatus(h)
	return nil
}

// statusSource is the daemon as the status service sees it.
type statusSource struct{ d *Daemon }

func (s statusSource) Summary(ctx context.Context) *status.Summary { return s.d.summary(ctx) }
func (s statusSource) Report(ctx context.Context) *status.Report   { return s.d.fullReport(ctx) }
func (s statusSource) Changes(ctx context.Context) uint64          { return s.d.changes(ctx) }
func (s statusSource) Health(ctx context.Context) error            { return s.d.health(ctx) }
func (s statusSource) Ready(ctx context.Context) error             { return s.d.ready(ctx) }

// warnings logs what is written to it.
type warnings struct{ log *logger }

func (w warnings) Write(b []byte) (int, error) {
	w.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: status: %s", b)
	return len(b), nil
}
