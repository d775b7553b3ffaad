// Package monitor is a client of running daemons: it asks for their status, and
// steers those that permit it (configuration and tools 9).
package monitor

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/monproto"
	"gospread/spread/internal/seal"
	"gospread/spread/internal/status"
)

// Options say how a Client talks to daemons.
type Options struct {
	// Port is the UDP port on which answers come, 0: any that is free.
	Port int
	// Retry is after how long a request is repeated for the first time; then the
	// intervals grow to four times as much. 0: DefaultRetry.
	Retry time.Duration
}

// DefaultRetry is what Options.Retry is by default.
const DefaultRetry = 250 * time.Millisecond

// Client talks to the daemons of a configuration. Its methods may be called
// concurrently.
type Client struct {
	cfg    *conf.Config
	digest uint32
	self   uint32 // the daemon that it speaks as, 0: none
	keys   bool
	sealer *seal.Sealer
	conn   *net.UDPConn
	retry  time.Duration
	closed chan struct{}
	done   chan struct{} // closed when nothing is received any more

	mu    sync.Mutex
	calls map[uint64]*call
}

// call is a request that is under way.
type call struct {
	daemon *conf.Daemon
	kind   monproto.Kind
	parts  monproto.Assembly // of the receiver
	answer chan result       // has room for one
}

type result struct {
	doc []byte // of Status
	ack monproto.Ack
}

// Answer is what became of a request to one daemon.
type Answer struct {
	Daemon string
	// Summary is the answer of Status; nil if there is an error.
	Summary *status.Summary
	// Text is what the daemon says to a command that it has carried out.
	Text string
	// Err is nil if the request was answered and carried out. Errors are
	// [ErrNoAnswer], a [*RefusedError], or those of the network.
	Err  error
	Took time.Duration
}

// ErrNoAnswer is in the error of a request that got no answer in time.
var ErrNoAnswer = errors.New("no answer")

// RefusedError is that a daemon has not done what was asked for.
type RefusedError struct {
	Code monproto.Code
	Text string // of the daemon, with what can be done
}

func (e *RefusedError) Error() string {
	if e.Code == monproto.Failed {
		return "failed: " + e.Text
	}
	return "refused: " + e.Text
}

// Open makes a client. If the configuration has a RingKeyFile, it reads the keys, and
// the client may run anywhere. Without one daemons answer to their own addresses
// only: self, the daemon as which it speaks, must have an address of this machine.
func Open(ctx context.Context, cfg *conf.Config, self *conf.Daemon, o Options) (*Client, error) {
	c := &Client{cfg: cfg, digest: cfg.Hash(), retry: cmp.Or(o.Retry, DefaultRetry), closed: make(chan struct{}), done: make(chan struct{}),
		calls: make(map[uint64]*call), sealer: seal.Plain()}
	if self != nil {
		c.self = self.ID
	}
	local := cfg.Daemons()[0].Addr
	switch file := cfg.Options.RingKeyFile; {
	case file != "":
		keys, err := seal.ReadKeys(file)
		if err != nil {
			return nil, err
		}
		if c.sealer, err = seal.NewTool(keys); err != nil {
			return nil, fmt.Errorf("seal what goes to daemons: %w", err)
		}
		c.keys = true
		local = unspecified(local)
	case self == nil:
		return nil, errors.New("without a RingKeyFile daemons answer monitors only on their own machines: run it on one of these")
	default:
		local = self.Addr
	}
	conn, err := listen(ctx, netip.AddrPortFrom(local, uint16(o.Port)))
	if err != nil {
		return nil, err
	}
	c.conn = conn
	go c.receive()
	return c, nil
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// listen opens the socket.
func listen(ctx context.Context, at netip.AddrPort) (*net.UDPConn, error) {
	network := "udp4"
	if at.Addr().Is6() {
		network = "udp6"
	}
	conn, err := new(net.ListenConfig).ListenPacket(ctx, network, at.String())
	if err != nil {
		return nil, fmt.Errorf("receive answers at %s: %w; if another monitor runs here, choose another port with -p (0: any)", at, err)
	}
	return conn.(*net.UDPConn), nil
}

// Close ends all requests with net.ErrClosed.
func (c *Client) Close() {
	c.mu.Lock()
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	c.mu.Unlock()
	_ = c.conn.Close() // nothing is written any more
	<-c.done
}

// Daemons returns the names of all daemons, in the order of the configuration.
func (c *Client) Daemons() []string {
	var names []string
	for _, d := range c.cfg.Daemons() {
		names = append(names, d.Name)
	}
	return names
}

// Status asks daemons for their Summaries, all at once. It returns when all have
// answered, or ctx ends; in the order of the names.
func (c *Client) Status(ctx context.Context, daemons []string) []Answer {
	return c.each(ctx, daemons, func(a *Answer, d *conf.Daemon) {
		r, err := c.call(ctx, d, monproto.Status, nil)
		if err != nil {
			a.Err = err
			return
		}
		s := new(status.Summary)
		switch err := json.Unmarshal(r.doc, s); {
		case err != nil:
			a.Err = fmt.Errorf("read the status: %w", err)
		case s.Schema != status.Schema:
			a.Err = fmt.Errorf("the status has schema %d, this program knows %d: use a program of the daemon's version", s.Schema, status.Schema)
		default:
			a.Summary = s
		}
	})
}

// Partition tells all daemons who hears whom: those with the same number, for a
// minute. All in one part end it. Daemons that are not in the map are in part 0.
// With [monproto.Exit] as its number a daemon ends.
func (c *Client) Partition(ctx context.Context, parts map[string]int16) []Answer {
	var places []monproto.Place
	for _, d := range c.cfg.Daemons() {
		places = append(places, monproto.Place{Daemon: d.ID, Part: parts[d.Name]})
	}
	return c.command(ctx, c.Daemons(), monproto.Partition, func(string) []byte { return monproto.AppendPartition(nil, places) })
}

// Flow sets windows of daemons. Each gets what own says for it.
func (c *Client) Flow(ctx context.Context, daemons []string, own func(daemon string) monproto.Flow) []Answer {
	return c.command(ctx, daemons, monproto.SetFlow, func(name string) []byte {
		f := own(name)
		return f.Append(nil)
	})
}

// Reload has daemons read their configuration again.
func (c *Client) Reload(ctx context.Context, daemons []string) []Answer {
	return c.command(ctx, daemons, monproto.Reload, func(string) []byte { return nil })
}

// Terminate ends daemons.
func (c *Client) Terminate(ctx context.Context, daemons []string) []Answer {
	return c.command(ctx, daemons, monproto.Terminate, func(string) []byte { return nil })
}

func (c *Client) command(ctx context.Context, daemons []string, kind monproto.Kind, body func(daemon string) []byte) []Answer {
	return c.each(ctx, daemons, func(a *Answer, d *conf.Daemon) {
		r, err := c.call(ctx, d, kind, body(d.Name))
		a.Text, a.Err = r.ack.Text, err
	})
}

// each asks daemons at the same time.
func (c *Client) each(ctx context.Context, daemons []string, ask func(*Answer, *conf.Daemon)) []Answer {
	answers := make([]Answer, len(daemons))
	var asking sync.WaitGroup
	for i, name := range daemons {
		a := &answers[i]
		a.Daemon = name
		asking.Go(func() {
			began := time.Now()
			if d := c.find(name); d != nil {
				ask(a, d)
			} else {
				a.Err = fmt.Errorf("there is no daemon %q in %s", name, c.cfg.File)
			}
			a.Took = time.Since(began)
		})
	}
	asking.Wait()
	return answers
}

func (c *Client) find(name string) *conf.Daemon {
	for _, d := range c.cfg.Daemons() {
		if d.Name == name {
			return &d
		}
	}
	return nil
}

// call sends a request until it is answered.
func (c *Client) call(ctx context.Context, d *conf.Daemon, kind monproto.Kind, body []byte) (result, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return result{}, fmt.Errorf("make up the id of a request: %w", err)
	}
	h := monproto.Header{Kind: kind, ID: binary.BigEndian.Uint64(random[:]), Digest: c.digest, From: c.self, To: d.ID}
	w := &call{daemon: d, kind: kind, answer: make(chan result, 1)}
	c.mu.Lock()
	c.calls[h.ID] = w
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.calls, h.ID)
		c.mu.Unlock()
	}()
	request := append(h.Append(nil), body...)
	to := netip.AddrPortFrom(d.Addr, d.Port)
	began, wait := time.Now(), c.retry
	again := time.NewTimer(0) // the first time at once
	defer again.Stop()
	var failed error
	for {
		select {
		case <-again.C:
			_, failed = c.conn.WriteToUDPAddrPort(c.sealer.Seal(nil, request), to)
			again.Reset(wait)
			wait = min(2*wait, 4*c.retry)
		case r := <-w.answer:
			if r.ack.Code != monproto.OK {
				return r, &RefusedError{r.ack.Code, r.ack.Text}
			}
			return r, nil
		case <-c.closed:
			return result{}, net.ErrClosed
		case <-ctx.Done():
			return result{}, c.noAnswer(time.Since(began), failed)
		}
	}
}

// noAnswer says what may be the reason.
func (c *Client) noAnswer(waited time.Duration, failed error) error {
	waited = waited.Round(10 * time.Millisecond)
	switch {
	case failed != nil:
		return fmt.Errorf("%w in %v: %w", ErrNoAnswer, waited, failed)
	case c.keys:
		return fmt.Errorf("%w in %v: the daemon is down, cannot be reached from here, has another key, or a clock that differs by more than five minutes", ErrNoAnswer, waited)
	}
	return fmt.Errorf("%w in %v: the daemon is down, cannot be reached from here, or has a RingKeyFile or other addresses in its spread.conf", ErrNoAnswer, waited)
}
