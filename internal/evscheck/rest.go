package evscheck

import (
	"slices"

	"gospread/spread/internal/clientproto"
)

// delivery: in a run that came to rest, what was sequenced in the last
// configuration has reached all who were in its group, or connected, from before
// that configuration on (C23).
//
// Who came in the last configuration itself is not looked at: a loose message that
// was sequenced behind a join may come before it where the join was lost at first.
func (k *clients) delivery() {
	last := k.daemons.rest()
	if last == nil {
		return
	}
	r := &resting{clients: k, id: last.ID, since: make([]int32, len(k.conns)), sequenced: make([]bool, len(k.sent))}
	r.find()
	for _, c := range k.conns {
		if c.Ended || !c.Views {
			continue
		}
		stayed := r.stayed(c)
		for i, m := range k.sent {
			if !r.sequenced[i] || m.from == c || !slices.ContainsFunc(m.groups, func(g int32) bool { return stayed[g] }) {
				continue // its own: C22
			}
			k.report.Counts.ClientOthers++
			if c.place[i] < 0 {
				k.bad("C23", c, []Place{m.from.at(m.event), c.at(int32(len(c.Events)))}, "never received %v, though nothing changed since", m)
			}
		}
	}
}

// rest is the configuration in which all daemons that have not ended came to rest,
// or nil.
func (d *daemons) rest() *epoch {
	var last *epoch
	for i, t := range d.run.Traces {
		if t.Ended {
			continue
		}
		n := len(d.lives[i])
		if n == 0 {
			return nil
		}
		p := d.lives[i][n-1]
		if p.signal != nil || last != nil && p.in != last {
			return nil
		}
		last = p.in
	}
	return last
}

// resting is what is known of the last configuration.
type resting struct {
	*clients
	id        ConfigID
	since     []int32 // by connection: the first event that is known to be in it
	sequenced []bool  // by message: it is known to be sequenced there
}

// find looks for everything that must be in the last configuration: what is
// received behind a view or a message of it, and what is sent behind one by a
// connection that lasts. Whatever is sequenced in a configuration is received in
// no other (D6).
func (r *resting) find() {
	for i, c := range r.conns {
		r.since[i] = int32(len(c.Events))
		for _, s := range c.stays {
			if configOf(s.key.id) == r.id {
				r.since[i] = s.start
				break
			}
		}
	}
	for found := true; found; {
		found = false
		for i, m := range r.sent {
			if r.sequenced[i] || !r.inside(m) {
				continue
			}
			r.sequenced[i], found = true, true
			for j, c := range r.conns {
				if at := c.place[i]; at >= 0 {
					r.since[j] = min(r.since[j], at)
				}
			}
		}
	}
}

func (r *resting) inside(m *sentMessage) bool {
	if !m.from.Ended && m.event > r.since[m.from.index] {
		return true
	}
	for j, c := range r.conns {
		if c.place[m.index] >= r.since[j] {
			return true
		}
	}
	return false
}

// stayed are the groups that the connection was in when its daemon installed the
// last configuration, and is still. Its private group is one of them if it was
// connected then.
func (r *resting) stayed(c *conn) map[int32]bool {
	groups := make(map[int32]bool)
	var before *stay
	for _, s := range c.stays {
		g := s.key.group
		earlier := configOf(s.key.id) != r.id
		groups[g] = !s.left && (groups[g] || earlier)
		if earlier {
			before = s
		}
	}
	if before != nil {
		groups[c.name] = true
	}
	return groups
}

func configOf(id clientproto.GroupID) ConfigID {
	return ConfigID{uint32(id.Daemon), uint32(id.Time)}
}
