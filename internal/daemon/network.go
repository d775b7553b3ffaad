package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/link"
	"gospread/spread/internal/monproto"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seal"
	"gospread/spread/internal/session"
)

// Carrier takes datagrams to the other daemons and brings theirs. A [link.Link] is
// one, and says what each method promises.
type Carrier interface {
	Send(batch []link.Datagram)
	SendTo(to netip.AddrPort, data []byte)
	MaxDatagram() int
	Start(h link.Handler)
	SetPeers(peers []link.Peer) error
	SetMembers(ids []uint32)
	Report() link.Report
	Counters() link.Counters
	Close() error
}

// openLink is the carrier of real life.
func openLink(c link.Config) (Carrier, error) {
	l, err := link.Open(c)
	if err != nil {
		return nil, err // not a Carrier that is a nil link
	}
	return l, nil
}

// network is this daemon's way to the others: it seals what the ring sends, and
// opens what comes.
type network struct {
	// link is nil if a daemon without others could not open its sockets.
	link Carrier
	// lone: there are no others, and only monitors use the link.
	lone bool
	// unheard is why monitors cannot reach a daemon without link.
	unheard error
	sealer  atomic.Pointer[seal.Sealer]
	// rejected is told why a datagram was not opened, by its daemon (0: none) and source.
	rejected func(id uint32, from netip.AddrPort, err error)
	// noted is told what operators should know of the link. It may be nil.
	noted func(level conf.Level, text string)
	// Of the turn under way.
	out   []byte
	batch []link.Datagram
	via   via
	// members are those of the configuration installed; nil: none has been.
	members []uint32

	refused, strangers atomic.Uint64           // datagrams that could not be opened; of no daemon of ours
	shown              atomic.Pointer[Carrier] // link, for those who are not in a turn

	monitors *monitors
	parts    atomic.Pointer[partition] // nil: all hear each other
	parted   atomic.Uint64             // datagrams of daemons in other parts, dropped
	resized  atomic.Int64              // what paths took when that changed last; 0: it has not
}

// opened is a batch of datagrams after their seals were opened.
type opened struct{ datagrams [][]byte }

var openedLists = sync.Pool{New: func() any { return new(opened) }}

// openNetwork opens the way to the other daemons of the configuration: sockets,
// unless the caller has something else.
func openNetwork(cfg *conf.Config, self *conf.Daemon, open func(link.Config) (Carrier, error)) (*network, error) {
	n := &network{}
	n.sealer.Store(seal.Plain())
	peers := linkPeers(cfg)
	if open == nil {
		n.lone = len(peers) == 1
		open = openLink
	}
	l, err := open(link.Config{
		Self: self.ID, Peers: peers, Segment: ownSegment(cfg, self), Bind: daemonAddrs(self),
		IgnoreJoinErrors: cfg.Options.IgnoreMulticastJoinErrors, Strangers: true,
	})
	switch {
	case err != nil && n.lone:
		n.unheard = err
		return n, nil
	case err != nil:
		return nil, fmt.Errorf("reach the other daemons: %w", err)
	}
	n.use(l)
	return n, nil
}

// use makes l the link; it is called in a turn if there has been one.
func (n *network) use(l Carrier) {
	n.link = l
	if n.members != nil {
		l.SetMembers(n.members)
	}
	n.shown.Store(&l)
}

// ownSegment has the addresses of the daemon's segment.
func ownSegment(cfg *conf.Config, self *conf.Daemon) []netip.Addr {
	for _, c := range cfg.Daemons() {
		if c.Name == self.Name {
			return cfg.Segments[c.Segment].Addrs
		}
	}
	return nil
}

// linkPeers are the daemons of the configuration as the link knows them.
func linkPeers(cfg *conf.Config) []link.Peer {
	var peers []link.Peer
	for _, c := range cfg.Daemons() {
		peers = append(peers, link.Peer{ID: c.ID, Addr: netip.AddrPortFrom(c.Addr, c.Port), Segment: c.Segment})
	}
	return peers
}

// daemonAddrs are the addresses that the daemon's interface stanza gives to the
// traffic between daemons.
func daemonAddrs(self *conf.Daemon) []netip.Addr {
	var addrs []netip.Addr
	for _, i := range self.Interfaces {
		if i.Daemon {
			addrs = append(addrs, i.Addr)
		}
	}
	return addrs
}

// datagram is how many bytes the ring may put into one.
func (n *network) datagram() int {
	if n.link == nil || n.lone {
		return 1400
	}
	return n.link.MaxDatagram() - n.sealer.Load().Overhead()
}

// send hands on what the ring wants sent, all of it at once. Of a configuration that
// is installed in the same turn the link hears first: packets may be for its members.
func (n *network) send(out *ring.Output) {
	for i := range out.Events {
		if c := out.Events[i].Config; out.Events[i].Kind == ring.RegularConfiguration {
			n.install(c)
		}
	}
	packets := out.Packets
	if len(packets) == 0 || n.link == nil || n.lone {
		return
	}
	sealer := n.sealer.Load()
	size := 0
	for i := range packets {
		size += len(packets[i].Data) + sealer.Overhead()
	}
	if cap(n.out) < size {
		n.out = make([]byte, 0, size+size/2)
	}
	n.out, n.batch = n.out[:0], n.batch[:0]
	for i := range packets {
		p := &packets[i]
		from := len(n.out)
		n.out = sealer.Seal(n.out, p.Data)
		n.batch = append(n.batch, link.Datagram{To: uint32(p.To), Near: p.Near, Via: n.via.of(p.Via),
			Members: ringproto.ForMembers(p.Data), Bulk: p.Bulk, Data: n.out[from:len(n.out):len(n.out)]})
	}
	n.link.Send(n.batch)
}

// install takes note of who is a member now.
func (n *network) install(c *ring.Configuration) {
	n.members = make([]uint32, len(c.Members))
	for i, id := range c.Members {
		n.members[i] = uint32(id)
	}
	if n.link != nil {
		n.link.SetMembers(n.members)
	}
}

// via has the ids of Packet.Via as the link knows them. They are the same for all
// packets of a configuration.
type via struct {
	list []ring.DaemonID
	ids  []uint32
}

func (v *via) of(list []ring.DaemonID) []uint32 {
	if len(list) == 0 {
		return nil
	}
	if len(v.list) != len(list) || &v.list[0] != &list[0] {
		v.list, v.ids = list, make([]uint32, len(list))
		for i, id := range list {
			v.ids[i] = uint32(id)
		}
	}
	return v.ids
}

func (n *network) close() {
	if n.link != nil {
		_ = n.link.Close() // it has no error
	}
}

// errStranger: the datagram is one of a daemon, but not of ours.
var errStranger = errors.New("it comes from a daemon that is not in this daemon's configuration, or not from the address that is given there")

// inlet takes what comes from the network into the engine.
type inlet struct {
	*engine
	net *network
}

// Receive implements link.Handler.
func (i inlet) Receive(batch []link.Received) {
	defer i.guard()
	o := openedLists.Get().(*opened)
	sealer, parts := i.net.sealer.Load(), i.net.parts.Load()
	for k := range batch {
		if parts != nil && parts.others[batch[k].From] {
			i.net.parted.Add(1)
			continue
		}
		b, err := sealer.Open(batch[k].Data)
		count := &i.net.refused
		if err == nil && batch[k].From == 0 {
			if monproto.Is(b) {
				i.net.monitors.take(batch[k].Source, sealer.Keyed(), b)
				continue
			}
			err, count = errStranger, &i.net.strangers
		}
		if err != nil {
			count.Add(1)
			if i.net.rejected != nil {
				i.net.rejected(batch[k].From, batch[k].Source, err)
			}
			continue
		}
		o.datagrams = append(o.datagrams, b)
	}
	if len(o.datagrams) > 0 {
		i.receive(o.datagrams)
	}
	clear(o.datagrams)
	o.datagrams = o.datagrams[:0]
	openedLists.Put(o)
}

// receive makes a turn with datagrams for the ring.
func (i inlet) receive(datagrams [][]byte) {
	touched := flushLists.Get().(*[]*session.Session)
	i.enter((*touched)[:0])
	now := i.now()
	for _, b := range datagrams {
		i.ring.Receive(now, b)
	}
	flushAll(i.leave(), touched)
}

// Refused implements link.Handler.
func (i inlet) Refused(peer uint32) {
	i.turn(func() { i.ring.Refused(i.now(), ring.DaemonID(peer)) })
}

// Resized implements link.Handler.
func (i inlet) Resized(limit int) {
	if i.net.resized.Swap(int64(limit)) == int64(limit) {
		return // several changes have come to the same
	}
	i.note(conf.LevelInfo, fmt.Sprintf("the paths to the other daemons take datagrams of %d bytes now", limit))
	i.turn(func() { i.ring.SetDatagram(i.net.datagram()) })
}

// Noted implements link.Handler.
func (i inlet) Noted(text string) { i.note(conf.LevelWarning, text) }

func (i inlet) note(level conf.Level, text string) {
	if i.net.noted != nil {
		i.net.noted(level, text)
	}
}

// turn makes a turn that begins with f, and writes what came of it.
func (e *engine) turn(f func()) {
	defer e.guard()
	touched := flushLists.Get().(*[]*session.Session)
	e.enter((*touched)[:0])
	f()
	flushAll(e.leave(), touched)
}

// flushLists are the lists of turns that are not those of a session.
var flushLists = sync.Pool{New: func() any { return new([]*session.Session) }}

// flushAll writes what a turn brought, and gives its list back.
func flushAll(touched []*session.Session, list *[]*session.Session) {
	for _, s := range touched {
		s.Flush()
	}
	clear(touched)
	*list = touched[:0]
	flushLists.Put(list)
}

// wake makes the turn that the alarm is for.
func (e *engine) wake() {
	e.turn(func() { e.alarm.armed = false })
}
