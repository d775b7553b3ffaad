package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/session"
	"gospread/spread/internal/stats"
	"gospread/spread/internal/status"
)

// summary tells where the daemon stands, as of at most a tenth of a second ago; if ctx
// ends before the engine can be looked at, as it was when it last could.
func (d *Daemon) summary(ctx context.Context) *status.Summary {
	return d.summarize(d.engine.look(ctx, wantPlain), d.server.Overview(), time.Now())
}

// reportedSessions is how many sessions a report lists.
const reportedSessions = 10_000

// fullReport is summary, and everything else.
func (d *Daemon) fullReport(ctx context.Context) *status.Report {
	s, groups := d.engine.lookAtAll(ctx)
	groups.sort()
	o, now := d.server.Overview(), time.Now()
	r := &status.Report{Summary: *d.summarize(s, o, now)}
	r.Views, r.Closed = d.history.past()
	r.Groups = groupsOf(groups.list)
	if l := groups.list; len(l.Groups) < l.All {
		r.Omitted = append(r.Omitted, fmt.Sprintf("%d of %d groups are shown", len(l.Groups), l.All))
	}
	if n := groups.list.Unnamed; n > 0 {
		r.Omitted = append(r.Omitted, fmt.Sprintf("%d members of groups are counted, and not named", n))
	}
	slices.SortFunc(o.Sessions, func(a, b *session.Session) int { return a.Private.Compare(&b.Private) })
	if n := len(o.Sessions); n > reportedSessions {
		r.Omitted = append(r.Omitted, fmt.Sprintf("%d of %d sessions are shown", reportedSessions, n))
		o.Sessions = o.Sessions[:reportedSessions]
	}
	r.Sessions = make([]status.Session, len(o.Sessions))
	for i, x := range o.Sessions {
		r.Sessions[i] = sessionOf(x, now)
		r.Sessions[i].Groups = groups.of[x.Private]
	}
	return r
}

// changes is another number whenever views, groups or sessions have changed.
func (d *Daemon) changes(ctx context.Context) uint64 {
	s := d.engine.look(ctx, wantPlain)
	return s.version + s.ring.Counters.Installed + d.server.Opened() + d.history.count()
}

func (d *Daemon) summarize(s *snapshot, o session.Overview, now time.Time) *status.Summary {
	ended, view := d.history.counted()
	m := membership(d.epochs.now(), s, &view)
	if p := d.network.parts.Load(); p != nil {
		m.Partition = int(p.part)
	}
	return &status.Summary{
		Schema:     status.Schema,
		Time:       now,
		Daemon:     d.about(now),
		Membership: m,
		Daemons:    peers(d.epochs.now(), s),
		Clients:    d.clients(s, o, ended, now),
		Ring:       d.order(s),
		Network:    d.traffic(s),
		Process:    process(),
	}
}

func (d *Daemon) about(now time.Time) status.Daemon {
	cfg := d.config.Load()
	return status.Daemon{
		Name: d.self.Name, ID: int32(d.self.ID), Address: netip.AddrPortFrom(d.self.Addr, d.self.Port).String(),
		Version: d.opts.Version, Started: d.began, Uptime: now.Sub(d.began).Seconds(),
		ConfigHash: d.epochs.now().Hash(), ConfigFile: cfg.File, DangerousMonitor: cfg.Options.DangerousMonitor,
		Sealed: d.network.sealer.Load().Keyed(),
	}
}

// stateCodes are the numbers of the classic report (configuration and tools 9.4).
var stateCodes = map[string]int{"operational": 1, "gathering": 4, "forming": 5, "recovering": 6}

var groupStates = map[group.State]string{group.GOP: "operational", group.GTRANS: "transitional", group.GGATHER: "gathering", group.GGT: "interrupted"}

// membership is where the daemon stands; v is the membership that was installed last.
func membership(cfg *conf.Config, s *snapshot, v *status.View) status.Membership {
	m := status.Membership{State: s.ring.State, Code: stateCodes[s.ring.State], GroupState: groupStates[s.state], GroupCode: int(s.state),
		ID: v.ID, Since: v.At, Members: slices.Clone(v.Members), Changes: s.ring.Counters.Installed}
	if len(v.Members) > 0 {
		m.Leader = v.Members[0]
	}
	segments := make(map[int]bool)
	for _, c := range cfg.Daemons() {
		if slices.Contains(v.Members, c.Name) {
			segments[c.Segment] = true
		} else {
			m.Missing = append(m.Missing, c.Name)
		}
	}
	m.Segments = len(segments)
	if m.Members == nil {
		m.Members = []string{}
	}
	return m
}

func peers(cfg *conf.Config, s *snapshot) []status.Peer {
	known := make(map[ring.DaemonID]ring.PeerStatus, len(s.ring.Peers))
	for _, p := range s.ring.Peers {
		known[p.ID] = p
	}
	list := []status.Peer{}
	for _, c := range cfg.Daemons() {
		p := status.Peer{Name: c.Name, ID: int32(c.ID), Address: netip.AddrPortFrom(c.Addr, c.Port).String(), Segment: c.Segment, Heard: -1}
		id := ring.DaemonID(c.ID)
		p.Member = s.ring.Config != nil && slices.Contains(s.ring.Config.Members, id)
		if k, ok := known[id]; ok {
			p.RoundTrip, p.Mismatch = k.RoundTrip.Seconds(), k.Mismatch
			if k.Heard >= 0 {
				p.Heard = k.Heard.Seconds()
			}
		}
		list = append(list, p)
	}
	return list
}

func (d *Daemon) clients(s *snapshot, o session.Overview, ended map[string]uint64, now time.Time) status.Clients {
	opts := &d.config.Load().Options
	most, _ := capacity(opts)
	c := status.Clients{Sessions: len(o.Sessions), MaxSessions: most, MaxQueuedBytes: opts.MaxSessionBytes,
		MaxStalled: opts.MaxSessionStall.Seconds(), Groups: s.numGroups, Opened: o.Opened, Ended: ended, Held: o.Held,
		QueueDepth: sizes(&s.depths)}
	total := o.Gone
	var slowest []slow
	for _, x := range o.Sessions {
		l := x.Load(now)
		total.Add(l.Traffic)
		c.QueuedMessages += l.QueuedMessages
		c.QueuedBytes += l.QueuedBytes
		if l.QueuedBytes > 0 {
			slowest = append(slowest, slow{x, l.QueuedBytes})
		}
	}
	c.MessagesIn, c.BytesIn, c.MessagesOut, c.BytesOut = total.MessagesIn, total.BytesIn, total.MessagesOut, total.BytesOut
	slices.SortFunc(slowest, func(a, b slow) int {
		return cmp.Or(b.bytes-a.bytes, a.session.Private.Compare(&b.session.Private))
	})
	for _, x := range slowest[:min(len(slowest), status.MostSlow)] {
		c.Slowest = append(c.Slowest, sessionOf(x.session, now))
	}
	return c
}

// slow is a session for which something waits.
type slow struct {
	session *session.Session
	bytes   int
}

func sessionOf(x *session.Session, now time.Time) status.Session {
	l := x.Load(now)
	return status.Session{Name: x.Private.String(), Remote: x.Remote(), Library: x.Library(), Views: x.Views, Since: x.Started,
		MessagesIn: l.MessagesIn, MessagesOut: l.MessagesOut, QueuedMessages: l.QueuedMessages, QueuedBytes: l.QueuedBytes,
		Stalled: l.Stalled.Seconds(), Held: l.Held}
}

var services = [...]string{"unreliable", "reliable", "fifo", "causal", "agreed", "safe"}

func (d *Daemon) order(s *snapshot) status.Ring {
	c := &s.ring.Counters
	r := status.Ring{
		PacketsSent: c.Packets, PacketsReceived: c.Received, Duplicates: c.Duplicates, Retransmissions: c.Resent, Requests: c.Asked,
		Packets: c.DeliveredPackets, Tokens: c.Tokens, Wakes: c.Wakes,
		Aru: s.ring.Aru, Stable: s.ring.Stable, High: s.ring.High,
		Window: s.ring.Window, PersonalWindow: s.ring.Personal, AcceleratedWindow: s.ring.Accelerated, Backlog: s.ring.Backlog,
		Gathers: c.Gathers, Attempts: c.Attempts, Installed: c.Installed,
		Delivered: make(map[string]uint64), TokenRotation: durations(&s.ring.Rotation), TokenWait: durations(&s.ring.Wait),
		Delivery: durations(&s.ring.Delivery),
		Rejected: map[string]uint64{"malformed": c.Malformed, "stale": c.Stale, "foreign": c.Foreign, "mismatch": c.Mismatched,
			"unauthentic": d.network.refused.Load(), "stranger": d.network.strangers.Load()},
	}
	for i, n := range s.messages {
		r.Messages += n
		r.Delivered[services[i]] = n
	}
	return r
}

func (d *Daemon) traffic(s *snapshot) status.Network {
	n := status.Network{Datagram: s.ring.Datagram}
	l := d.network.shown.Load()
	if l == nil {
		return n
	}
	c := (*l).Counters()
	n.DatagramsIn, n.BytesIn, n.DatagramsOut, n.BytesOut = c.DatagramsIn, c.BytesIn, c.DatagramsOut, c.BytesOut
	n.Dropped = map[string]uint64{"overflow": c.Overflow, "truncated": c.Truncated, "send_full": c.DropFull,
		"unreachable": c.DropUnreachable, "size": c.DropSize, "unknown": c.DropUnknown,
		"partition": d.network.parted.Load(), "monitor": d.monitors.ignored.Load()}
	return n
}

func groupsOf(l *group.Listing) []status.Group {
	list := make([]status.Group, len(l.Groups))
	for i := range l.Groups {
		g := &l.Groups[i]
		list[i] = status.Group{Name: g.Name.String(), View: fmt.Sprintf("%d/%d/%d", g.ID.Daemon, g.ID.Time, g.ID.Index), Members: g.Members, Local: g.Locals}
		for _, n := range g.Names {
			list[i].Names = append(list[i].Names, n.String())
		}
	}
	return list
}

// durations is a histogram of nanoseconds, in seconds.
func durations(h *stats.Histogram) status.Histogram {
	const second = float64(time.Second)
	s := status.Histogram{Count: h.Count, Sum: h.Sum / second, P50: h.Quantile(0.5) / second, P99: h.Quantile(0.99) / second, Max: float64(h.Max) / second}
	var n uint64
	for i, b := range h.Scale.Bounds() {
		n += h.Counts[i]
		s.Buckets = append(s.Buckets, status.Bucket{Le: float64(b) / second, Count: n})
	}
	return s
}

func sizes(h *stats.Histogram) status.Sizes {
	s := status.Sizes{Count: h.Count, Sum: h.Sum, P50: h.Quantile(0.5), P99: h.Quantile(0.99), Max: h.Max}
	var n uint64
	for i, b := range h.Scale.Bounds() {
		n += h.Counts[i]
		s.Buckets = append(s.Buckets, status.SizeBucket{Le: b, Count: n})
	}
	return s
}

const (
	// stuckAfter is how long the engine may make no turn before the daemon counts as
	// hanging.
	stuckAfter = 5 * time.Second
	// healthWait is how long those who ask for its health are kept waiting.
	healthWait = 100 * time.Millisecond
	// lateAfter is how long after a membership began, and how recently, a daemon outside
	// must have been heard so that it should be in.
	lateAfter = 3 * time.Second
)

// health tells why the daemon does not work, nil if it does: its engine makes turns.
func (d *Daemon) health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	d.engine.look(ctx, wantPlain)
	if t := d.engine.lookout.waiting(); t >= stuckAfter {
		return fmt.Errorf("the engine hangs: it has made no turn for %v; if that lasts, restart the daemon", t.Round(time.Second/10))
	}
	return nil
}

// ready tells why the daemon is not in a ring that it should be in, nil if it is: it
// has a membership, which is not about to change, all know the groups, and no daemon
// of the configuration is outside that has been heard since.
func (d *Daemon) ready(ctx context.Context) error {
	if err := d.health(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	s := d.engine.look(ctx, wantPlain)
	_, view := d.history.counted()
	switch {
	case s.stopped:
		return errors.New("the daemon is stopping")
	case s.ring.State != "operational":
		return fmt.Errorf("the membership is changing: the daemon is %s", s.ring.State)
	case s.state != group.GOP:
		return fmt.Errorf("the daemons of the new membership are still telling each other of their groups (%s)", groupStates[s.state])
	}
	if p := d.network.parts.Load(); p != nil && len(p.others) > 0 {
		return fmt.Errorf("a monitor has parted this daemon from %d others: it is in part %d", len(p.others), p.part)
	}
	if out := outside(s, s.at.Sub(view.At)); len(out) > 0 {
		names := make([]string, len(out))
		for i, id := range out {
			names[i] = d.daemonName(id)
		}
		return fmt.Errorf("running, and not in the membership of this daemon: %s", strings.Join(names, ", "))
	}
	return nil
}

// outside are the daemons that are alive and could be members. since is how long there
// has been the present membership.
func outside(s *snapshot, since time.Duration) (ids []ring.DaemonID) {
	for _, p := range s.ring.Peers {
		if p.Alive && !p.Mismatch && p.Heard >= 0 && p.Heard < min(since, lateAfter) && !slices.Contains(s.ring.Config.Members, p.ID) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// reasons are the words for the ends of sessions.
func reasons() []string {
	var list []string
	for _, r := range session.Reasons() {
		list = append(list, r.String())
	}
	return list
}
