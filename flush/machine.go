package flush

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gospread/spread"
)

// Bounds of what a group can make the layer keep. What exceeds them ends the
// connection, since no message and no change may be left out.
const (
	// maxPostponed is in bytes: messages of members that have installed the change
	// in hand, which they are ahead of us for moments only.
	maxPostponed = 64 << 20
	// maxPending is in members of pending changes, added up.
	maxPending = 1 << 20
	// perMessage is what a message takes beside its data, about.
	perMessage = 256
)

// Drops counts messages that were not given to the user.
type Drops struct {
	// NotInView: from clients that are no members of the flush view, such as those
	// that use package spread directly.
	NotInView uint64
	// UnknownGroup: for a group that we are not in.
	UnknownGroup uint64
	// Malformed: without what the layer appends.
	Malformed uint64
}

// machine is the state of one client (client protocol 9.4 and 9.5). It is pure:
// what comes from the Spread layer goes in, what is due for the user and for the
// daemon comes out.
type machine struct {
	self   string
	groups map[string]*group
	events []Event   // for the user
	sends  []control // for the daemon, before anything of the user's
	drops  Drops
	failed error // why nothing more can be done
}

func newMachine(self string) *machine {
	return &machine{self: self, groups: map[string]*group{}}
}

// receive takes an event of the Spread layer.
func (m *machine) receive(ev spread.Event) {
	switch ev := ev.(type) {
	case *spread.Message:
		m.message(ev)
	case *spread.View:
		m.membership(ev)
	case *spread.Transition:
		if g := m.groups[ev.Group]; g != nil {
			m.signal(g)
		}
	case *spread.SelfLeave:
		delete(m.groups, ev.Group)
		m.give(&SelfLeave{Group: ev.Group})
	case *spread.Rejected:
		if g := ev.Message.Groups; ev.Request == spread.LeaveRequest && len(g) > 0 {
			m.stay(g[0])
		}
		m.give(&Rejected{*ev})
	}
}

func (m *machine) give(ev Event) { m.events = append(m.events, ev) }

func (m *machine) fail(err error) {
	if m.failed == nil {
		m.failed = &spread.Error{Op: "receive", Code: spread.ErrIllegalState, Err: fmt.Errorf("%w; the connection was given up", err)}
	}
}

// signal gives the transitional signal, once in a view.
func (m *machine) signal(g *group) {
	if !g.view.signalled {
		g.view.signalled = true
		m.give(&Transition{Group: g.name})
	}
}

// membership takes a Spread membership.
func (m *machine) membership(v *spread.View) {
	if !slices.Contains(v.Members, m.self) {
		return // none of ours, and it could never complete
	}
	g := m.groups[v.Group]
	if g == nil {
		g = newGroup(v.Group, m.self)
		m.groups[v.Group] = g
	}
	before := g.inHand()
	leavers := g.leavers(v)
	g.early.grow()
	next := g.newChange(v)
	lost := g.lose(leavers, next)
	g.changes = append(g.changes, next)
	g.last = v.Members
	if g.pending() > maxPending {
		m.fail(fmt.Errorf("group %q has %d changes that wait for a member to flush", g.name, len(g.changes)))
	}
	if g.inHand() != before {
		g.postponed, g.postponedSize = nil, 0
		m.start(g)
	}
	if lost {
		m.signal(g)
	}
}

// start begins with the change in hand.
func (m *machine) start(g *group) {
	clear(g.received)
	switch quiet := g.phase == steady || g.phase == verify; {
	case quiet && g.member != leaving:
		g.phase = authorize
		m.give(&FlushRequest{Group: g.name})
	case quiet, g.phase == agree:
		m.agree(g)
	}
}

// agree agrees to the change in hand, for a user who sends nothing before it: who
// has flushed, is joining, or is leaving.
func (m *machine) agree(g *group) {
	g.phase = agree
	m.send(g, typeOK, g.inHand().id)
}

func (m *machine) send(g *group, typ int16, id spread.ViewID) {
	m.sends = append(m.sends, control{group: g.name, typ: typ, id: id})
}

// message takes a data message of the Spread layer.
func (m *machine) message(msg *spread.Message) {
	in, err := parse(msg)
	if err != nil {
		m.drops.Malformed++
		return
	}
	if in.group == m.self && !isControl(msg.Type) {
		m.give(in.event())
		return
	}
	g := m.groups[in.group]
	if g == nil {
		m.drops.UnknownGroup++
		return
	}
	switch msg.Type {
	case typeOK:
		m.agreed(g, in.id, msg.Sender)
	case typeReceived:
		g.verified(in.id, msg.Sender)
	default:
		m.data(g, in)
	}
}

func isControl(t int16) bool { return t == typeOK || t == typeReceived }

func (in *incoming) event() *Message {
	return &Message{Group: in.group, Subgroup: in.subgroup, Message: in.msg}
}

// agreed takes a FLUSH_OK.
func (m *machine) agreed(g *group, id spread.ViewID, sender string) {
	i := slices.IndexFunc(g.changes, func(c *change) bool { return c.id == id })
	if i < 0 {
		g.early.add(id, sender)
		return
	}
	c := g.changes[i]
	delete(c.missing, sender)
	if g.phase == agree && i == 0 && len(c.missing) == 0 {
		m.install(g)
	}
}

// install makes the change in hand the flush view.
func (m *machine) install(g *group) {
	c := g.inHand()
	g.changes = slices.Delete(g.changes, 0, 1)
	postponed := g.postponed
	g.postponed, g.postponedSize = nil, 0
	m.give(g.enter(c, m.self))
	if len(g.changes) == 0 {
		m.send(g, typeReceived, c.id)
	} else {
		m.start(g)
	}
	if len(c.gone) > 0 {
		m.signal(g)
	}
	for _, p := range postponed {
		m.give(p)
	}
}

// data takes a message for the user.
func (m *machine) data(g *group, in *incoming) {
	if c := g.inHand(); g.phase == agree && in.vulnerable && in.id == c.id {
		g.postponed = append(g.postponed, in.event())
		if g.postponedSize += perMessage + len(in.msg.Data); g.postponedSize > maxPostponed {
			m.fail(fmt.Errorf("group %q has %d messages of a view that is not installed yet", g.name, len(g.postponed)))
		}
		return
	}
	if !g.view.present.has(in.msg.Sender) {
		m.drops.NotInView++
		return
	}
	m.give(in.event())
}

// Errors of the user's calls. The caller adds what was tried.

func illegalGroup(format string, args ...any) error {
	return &spread.Error{Code: spread.ErrIllegalGroup, Err: fmt.Errorf(format, args...)}
}

func illegalState(text string) error {
	return &spread.Error{Code: spread.ErrIllegalState, Err: errors.New(text)}
}

// join checks that the group is not known yet.
func (m *machine) join(name string) error {
	if g := m.groups[name]; g != nil {
		return illegalGroup("already %v", g.member)
	}
	return nil
}

// leave begins to leave.
func (m *machine) leave(name string) error {
	g := m.groups[name]
	if g == nil || g.member != joined {
		return illegalGroup("not a member, or not any more")
	}
	g.member = leaving
	return nil
}

// stay takes back a leave that could not be sent or was refused.
func (m *machine) stay(name string) {
	if g := m.groups[name]; g != nil && g.member == leaving {
		g.member = joined
	}
}

// flush answers the flush request.
func (m *machine) flush(name string) error {
	switch g := m.groups[name]; {
	case g == nil:
		return illegalGroup("not a member, or not any more")
	case g.phase == authorize:
		m.agree(g)
	case g.member != leaving:
		return illegalState("there is no flush request to answer")
	}
	return nil
}

// outgoing makes of a user's message what goes to the daemon, if it may be sent
// now (client protocol 9.3).
func (m *machine) outgoing(o *Outgoing) (*spread.Outgoing, error) {
	if !o.Service.Valid() {
		return nil, &spread.Error{Code: spread.ErrIllegalService, Err: fmt.Errorf("service 0x%x, must be exactly one of the six", uint32(o.Service))}
	}
	if o.Type < MinType {
		return nil, &spread.Error{Code: spread.ErrIllegalMessageType, Err: fmt.Errorf("message type %d, must be at least %d", o.Type, MinType)}
	}
	p := &spread.Outgoing{
		Service:     o.Service,
		SelfDiscard: o.SelfDiscard,
		Type:        o.Type,
		Groups:      []string{o.Group},
		Data:        o.Data,
		Pieces:      o.Pieces,
	}
	t := trailer{group: o.Group, messType: o.Type}
	private := strings.HasPrefix(o.Group, "#")
	if !private {
		g := m.groups[o.Group]
		if g == nil || g.member != joined {
			return nil, illegalGroup("not a member, or not any more")
		}
		if g.phase == agree {
			return nil, illegalState("the group has been flushed; wait for its next view")
		}
		t.vulnerable = o.Service <= spread.FIFO && (g.phase == authorize || g.phase == verify)
		t.id = g.view.id
	}
	if o.Receivers != nil {
		if err := m.receivers(o, private); err != nil {
			return nil, err
		}
		t.subgroup = true
		p.Groups = o.Receivers
		p.Flags = spread.SubgroupCast
	}
	if t.vulnerable {
		p.Type = typeVulnerable
	}
	if t.vulnerable || t.subgroup {
		p.Pieces = append(p.Pieces[:len(p.Pieces):len(p.Pieces)], t.append(nil))
	}
	return p, nil
}

// receivers checks those of a subgroup cast.
func (m *machine) receivers(o *Outgoing, private bool) error {
	if len(o.Receivers) == 0 {
		return &spread.Error{Code: spread.ErrIllegalParam, Err: errors.New("a subgroup cast without receivers")}
	}
	for _, r := range o.Receivers {
		if private && r != o.Group || !private && !m.groups[o.Group].view.all.has(r) {
			return &spread.Error{Code: spread.ErrIllegalReceivers, Err: fmt.Errorf("receiver %q is no member of the view", r)}
		}
	}
	return nil
}
