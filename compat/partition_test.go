package compat

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// waiting is what a session has sent to a daemon that stands still.
type waiting struct {
	session string
	bytes   []byte
}

// daemon finds a daemon of the scenario; the first one has no need of its name.
func (r *replay) daemon(t *testing.T, name string) *daemon {
	t.Helper()
	if name == "" {
		return r.daemons[0]
	}
	i := slices.IndexFunc(r.daemons, func(d *daemon) bool { return d.name == name })
	if i < 0 {
		t.Fatalf("the scenario has no daemon %q", name)
	}
	return r.daemons[i]
}

// outside does what is done to daemons.
func (r *replay) outside(t *testing.T, st step) {
	t.Helper()
	for _, name := range st.Daemons {
		d := r.daemon(t, name)
		switch st.Do {
		case "stop":
			r.comeToRest(t)
			d.halt(t)
			r.t.Cleanup(func() { d.resume(r.t) }) // clients wait for it at the end
		case "continue":
			r.goOn(t, d)
		default:
			t.Fatalf("a step without a meaning: %+v", st)
		}
	}
}

// comeToRest returns when daemons have done what was there for them: they take connections
// after that. So the token is where it stays, and does not stop at a daemon by chance.
func (r *replay) comeToRest(t *testing.T) {
	t.Helper()
	for range 2 {
		for _, d := range r.daemons {
			if !d.halted && !d.probe() {
				t.Fatalf("daemon %s takes no connection", d.name)
			}
		}
	}
}

// send sends r.sent. What is for a daemon that stands still must be taken in this order
// when it goes on.
func (r *replay) send(c *client, session string) {
	for _, d := range r.daemons {
		if d.halted && c.group == d.private(session) {
			r.waiting = append(r.waiting, waiting{session, r.sent})
			if !target.original {
				return
			}
		}
	}
	_ = c.put(r.sent) // what is refused may be closed before it is all written
}

// goOn lets a daemon go on, and take what has been sent to it before anything else
// happens.
func (r *replay) goOn(t *testing.T, d *daemon) {
	t.Helper()
	if len(r.waiting) == 0 {
		d.resume(t)
		return
	}
	if target.original {
		r.readWaiting(t, d)
	} else {
		d.resume(t)
		r.sendWaiting(t)
	}
	r.waiting = nil
}

// readWaiting lets the original read what waits in its sockets, which it does in the order in
// which they were opened, while nobody else can pass it the token.
func (r *replay) readWaiting(t *testing.T, d *daemon) {
	t.Helper()
	var others []*daemon
	for _, o := range r.daemons {
		if !o.halted {
			o.halt(t)
			others = append(others, o)
		}
	}
	d.resume(t)
	r.comeToRest(t)
	for _, o := range others {
		o.resume(t)
	}
}

// sendWaiting sends this module's daemon, which reads its sockets all at once, what has
// waited: with each message, in one write, goes one to the sender itself ahead of it. When
// that comes back, the daemon has taken both.
func (r *replay) sendWaiting(t *testing.T) {
	t.Helper()
	for i, w := range r.waiting {
		c := r.sessions[w.session].in(t)
		if i == len(r.waiting)-1 {
			c.write(w.bytes)
			break
		}
		text := fmt.Sprintf("ahead of message %d", i)
		c.write(append(c.frame(agreed, []string{c.group}, []byte(text)), w.bytes...))
		c.receive(agreed, c.group, text, c.group)
	}
}

// isEarly tells what a session gets in those steps of a scenario that depend on what its
// daemon has learned before it was alone: a SAFE message, and what follows it, comes before the
// signal if the daemon knows that all hold it, and else behind it (semantics 1.5).
func (r *replay) isEarly(t *testing.T, c *client, st step) bool {
	t.Helper()
	if differs(t, "7 SAFE from acknowledgements") {
		return false
	}
	early, known := r.early[st.Session]
	if !known {
		early = !bytes.Equal(c.peek(4), unpack(t, st.Receive)[:4])
		r.early[st.Session] = early
	}
	return early
}

// ids are the ids of daemon memberships in views and transitional signals. They
// vary from run to run; which of them are the same does not.
type ids struct {
	here, recorded map[string]string // by the other
	seen           map[string]bool   // complete ids of views, by session and group
}

func newIDs() ids {
	return ids{here: make(map[string]string), recorded: make(map[string]string), seen: make(map[string]bool)}
}

// compare checks the id in a message that is otherwise as recorded.
func (x *ids) compare(t *testing.T, session string, got, want []byte) {
	t.Helper()
	at := idOf(want)
	if at < 0 {
		return
	}
	id, old := string(got[at:at+8]), string(want[at:at+8])
	if h, ok := x.here[old]; ok && h != id {
		t.Errorf("the membership % x of the recording is % x here, and was % x before", old, id, h)
	}
	if o, ok := x.recorded[id]; ok && o != old {
		t.Errorf("the membership % x stands for % x of the recording, and stood for % x before", id, old, o)
	}
	x.here[old], x.recorded[id] = id, old
	if leOrder.Uint32(want)&regMemb == 0 {
		return
	}
	mine := fmt.Sprintf("%s/%s/% x", session, cut(got[4:36]), got[at:at+12])
	if x.seen[mine] && !target.original {
		t.Errorf("the id % x of group %q came a second time", got[at:at+12], cut(got[4:36]))
	}
	x.seen[mine] = true
}

// idOf finds the id in a view or a transitional signal; -1: it is neither.
func idOf(b []byte) int {
	if len(b) < headerLen {
		return -1
	}
	if kind := leOrder.Uint32(b); kind&0x3f != 0 || kind&(regMemb|transition) == 0 {
		return -1
	}
	return headerLen + nameLen*int(leOrder.Uint32(b[numGroups:]))
}

// idTime is what varies in a message: the time in its id, if it has one.
func idTime(b []byte) [][2]int {
	if at := idOf(b); at >= 0 {
		return [][2]int{{at + 4, 4}}
	}
	return nil
}
