package group

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/evscheck"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/ring/ringtest"
)

// world is a set of daemons, each a machine on the model ring, with sessions.
type world struct {
	tb       testing.TB
	model    *ringtest.Model
	daemons  []Daemon
	hosts    map[string]*host
	sessions map[string]*session // by user; users are unique in a world
	conns    []*evscheck.Conn
	traces   []*evscheck.DaemonTrace // configurations only
	hasty    bool                    // the ring does not wait for the end of an exchange
	seen     coverage
}

// coverage counts what a run went through.
type coverage struct {
	signals, networks, merges, provisional, exchanges, interrupted int
	abandoned, held, safeAfterSignal, partial                      int
}

// host is one life of a daemon. It is the machine's sink.
type host struct {
	*Machine
	w        *world
	name     string
	node     *ringtest.Node
	trace    *evscheck.DaemonTrace
	sessions map[Local]*session
	handles  Local
}

type session struct {
	at     *host
	user   string
	name   clientproto.Name
	local  Local
	conn   *evscheck.Conn
	frames [][]byte // what was written to it
	lines  []string // the same, to be read
	gone   bool     // its disconnect has come back, or its daemon has crashed
}

// newWorld starts daemons that form one configuration. Ids grow with the place.
func newWorld(tb testing.TB, names ...string) *world {
	var daemons []Daemon
	for i, name := range names {
		daemons = append(daemons, Daemon{ring.DaemonID(10 * (i + 1)), name})
	}
	return newWorldOf(tb, daemons...)
}

func newWorldOf(tb testing.TB, daemons ...Daemon) *world {
	w := &world{tb: tb, model: ringtest.New(1000), daemons: daemons,
		hosts: make(map[string]*host), sessions: make(map[string]*session)}
	var names []string
	for _, d := range daemons {
		w.start(d.Name)
		names = append(names, d.Name)
	}
	w.form(names...)
	w.settle()
	return w
}

// start begins a new life of a daemon; it has no configuration yet.
func (w *world) start(name string) {
	i := slices.IndexFunc(w.daemons, func(d Daemon) bool { return d.Name == name })
	h := &host{w: w, name: name, sessions: make(map[Local]*session)}
	h.Machine = New(w.daemons[i].ID, w.daemons, h)
	h.trace = &evscheck.DaemonTrace{Daemon: uint32(w.daemons[i].ID), Name: name, Life: len(w.traces)}
	w.traces = append(w.traces, h.trace)
	h.node = w.model.Start(w.daemons[i].ID, i, h.apply, func() bool { return h.Blocked() && !w.hasty })
	w.hosts[name] = h
}

func (h *host) apply(e *ring.Event) {
	h.record(e)
	before, held := h.State(), len(h.exchange.held)
	h.Apply(e)
	seen, after := &h.w.seen, h.State()
	switch {
	case before == GGATHER && after == GGT:
		seen.interrupted++
	case before == GGT && e.Kind == ring.RegularConfiguration:
		seen.abandoned++
	}
	if after == GGATHER && e.Kind == ring.RegularConfiguration {
		seen.exchanges++
	}
	if len(h.exchange.held) > held {
		seen.held++
	}
}

// record notes the configurations: from them the checker knows who was to go on
// with whom but did not get as far.
func (h *host) record(e *ring.Event) {
	if e.Kind == ring.Deliver {
		return
	}
	id := evscheck.ConfigID{Leader: uint32(e.Config.ID.Leader), Time: e.Config.ID.Time}
	if members := evscheck.Members(e.Config.Members); e.Kind == ring.RegularConfiguration {
		h.trace.Install(id, members)
	} else {
		h.trace.Signal(id, members)
	}
}

func (w *world) nodes(names []string) []*ringtest.Node {
	var nodes []*ringtest.Node
	for _, name := range names {
		nodes = append(nodes, w.hosts[name].node)
	}
	return nodes
}

// form makes a configuration of these daemons.
func (w *world) form(names ...string) { w.model.FormAll(w.nodes(names)...) }

// settle lets everything happen that can.
func (w *world) settle() { w.model.Settle() }

func (w *world) crash(name string) {
	h := w.hosts[name]
	h.node.Crash()
	h.trace.Ended = true
	for _, l := range slices.Sorted(maps.Keys(h.sessions)) {
		h.sessions[l].end()
	}
}

func (s *session) end() {
	s.gone, s.conn.Ended = true, true
	if s.at.w.sessions[s.user] == s {
		delete(s.at.w.sessions, s.user)
	}
}

// connect opens a session; views tells whether it wants membership notices.
func (w *world) connect(daemon, user string, views bool) *session {
	w.tb.Helper()
	h := w.hosts[daemon]
	h.handles++
	s := &session{at: h, user: user, name: clientproto.Private(user, daemon), local: h.handles,
		conn: &evscheck.Conn{Name: clientproto.Private(user, daemon), Views: views}}
	if !h.Connect(s.local, s.name, views) {
		w.tb.Fatalf("%s is taken", s.name)
	}
	h.sessions[s.local] = s
	w.sessions[user] = s
	w.conns = append(w.conns, s.conn)
	return s
}

func (w *world) join(user string, groups ...string) {
	for _, g := range groups {
		s := w.sessions[user]
		s.conn.Events = append(s.conn.Events, evscheck.Event{Kind: evscheck.Join, Group: clientproto.MakeName(g)})
		s.request(clientproto.Join, g)
	}
}

func (w *world) leave(user, group string) {
	s := w.sessions[user]
	s.conn.Events = append(s.conn.Events, evscheck.Event{Kind: evscheck.Leave, Group: clientproto.MakeName(group)})
	s.request(clientproto.Leave, group)
}

// kill ends a session from its own side.
func (w *world) kill(user string) {
	s := w.sessions[user]
	s.conn.Ended = true
	s.request(clientproto.Kill, s.name.String())
}

func (s *session) request(t clientproto.Type, name string) {
	s.at.node.Submit(ring.Agreed, payload(t, s.name.String(), "", name))
}

var services = map[clientproto.Type]ring.Service{
	clientproto.Unreliable: ring.Unreliable, clientproto.Reliable: ring.Reliable, clientproto.FIFO: ring.FIFO,
	clientproto.Causal: ring.Causal, clientproto.Agreed: ring.Agreed, clientproto.Safe: ring.Safe,
}

func (w *world) send(user string, t clientproto.Type, data string, names ...string) {
	s := w.sessions[user]
	p := payload(t, s.name.String(), data, names...)
	s.conn.Events = append(s.conn.Events, evscheck.Event{Kind: evscheck.Send, Payload: p})
	s.at.node.Submit(services[t&clientproto.Services], slices.Clone(p))
}

// got notes that a session is written to, unless it is gone.
func (h *host) got(l Local, frame []byte, line string, e evscheck.Event) {
	s := h.sessions[l]
	if s.conn.Ended {
		return
	}
	s.frames = append(s.frames, frame)
	s.lines = append(s.lines, line)
	s.conn.Events = append(s.conn.Events, e)
}

func (h *host) Deliver(to []Local, p []byte) {
	p = slices.Clone(p)
	head, err := clientproto.ParseHeader(p)
	if err != nil {
		h.w.tb.Fatal(err)
	}
	for _, l := range to {
		if head.Type&clientproto.Safe != 0 && h.State() == GTRANS {
			h.w.seen.safeAfterSignal++
		}
		h.got(l, p, "data "+string(p[head.Data():]), evscheck.Event{Kind: evscheck.Message, Payload: p})
	}
}

func (h *host) View(to []Local, v *clientproto.View) {
	c := *v
	c.Members = slices.Clone(v.Members)
	c.Sets = nil
	for _, s := range v.Sets {
		c.Sets = append(c.Sets, slices.Clone(s))
	}
	frame := clientproto.AppendView(nil, &c)
	for _, l := range to {
		h.got(l, frame, describe(&c), evscheck.Event{Kind: evscheck.View, View: &c})
	}
	if v.Cause == clientproto.CausedByNetwork {
		h.w.seen.networks++
		if h.State() == GTRANS {
			h.w.seen.provisional++
		} else if len(v.Sets) > 2 {
			h.w.seen.merges++
		}
	}
}

func (h *host) Transition(to []Local, g *clientproto.Name, id clientproto.GroupID) {
	h.w.seen.signals++
	frame := clientproto.AppendTransition(nil, g, id)
	for _, l := range to {
		h.got(l, frame, fmt.Sprintf("%s transition %d", g, id.Index),
			evscheck.Event{Kind: evscheck.Transition, Group: *g, ID: id})
	}
}

func (h *host) SelfLeave(l Local, g *clientproto.Name) {
	h.got(l, clientproto.AppendSelfLeave(nil, g), fmt.Sprintf("%s selfleave", g),
		evscheck.Event{Kind: evscheck.SelfLeave, Group: *g})
}

func (h *host) Disconnected(l Local) { h.sessions[l].end(); delete(h.sessions, l) }

func (h *host) Submit(s ring.Service, p []byte) { h.node.SubmitExchange(s, p) }

// describe puts a view in a line: group, cause, index, then the members in their
// sets, or who changed: "g network 1: a b | *c", the star at the own set.
func describe(v *clientproto.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d:%s", v.Group, causes[v.Cause], v.ID.Index, users(v.Members))
	for i, s := range v.Sets {
		if set := users(s); i == v.Own {
			b.WriteString(" |*" + set[1:])
		} else {
			b.WriteString(" |" + set)
		}
	}
	return b.String()
}

func users(names []clientproto.Name) string {
	if len(names) == 0 {
		return " -"
	}
	var b strings.Builder
	for _, n := range names {
		user, _, _ := n.SplitPrivate()
		b.WriteString(" " + string(user))
	}
	return b.String()
}

// want compares what a session was told since the last call.
func (w *world) want(user string, lines ...string) {
	w.tb.Helper()
	s := w.sessions[user]
	got := strings.Join(s.lines, "\n  ")
	if want := strings.Join(lines, "\n  "); got != want {
		w.tb.Errorf("%s got\n  %s\nwant\n  %s", user, got, want)
	}
	s.lines, s.frames = nil, nil
}

// skip forgets what the sessions were told so far.
func (w *world) skip() {
	for _, s := range w.sessions {
		s.lines, s.frames = nil, nil
	}
}

// check applies the checker to all that happened, and compares the daemons.
func (w *world) check(quiet bool) []evscheck.Violation {
	r := &evscheck.Run{Conns: w.conns, Traces: w.traces, Loose: ringtest.LoosePacket, Quiet: quiet}
	for _, d := range w.daemons {
		r.Daemons = append(r.Daemons, d.Name)
	}
	return evscheck.Check(r).Violations
}

// table writes down all groups of a daemon.
func (h *host) table() string {
	var b strings.Builder
	for g := range h.Groups() {
		fmt.Fprintf(&b, "%s %v %v\n", g.Name, g.ID, h.Members(g.Name))
	}
	return b.String()
}

// finish heals everything, lets it come to rest, and checks the run.
func (w *world) finish() {
	w.tb.Helper()
	w.rest()
	for _, v := range w.check(true) {
		w.tb.Error(v)
	}
}

// rest heals everything, lets it come to rest, and compares the daemons.
func (w *world) rest() {
	w.tb.Helper()
	var all []string
	for _, d := range w.daemons {
		if h := w.hosts[d.Name]; !h.node.Down() {
			all = append(all, d.Name)
		}
	}
	w.form(all...)
	w.settle()
	for _, name := range all {
		h := w.hosts[name]
		if h.State() != GOP || h.node.Waiting() > 0 {
			w.tb.Errorf("%s does not come to rest: state %d, %d payloads waiting", name, h.State(), h.node.Waiting())
		}
		if a, b := h.table(), w.hosts[all[0]].table(); a != b {
			w.tb.Errorf("groups at %s\n%sat %s\n%s", name, a, all[0], b)
		}
		if h.counted.Malformed+h.counted.Foreign+h.counted.Unordered > 0 {
			w.tb.Errorf("%s refused something: %+v", name, h.counted)
		}
		h.consistent(w.tb)
	}
}

// consistent checks that the lists that a machine keeps agree with each other.
func (h *host) consistent(tb testing.TB) {
	tb.Helper()
	in := 0
	for name, g := range h.groups {
		if len(g.members) == 0 || g.name != name {
			tb.Errorf("group %s with %d members stands at %s", g.name, len(g.members), name)
		}
		if !slices.IsSortedFunc(g.members, (*client).compare) {
			tb.Errorf("members of %s are not in order", name)
		}
		viewers := 0
		var locals []Local
		for i, c := range g.members {
			in++
			if c.here {
				locals = append(locals, c.handle)
			}
			if c.views {
				viewers++
			}
			if g.names != nil && g.names[i] != c.name {
				tb.Errorf("names of %s do not stand beside its members", name)
			}
			if _, in := c.find(g); !in || h.clients[c.name] != c {
				tb.Errorf("member %s of %s is not known as such", c.name, name)
			}
		}
		if !slices.Equal(locals, g.locals) || viewers != len(g.viewers) || (g.names != nil) != (viewers > 0) {
			tb.Errorf("local lists of %s: %v and %v, %d viewers and %d", name, locals, g.locals, viewers, len(g.viewers))
		}
	}
	for name, c := range h.clients {
		in -= len(c.groups)
		if !c.here && len(c.groups) == 0 {
			tb.Errorf("%s is remembered for nothing", name)
		}
	}
	if in != 0 {
		tb.Errorf("clients and groups do not agree about %d memberships", in)
	}
}
