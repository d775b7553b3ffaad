package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/monproto"
	"gospread/spread/internal/ring"
)

// statusPatience is how long a daemon that is busy may take to look at itself.
const statusPatience = 500 * time.Millisecond

// status answers with the Summary.
func (m *monitors) status(ctx context.Context, a *answer) *monproto.Ack {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	doc, err := json.Marshal(m.d.summary(ctx))
	var parts []monproto.Part
	if err == nil {
		parts, err = monproto.Split(doc)
	}
	if err != nil {
		return &monproto.Ack{Code: monproto.Failed, Text: fmt.Sprintf("the status cannot be told: %v", err)}
	}
	a.kind = monproto.Doc
	for i := range parts {
		a.bodies = append(a.bodies, parts[i].Append(nil))
	}
	return nil
}

// partitionLife is how long a partition lasts that no monitor repeats.
const partitionLife = time.Minute

// partition is what a monitor has said of who hears whom.
type partition struct {
	part int16
	// others are the daemons in other parts: what comes from them is dropped.
	others map[uint32]bool
}

// partition has this daemon hear only those of its own part from now on.
func (m *monitors) partition(from netip.AddrPort, body []byte) *monproto.Ack {
	if no := m.safeMode(); no != nil {
		m.denied(from)
		return no
	}
	places, err := monproto.ParsePartition(body)
	if err != nil {
		return &monproto.Ack{Code: monproto.Refused, Text: err.Error()}
	}
	own, known := int16(0), false
	for _, p := range places {
		if p.Daemon == m.d.self.ID {
			own, known = p.Part, true
		}
	}
	switch {
	case !known:
		return &monproto.Ack{Code: monproto.Refused, Text: "the partition does not say where this daemon is"}
	case own == monproto.Exit:
		return m.terminate(from)
	}
	m.d.log.print("Net_handle_monitor: Got monitor partition message; I'm in component %d", own)
	others := make(map[uint32]bool)
	for _, p := range places {
		if p.Part != own {
			others[p.Daemon] = true
		}
	}
	m.part(others, own)
	if len(others) == 0 {
		return &monproto.Ack{Text: "hears all daemons"}
	}
	return &monproto.Ack{Text: fmt.Sprintf("in part %d", own)}
}

// part puts a partition in force; without others there is none.
func (m *monitors) part(others map[uint32]bool, own int16) {
	if len(others) == 0 {
		m.d.network.parts.Store(nil)
		m.parted.Stop()
		return
	}
	m.d.network.parts.Store(&partition{own, others})
	m.parted.Reset(partitionLife)
}

// mostWindow is the largest window that has an effect.
const mostWindow = ring.MostWindow

// flow sets windows, if what comes of it makes sense.
func (m *monitors) flow(from netip.AddrPort, body []byte) *monproto.Ack {
	if no := m.safeMode(); no != nil {
		m.d.log.logf(conf.LevelWarning, conf.FlagFlowControl,
			"Net_handle_monitor: Request to set flow control from [%s]:%d denied. Daemon in safe mode!", from.Addr(), from.Port())
		return no
	}
	var f monproto.Flow
	err := f.Parse(body)
	var w ring.Windows
	if err == nil {
		w, err = m.d.tuning.change(m.d, &f)
	}
	if err != nil {
		m.d.log.print("Net_handle_monitor: flow control from [%s]:%d is refused: %v", from.Addr(), from.Port(), err)
		return &monproto.Ack{Code: monproto.Refused, Text: err.Error()}
	}
	text := fmt.Sprintf("Window %s, PersonalWindow %s, AcceleratedWindow %s", windowText(w.Global), windowText(w.Personal), windowText(w.Accelerated))
	m.d.log.print("Net_handle_monitor: flow control from [%s]:%d: %s", from.Addr(), from.Port(), text)
	return &monproto.Ack{Text: text}
}

func windowText(w int) string {
	switch {
	case w < 0:
		return "0"
	case w == 0:
		return "adapts"
	}
	return fmt.Sprint(w)
}

// tuning is what was last said of windows, by the file or by a monitor.
type tuning struct {
	mu      sync.Mutex
	windows ring.Windows
}

// apply puts times and windows of a configuration in force.
func (t *tuning) apply(d *Daemon, o *conf.Options) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.windows = windows(o)
	t.tune(d, o)
}

// tune has the status show what holds from now on.
func (t *tuning) tune(d *Daemon, o *conf.Options) {
	d.engine.turn(func() {
		d.engine.ring.Tune(timing(o), t.windows)
		d.engine.lookout.want(wantPlain)
	})
}

// change puts the windows of a monitor in force, until another change or a reload.
func (t *tuning) change(d *Daemon, f *monproto.Flow) (ring.Windows, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.windows
	for _, c := range []struct {
		name  string
		value int32
		least int32
		to    *int
	}{
		{"Window", f.Window, 1, &w.Global}, {"PersonalWindow", f.Personal, 1, &w.Personal}, {"AcceleratedWindow", f.Accelerated, 0, &w.Accelerated},
	} {
		switch {
		case c.value == monproto.Keep:
		case c.value == monproto.Adapt:
			*c.to = 0
		case c.value < c.least || c.value > mostWindow:
			return w, fmt.Errorf("%s must be %d to %d, not %d", c.name, c.least, mostWindow, c.value)
		case c.value == 0:
			*c.to = -1 // the ring's word for none
		default:
			*c.to = int(c.value)
		}
	}
	switch {
	case w.Global > 0 && w.Personal > w.Global:
		return w, fmt.Errorf("PersonalWindow %d must not exceed Window %d", w.Personal, w.Global)
	case f.Accelerated > 0 && w.Personal > 0 && w.Accelerated > w.Personal:
		return w, fmt.Errorf("AcceleratedWindow %d must not exceed PersonalWindow %d", w.Accelerated, w.Personal)
	}
	t.windows = w
	t.tune(d, &d.config.Load().Options)
	return w, nil
}
