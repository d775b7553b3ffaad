package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/monproto"
)

// Bounds of what monitors can make a daemon do. What comes beyond waits for nobody:
// it is dropped and counted, or answered with Busy.
const (
	// monitorQueue is how many datagrams of monitors may wait.
	monitorQueue = 64
	// requestRate is how many are looked at in a second, requestBurst how many at once.
	requestRate, requestBurst = 100, 200
	// commandRate and commandBurst are for what is no query of the status.
	commandRate, commandBurst = 10, 40
	// reloadRate and reloadBurst are for reloads.
	reloadRate, reloadBurst = 0.5, 5
	// keptStatus and keptAnswers are how many answers are kept for repeated requests.
	keptStatus, keptAnswers = 16, 128
)

// monitors answers the requests of monitors (configuration and tools 9.3), in a
// goroutine of its own: readers of the link only put datagrams into its queue.
type monitors struct {
	d     *Daemon
	queue chan question
	// reloaded brings the results of reloads that were asked for.
	reloaded chan answer
	// stop is closed when a monitor has ended the daemon.
	stop chan struct{}

	// ignored counts what was dropped: too much at once, or not from whom it says.
	ignored atomic.Uint64

	// Of the goroutine.
	requests, commands, reloads bucket
	documents, answers          answered
	parted                      *time.Timer // when the partition is forgotten
	stopping                    bool
}

// question is a datagram of a monitor, its seal opened.
type question struct {
	from netip.AddrPort
	// keyed: it was encrypted and authentic.
	keyed bool
	data  []byte
}

// answer goes back to the source of a request.
type answer struct {
	to     netip.AddrPort
	id     uint64
	kind   monproto.Kind
	bodies [][]byte // nil: not known yet
}

func newMonitors(d *Daemon) *monitors {
	now := time.Now()
	m := &monitors{
		d:        d,
		queue:    make(chan question, monitorQueue),
		reloaded: make(chan answer, mostReloads),
		stop:     make(chan struct{}),
		requests: newBucket(requestRate, requestBurst, now), commands: newBucket(commandRate, commandBurst, now),
		reloads:   newBucket(reloadRate, reloadBurst, now),
		documents: answered{most: keptStatus}, answers: answered{most: keptAnswers},
		parted: time.NewTimer(0),
	}
	m.parted.Stop()
	return m
}

// take queues a datagram. It never waits; the bytes are copied.
func (m *monitors) take(from netip.AddrPort, keyed bool, data []byte) {
	if len(data) > monproto.HeaderSize+monproto.MaxPart {
		m.ignored.Add(1)
		return
	}
	select {
	case m.queue <- question{from, keyed, append([]byte(nil), data...)}:
	default:
		m.ignored.Add(1)
	}
}

// serve answers until ctx ends.
func (m *monitors) serve(ctx context.Context) {
	defer m.parted.Stop()
	for {
		select {
		case q := <-m.queue:
			m.handle(ctx, q)
		case a := <-m.reloaded:
			m.answers.keep(a)
			m.send(a)
		case <-m.parted.C:
			m.part(nil, 0)
			m.d.log.print("Net_handle_monitor: the partition is over: no monitor has repeated it for %v", partitionLife)
		case <-ctx.Done():
			return
		}
	}
}

// handle answers one datagram, or drops it.
func (m *monitors) handle(ctx context.Context, q question) {
	h, body, err := monproto.Parse(q.data)
	if err != nil || h.Kind.Answer() || h.To != m.d.self.ID || !m.admits(&h, &q) || !m.requests.take(time.Now()) {
		m.ignored.Add(1)
		return
	}
	a := answer{to: q.from, id: h.ID, kind: monproto.Done}
	kept := &m.answers
	if h.Kind == monproto.Status {
		kept = &m.documents
	}
	if old, known := kept.find(q.from, h.ID); known {
		m.send(old)
		return
	}
	ack := m.obey(ctx, &h, body, &a)
	if ack != nil {
		a.bodies = [][]byte{ack.Append(nil)}
	}
	if ack == nil || ack.Code != monproto.Busy {
		kept.keep(a)
	}
	m.send(a)
	if m.stopping {
		m.stopping = false
		close(m.stop)
	}
}

// admits tells whether a request may come from where it comes from. Without a key of
// the ring its source must be the address of the daemon that it names, as the
// original has it. A key is all the permission that is needed.
func (m *monitors) admits(h *monproto.Header, q *question) bool {
	if q.keyed {
		return true
	}
	for _, c := range m.d.epochs.now().Daemons() {
		if c.ID == h.From {
			return c.Addr.Unmap().WithZone("") == q.from.Addr().Unmap().WithZone("")
		}
	}
	return false
}

// obey does what is asked. It returns how that went; nil: the answer is in a, or
// comes later.
func (m *monitors) obey(ctx context.Context, h *monproto.Header, body []byte, a *answer) *monproto.Ack {
	cfg := m.d.epochs.now()
	ours, next := cfg.Hash(), m.d.config.Load().Hash()
	// Who asks for a reload may have read the new file already.
	if h.Digest != ours && h.Digest != next && h.Kind != monproto.Reload {
		return &monproto.Ack{Code: monproto.Unlike, Text: fmt.Sprintf("the configuration is another one: its hash is %d here and %d at the monitor", ours, h.Digest)}
	}
	if h.Kind == monproto.Status {
		return m.status(ctx, a)
	}
	if !m.commands.take(time.Now()) {
		return busy("commands")
	}
	switch h.Kind {
	case monproto.Partition:
		return m.partition(a.to, body)
	case monproto.SetFlow:
		return m.flow(a.to, body)
	case monproto.Reload:
		return m.reload(ctx, *a)
	case monproto.Terminate:
		return m.terminate(a.to)
	}
	return &monproto.Ack{Code: monproto.Refused, Text: "this daemon does not know the request; it may be older than the monitor"}
}

func busy(what string) *monproto.Ack {
	return &monproto.Ack{Code: monproto.Busy, Text: "too many " + what + " at once; try again later"}
}

// send seals and sends an answer, if there is one.
func (m *monitors) send(a answer) {
	via := m.d.network.shown.Load()
	if via == nil {
		return
	}
	h := monproto.Header{Kind: a.kind, ID: a.id, Digest: m.d.epochs.now().Hash(), From: m.d.self.ID}
	sealer := m.d.network.sealer.Load()
	for _, body := range a.bodies {
		(*via).SendTo(a.to, sealer.Seal(nil, append(h.Append(nil), body...)))
	}
}

// safeMode refuses what only DangerousMonitor permits.
func (m *monitors) safeMode() *monproto.Ack {
	if m.d.config.Load().Options.DangerousMonitor {
		return nil
	}
	return &monproto.Ack{Code: monproto.Refused, Text: "the daemon is in safe mode: to permit it, set DangerousMonitor = true in its spread.conf and reload"}
}

// denied logs a request to part or end daemons that is refused (8.2).
func (m *monitors) denied(from netip.AddrPort) {
	m.d.log.print("Net_handle_monitor: Request to set partition or kill daemons from [%s]:%d denied. Daemon in safe mode!", from.Addr(), from.Port())
}

// terminate ends the daemon, once the answer is on its way.
func (m *monitors) terminate(from netip.AddrPort) *monproto.Ack {
	if no := m.safeMode(); no != nil {
		m.denied(from)
		return no
	}
	select {
	case <-m.stop:
	default:
		m.d.log.print("Net_handle_monitor: Instructed to exit by monitor!")
		m.stopping = true
	}
	return &monproto.Ack{Text: "stopping"}
}

// reload has the configuration read again, as SIGHUP does; the answer comes when that
// is done.
func (m *monitors) reload(ctx context.Context, a answer) *monproto.Ack {
	if !m.reloads.take(time.Now()) {
		return busy("reloads")
	}
	m.d.log.logf(conf.LevelInfo, conf.FlagPrint, "Spread: a monitor at %s asks for a reload", a.to)
	accepted := m.d.reloads.ask(func(text string, err error) {
		ack := monproto.Ack{Text: text}
		if err != nil {
			ack = monproto.Ack{Code: monproto.Failed, Text: fmt.Sprintf("the configuration stays as it was: %v", err)}
		}
		a.bodies = [][]byte{ack.Append(nil)}
		select {
		case m.reloaded <- a:
		case <-ctx.Done():
		}
	})
	if !accepted {
		return busy("reloads")
	}
	return nil
}
