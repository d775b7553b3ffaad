package jobtable

import (
	"slices"
	"strconv"
	"strings"
)

// probe finds members that hang. While there is something to do, one that has not
// been heard for a while is asked for by a PING, which everybody answers with HERE.
// Who has asked and still hears nothing of it, a few ticks later, asks once more, so that what
// has come meanwhile is looked at first; then says AGAIN, at which everybody begins
// another exchange for the same view, without the silent.
type probe struct {
	active bool // something was asked or told since the last tick
	pinged bool // by anybody, since the last tick
	waited int  // ticks since an own PING; 0: there is none
}

// patientTicks is how many ticks a member has to answer.
const patientTicks = 3

// Tick takes note that time has passed. It should come at equal distances, in which
// a worker that is well answers.
func (c *Core) Tick() []Effect {
	p := &c.probe
	idle := !p.active && c.table.open() == 0 && p.waited == 0
	pinged := p.pinged
	p.active, p.pinged = false, false
	if !c.Settled() || idle {
		return nil
	}
	switch silent := c.silent(); {
	case len(silent) == 0:
		c.listen(0)
	case p.waited == 0:
		if !pinged {
			c.ping()
		}
		c.listen(0)
	case p.waited < patientTicks:
		p.waited++
	default:
		p.waited++
		c.ping()
	}
	return c.take()
}

func (c *Core) ping() {
	c.send(NewMessage("ping", nil).Set("view", c.exchangeName()), c.cfg.Group)
}

// listen begins to look who is heard.
func (c *Core) listen(waited int) {
	c.probe.waited = waited
	for _, m := range c.people {
		m.heard = false
	}
}

func (c *Core) hear(sender string) {
	for _, m := range c.people {
		if m.name == sender {
			m.heard = true
		}
	}
}

// silent returns who has not been heard.
func (c *Core) silent() (list []string) {
	for _, m := range c.people {
		if !m.heard && m.name != c.me {
			list = append(list, m.name)
		}
	}
	return list
}

// exchangeName names the exchange that was the last.
func (c *Core) exchangeName() string {
	if c.repeats == 0 {
		return c.view
	}
	return c.view + "+" + strconv.Itoa(c.repeats)
}

// probed takes a PING, HERE or AGAIN. Those of another exchange come too late, or too
// early for this worker.
func (c *Core) probed(sender string, m *Message) {
	if m.Get("view") != c.exchangeName() || !slices.ContainsFunc(c.people, func(p *member) bool { return p.name == sender }) {
		return
	}
	c.hear(sender)
	switch {
	case m.Verb == "again":
		var without []string
		for _, p := range c.people {
			if p.name != sender && slices.Contains(names(m.Get("who")), p.name) {
				without = append(without, p.name)
			}
		}
		if len(without) > 0 {
			c.repeats++
			c.exchange(c.exchangeName(), without)
		}
	case m.Verb != "ping":
	case sender != c.me:
		c.probe.pinged = true
		c.send(NewMessage("here", nil).Set("view", c.exchangeName()), c.cfg.Group)
	case c.probe.waited <= patientTicks:
		if c.probe.waited == 0 {
			c.listen(1)
		}
	default:
		if silent := c.silent(); len(silent) > 0 {
			c.send(NewMessage("again", nil).Set("view", c.exchangeName()).Set("who", strings.Join(silent, " ")), c.cfg.Group)
		}
		c.listen(0)
	}
}
