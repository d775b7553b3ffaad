package link

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one bound UDP socket.
type conn interface {
	// queue sends a chunk (see there) to each destination, now or at flush.
	// The caller holds Link.sending.
	queue(c []Datagram, to []*dest)
	flush()
	// receive passes on what comes until close is called.
	receive(in *inbox)
	// close ends receive; release is called when that has returned.
	close()
	release()
	// buffers are the sizes of the socket's buffers in bytes, as obtained.
	buffers() (receive, send int)
	// overflow counts datagrams lost for want of receive buffer.
	overflow() uint64
}

// Link is the sockets of a daemon. Its methods may be called concurrently.
type Link struct {
	cfg   Config
	own   Peer
	host  host
	stats counters
	table atomic.Pointer[table]
	limit atomic.Int64
	// anywhere: the own sockets are bound to all addresses.
	anywhere bool

	sending     sync.Mutex // around the sockets' queues
	data, token conn
	until       time.Time // the call under way may wait as long; zero: it has not waited
	one         [1]Datagram
	several     []*dest // the destinations of what is being sent

	mu       sync.Mutex // guards what follows
	sockets  []*socket
	members  map[uint32]bool // see SetMembers; nil: not known
	peers    []Peer
	used     []netip.Addr // of groups, those that are sent to
	measured time.Time    // when the paths were, as look counts; zero: it has not looked
	missed   bool         // the operator has been told why nothing comes from the interface
	groups   []netip.Addr // of the own segment, as far as in use
	grouped  bool         // groups have been opened
	report   Report
	handler  Handler
	closed   bool
	done     chan struct{}
	events   chan event
	running  sync.WaitGroup
	overflow uint64 // of sockets that are closed
}

// socket is a conn and what it is for.
type socket struct {
	conn
	token bool
	group netip.Addr    // that it is for; not valid: none
	ended chan struct{} // closed when receive has returned
}

// Report is what Open found and chose.
type Report struct {
	ReceiveBuffer, SendBuffer int      // bytes, of the smallest socket
	Features                  Feature  // in use
	Groups                    []string // addresses that reach several members at once
	Warnings                  []string // for the operator
}

// event is what the handler is told outside Receive.
type event struct {
	refused uint32 // 0: not this
	note    string // empty: not this
}

// Open binds the sockets. Errors name the address and what can be done.
// Nothing is read until Start.
func Open(cfg Config) (*Link, error) {
	own, err := check(cfg.Self, cfg.Peers)
	if err != nil {
		return nil, err
	}
	if cfg.Buffer <= 0 {
		cfg.Buffer = DefaultBuffer
	}
	l := &Link{cfg: cfg, own: own, done: make(chan struct{}), events: make(chan event, 64)}
	l.cfg.Segment, l.cfg.Bind = slices.Clone(cfg.Segment), slices.Clone(cfg.Bind)
	if l.host, err = survey(own.Addr.Addr()); err != nil {
		return nil, err
	}
	if err := probe(); err != nil {
		l.cfg.Without |= Native
		l.warn(fmt.Sprintf("the system refuses fast datagram calls (%v): slower ones are used, and daemons that have ended are noticed by silence only", err))
	}
	if err := l.openOwn(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := l.SetPeers(cfg.Peers); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.setReport()
	return l, nil
}

// openOwn opens the token and data sockets of the own address, then those of
// further interfaces.
func (l *Link) openOwn() error {
	own := l.own.Addr.Addr().Unmap()
	anywhere := slices.ContainsFunc(l.cfg.Bind, netip.Addr.IsUnspecified)
	if len(l.cfg.Bind) > 0 && !anywhere && !slices.ContainsFunc(l.cfg.Bind, func(a netip.Addr) bool { return sameAddr(a, own) }) {
		return fmt.Errorf("link: daemon traffic is not allowed on %s, this daemon's own address: add a D entry for it to the interface stanza", own)
	}
	if anywhere && !l.host.has(own) {
		l.anywhere = true
		own = unspecified(own)
	}
	addrs := []netip.Addr{own}
	for _, a := range l.cfg.Bind {
		if !a.IsUnspecified() && a.Unmap().Is4() == own.Is4() && !slices.ContainsFunc(addrs, func(b netip.Addr) bool { return sameAddr(a, b) }) {
			addrs = append(addrs, a.Unmap())
		}
	}
	for i, a := range addrs {
		token, err := l.openSocket(netip.AddrPortFrom(a, l.own.Addr.Port()+1), true, false)
		if err != nil {
			return err
		}
		data, err := l.openSocket(netip.AddrPortFrom(a, l.own.Addr.Port()), false, false)
		if err != nil {
			return err
		}
		if i == 0 {
			l.token, l.data = token, data
		}
	}
	return nil
}

// openSocket opens one and keeps it.
func (l *Link) openSocket(at netip.AddrPort, token, group bool) (conn, error) {
	c, err := openConn(l, at, token, group)
	if err != nil {
		return nil, err
	}
	s := &socket{conn: c, token: token, ended: make(chan struct{})}
	if group {
		s.group = at.Addr()
	}
	l.sockets = append(l.sockets, s)
	l.run(s)
	return c, nil
}

// openGroups opens what the addresses of the own segment need.
func (l *Link) openGroups() error {
	for _, a := range l.cfg.Segment {
		a = a.Unmap()
		if slices.ContainsFunc(l.groups, func(b netip.Addr) bool { return sameAddr(a, b) }) || a.Is4() != l.own.Addr.Addr().Unmap().Is4() {
			continue
		}
		if !a.IsMulticast() && !l.host.broadcast(a) {
			l.warn(fmt.Sprintf("segment address %s is neither a multicast group nor a broadcast address here: each member is sent a copy instead", a))
			continue
		}
		err := l.openGroup(a)
		var join *joinError
		switch {
		case err == nil:
			l.groups = append(l.groups, a)
		case errors.As(err, &join) && l.cfg.IgnoreJoinErrors:
			l.warn(err.Error() + "; it is not used")
		case errors.As(err, &join):
			return fmt.Errorf("%w; check the interface, or set IgnoreMulticastJoinErrors = true to go on without this group", err)
		default:
			return err
		}
	}
	l.grouped = true
	if len(l.groups) == 0 && len(l.cfg.Segment) > 0 && slices.ContainsFunc(l.cfg.Segment, netip.Addr.IsMulticast) {
		l.warn("no address of the segment can be used: each member is sent a copy instead")
	}
	return nil
}

// openGroup opens a socket that gets the traffic of one address only, unless the data
// socket gets all traffic.
func (l *Link) openGroup(a netip.Addr) error {
	if k, ok := l.data.(interface{ join(netip.Addr) error }); ok && l.anywhere {
		return k.join(a)
	}
	_, err := l.openSocket(netip.AddrPortFrom(a, l.own.Addr.Port()), false, true)
	return err
}

// joinError is a multicast group that the system did not let us join.
type joinError struct {
	group netip.Addr
	on    string
	err   error
}

func (e *joinError) Error() string {
	return fmt.Sprintf("link: cannot join the multicast group %s on interface %s: %v", e.group, e.on, e.err)
}

func (e *joinError) Unwrap() error { return e.err }

// SetPeers replaces the daemons of the configuration. The own entry must stay
// what it was. Nothing under way between daemons that stay is lost. On an error
// nothing has changed.
func (l *Link) SetPeers(peers []Peer) error {
	own, err := check(l.cfg.Self, peers)
	if err != nil {
		return err
	}
	if own.Addr != l.own.Addr {
		return fmt.Errorf("link: this daemon's own entry changed from %s to %s: that needs a restart", l.own.Addr, own.Addr)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	if len(l.neighbours(peers)) > 0 && !l.grouped {
		if err := l.openGroups(); err != nil {
			return err
		}
		l.setReport()
	}
	if err := l.arrange(peers); err != nil {
		return err
	}
	l.peers = slices.Clone(peers)
	return nil
}

// arrange makes what is sent, and how, fit the daemons of the configuration and this
// host.
func (l *Link) arrange(peers []Peer) error {
	neighbours := l.neighbours(peers)
	loop := slices.ContainsFunc(neighbours, func(p Peer) bool { return l.host.has(p.Addr.Addr()) })
	for _, g := range l.groups {
		if g.IsMulticast() {
			if err := setMulticast(l.data, l.host, loop); err != nil {
				return fmt.Errorf("link: cannot send to multicast groups on interface %s: %w", l.host.name, err)
			}
			break
		}
	}
	l.used = l.groups
	if len(neighbours) == 0 {
		l.used = nil
	}
	l.table.Store(newTable(l.own, peers, l.members, l.used, l.host.zone, l.table.Load()))
	l.setLimit(l.measure(peers, l.used))
	return nil
}

// neighbours are the other daemons of the own segment.
func (l *Link) neighbours(peers []Peer) []Peer {
	return slices.DeleteFunc(slices.Clone(peers), func(p Peer) bool { return p.ID == l.own.ID || p.Segment != l.own.Segment })
}

// SetMembers tells who gets the datagrams that are for members; before the first call,
// everybody does. A host that is down costs the others dearly: until the kernel has
// given up looking for its address it keeps what is sent there, for seconds, at the
// expense of our socket. So it should get no more than what finds it again.
func (l *Link) SetMembers(ids []uint32) {
	members := make(map[uint32]bool, len(ids))
	for _, id := range ids {
		members[id] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = members
	l.table.Store(l.table.Load().with(members))
}

// errClosed is the result of what is asked of a closed link.
var errClosed = errors.New("link: closed")

// Start begins to receive. It is called once.
func (l *Link) Start(h Handler) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handler != nil || l.closed {
		return
	}
	l.handler = h
	l.running.Go(l.tell)
	l.running.Go(l.watch)
	for _, s := range l.sockets {
		l.run(s)
	}
}

// run starts the goroutine of a socket, if it is time.
func (l *Link) run(s *socket) {
	if l.handler != nil && !l.closed {
		l.running.Go(func() {
			defer close(s.ended)
			s.receive(newInbox(l, s.token))
		})
	}
}

// retire closes a socket whose place another one has taken. Both have been running.
func (l *Link) retire(s *socket) {
	l.sockets = slices.DeleteFunc(slices.Clone(l.sockets), func(t *socket) bool { return t == s })
	s.close()
	l.running.Go(func() {
		<-s.ended
		l.mu.Lock()
		l.overflow += s.overflow()
		l.mu.Unlock()
		s.release()
	})
}

// tell passes events to the handler.
func (l *Link) tell() {
	for {
		select {
		case <-l.done:
			return
		case e := <-l.events:
			switch {
			case e.refused != 0:
				l.handler.Refused(e.refused)
			case e.note != "":
				l.handler.Noted(e.note)
			default:
				l.handler.Resized(l.MaxDatagram())
			}
		}
	}
}

// notify never waits.
func (l *Link) notify(e event) {
	select {
	case l.events <- e:
	default:
		l.stats.eventsLost.Add(1)
	}
}

// Close ends all goroutines and closes the sockets. It waits for handler calls
// under way to return, so it is not called from one. It returns nil.
func (l *Link) Close() error {
	l.mu.Lock()
	already := l.closed
	l.closed = true
	sockets := l.sockets
	l.mu.Unlock()
	if already {
		return nil
	}
	close(l.done)
	for _, s := range sockets {
		s.close()
	}
	l.running.Wait()
	l.sending.Lock()
	l.data, l.token = nil, nil
	l.sending.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range sockets {
		l.overflow += s.overflow()
		s.release()
	}
	l.sockets = nil
	return nil
}

// MaxDatagram is the number of bytes that reach all daemons without
// fragmentation. It is never below 512.
func (l *Link) MaxDatagram() int { return int(l.limit.Load()) }

// setLimit takes a new MaxDatagram.
func (l *Link) setLimit(n int) {
	n = max(n, minDatagram)
	if l.cfg.Datagram > 0 {
		n = max(min(n, l.cfg.Datagram), minDatagram)
	}
	if was := l.limit.Swap(int64(n)); was != 0 && was != int64(n) {
		l.notify(event{})
	}
}

// shrink lowers MaxDatagram to what a router on some path asks for, within what a
// path of its family has to take.
func (l *Link) shrink(n int) {
	floor := 576 - headers4
	if !l.own.Addr.Addr().Unmap().Is4() {
		floor = 1280 - headers6
	}
	n = max(n, floor)
	for {
		was := l.limit.Load()
		if int64(n) >= was {
			return
		}
		if l.limit.CompareAndSwap(was, int64(n)) {
			l.notify(event{})
			return
		}
	}
}

// Counters are read without stopping anything.
func (l *Link) Counters() Counters {
	c := l.stats.snapshot()
	l.mu.Lock()
	defer l.mu.Unlock()
	c.Overflow = l.overflow
	for _, s := range l.sockets {
		c.Overflow += s.overflow()
	}
	return c
}

// Report tells what was found and chosen.
func (l *Link) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.report
	r.Groups, r.Warnings = slices.Clone(r.Groups), slices.Clone(r.Warnings)
	return r
}

// warn keeps a line for the operator.
func (l *Link) warn(s string) { l.report.Warnings = append(l.report.Warnings, s) }

// wantedBuffer is the size in bytes below which bursts of a ring get lost.
const wantedBuffer = 1 << 20

// setReport fills in what the sockets got.
func (l *Link) setReport() {
	r := &l.report
	r.Groups = nil
	for _, g := range l.groups {
		r.Groups = append(r.Groups, g.String())
	}
	first := r.ReceiveBuffer == 0
	for i, s := range l.sockets {
		in, out := s.buffers()
		if i == 0 {
			r.ReceiveBuffer, r.SendBuffer = in, out
		}
		r.ReceiveBuffer, r.SendBuffer = min(r.ReceiveBuffer, in), min(r.SendBuffer, out)
	}
	small := func(bytes int) bool { return first && bytes < wantedBuffer && bytes < l.cfg.Buffer }
	if small(r.ReceiveBuffer) {
		l.warn(fmt.Sprintf("the system allows receive buffers of %d bytes only; bursts will be lost and sent again: %s", r.ReceiveBuffer, receiveAdvice))
	}
	if small(r.SendBuffer) {
		l.warn(fmt.Sprintf("the system allows send buffers of %d bytes only; a few hosts that do not answer can use them up: %s", r.SendBuffer, sendAdvice))
	}
	r.Features = features(l)
}
