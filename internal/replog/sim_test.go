package replog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// core is what both policies have.
type core interface {
	Connected(me string) []Effect
	Lost()
	View(view string, members []string) []Effect
	Signal() []Effect
	Message(sender string, data []byte) []Effect
	Submit(id string, data []byte) []Effect
	Sync() (string, []Effect)
	Withdraw(id string) (there, sent bool)
	Flush() []Effect
	Waiting() (int64, bool)
	Skip() []Effect
	Status() Status
}

// world runs replicas over a simulated group system: daemons in parts, each part
// with one order of messages, of which each daemon has delivered a beginning; parts
// that split and merge; daemons and replicas that crash and come back. Replicas
// handle what was delivered to them, and do what is to be done, when they like.
type world struct {
	t        *testing.T
	r        *rand.Rand
	replicas []*simReplica
	daemons  []*simDaemon
	names    []string
	serial   int
	config   func(s *simReplica) Config
	make     func(s *simReplica) core
	resolved func(s *simReplica, e Resolve)
	log      func(s *simReplica, op string, args []any, out []Effect)
	steps    map[string]int // what has happened how often
	total    *total         // of Majority
	lasting  bool           // processes do not crash
	churn    bool           // much goes wrong
	harsh    bool           // who parts gets nothing of the others that it has not got

	stateful func(s *simReplica) bool // it has a state that counts, or has it on disk
}

// simPart is a part of the network with the order of its messages.
type simPart struct {
	id      int
	daemons []*simDaemon
	order   []*simMessage
	alone   *simDaemon // not nil: it does not know yet that the others have gone, and has the token
}

type simMessage struct {
	from   *simDaemon
	sender string
	kind   string // "", join, leave, disconnect
	to     []string
	data   []byte
}

type simDaemon struct {
	name  string
	part  *simPart
	pos   int           // delivered of the part's order
	queue []*simMessage // not yet in the order
	table []string      // members of the group
	conns []*simConn
}

type simConn struct {
	name    string
	daemon  *simDaemon
	replica *simReplica // nil: it is broken
	joined  bool
	inbox   []simEvent
}

type simEvent struct {
	kind    string // view, signal, message
	name    string
	members []string
	data    []byte
}

type simReplica struct {
	name    string
	home    *simDaemon
	durable bool
	life    int
	core    core
	machine *simMachine
	conn    *simConn
	todo    []Effect
	disk    []byte
	hung    bool
	count   int // of updates
	failed  string
	syncs   map[string]int // how many had been acknowledged when it was asked for
}

const simGroup = "rp-sim"

func newWorld(t *testing.T, seed uint64, n int) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 7)), steps: map[string]int{}}
	p := &simPart{}
	for i := range n {
		d := &simDaemon{name: fmt.Sprintf("d%d", i), part: p}
		p.daemons = append(p.daemons, d)
		w.daemons = append(w.daemons, d)
		s := &simReplica{name: fmt.Sprintf("r%d", i), home: d}
		w.replicas = append(w.replicas, s)
		w.names = append(w.names, s.name)
	}
	return w
}

// parts returns all parts, in a fixed order.
func (w *world) parts() (list []*simPart) {
	for _, d := range w.daemons {
		if !slices.Contains(list, d.part) {
			list = append(list, d.part)
		}
	}
	return list
}

// start starts a replica's process if need be, and connects it.
func (w *world) start(s *simReplica) {
	if s.core == nil {
		s.life++
		s.machine = &simMachine{w: w, s: s}
		s.syncs = map[string]int{}
		s.core = w.make(s)
	}
	if s.conn != nil {
		return
	}
	d := s.home
	if w.r.IntN(5) == 0 {
		d = w.daemons[w.r.IntN(len(w.daemons))]
	}
	name := "#" + s.name + "#" + d.name
	if slices.ContainsFunc(d.conns, func(c *simConn) bool { return c.name == name }) {
		return // not unique yet
	}
	s.conn = &simConn{name: name, daemon: d, replica: s}
	d.conns = append(d.conns, s.conn)
	w.call(s, "connected", name)
	d.queue = append(d.queue, &simMessage{from: d, sender: name, kind: "join"})
}

// call lets a core do something, and takes what is to be done then.
func (w *world) call(s *simReplica, op string, args ...any) (id string) {
	var out []Effect
	switch op {
	case "connected":
		out = s.core.Connected(args[0].(string))
	case "lost":
		s.core.Lost()
	case "view":
		out = s.core.View(args[0].(string), args[1].([]string))
	case "signal":
		out = s.core.Signal()
	case "message":
		out = s.core.Message(args[0].(string), args[1].([]byte))
	case "submit":
		out = s.core.Submit(args[0].(string), args[1].([]byte))
	case "sync":
		id, out = s.core.Sync()
	case "flush":
		out = s.core.Flush()
	case "skip":
		out = s.core.Skip()
	}
	if w.log != nil {
		w.log(s, op, args, out)
	}
	for _, e := range out {
		switch e := e.(type) {
		case Resolve:
			w.resolved(s, e)
		case Fail:
			s.failed = e.Reason
		default:
			s.todo = append(s.todo, e)
		}
	}
	return id
}

// work does the next thing that a replica has to do.
func (w *world) work(s *simReplica) bool {
	if len(s.todo) == 0 {
		return false
	}
	e := s.todo[0]
	s.todo = s.todo[1:]
	d := (*simDaemon)(nil)
	if s.conn != nil {
		d = s.conn.daemon
	}
	switch e := e.(type) {
	case Persist:
		s.disk = append(s.disk, e.Records...)
	case Compact:
		s.disk = slices.Clone(e.Records)
		w.steps["compact"]++
	case Send:
		if d != nil {
			d.queue = append(d.queue, &simMessage{from: d, sender: s.conn.name, to: e.To, data: e.Data})
		}
	case Rejoin:
		w.steps["rejoin"]++
		if d != nil {
			d.queue = append(d.queue, &simMessage{from: d, sender: s.conn.name, kind: "leave"}, &simMessage{from: d, sender: s.conn.name, kind: "join"})
		}
	}
	return true
}

// drop breaks a replica's connection. Its daemon tells the others.
func (w *world) drop(s *simReplica) {
	if s.conn == nil {
		return
	}
	c := s.conn
	s.conn, c.replica, c.inbox = nil, nil, nil
	c.daemon.queue = append(c.daemon.queue, &simMessage{from: c.daemon, sender: c.name, kind: "disconnect"})
	w.lost(s)
}

func (w *world) lost(s *simReplica) {
	s.todo = slices.DeleteFunc(s.todo, func(e Effect) bool {
		switch e.(type) {
		case Persist, Compact:
			return false
		}
		return true
	})
	if s.core != nil {
		w.call(s, "lost")
	}
}

// crash ends a replica's process.
func (w *world) crash(s *simReplica) {
	if s.core == nil {
		return
	}
	w.drop(s)
	s.core, s.todo, s.hung = nil, nil, false
	if !s.durable {
		s.disk = nil
	}
}

// crashDaemon ends a daemon and starts it again.
func (w *world) crashDaemon(d *simDaemon) {
	w.wake(d.part)
	w.separate(d.part, []*simDaemon{d}, true)
	for _, c := range d.conns {
		if c.replica != nil {
			c.replica.conn = nil
			w.lost(c.replica)
		}
	}
	w.serial++
	*d = simDaemon{name: d.name, part: &simPart{id: w.serial}}
	d.part.daemons = []*simDaemon{d}
	for _, s := range w.replicas {
		if s.home.name == d.name {
			s.home = d
		}
	}
}

// sequence gives the next message of a daemon its place in the order.
func (d *simDaemon) sequence() bool {
	if len(d.queue) == 0 {
		return false
	}
	d.part.order = append(d.part.order, d.queue[0])
	d.queue = d.queue[1:]
	return true
}

// deliver lets a daemon deliver the next message of the order.
func (w *world) deliver(d *simDaemon) bool {
	if d.pos == len(d.part.order) {
		return false
	}
	m := d.part.order[d.pos]
	d.pos++
	w.hand(d, m, fmt.Sprintf("%d.%d", d.part.id, d.pos), false)
	return true
}

// hand delivers a message at a daemon. In the transitional period a change of the
// group makes a view that a signal follows at once.
func (w *world) hand(d *simDaemon, m *simMessage, id string, signalled bool) {
	if m.kind == "" {
		for _, c := range d.conns {
			if c.replica != nil && (slices.Contains(m.to, simGroup) && c.joined || slices.Contains(m.to, c.name)) {
				c.inbox = append(c.inbox, simEvent{kind: "message", name: m.sender, data: m.data})
			}
		}
		return
	}
	member := slices.Contains(d.table, m.sender)
	local := slices.IndexFunc(d.conns, func(c *simConn) bool { return c.name == m.sender })
	if m.kind == "join" {
		if member {
			return
		}
		d.table = append(d.table, m.sender)
		slices.Sort(d.table)
		if local >= 0 && m.from == d {
			d.conns[local].joined = true
		}
	} else {
		if local >= 0 && m.from == d {
			d.conns[local].joined = false
			if m.kind == "disconnect" {
				d.conns = slices.Delete(d.conns, local, local+1)
			}
		}
		if !member {
			return
		}
		d.table = slices.DeleteFunc(d.table, func(n string) bool { return n == m.sender })
	}
	d.view(id)
	if signalled {
		d.signal()
	}
}

func (d *simDaemon) view(id string) {
	d.event(simEvent{kind: "view", name: id, members: slices.Clone(d.table)})
}
func (d *simDaemon) signal() { d.event(simEvent{kind: "signal"}) }

func (d *simDaemon) event(e simEvent) {
	for _, c := range d.conns {
		if c.replica != nil && c.joined {
			c.inbox = append(c.inbox, e)
		}
	}
}

func (d *simDaemon) among(daemons []*simDaemon) bool { return slices.Contains(daemons, d) }

// isAt tells whether a member is at one of the daemons.
func isAt(member string, daemons []*simDaemon) bool {
	return slices.ContainsFunc(daemons, func(d *simDaemon) bool { return strings.HasSuffix(member, "#"+d.name) })
}

// separate splits daemons off a part. Each side delivers a beginning of the order
// before the signal, at least what one of its daemons had delivered, and then all of
// its own daemons' messages and the first few of each other daemon's.
func (w *world) separate(p *simPart, off []*simDaemon, crash bool) {
	var rest []*simDaemon
	for _, d := range p.daemons {
		if !d.among(off) {
			rest = append(rest, d)
		}
	}
	for _, side := range [][]*simDaemon{rest, off} {
		if len(side) == 0 || crash && side[0] == off[0] {
			continue
		}
		w.recover(p, side)
	}
}

func (w *world) recover(p *simPart, side []*simDaemon) {
	w.serial++
	next := &simPart{id: w.serial, daemons: slices.Clone(side)}
	least := 0
	for _, d := range side {
		least = max(least, d.pos)
	}
	before := least
	cut := map[*simDaemon]int{}
	for _, d := range p.daemons {
		cut[d] = before
	}
	if !w.harsh {
		before += w.r.IntN(len(p.order) - least + 1)
		for _, d := range p.daemons {
			cut[d] = before + w.r.IntN(len(p.order)-before+1)
		}
	}
	for _, d := range side {
		for d.pos < before {
			w.deliver(d)
		}
	}
	lost := func(d *simDaemon) bool {
		return slices.ContainsFunc(d.table, func(m string) bool { return !isAt(m, side) })
	}
	changed := lost(side[0])
	for _, d := range side {
		if changed {
			d.signal()
		}
		now := changed
		for i := before; i < len(p.order); i++ {
			m := p.order[i]
			if !m.from.among(side) && i >= cut[m.from] {
				continue
			}
			id := fmt.Sprintf("%d.t%d", next.id, i)
			if now || lost(d) {
				w.hand(d, m, id, true)
			} else {
				w.hand(d, m, id, false)
				if lost(d) {
					d.signal()
					now = true
				}
			}
			now = now || lost(d)
		}
		if now {
			d.table = slices.DeleteFunc(d.table, func(m string) bool { return !isAt(m, side) })
			d.view(fmt.Sprintf("%d.0", next.id))
		}
		d.part, d.pos = next, 0
	}
}

func (w *world) split() {
	p := w.parts()[w.r.IntN(len(w.parts()))]
	if len(p.daemons) < 2 {
		return
	}
	w.r.Shuffle(len(p.daemons), func(i, j int) { p.daemons[i], p.daemons[j] = p.daemons[j], p.daemons[i] })
	w.steps["split"]++
	if p.alone != nil {
		w.wake(p)
		return
	}
	if w.r.IntN(3) == 0 {
		w.desert(p, p.daemons[0])
		return
	}
	w.separate(p, slices.Clone(p.daemons[:1+w.r.IntN(len(p.daemons)-1)]), false)
}

// desert lets all go but one, which does not notice it for a while.
func (w *world) desert(p *simPart, d *simDaemon) {
	rest := slices.DeleteFunc(slices.Clone(p.daemons), func(o *simDaemon) bool { return o == d })
	w.recover(p, rest)
	d.part = &simPart{id: p.id, daemons: p.daemons, order: slices.Clone(p.order), alone: d}
}

// wake lets a daemon notice that it is alone.
func (w *world) wake(p *simPart) {
	if p.alone != nil {
		w.recover(p, []*simDaemon{p.alone})
	}
}

// merge joins two parts, whose orders come to their ends before.
func (w *world) merge() {
	for _, p := range w.parts() {
		w.wake(p)
	}
	parts := w.parts()
	if len(parts) < 2 {
		return
	}
	w.r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	w.serial++
	next := &simPart{id: w.serial}
	var table []string
	with := 0
	for _, p := range parts[:2] {
		for _, d := range p.daemons {
			for w.deliver(d) {
			}
		}
		table = append(table, p.daemons[0].table...)
		with += b2i(len(p.daemons[0].table) > 0)
		next.daemons = append(next.daemons, p.daemons...)
	}
	slices.Sort(table)
	for _, d := range next.daemons {
		d.part, d.pos, d.table = next, 0, slices.Clone(table)
		if with > 1 {
			d.view(fmt.Sprintf("%d.0", next.id))
		}
	}
	w.steps["merge"]++
}

// handle lets a replica look at the next thing that was delivered to it.
func (w *world) handle(s *simReplica) bool {
	if s.core == nil || s.conn == nil || s.hung || len(s.conn.inbox) == 0 {
		return false
	}
	e := s.conn.inbox[0]
	s.conn.inbox = s.conn.inbox[1:]
	switch e.kind {
	case "view":
		w.call(s, "view", e.name, e.members)
	case "signal":
		w.call(s, "signal")
	default:
		w.call(s, "message", e.name, e.data)
	}
	return true
}

func (w *world) submit(s *simReplica) string {
	s.count++
	id := fmt.Sprintf("%s.%d.%d", s.name, s.life, s.count)
	w.call(s, "submit", id, []byte("data of "+id))
	return id
}

// step lets something happen.
func (w *world) step(faults bool) {
	s := w.replicas[w.r.IntN(len(w.replicas))]
	d := w.daemons[w.r.IntN(len(w.daemons))]
	x := w.r.IntN(1000)
	if w.churn && w.r.IntN(20) == 0 {
		x = 965 + w.r.IntN(25)
	}
	switch {
	case x < 200:
		d.sequence()
	case x < 450:
		w.deliver(d)
	case x < 700:
		w.handle(s)
	case x < 850:
		w.work(s)
	case x < 900:
		if s.core != nil && !s.hung {
			w.call(s, "flush")
		}
	case x < 935:
		if s.core != nil && !s.hung {
			w.submit(s)
		}
	case x < 945:
		if s.core != nil && !s.hung {
			w.sync(s)
		}
	case x < 965:
		w.start(s)
	case !faults:
	default:
		w.trouble(s, d, x)
	}
}

// trouble lets something go wrong.
func (w *world) trouble(s *simReplica, d *simDaemon, x int) {
	switch {
	case x < 972:
		w.split()
	case x < 982:
		w.merge()
	case x < 985:
		w.drop(s)
	case x < 988 && w.lasting:
	case x < 988:
		if s.durable || w.mayForget(s) {
			w.crash(s)
			w.steps["crash"]++
		}
	case x < 990:
		w.crashDaemon(d)
	case x < 993:
		s.hung = s.core != nil && w.r.IntN(3) == 0
	case x < 996:
		if s.core != nil && !s.hung {
			w.call(s, "skip")
		}
	case x == 999:
		for _, s := range w.replicas { // all at once
			if s.durable {
				w.crash(s)
			}
		}
	}
}

// settle delivers everything until nothing moves.
func (w *world) settle() {
	for _, p := range w.parts() {
		w.wake(p)
	}
	w.rest()
}

// rest delivers everything, but lets daemons sleep that have not noticed something.
func (w *world) rest() {
	for range 1_000_000 {
		moved := false
		for _, d := range w.daemons {
			for d.sequence() {
				moved = true
			}
			for w.deliver(d) {
				moved = true
			}
		}
		for _, s := range w.replicas {
			s.hung = false
			for w.handle(s) {
				moved = true
			}
			if s.core != nil && !moved {
				w.call(s, "flush")
			}
			for w.work(s) {
				moved = true
			}
		}
		if !moved {
			return
		}
	}
	w.t.Fatal("it never comes to rest")
}

// heal joins all parts and starts all replicas.
func (w *world) heal() {
	for len(w.parts()) > 1 {
		w.merge()
	}
	w.settle()
	for _, s := range w.replicas {
		for s.conn == nil {
			w.start(s)
			w.settle()
		}
	}
	w.settle()
}
