package group

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gospread/spread/internal/clientproto"
)

var (
	seeds = flag.Int("seeds", 3000, "number of random runs")
	seed  = flag.Int("seed", -1, "the only random run to make")
)

// TestRandom drives daemons through random traffic and faults, and checks what
// their clients saw.
func TestRandom(t *testing.T) {
	if *seed >= 0 {
		randomRun(t, uint64(*seed), false).finish()
		return
	}
	n := *seeds
	if testing.Short() {
		n = 300
	}
	var total coverage
	for s := range n {
		w := randomRun(t, uint64(s), false)
		w.finish()
		total.add(&w.seen)
		if t.Failed() {
			t.Fatalf("seed %d; repeat with -run TestRandom -seed=%d", s, s)
		}
	}
	t.Logf("%d seeds: %+v", n, total)
	for what, n := range map[string]int{
		"transitional signals": total.signals, "merges of three and more": total.merges,
		"changes behind the signal": total.provisional, "interrupted exchanges": total.interrupted,
		"abandoned exchanges":              total.abandoned,
		"messages held during an exchange": total.held, "SAFE behind the signal": total.safeAfterSignal,
		"interrupted installations": total.partial,
	} {
		if n == 0 {
			t.Errorf("%s never came about", what)
		}
	}
}

// TestRandomHasty: a ring that gives clients' messages places during an exchange
// breaks promises, but all daemons still agree about all groups in the end.
func TestRandomHasty(t *testing.T) {
	held := 0
	for s := range uint64(300) {
		w := randomRun(t, s, true)
		w.rest()
		held += w.seen.held
		if t.Failed() {
			t.Fatalf("seed %d", s)
		}
	}
	if held == 0 {
		t.Error("no message came during an exchange")
	}
}

func (c *coverage) add(o *coverage) {
	c.signals += o.signals
	c.networks += o.networks
	c.merges += o.merges
	c.provisional += o.provisional
	c.exchanges += o.exchanges
	c.interrupted += o.interrupted
	c.abandoned += o.abandoned
	c.held += o.held
	c.safeAfterSignal += o.safeAfterSignal
	c.partial += o.partial
}

// chaos makes the random choices of a run.
type chaos struct {
	*rand.Rand
	w       *world
	last    int
	faults  int  // new configurations in 1000 steps
	partial bool // installations may be interrupted
}

func randomRun(t testing.TB, seed uint64, hasty bool) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	names := []string{"red", "green", "blue", "amber", "violet", "grey"}[:2+r.IntN(5)]
	c := &chaos{Rand: r, w: newWorld(t, names...), faults: 2 + r.IntN(30), partial: r.IntN(2) == 0}
	c.w.hasty = hasty
	for range 3 * len(names) {
		c.connect()
		if s := c.session(); s != nil {
			c.w.join(s.user, c.group())
		}
	}
	c.w.settle()
	for range 100 + r.IntN(400) {
		c.step()
	}
	for _, d := range c.w.daemons {
		if h := c.w.hosts[d.Name]; h.node.Down() && r.IntN(2) == 0 {
			c.w.start(d.Name)
		}
	}
	return c.w
}

func (c *chaos) step() {
	switch n := c.IntN(1000); {
	case n < 120:
		c.request()
	case n < 300:
		c.send()
	case n < 550:
		if h := c.host(); h != nil {
			h.node.Sequence()
		}
	case n < 880:
		c.receive()
	case n < 940:
		if h := c.host(); h != nil {
			h.node.Learn()
		}
	case n < 945:
		c.w.settle()
	case n < 950:
		c.race()
	case n < 950+c.faults:
		c.form()
	case n < 950+c.faults+2:
		c.crash()
	default:
		c.connect()
	}
}

func (c *chaos) host() *host {
	h := c.w.hosts[c.w.daemons[c.IntN(len(c.w.daemons))].Name]
	if h.node.Down() {
		return nil
	}
	return h
}

func (c *chaos) session() *session {
	var open []*session
	for _, h := range c.hosts() {
		for l := range h.handles + 1 {
			if s := h.sessions[l]; s != nil && !s.conn.Ended {
				open = append(open, s)
			}
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[c.IntN(len(open))]
}

func (c *chaos) hosts() []*host {
	var hosts []*host
	for _, d := range c.w.daemons {
		if h := c.w.hosts[d.Name]; !h.node.Down() {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

func (c *chaos) connect() {
	if h := c.host(); h != nil {
		// Few names, so that they come back.
		user := fmt.Sprintf("%c%d", h.name[0], c.IntN(4))
		if h.name == "grey" {
			user = "y" + user[1:]
		}
		if c.w.sessions[user] == nil {
			c.w.connect(h.name, user, c.IntN(6) > 0)
		}
	}
}

var groupNames = []string{"f", "g", "h"}

func (c *chaos) group() string { return groupNames[c.IntN(len(groupNames))] }

func (c *chaos) request() {
	s := c.session()
	if s == nil {
		c.connect()
		return
	}
	switch n := c.IntN(20); {
	case n < 12:
		c.w.join(s.user, c.group())
	case n < 18:
		c.w.leave(s.user, c.group())
	default:
		c.w.kill(s.user)
	}
}

func (c *chaos) send() {
	s := c.session()
	if s == nil {
		return
	}
	c.last++
	t := clientproto.Type(1) << c.IntN(6)
	if c.IntN(2) == 0 {
		t = []clientproto.Type{clientproto.Agreed, clientproto.Safe}[c.IntN(2)]
	}
	if c.IntN(10) == 0 {
		t |= clientproto.SelfDiscard
	}
	data := fmt.Sprint(s.user, c.last)
	if c.IntN(8) == 0 {
		data = fmt.Sprintf("%-200s", data) // more than one packet
	}
	names := []string{c.group()}
	for c.IntN(4) == 0 {
		names = append(names, c.group())
	}
	if o := c.session(); c.IntN(8) == 0 {
		names = append(names, o.name.String())
	}
	c.w.send(s.user, t, data, names...)
}

func (c *chaos) receive() {
	if h := c.host(); h != nil {
		for range 1 + c.IntN(6) {
			missing := h.node.Missing()
			if len(missing) == 0 {
				return
			}
			i := 0
			if c.IntN(3) == 0 {
				i = c.IntN(len(missing))
			}
			h.node.Receive(missing[i])
		}
	}
}

// race lets one daemon be done with everything, and its loose message overtake
// all that another one still lacks.
func (c *chaos) race() {
	h, o := c.host(), c.host()
	if h == nil || o == nil {
		return
	}
	for _, i := range h.node.Missing() {
		h.node.Receive(i)
	}
	for h.node.Sequence() {
	}
	for l := range h.handles + 1 {
		if s := h.sessions[l]; s != nil && !s.conn.Ended {
			c.last++
			c.w.send(s.user, clientproto.Reliable, fmt.Sprint("loose", c.last), c.group())
			h.node.Sequence()
			break
		}
	}
	if missing := o.node.Missing(); len(missing) > 0 {
		o.node.Receive(missing[len(missing)-1])
	}
}

// form makes new configurations: a daemon cut off, a split, a merge, all of one.
func (c *chaos) form() {
	hosts := c.hosts()
	parts := make([][]string, 1+c.IntN(3))
	for _, h := range hosts {
		i := c.IntN(len(parts) + 1)
		if i < len(parts) {
			parts[i] = append(parts[i], h.name)
		} // else it goes on without noticing, or waits
	}
	for _, p := range parts {
		install := c.w.nodes(p)
		for c.partial && c.IntN(4) == 0 && len(install) > 0 {
			i := c.IntN(len(install))
			install = slices.Delete(install, i, i+1)
			c.w.seen.partial++
		}
		c.w.model.Form(c.w.nodes(p), install)
	}
}

func (c *chaos) crash() {
	name := c.w.daemons[c.IntN(len(c.w.daemons))].Name
	h := c.w.hosts[name]
	if !h.node.Down() {
		c.w.crash(name)
		if c.IntN(2) == 0 {
			return
		}
	}
	c.w.start(name)
	if c.IntN(2) == 0 {
		c.w.form(name)
	}
}
