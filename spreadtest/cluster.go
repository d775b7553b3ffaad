package spreadtest

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread"
	"gospread/spread/internal/conf"
)

// Cluster is several daemons in this process.
type Cluster struct {
	tb    testing.TB
	file  string // of the configuration
	hub   *hub
	nodes []*node // in the order of the configuration

	mu      sync.Mutex
	changed chan struct{} // closed at the next change of what follows, and of nodes' lives
	conns   []*spread.Conn
	ended   []*life
}

// patience is how long the cluster may take for what should not take long, where the
// caller sets no other limit.
const patience = 30 * time.Second

// New starts a cluster of n daemons, 1 to 128, and waits until they have formed one
// membership. It ends with the test. By default the daemons are named a, b, c and so
// on.
func New(tb testing.TB, n int, opts ...Option) *Cluster {
	tb.Helper()
	o := options{seed: 1}
	for _, opt := range opts {
		opt(&o)
	}
	c := &Cluster{tb: tb, hub: newHub(o.seed), changed: make(chan struct{})}
	if err := o.layout(n); err != nil {
		tb.Fatalf("spreadtest: %v", err)
	}
	c.file = filepath.Join(tb.TempDir(), "spread.conf")
	c.configure(o.text())
	tb.Cleanup(c.end)
	for _, n := range c.nodes {
		n.mu.Lock()
		err := c.start(n)
		n.mu.Unlock()
		if err != nil {
			tb.Fatalf("spreadtest: start daemon %s: %v", n.name, err)
		}
	}
	c.WaitTogether(tb.Context())
	return c
}

// configure writes the configuration, and makes the places for its daemons.
func (c *Cluster) configure(text string) {
	c.tb.Helper()
	cfg, err := conf.Parse([]byte(text), c.file, conf.Env{})
	if err == nil {
		err = os.WriteFile(c.file, []byte(text), 0o600)
	}
	if err != nil {
		c.tb.Fatalf("spreadtest: %v; the configuration is:\n%s", err, text)
	}
	for _, d := range cfg.Daemons() {
		s := &site{name: d.Name, id: d.ID, addr: netip.AddrPortFrom(d.Addr, d.Port), segment: d.Segment}
		c.hub.sites = append(c.hub.sites, s)
		c.nodes = append(c.nodes, &node{site: s})
	}
}

// Names returns the names of all daemons, in the order of the configuration.
func (c *Cluster) Names() []string {
	names := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		names[i] = n.name
	}
	return names
}

// Running returns the names of the daemons that have been started and neither stopped
// nor killed since. A paused daemon is one of them.
func (c *Cluster) Running() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, n := range c.nodes {
		if n.life != nil {
			names = append(names, n.name)
		}
	}
	return names
}

// Addr returns the address of a daemon in the form that [spread.Dial] and clients in
// other languages take, PORT@HOST. It stays the same over a restart, unless
// another program has taken the port meanwhile.
func (c *Cluster) Addr(name string) string {
	c.tb.Helper()
	n := c.node(name)
	n.mu.Lock()
	defer n.mu.Unlock()
	host, port, _ := strings.Cut(n.addr, ":")
	return port + "@" + host
}

// Dial connects a client to a daemon, and closes it with the cluster at the latest. It ends
// the test if that fails; to see an error use [spread.Dial] with Addr.
func (c *Cluster) Dial(name string, opts ...spread.Option) *spread.Conn {
	c.tb.Helper()
	conn, err := spread.Dial(c.tb.Context(), c.Addr(name), opts...)
	if err != nil {
		c.tb.Fatalf("spreadtest: a client of daemon %s: %v", name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	return conn
}

// Log returns what a daemon has logged, its earlier lives included; of a long log, the
// end.
func (c *Cluster) Log(name string) string {
	c.tb.Helper()
	return c.node(name).log.String()
}

// node finds a daemon.
func (c *Cluster) node(name string) *node {
	c.tb.Helper()
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	c.tb.Fatalf("spreadtest: there is no daemon %q; the daemons are %s", name, list(c.Names()))
	return nil
}

// end is the cleanup. Nothing is said by anybody any more: all crash, so that it is
// quick whatever state they are in.
func (c *Cluster) end() {
	for _, n := range c.nodes {
		n.mu.Lock()
		c.mu.Lock()
		l := n.life
		c.mu.Unlock()
		if l != nil {
			c.crash(n, l)
		}
		n.mu.Unlock()
	}
	c.mu.Lock()
	conns, lives := c.conns, c.ended
	c.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close() // its daemon has gone
	}
	late := time.After(patience)
	for _, l := range lives {
		select {
		case <-l.done:
			if l.err != nil {
				c.tb.Errorf("spreadtest: daemon %s: %v", l.plug.site.name, l.err)
			}
		case <-late:
			c.tb.Errorf("spreadtest: daemon %s does not end", l.plug.site.name)
			return
		}
	}
	if c.tb.Failed() {
		for _, n := range c.nodes {
			c.tb.Logf("spreadtest: the log of daemon %s:\n%s", n.name, n.log.String())
		}
	}
}
