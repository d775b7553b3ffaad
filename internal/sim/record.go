package sim

import (
	"bytes"
	"slices"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/evscheck"
	"gospread/spread/internal/ring"
)

// record is the trace of a life of a daemon.
type record struct {
	evscheck.DaemonTrace
	h      *host
	config *ring.Configuration
	phase  ring.EventKind // RegularConfiguration or TransitionalConfiguration
	tenure *tenure
	stable uint64
	// In this configuration, messages of the state exchange too: those of this
	// daemon that got their place, and those delivered.
	placed, given int
}

func (w *World) newRecord(h *host) *record {
	return &record{h: h, DaemonTrace: evscheck.DaemonTrace{
		Daemon: uint32(h.slot.id), Name: h.slot.name, Life: h.life,
	}}
}

func (r *record) crash() { r.Ended = true }

func (r *record) message(m *ring.Message) evscheck.DaemonMessage {
	return evscheck.DaemonMessage{
		Seq: m.Seq, Digest: evscheck.Digest(m.Payload), Size: int32(len(m.Payload)),
		Sender: uint32(m.Sender), Service: evscheck.Service(m.Service), Loose: m.Loose,
	}
}

// sent notes what got its place.
func (r *record) sent(ms []ring.Message) {
	for i := range ms {
		m := &ms[i]
		r.placed++
		r.Sequence(r.message(m))
		r.h.w.mix(uint64(r.h.slot.index), m.Seq, 1)
		r.h.note("= %#x %v, %d bytes", m.Seq, evscheck.Service(m.Service), len(m.Payload))
	}
}

// apply notes an event of the ring and gives it to the groups.
func (h *host) apply(e *ring.Event) {
	r, w := h.log, h.w
	switch e.Kind {
	case ring.Deliver:
		r.given++
		m := r.message(&e.Message)
		r.Deliver(m)
		w.kept.keep(w, e.Message.Payload, m.Digest)
		if !e.Message.Loose && r.phase == ring.RegularConfiguration {
			r.tenure.given = e.Message.Seq
		}
		w.mix(uint64(h.slot.index), e.Message.Seq, 2)
		h.note("! %#x of %s, %v, %d bytes", e.Message.Seq, w.name(e.Message.Sender), evscheck.Service(e.Message.Service), len(e.Message.Payload))
	case ring.RegularConfiguration:
		h.members = e.Config.Members
		r.config, r.phase, r.stable, r.given, r.placed = e.Config, e.Kind, 0, 0, 0
		r.Install(evscheck.ConfigID{Leader: uint32(e.Config.ID.Leader), Time: e.Config.ID.Time}, evscheck.Members(e.Config.Members))
		h.lists = h.in
		w.mix(uint64(w.now), uint64(h.slot.index), uint64(e.Config.ID.Time), 3)
		h.note("REGULAR %v %v", e.Config.ID, w.names(e.Config.Members))
		w.installed(h, e.Config)
	case ring.TransitionalConfiguration:
		r.phase = e.Kind
		r.Signal(evscheck.ConfigID{Leader: uint32(e.Config.ID.Leader), Time: e.Config.ID.Time}, evscheck.Members(e.Config.Members))
		w.mix(uint64(w.now), uint64(h.slot.index), uint64(e.Config.ID.Time), 4)
		h.note("TRANSITIONAL %v %v", e.Config.ID, w.names(e.Config.Members))
	case ring.EpochBegins:
		h.epochBegins(e.Digest)
	}
	before := h.groups.State()
	for _, hook := range w.onEvent {
		hook(h, e)
	}
	h.groups.Apply(e)
	w.Seen.event(h, e, before, h.groups.State())
}

// stableTo notes how far the machine says that everything is stable.
func (r *record) stableTo(seq uint64) {
	if r.config != nil && r.phase == ring.RegularConfiguration && seq > r.stable {
		r.StableTo(seq)
	}
	r.stable = seq
}

func (w *World) names(ids []ring.DaemonID) []string {
	var names []string
	for _, id := range ids {
		names = append(names, w.name(id))
	}
	return names
}

// connection is the trace of one connection of a client.
type connection struct {
	evscheck.Conn
	unread []func(*connection)
	ended  bool
}

func (w *World) newConnection(c *client, views bool) *connection {
	conn := &connection{Conn: evscheck.Conn{Name: c.name, Views: views}}
	w.conns = append(w.conns, conn)
	return conn
}

func (c *connection) add(e evscheck.Event) { c.Events = append(c.Events, e) }

func (c *connection) join(g string) {
	c.add(evscheck.Event{Kind: evscheck.Join, Group: clientproto.MakeName(g)})
}

func (c *connection) leave(g string) {
	c.add(evscheck.Event{Kind: evscheck.Leave, Group: clientproto.MakeName(g)})
}

func (c *connection) send(p []byte)    { c.add(evscheck.Event{Kind: evscheck.Send, Payload: brief(p)}) }
func (c *connection) message(p []byte) { c.add(evscheck.Event{Kind: evscheck.Message, Payload: p}) }
func (c *connection) view(v *clientproto.View) {
	c.add(evscheck.Event{Kind: evscheck.View, View: v})
}

func (c *connection) transition(g clientproto.Name, id clientproto.GroupID) {
	c.add(evscheck.Event{Kind: evscheck.Transition, Group: g, ID: id})
}

func (c *connection) selfLeave(g clientproto.Name) {
	c.add(evscheck.Event{Kind: evscheck.SelfLeave, Group: g})
}

// end: what has not been read is lost.
func (c *connection) end() { c.ended, c.Ended, c.unread = true, true, nil }

// catchUp reads all that waits.
func (c *connection) catchUp() {
	for _, f := range c.unread {
		f(c)
	}
	c.unread = nil
}

// sentTable holds what clients sent, so that traces need no copies.
type sentTable struct {
	count    uint64
	messages map[sentKey][]byte
}

// sentKey is what two messages of clients never share: the sender's counter in
// the header, and the beginning of the data.
type sentKey struct {
	sender clientproto.Name
	count  int16
	size   int
	data   [8]byte
}

func (t *sentTable) init() { t.messages = make(map[sentKey][]byte) }

func (t *sentTable) next() uint64 {
	t.count++
	return t.count
}

func keyOf(p []byte) (k sentKey, ok bool) {
	if len(p) < clientproto.HeaderSize {
		return k, false
	}
	h, err := clientproto.ParseHeader(p)
	if err != nil || h.NumGroups < 0 || h.NumGroups > clientproto.MaxGroups || h.Data() > len(p) {
		return k, false
	}
	k.sender, k.size = clientproto.NameOf(clientproto.Sender(p)), len(p)
	k.count, _ = clientproto.MessType(p)
	copy(k.data[:], p[h.Data():])
	return k, true
}

func (t *sentTable) add(p []byte) {
	k, _ := keyOf(p)
	t.messages[k] = p
}

// brief is what a trace keeps of a message: enough to tell it from others.
func brief(p []byte) []byte {
	h, _ := clientproto.ParseHeader(p)
	return p[:min(len(p), h.Data()+8)]
}

// find returns what a trace keeps of a message that was delivered: nothing less
// than all of it if nobody sent it so.
func (t *sentTable) find(p []byte) []byte {
	if k, ok := keyOf(p); ok {
		if sent := t.messages[k]; bytes.Equal(sent, p) {
			return brief(sent)
		}
	}
	return slices.Clone(p)
}

// Traces are those of all daemons and clients so far.
func (w *World) Traces(quiet bool) *evscheck.Run {
	run := &evscheck.Run{
		Loose: w.Plan.Datagram, IndexBits: 16, Quiet: quiet,
		Unique: max(w.sent.count, w.requests) < 1<<16, // counters in headers have not come round
	}
	for _, s := range w.slots {
		run.Daemons = append(run.Daemons, s.name)
	}
	for _, c := range w.conns {
		if quiet {
			c.catchUp()
		}
		run.Conns = append(run.Conns, &c.Conn)
	}
	for _, h := range w.lives {
		run.Traces = append(run.Traces, &h.log.DaemonTrace)
	}
	return run
}

// Check gives the traces to the checker and returns all violations, those that
// the world saw itself first.
func (w *World) Check(quiet bool) []Violation {
	if w.Plan.Rubbish {
		return w.broken
	}
	w.checkEpochs()
	w.kept.all(w)
	found := w.broken
	for _, v := range evscheck.Check(w.Traces(quiet)).Violations {
		found = append(found, Violation{v.Rule, v.At + ": " + v.Text})
	}
	return found
}
