package consoletest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gospread/spread/internal/status"
)

const queueLimit = 64 << 20

// world is a daemon that does not exist, and what goes on around it.
type world struct {
	report  status.Report
	now     time.Time
	random  *rand.Rand
	load    float64 // messages a second from clients
	stalled map[string]time.Time
}

func newWorld(o Options, now time.Time) *world {
	w := &world{now: now, random: rand.New(rand.NewPCG(1, 2)), load: 2000, stalled: map[string]time.Time{}}
	r := &w.report
	r.Summary = status.Summary{
		Schema: status.Schema, Time: now,
		Daemon: status.Daemon{
			Name: "earth", ID: 101, Address: "192.168.0.1:4803", Version: "1.0.0", Started: now.Add(-52 * time.Hour), Uptime: 52 * 3600,
			ConfigHash: 2908431774, ConfigFile: "/etc/spread/spread.conf", Sealed: true,
		},
		Membership: status.Membership{State: "operational", Code: 1, GroupState: "operational", GroupCode: 1},
		Network:    status.Network{Datagram: 65000, Dropped: map[string]uint64{"overflow": 3, "unreachable": 12}},
		Process:    status.Process{PID: 4321, CPU: 1234.5, Resident: 48 << 20, Heap: 19 << 20, Goroutines: 31, OpenFiles: 44, MaxFiles: 1 << 20},
	}
	for i := range o.Daemons {
		p := status.Peer{
			Name: daemonName(i), ID: int32(101 + i), Address: fmt.Sprintf("192.168.%d.%d:4803", i*o.Segments/o.Daemons, i+1),
			Segment: i * o.Segments / o.Daemons, Heard: 0.01,
		}
		if i > 0 {
			p.RoundTrip = 120e-6 + 40e-6*w.random.Float64() + 300e-6*float64(p.Segment)
		}
		r.Daemons = append(r.Daemons, p)
	}
	w.people(o)
	w.counters()
	all := make([]string, 0, o.Daemons)
	for _, p := range r.Daemons {
		all = append(all, p.Name)
	}
	w.now = now.Add(-3*time.Hour - 12*time.Minute)
	w.install("start", all, nil)
	w.now = now
	return w
}

func daemonName(i int) string {
	names := []string{"earth", "mars", "venus", "jupiter", "saturn", "mercury", "neptune", "uranus"}
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("node-%02d", i)
}

// people makes clients and groups.
func (w *world) people(o Options) {
	r := &w.report
	for i := range o.Sessions {
		r.Sessions = append(r.Sessions, status.Session{
			Name: fmt.Sprintf("#client%d#earth", i), Remote: fmt.Sprintf("192.168.0.%d:%d", 20+i%200, 40000+i%20000), Library: "5.0.1",
			Views: i%3 != 0, Since: w.now.Add(-time.Duration(i%5000) * 37 * time.Second), MessagesIn: uint64(i * 7919 % 100003), MessagesOut: uint64(i * 104729 % 1000003),
		})
	}
	for i := range o.Groups {
		g := status.Group{Name: fmt.Sprintf("group-%d", i), View: fmt.Sprintf("%d %d %d", -289601580, w.now.Unix(), i+1)}
		for j := range 1 + (i*i)%17 {
			d := r.Daemons[(i+j)%len(r.Daemons)].Name
			g.Names = append(g.Names, fmt.Sprintf("#client%d#%s", j, d))
			g.Members++
			if d == "earth" {
				g.Local++
				if j < len(r.Sessions) {
					r.Sessions[j].Groups = append(r.Sessions[j].Groups, g.Name)
				}
			}
		}
		r.Groups = append(r.Groups, g)
	}
	for i := range min(o.Sessions, 12) {
		reason := []string{"disconnect", "disconnect", "slow", "gone", "authentication"}[i%5]
		r.Closed = append(r.Closed, status.Closed{
			At: w.now.Add(-time.Duration(i*i*61) * time.Second), Name: fmt.Sprintf("#old%d#earth", i), Remote: fmt.Sprintf("192.168.0.%d:51%03d", 30+i, i*13),
			Reason: reason, Cut: reason == "slow", Refused: reason == "authentication", Lived: float64(i) * 812.25, MessagesIn: uint64(i * 311),
			QueuedMessages: (i % 5) * 40, QueuedBytes: (i % 5) * 4096,
		})
	}
	r.Clients.MaxSessions, r.Clients.MaxQueuedBytes, r.Clients.MaxStalled = 1<<16, queueLimit, 600
	r.Clients.Ended = map[string]uint64{"disconnect": 812, "slow": 2, "gone": 31, "authentication": 4}
	r.Clients.Opened = 849 + uint64(o.Sessions)
}

func (w *world) counters() {
	k := &w.report.Ring
	k.Window, k.PersonalWindow, k.AcceleratedWindow = 160, 60, 40
	k.Delivered = map[string]uint64{"AGREED": 1 << 30, "SAFE": 1 << 20, "FIFO": 5}
	k.Rejected = map[string]uint64{"stale": 17, "foreign": 0}
	for le := 10e-6; le < 20; le *= math.Sqrt2 {
		k.TokenRotation.Buckets = append(k.TokenRotation.Buckets, status.Bucket{Le: le})
	}
	k.Delivery.Buckets = slices.Clone(k.TokenRotation.Buckets)
	w.report.Clients.MessagesIn, w.report.Clients.MessagesOut = 1_234_567_890, 9_876_543_210
}

// install makes a new view.
func (w *world) install(cause string, join, leave []string) {
	r := &w.report
	m := &r.Membership
	m.Members, m.Missing = nil, nil
	segments := map[int]bool{}
	for i := range r.Daemons {
		p := &r.Daemons[i]
		p.Member = (p.Member || slices.Contains(join, p.Name)) && !slices.Contains(leave, p.Name)
		if p.Member {
			m.Members = append(m.Members, p.Name)
			segments[p.Segment] = true
		} else {
			m.Missing = append(m.Missing, p.Name)
		}
	}
	m.Segments, m.Leader, m.Since = len(segments), m.Members[0], w.now
	m.Changes++
	m.ID = fmt.Sprintf("%s %d.%d", m.Leader, w.now.Unix(), m.Changes)
	v := status.View{At: w.now, ID: m.ID, Members: m.Members, Joined: join, Left: leave, Cause: cause}
	r.Views = slices.Insert(r.Views, 0, v)
	r.Views = r.Views[:min(len(r.Views), 100)]
	r.Ring.Gathers++
	r.Ring.Attempts++
	r.Ring.Installed++
	r.Ring.Aru, r.Ring.Stable, r.Ring.High = 0, 0, 0
}

// move lets time go by.
func (w *world) move(now time.Time) {
	dt := now.Sub(w.now).Seconds()
	if dt <= 0 {
		return
	}
	w.now = now
	r := &w.report
	r.Time = now
	r.Daemon.Uptime = now.Sub(r.Daemon.Started).Seconds()
	phase := float64(now.UnixMilli()) / 1000
	rate := w.load * (1 + 0.5*math.Sin(phase/25) + 0.15*w.random.Float64())
	w.traffic(rate*dt, rate)
	for i := range r.Daemons {
		p := &r.Daemons[i]
		if p.Member {
			p.Heard = 0.002 + 0.01*w.random.Float64()
			if i > 0 {
				p.RoundTrip += (0.5 - w.random.Float64()) * 8e-6
			}
		} else if p.Heard >= 0 {
			p.Heard += dt
		}
	}
	w.queues(dt, rate)
}

// traffic counts n messages that came in at a rate.
func (w *world) traffic(n, rate float64) {
	r := &w.report
	c, k, net := &r.Clients, &r.Ring, &r.Network
	in := uint64(n)
	c.MessagesIn += in
	c.BytesIn += in * 480
	c.MessagesOut += in * 3
	c.BytesOut += in * 3 * 480
	all := in * uint64(len(r.Membership.Members))
	k.Messages += all
	k.Packets += all / 4
	k.PacketsSent += in / 4
	k.PacketsReceived += (all - in) / 4
	k.Aru += all / 4
	k.Stable, k.High = k.Aru, k.Aru
	k.Delivered["AGREED"] += all
	lost := 0.0
	if w.random.IntN(12) == 0 {
		lost = n * 0.01 * w.random.Float64()
	}
	k.Retransmissions += uint64(lost)
	k.Requests += uint64(lost * 1.2)
	k.Backlog = int(rate * 40 * w.random.Float64())
	net.DatagramsIn += all / 4
	net.DatagramsOut += in / 4
	net.BytesIn += all * 500
	net.BytesOut += in * 500
	rounds := n / 2
	k.Tokens += uint64(rounds)
	w.observe(&k.TokenRotation, int(rounds/10), 180e-6*float64(len(r.Membership.Members)))
	w.observe(&k.Delivery, int(n/10), 240e-6*float64(len(r.Membership.Members)))
	r.Process.CPU += n * 4e-6
}

// observe counts some durations around a typical one.
func (w *world) observe(h *status.Histogram, n int, typical float64) {
	for range min(n, 500) {
		v := typical * math.Exp(0.4*w.random.NormFloat64())
		if w.random.IntN(80) == 0 {
			v *= 4
		}
		h.Count++
		h.Sum += v
		h.Max = max(h.Max, v)
		for i := range h.Buckets {
			if v <= h.Buckets[i].Le {
				h.Buckets[i].Count++
			}
		}
	}
	h.P50, h.P99 = typical, typical*4
}

// queues lets messages wait for clients, more for those that read nothing.
func (w *world) queues(dt, rate float64) {
	r := &w.report
	c := &r.Clients
	c.Sessions, c.Groups, c.QueuedBytes, c.QueuedMessages = len(r.Sessions), len(r.Groups), 0, 0
	for i := range r.Sessions {
		s := &r.Sessions[i]
		since, stalled := w.stalled[s.Name]
		if stalled {
			s.QueuedBytes += int(rate * 480 * dt)
			s.QueuedMessages += int(rate * dt)
			s.Stalled = w.now.Sub(since).Seconds()
		} else {
			s.Stalled, s.QueuedBytes, s.QueuedMessages = 0, 0, 0
			if i%7 == 0 {
				s.QueuedMessages = w.random.IntN(20)
				s.QueuedBytes = s.QueuedMessages * 480
			}
		}
		s.MessagesOut += uint64(rate * dt / 10)
		c.QueuedBytes += s.QueuedBytes
		c.QueuedMessages += s.QueuedMessages
	}
	slow := slices.SortedFunc(slices.Values(r.Sessions), func(a, b status.Session) int { return b.QueuedBytes - a.QueuedBytes })
	c.Slowest = slow[:min(len(slow), status.MostSlow)]
}

func (w *world) stall(client string, stalled bool) {
	if stalled {
		w.stalled[client] = w.now
	} else {
		delete(w.stalled, client)
	}
}

func (w *world) cutOff(client string) {
	r := &w.report
	i := slices.IndexFunc(r.Sessions, func(s status.Session) bool { return s.Name == client })
	if i < 0 {
		return
	}
	s := r.Sessions[i]
	r.Sessions = slices.Delete(r.Sessions, i, i+1)
	r.Closed = slices.Insert(r.Closed, 0, status.Closed{
		At: w.now, Name: s.Name, Remote: s.Remote, Reason: "slow", Detail: "more than MaxSessionBytes waited for it", Cut: true,
		Lived: w.now.Sub(s.Since).Seconds(), MessagesIn: s.MessagesIn, QueuedMessages: s.QueuedMessages, QueuedBytes: s.QueuedBytes,
	})
	r.Closed = r.Closed[:min(len(r.Closed), 200)]
	r.Clients.Ended["slow"]++
	delete(w.stalled, client)
	w.queues(0, 0)
}

func (w *world) restart() {
	r := &w.report
	r.Daemon.Started, r.Daemon.Uptime = w.now, 0
	r.Clients.MessagesIn, r.Clients.MessagesOut, r.Clients.BytesIn, r.Clients.BytesOut = 0, 0, 0, 0
	r.Ring = status.Ring{}
	w.counters()
	r.Clients.MessagesIn, r.Clients.MessagesOut = 0, 0
}
