package evscheck

import "slices"

// order checks the order of what connections received (C14), against that of the
// calls (C15), and against what the senders had received before (C16).
func (k *clients) order() {
	for _, c := range k.conns {
		k.senders(c)
	}
	n := len(k.conns)
	k.report.Counts.OrderPairs += n * (n - 1) / 2
	stuck := k.merge()
	if stuck == nil {
		return
	}
	found := k.kept["C14"] + k.kept["C16"]
	for _, c := range k.conns {
		for _, o := range k.conns {
			if c != o {
				k.sameOrder(c, o)
			}
			k.afterPast(c, o)
		}
	}
	if found == k.kept["C14"]+k.kept["C16"] {
		k.circle(stuck)
	}
}

// senders: messages come in the order of their sender's calls (C15).
func (k *clients) senders(c *conn) {
	last := make([]*sentMessage, len(k.conns))
	for _, step := range c.steps {
		if step < 0 || int(step) >= len(k.sent) {
			continue
		}
		m := k.sent[step]
		from := m.from.index
		if o := last[from]; o != nil && m.nth < o.nth {
			k.bad("C15", c, []Place{c.at(c.place[o.index]), c.at(c.place[m.index]), m.from.at(m.event)}, "%v came after %v, which %s sent later", m, o, m.from.Name)
			continue
		}
		last[from] = m
	}
}

// merger brings the steps of all connections into one order, in which every
// message stands behind its sending. If there is one, then C14 and C16 hold.
type merger struct {
	*clients
	at       []int   // by connection: steps passed
	waiting  []int32 // by message or view: the last of the connections at it, or -1
	before   []int32 // by connection: the one that came to wait before it
	expected []int32 // by message or view: connections that have still to come to it
	called   []bool  // by message
	todo     []int32
}

// merge returns how far each connection has come if there is no such order.
func (k *clients) merge() []int {
	n := len(k.sent) + len(k.views)
	g := &merger{clients: k, at: make([]int, len(k.conns)), waiting: slices.Repeat([]int32{-1}, n),
		before: make([]int32, len(k.conns)), expected: make([]int32, n), called: make([]bool, len(k.sent))}
	for i, c := range k.conns {
		g.todo = append(g.todo, int32(i))
		for _, step := range c.steps {
			if step >= 0 {
				g.expected[step]++
			}
		}
	}
	for len(g.todo) > 0 {
		c := g.todo[len(g.todo)-1]
		g.todo = g.todo[:len(g.todo)-1]
		g.advance(c)
	}
	for i, c := range k.conns {
		if g.at[i] < len(c.steps) {
			return g.at
		}
	}
	return nil
}

// advance moves a connection on to the next thing that others have yet to reach.
func (g *merger) advance(c int32) {
	steps := g.conns[c].steps
	for g.at[c] < len(steps) {
		step := steps[g.at[c]]
		if step < 0 {
			g.at[c]++
			g.called[^step] = true
			g.release(^step)
			continue
		}
		g.before[c], g.waiting[step] = g.waiting[step], c
		g.expected[step]--
		g.release(step)
		return
	}
}

// release lets all pass that wait for a message or view, if all have come to it.
func (g *merger) release(step int32) {
	if g.expected[step] > 0 || int(step) < len(g.called) && !g.called[step] {
		return
	}
	for c := g.waiting[step]; c >= 0; c = g.before[c] {
		g.at[c]++
		g.todo = append(g.todo, c)
	}
	g.waiting[step] = -1
}

// circle reports that there is no common order although any two agree.
func (k *clients) circle(at []int) {
	var first *conn
	var places []Place
	for i, c := range k.conns {
		if at[i] == len(c.steps) {
			continue
		}
		if first == nil {
			first = c
		}
		step := c.steps[at[i]]
		var event int32
		if step < 0 {
			event = k.sent[^step].event
		} else {
			event = c.place[step]
		}
		places = append(places, c.at(event))
	}
	k.bad("C14", first, places, "from %s on there is no one order of what the connections did and received", k.what(first.steps[at[first.index]]))
}

func (k *clients) what(step int32) string {
	if step < 0 {
		return "sending " + k.sent[^step].String()
	}
	if int(step) < len(k.sent) {
		return k.sent[step].String()
	}
	s := k.stays[int(step)-len(k.sent)][0]
	return s.String()
}

// sameOrder compares the order at c with that at o (C14).
func (k *clients) sameOrder(c, o *conn) {
	last := int32(-1)
	for _, step := range c.steps {
		if step < 0 || o.place[step] < 0 {
			continue
		}
		if last >= 0 && o.place[step] < o.place[last] {
			k.bad("C14", c, []Place{c.at(c.place[last]), c.at(c.place[step]), o.at(o.place[step]), o.at(o.place[last])},
				"%s before %s, at %s the other way round", k.what(last), k.what(step), o.Name)
		}
		last = step
	}
}

// afterPast checks that what o had received when it sent something comes before
// that at c, too (C16).
func (k *clients) afterPast(c, o *conn) {
	latest := int32(-1) // of what o has received, what comes last at c
	for _, step := range o.steps {
		switch {
		case step >= 0:
			if c.place[step] >= 0 && (latest < 0 || c.place[step] > c.place[latest]) {
				latest = step
			}
		case latest >= 0 && c.place[^step] >= 0 && c.place[latest] > c.place[^step]:
			m := k.sent[^step]
			k.bad("C16", c, []Place{c.at(c.place[m.index]), c.at(c.place[latest]), o.at(o.place[latest]), o.at(m.event)},
				"%v came before %s, which %s had received when it sent it", m, k.what(latest), o.Name)
		}
	}
}
