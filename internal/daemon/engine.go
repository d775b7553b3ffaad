package daemon

import (
	"runtime/debug"
	"sync"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/session"
	"gospread/spread/internal/stats"
)

// orderer is what the engine needs from a ring.
type orderer interface {
	Submit(s ring.Service, payload []byte)
	SubmitExchange(s ring.Service, payload []byte)
	Hold(held bool)
	Backlog() int
	Receive(now time.Duration, datagram []byte)
	Refused(now time.Duration, id ring.DaemonID)
	SetDatagram(bytes int)
	Offer(e ring.Epoch)
	Lacking() (members []ring.Lack, offering bool)
	Tune(t ring.Timing, w ring.Windows)
	Leave(now time.Duration)
	Left() bool
	Status() ring.Status
	Deadline() time.Duration
	Advance(now time.Duration, out *ring.Output)
}

// witness is told what operators should know, in the turn in which it happens.
type witness interface {
	installed(c *ring.Configuration)
	noted(n ring.Note)
	// keepTime remembers a time for the next life of this daemon.
	keepTime(time uint32)
	// epochBegins: another configuration of daemons is in force; its daemons.
	epochBegins(digest uint32) []group.Daemon
}

// engine turns the ring and the groups, and stands between them and the
// sessions. One goroutine at a time is in it: whoever brings something takes
// the lock, makes a turn of all that has become due, and leaves with the list
// of sessions that got something. So a lone message needs no switch of
// goroutines, and the machines need no locks of their own.
type engine struct {
	witness witness
	self    ring.DaemonID
	send    func(*ring.Output) // takes what is for the other daemons, before the events are applied; called in a turn
	// panicked is told of a panic in a turn before that ends the process. It may be nil.
	panicked func(value any, stack []byte)

	mu      sync.Mutex
	ring    orderer
	began   time.Time // what the ring's time counts from
	alarm   alarm
	pace    pace
	left    chan struct{} // closed when the ring has been left
	out     ring.Output
	groups  *group.Machine
	slots   []*session.Session // by group.Local
	free    []group.Local
	names   map[clientproto.Name]*session.Session // nil: claimed, not yet attached
	stopped bool
	kept    uint32 // the time that the next life must exceed

	lookout lookout
	depths  stats.Histogram // of the sessions' queues, in bytes, when something is added

	// Of the turn under way.
	touched []*session.Session
	ended   []*session.Session
	notices arena

	rosters rosters
}

func newEngine(began time.Time, r orderer, self ring.DaemonID, daemons []group.Daemon, w witness, send func(*ring.Output)) *engine {
	e := &engine{witness: w, self: self, send: send, ring: r, began: began, left: make(chan struct{}), names: make(map[clientproto.Name]*session.Session),
		lookout: lookout{bounds: listed()}, depths: stats.Of(stats.Bytes)}
	e.groups = group.New(self, daemons, groupSink{e})
	return e
}

// now is the ring's time.
func (e *engine) now() time.Duration { return time.Since(e.began) }

// guard is deferred by all who make turns.
func (e *engine) guard() {
	if v := recover(); v != nil {
		if e.panicked != nil {
			e.panicked(v, debug.Stack())
		}
		panic(v)
	}
}

// enter begins a turn.
func (e *engine) enter(touched []*session.Session) {
	e.mu.Lock()
	e.touched = touched
}

// leave makes the turn: everything that is due goes through ring and groups to
// the sessions. It returns those that must be flushed, and closes those whose
// end has come through the order.
func (e *engine) leave() []*session.Session {
	first := 0
	for {
		e.advance()
		first = e.commit(first)
		if first == len(e.touched) {
			break
		}
	}
	touched, ended := e.touched, e.ended
	e.touched, e.ended = nil, nil
	e.pace.update(e.ring.Backlog(), e.groups.Blocked())
	e.alarm.set(e.ring.Deadline(), e.now(), e.ring.Left())
	if e.lookout.wanted.Load() != 0 {
		e.show()
	}
	e.mu.Unlock()
	for _, s := range ended {
		s.Close()
	}
	return touched
}

// advance lets the ring do what is due, applies all that it has in order, and
// what follows from it.
func (e *engine) advance() {
	for again := true; again; {
		e.out.Reset()
		e.ring.Advance(e.now(), &e.out)
		e.keep(e.out.Time)
		if len(e.out.Packets)+len(e.out.Events) > 0 {
			e.send(&e.out)
		}
		for _, n := range e.out.Notes {
			e.witness.noted(n)
		}
		again = len(e.out.Events) > 0
		for i := range e.out.Events {
			ev := &e.out.Events[i]
			switch ev.Kind {
			case ring.Deliver:
				if ev.Message.Sender == e.self {
					e.requestDone(ev.Message.Payload)
				}
			case ring.RegularConfiguration:
				e.witness.installed(ev.Config)
			case ring.EpochBegins:
				if list := e.witness.epochBegins(ev.Digest); list != nil {
					e.groups.SetDaemons(list)
				}
			}
			e.groups.Apply(ev)
		}
		e.ring.Hold(e.groups.Blocked())
	}
	e.out.Reset()
	if e.ring.Left() {
		e.leaveOnce()
	}
}

// keep has the next life begin after a time. It is called in a turn, before others can
// learn of the time.
func (e *engine) keep(time uint32) {
	if time > e.kept {
		e.kept = time
		e.witness.keepTime(time)
	}
}

func (e *engine) leaveOnce() {
	select {
	case <-e.left:
	default:
		close(e.left)
	}
}

// commit queues what touched[first:] got. Sessions that cannot keep up are sent
// out through the order, which makes more due; then the result is not
// len(e.touched).
func (e *engine) commit(first int) (done int) {
	var doomed bool
	turn := session.Turn{Depths: &e.depths}
	now := time.Now()
	for ; first < len(e.touched); first++ {
		s := e.touched[first]
		if verdict := s.Commit(&turn, now); verdict != session.Open && s.End(verdict, nil) {
			e.sendOff(s)
			doomed = true
		}
	}
	if doomed {
		e.advance()
	}
	return first
}

// The calls of session.Router.

// Claim implements session.Router.
func (e *engine) Claim(private clientproto.Name) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return session.ErrStopping
	}
	if _, taken := e.names[private]; taken {
		return session.ErrTaken
	}
	e.names[private] = nil
	return nil
}

// Release implements session.Router.
func (e *engine) Release(private clientproto.Name) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.names, private)
}

// Attach implements session.Router.
func (e *engine) Attach(s *session.Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := group.Local(len(e.slots))
	if n := len(e.free); n > 0 {
		l = e.free[n-1]
		e.free = e.free[:n-1]
	} else {
		e.slots = append(e.slots, nil)
	}
	e.slots[l] = s
	s.Handle = uint32(l)
	e.names[s.Private] = s
	known := e.groups.Connect(l, s.Private, s.Views)
	if e.stopped || !known {
		s.End(session.DaemonStopped, nil)
		s.Close()
	}
}

// Submit implements session.Router.
func (e *engine) Submit(s *session.Session, messages [][]byte, touched []*session.Session) []*session.Session {
	defer e.guard()
	e.enter(touched)
	if e.alive(s) && !s.Leaving {
		for _, m := range messages {
			e.ring.Submit(e.serviceFor(s, clientproto.TypeOf(m)), m)
		}
	}
	return e.leave()
}

// Full implements session.Router.
func (e *engine) Full() <-chan struct{} { return e.pace.full() }

// Leave implements session.Router.
func (e *engine) Leave(s *session.Session) {
	defer e.guard()
	e.enter(nil)
	if e.stopped && (!s.Leaving || e.alarm.off) {
		e.ended = append(e.ended, s)
	} else {
		e.sendOff(s)
	}
	for _, t := range e.leave() {
		t.Flush()
	}
}

func (e *engine) alive(s *session.Session) bool {
	return int(s.Handle) < len(e.slots) && e.slots[s.Handle] == s
}

// sendOff submits the end of a session, once. An end that the daemon declares is
// ordered as SAFE, as the original does (semantics 4.2).
func (e *engine) sendOff(s *session.Session) {
	if s.Leaving || !e.alive(s) {
		return
	}
	s.Leaving = true
	service := ring.Safe
	if s.Reason() == session.ClientDisconnected {
		service = ring.Agreed
	}
	h := clientproto.Header{Type: clientproto.Kill, NumGroups: 1}
	m := clientproto.AppendHeader(nil, &h, &s.Private, 0)
	e.ring.Submit(service, append(m, s.Private[:]...))
}

// serviceFor is serviceOf a message of s. What a client sends to a group that it has
// just joined must not overtake the join: who waits for its own messages, as programs
// do, would wait for ever. So RELIABLE and UNRELIABLE messages take their place in the
// order while a request is on its way there.
func (e *engine) serviceFor(s *session.Session, t clientproto.Type) ring.Service {
	service := serviceOf(t)
	switch {
	case t&(clientproto.Join|clientproto.Leave) != 0:
		s.Requests++
	case service <= ring.Reliable && s.Requests > 0:
		return ring.FIFO
	}
	return service
}

// requestDone notes that a request of a client of ours has come through the order.
func (e *engine) requestDone(payload []byte) {
	if len(payload) < clientproto.HeaderSize || clientproto.TypeOf(payload)&(clientproto.Join|clientproto.Leave) == 0 {
		return
	}
	if s := e.names[clientproto.NameOf(clientproto.Sender(payload))]; s != nil && s.Requests > 0 {
		s.Requests--
	}
}

// serviceOf is the service that a message of a client travels with.
func serviceOf(t clientproto.Type) ring.Service {
	switch {
	case t&clientproto.Unreliable != 0:
		return ring.Unreliable
	case t&clientproto.Reliable != 0:
		return ring.Reliable
	case t&clientproto.FIFO != 0:
		return ring.FIFO
	case t&clientproto.Causal != 0:
		return ring.Causal
	case t&clientproto.Safe != 0:
		return ring.Safe
	}
	return ring.Agreed // also joins, leaves and disconnects
}

// The calls of group.Sink, all within a turn.

func (e *engine) deliver(l group.Local, m []byte, shared bool) {
	if s := e.slots[l]; s != nil && s.Deliver(m, shared) {
		e.touched = append(e.touched, s)
	}
}

// Deliver implements group.Sink.
func (e *engine) Deliver(to []group.Local, payload []byte) {
	for _, l := range to {
		e.deliver(l, payload, false)
		if r := e.slots[l]; r != nil && r.Slow() {
			// The message may have come from another daemon, or with the token.
			if from := e.names[clientproto.NameOf(clientproto.Sender(payload))]; from != nil {
				from.HoldFor(r)
			}
		}
	}
}

// View implements group.Sink: the notice is encoded once for all who read the
// same layout.
func (e *engine) View(to []group.Local, v *clientproto.View) {
	if len(v.Members) > largeGroup {
		e.longView(to, v)
		return
	}
	e.rosters.forget(v.Group)
	var present, old notice
	for _, l := range to {
		n, encode := &present, clientproto.AppendView
		if e.layout(l) == clientproto.OldLayout {
			n, encode = &old, clientproto.AppendOldView
		}
		if n.b == nil {
			*n = e.notices.add(v.Size(), len(to), func(b []byte) []byte { return encode(b, v) })
		}
		e.deliver(l, n.b, n.shared)
	}
}

// longView is View for large groups.
func (e *engine) longView(to []group.Local, v *clientproto.View) {
	members, cost := e.rosters.update(&v.Group, v.Members)
	var present, old *longView
	for _, l := range to {
		layout, x := e.layout(l), &present
		if layout == clientproto.OldLayout {
			x = &old
		}
		if *x == nil {
			*x = newLongView(v, layout, members, cost)
		}
		if s := e.slots[l]; s != nil && s.DeliverLong(*x) {
			e.touched = append(e.touched, s)
		}
	}
}

// layout is that of the views that a session reads.
func (e *engine) layout(l group.Local) clientproto.Layout {
	s := e.slots[l]
	return clientproto.Layout(s != nil && s.Version.OldViews())
}

// Transition implements group.Sink.
func (e *engine) Transition(to []group.Local, name *clientproto.Name, id clientproto.GroupID) {
	n := e.notices.add(clientproto.HeaderSize+clientproto.GroupIDSize, len(to), func(b []byte) []byte {
		return clientproto.AppendTransition(b, name, id)
	})
	for _, l := range to {
		e.deliver(l, n.b, n.shared)
	}
}

// SelfLeave implements group.Sink.
func (e *engine) SelfLeave(to group.Local, name *clientproto.Name) {
	n := e.notices.add(clientproto.HeaderSize, 1, func(b []byte) []byte {
		return clientproto.AppendSelfLeave(b, name)
	})
	e.deliver(to, n.b, n.shared)
}

// Disconnected implements group.Sink.
func (e *engine) Disconnected(l group.Local) {
	s := e.slots[l]
	if s == nil {
		return
	}
	delete(e.names, s.Private)
	e.slots[l] = nil
	e.free = append(e.free, l)
	e.ended = append(e.ended, s)
}

// Submit of group.Sink would collide with that of session.Router, so the group
// machine is given this view of the engine.
type groupSink struct{ *engine }

// Submit implements group.Sink.
func (g groupSink) Submit(s ring.Service, payload []byte) { g.engine.ring.SubmitExchange(s, payload) }

// stop ends all sessions for the reason given; their connections are closed by
// the caller. No session is sent through the order any more.
func (e *engine) stop(r session.Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	for _, s := range e.slots {
		if s != nil {
			s.End(r, nil)
		}
	}
}

// leaveRing announces that this daemon stops; left is closed when that is done.
func (e *engine) leaveRing() {
	e.turn(func() { e.ring.Leave(e.now()) })
}

// end stops the alarm: no turn is made any more but by what comes in. Sessions whose
// end is still on its way through the order do not wait for it any more.
func (e *engine) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.alarm.stop()
	for _, s := range e.slots {
		if s != nil && s.Leaving {
			s.Close()
		}
	}
}

// offerEpoch offers a configuration of daemons.
func (e *engine) offerEpoch(epoch ring.Epoch) {
	e.turn(func() { e.ring.Offer(epoch) })
}

// lacking tells for whose offer the one made here waits.
func (e *engine) lacking() (members []ring.Lack, waiting bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ring.Lacking()
}

// counts are the sessions and groups at this moment.
func (e *engine) counts() (sessions, groups int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.slots) - len(e.free), e.groups.NumGroups()
}
