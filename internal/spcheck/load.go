package spcheck

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gospread/spread"
)

// Load is a number of clients with traffic that is written down. The calls are
// made by one goroutine: Start, then for each round Begin, Settle and Check, and
// Close at the end.
type Load struct {
	o       Options
	run     uint32
	serials atomic.Uint32
	clients []*client
	stop    context.CancelFunc
	wg      sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed with the next change
	record  *record
	traffic bool
	attempt uint32 // the attempt to come to rest that goes on; 0 for none
	settled bool
	counts  counts
	last    string   // the last rejection
	names   []string // of the daemons, as they call themselves; "" before the first connection
}

// twice says which of the daemons that were named are the same.
func (l *Load) twice() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var notes []string
	first := map[string]string{}
	for i, name := range l.names {
		switch as, again := first[name]; {
		case name == "":
		case again:
			notes = append(notes, fmt.Sprintf("%s and %s are one daemon, %s: between them there is nothing to check", as, l.o.Daemons[i], name))
		default:
			first[name] = l.o.Daemons[i]
		}
	}
	return notes
}

// counts are those of all rounds.
type counts struct {
	changes  int // views of the base group that the network caused
	turnover int // views of the base group, and connections that have ended
	rejected int // requests that a daemon has refused
}

// Start makes the clients, which connect as soon as they can. It fails if the
// options make no sense.
func Start(o Options) (*Load, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &Load{o: o, run: rand.Uint32(), stop: stop, changed: make(chan struct{}), names: make([]string, len(o.Daemons))}
	l.record = newRecord(l.run, 0, o.Groups, o.Events)
	for d := range o.Daemons {
		for k := range o.Clients {
			n := len(l.clients)
			l.clients = append(l.clients, &client{
				load: l, daemon: d, down: errors.New("not yet connected"),
				membership: k == 0 || n%5 != 4,
				rand:       rand.New(rand.NewPCG(o.Seed, uint64(n))),
			})
		}
	}
	for _, c := range l.clients {
		l.wg.Go(func() { c.live(ctx) })
	}
	return l, nil
}

// Close ends all connections.
func (l *Load) Close() {
	l.stop()
	l.wg.Wait()
}

// Begin begins a round, with new groups: it waits until all clients are connected
// and see each other, and then lets the traffic start. The error says who does not
// see whom.
func (l *Load) Begin(ctx context.Context) error {
	l.mu.Lock()
	l.record = newRecord(l.run, l.record.round+1, l.o.Groups, l.o.Events)
	l.attempt, l.traffic, l.settled = 0, false, false
	for _, c := range l.clients {
		if c.conn != nil {
			l.assign(c)
		}
	}
	l.notify()
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.o.Limit)
	defer cancel()
	if err := l.await(ctx, func() bool { return l.together(nil) }); err != nil {
		return fmt.Errorf("the clients do not all see each other after %v: %w", l.o.Limit, l.apart())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.traffic = true
	l.notify()
	return nil
}

// Full is closed when the round's traces have as many events as they may.
func (l *Load) Full() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record.full
}

// Settle ends the traffic of the round, and waits until all clients see each other
// and have everything: each sends a last message behind all it has sent, and waits
// for those of all others. The error says what is missing after the limit.
func (l *Load) Settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.o.Limit)
	defer cancel()
	l.mu.Lock()
	l.traffic = false
	l.notify()
	l.mu.Unlock()
	for {
		if err := l.await(ctx, func() bool { return l.together(nil) }); err != nil {
			return fmt.Errorf("the clients do not all see each other %v after the traffic: %w", l.o.Limit, l.apart())
		}
		l.nextAttempt()
		if err := l.await(ctx, func() bool { return l.heardAll(nil) || !l.together(nil) }); err != nil {
			return fmt.Errorf("%v after the traffic, %w", l.o.Limit, l.missing(nil))
		}
		l.mu.Lock()
		l.settled = l.heardAll(nil)
		done := l.settled
		l.mu.Unlock()
		if done {
			return nil
		}
	}
}

// nextAttempt has all clients send a marker, and returns the turnover
// until now.
func (l *Load) nextAttempt() (turnover int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempt++
	for _, c := range l.clients {
		clear(c.heard)
	}
	l.notify()
	return l.counts.turnover
}

// AwaitView waits until the clients of the given daemons, by index, see each other
// and nobody else, and returns when the last of them was told.
func (l *Load) AwaitView(ctx context.Context, daemons ...int) (time.Time, error) {
	var last time.Time
	err := l.await(ctx, func() bool {
		if !l.together(daemons) {
			return false
		}
		for _, c := range l.clients {
			if c.membership && slices.Contains(daemons, c.daemon) && c.baseAt.After(last) {
				last = c.baseAt
			}
		}
		return true
	})
	if err != nil {
		return last, fmt.Errorf("the clients of daemons %v are not among themselves: %w", daemons, l.apart())
	}
	return last, nil
}

// AwaitDown waits until no client of a daemon, by index, is connected: until all
// have noticed that it has ended.
func (l *Load) AwaitDown(ctx context.Context, daemon int) error {
	return l.await(ctx, func() bool {
		return !slices.ContainsFunc(l.clients, func(c *client) bool { return c.daemon == daemon && c.conn != nil })
	})
}

// AwaitProgress waits until the clients of the given daemons have received from each
// other what they send from now on: something goes on.
func (l *Load) AwaitProgress(ctx context.Context, daemons ...int) error {
	for {
		before := l.nextAttempt()
		err := l.await(ctx, func() bool { return l.heardAll(daemons) || l.counts.turnover != before })
		if err != nil {
			return fmt.Errorf("nothing goes on: %w", l.missing(daemons))
		}
		l.mu.Lock()
		done := l.heardAll(daemons)
		l.mu.Unlock()
		if done {
			return nil
		}
	}
}

// Changes counts the views of the base group, at all clients since Start, that the
// network caused.
func (l *Load) Changes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts.changes
}

// await waits until a condition holds, which is looked at with the lock whenever
// something has changed.
func (l *Load) await(ctx context.Context, holds func() bool) error {
	for {
		l.mu.Lock()
		done, changed := holds(), l.changed
		l.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// together tells whether the clients of the daemons, or of all, are connected and
// those who get views have each other in the view of the base group, and nobody
// else. Call it with the lock.
func (l *Load) together(daemons []int) bool {
	of := func(c *client) bool { return daemons == nil || slices.Contains(daemons, c.daemon) }
	var all set
	for _, c := range l.clients {
		if !of(c) {
			continue
		}
		if c.conn == nil || c.entered != l.record {
			return false
		}
		all.add(c.id)
	}
	for _, c := range l.clients {
		if of(c) && c.membership && c.base != all {
			return false
		}
	}
	return true
}

// heardAll tells whether the clients of the daemons, or all, have each other's
// markers. Call it with the lock.
func (l *Load) heardAll(daemons []int) bool {
	_, _, all := l.unheard(daemons)
	return all
}

// unheard finds a client that lacks the marker of another. Call it with the lock.
func (l *Load) unheard(daemons []int) (by, of *client, none bool) {
	for _, c := range l.clients {
		if daemons != nil && !slices.Contains(daemons, c.daemon) {
			continue
		}
		for _, o := range l.clients {
			if daemons != nil && !slices.Contains(daemons, o.daemon) {
				continue
			}
			if c.conn == nil || o.conn == nil || !c.heard[o.serial] {
				return c, o, false
			}
		}
	}
	return nil, nil, true
}

// apart says who does not see whom.
func (l *Load) apart() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for d, address := range l.o.Daemons {
		lines = append(lines, address+" "+l.sight(d))
	}
	return errors.New(strings.Join(lines, "; "))
}

// sight says what the clients of a daemon see. Call it with the lock.
func (l *Load) sight(d int) string {
	connected, low, high := 0, len(l.clients)+1, 0
	var down error
	for _, c := range l.clients {
		switch {
		case c.daemon != d:
		case c.conn == nil:
			down = c.down
		default:
			connected++
			if c.membership {
				low, high = min(low, c.base.n), max(high, c.base.n)
			}
		}
	}
	switch {
	case connected == 0:
		return fmt.Sprintf("has no client: %v", down)
	case connected < l.o.Clients:
		return fmt.Sprintf("has %d of %d clients: %v", connected, l.o.Clients, down)
	case low == high:
		return fmt.Sprintf("sees %d of %d", low, len(l.clients))
	}
	return fmt.Sprintf("sees %d to %d of %d", low, high, len(l.clients))
}

// missing says whose last message has not come.
func (l *Load) missing(daemons []int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, o, none := l.unheard(daemons)
	if none || c.conn == nil || o.conn == nil {
		return errors.New("a client has no connection")
	}
	return fmt.Errorf("%s lacks the last message of %s", c.conn.PrivateGroup(), o.conn.PrivateGroup())
}

// someone is the private group of some client; without any, it is the other one.
func (l *Load) someone(r *rand.Rand, other string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.clients[r.IntN(len(l.clients))]; c.conn != nil {
		return c.conn.PrivateGroup()
	}
	return other
}

// set stands for a set of names.
type set struct {
	n   int
	sum uint64
}

func (s *set) add(id uint64) {
	s.n++
	s.sum += id
}

func setOf(names []string) (s set) {
	for _, name := range names {
		s.add(hash(name))
	}
	return s
}

// hash stands for a name.
func hash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return h.Sum64()
}

// notify tells everyone who waits that something has changed. Call it with the
// lock.
func (l *Load) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// changes is closed with the next change.
func (l *Load) changes() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *Load) newSerial() uint32 { return l.serials.Add(1) }

// refused counts what the policy of a daemon does not allow.
func (l *Load) refused(c *client, r *spread.Rejected) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.rejected++
	l.last = fmt.Sprintf("%s refuses a %v to %v", l.o.Daemons[c.daemon], r.Request, r.Message.Groups)
}
