// Package spping measures how long messages take through the daemons and back: it
// sends pings to a group, and each other member of the group that runs it answers
// (configuration and tools 12.3). It understands the original, in both roles.
package spping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gospread/spread"
	"gospread/spread/internal/tool"
)

// Bounds of Options.
const (
	MinBytes  = minBytes
	MaxBytes  = maxBytes
	MaxPeriod = time.Hour
)

const (
	connectTimeout = 10 * time.Second
	// shortestEnd is how long the last answers are waited for at least.
	shortestEnd = 250 * time.Millisecond
)

// Options say what to do; see Defaults.
type Options struct {
	Address string // of the daemon, as for spread.Dial
	User    string // private name; empty: the daemon invents one
	Group   string
	// Period is the time between pings, at most MaxPeriod; 0: one after the other.
	Period   time.Duration
	Bytes    int // size of a ping, MinBytes to MaxBytes
	Messages int // how many pings; 0: until the context ends
	// ReflectOnly: answer pings, and send none.
	ReflectOnly bool

	dial []spread.Option // for tests
}

// Defaults are those of the original.
func Defaults() Options {
	return Options{Address: "4803", Group: "spping", Period: time.Second, Bytes: minBytes}
}

// Run pings until all pings are sent and had their time to be answered, or ctx ends,
// and prints the statistics. It returns nil then, and an error if there is no
// connection, if it is lost, or if stdout cannot be written.
func Run(ctx context.Context, o Options, stdout io.Writer) error {
	w := &tool.StickyWriter{W: stdout}
	err := run(ctx, &o, w)
	if err != nil {
		_, _ = io.WriteString(w, tool.ErrorLine(err)) // the writer keeps the error
		return err
	}
	return w.Err
}

func run(ctx context.Context, o *Options, w io.Writer) error {
	p := &pinger{o: o, w: w, data: make([]byte, o.Bytes)}
	p.printf("spping: connecting to '%s'\n", o.Address)
	conn, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	p.conn, p.me = conn, conn.PrivateGroup()
	p.printf("spping: connected as '%s'\n", p.me)
	if err := conn.Join(ctx, o.Group); err != nil {
		return err
	}
	if o.ReflectOnly {
		p.printf("spping: only reflecting pings!\n")
	} else {
		p.printf("PING %s: %d data bytes\n", o.Group, o.Bytes)
	}
	if err := p.ping(ctx); err != nil {
		return err
	}
	p.printf("%s", p.statistics.text(o.Group))
	return nil
}

func connect(ctx context.Context, o *Options) (*spread.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	opts := append([]spread.Option{spread.WithMembership(false)}, o.dial...)
	if o.User != "" {
		opts = append(opts, spread.WithName(tool.UserName(o.User, "")))
	}
	return spread.Dial(ctx, o.Address, opts...)
}

// remembered is how many pings an answer may be late.
const remembered = 1 << 12

// pinger sends, answers and counts, all in one goroutine: between two pings it
// receives.
type pinger struct {
	o    *Options
	w    io.Writer
	conn *spread.Conn
	me   string
	data []byte

	times [remembered]time.Time // when the latest pings were sent, by their numbers
	statistics
}

func (p *pinger) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(p.w, format, args...) // the writer keeps the error
}

// ping returns nil at the end, also when that is the end of ctx.
func (p *pinger) ping(ctx context.Context) error {
	due := time.Now()
	for !p.o.ReflectOnly && (p.o.Messages == 0 || p.sent < uint64(p.o.Messages)) {
		if err := p.receiveUntil(ctx, due); err != nil || ctx.Err() != nil {
			return err
		}
		if err := p.send(ctx); err != nil {
			return ended(ctx, err)
		}
		if due = due.Add(p.o.Period); due.Before(time.Now()) {
			due = time.Now() // no pings in a burst after a delay
		}
	}
	if p.o.ReflectOnly {
		return p.receive(ctx)
	}
	return p.receiveUntil(ctx, time.Now().Add(max(p.o.Period, shortestEnd)))
}

func (p *pinger) send(ctx context.Context) error {
	seq := uint32(p.sent)
	at := time.Now()
	putPing(p.data, seq, at, p.me)
	p.times[seq%remembered] = at
	err := p.conn.Send(ctx, &spread.Outgoing{
		Service: spread.Reliable, SelfDiscard: true, Groups: []string{p.o.Group}, Data: p.data,
	})
	if err == nil {
		p.sent++
	}
	return err
}

// receiveUntil handles what comes until a time, and what has come already in any
// case.
func (p *pinger) receiveUntil(ctx context.Context, until time.Time) error {
	for range p.waiting() {
		if err := p.next(ctx); err != nil {
			return ended(ctx, err)
		}
	}
	limited, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return p.receive(limited)
}

func (p *pinger) waiting() int {
	n, _ := p.conn.Pending()
	return n
}

// receive handles what comes until the end of ctx, which is no error.
func (p *pinger) receive(ctx context.Context) error {
	for {
		if err := p.next(ctx); err != nil {
			return ended(ctx, err)
		}
	}
}

// ended is err, unless it only tells that ctx has ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, spread.ErrWouldBlock) {
		return nil
	}
	return err
}

func (p *pinger) next(ctx context.Context) error {
	ev, err := p.conn.Receive(ctx)
	if err != nil {
		return err
	}
	m, ok := ev.(*spread.Message)
	if !ok {
		return nil
	}
	if seq, ok := answered(m.Data, p.me); ok {
		p.arrived(seq, m)
		return nil
	}
	if !toAnswer(m.Data) {
		return nil
	}
	return p.conn.Multicast(ctx, spread.Reliable, m.Sender, m.Data)
}

// arrived counts an answer, if it is one to a ping that was sent, and not long ago.
func (p *pinger) arrived(seq uint32, m *spread.Message) {
	if age := uint32(p.sent) - seq; age == 0 || age > remembered || uint64(age) > p.sent {
		return
	}
	d := time.Since(p.times[seq%remembered])
	p.received++
	p.add(d)
	p.printf("%d bytes from %s: seq = %d time = %.3f ms\n", len(m.Data), m.Sender, seq, milliseconds(d))
}
