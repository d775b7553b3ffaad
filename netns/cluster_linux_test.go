package netns

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gospread/spread"
	"gospread/spread/internal/spcheck"
)

const clientPort = 4803

// setup says what a cluster is like.
type setup struct {
	daemons int
	clients int // on each daemon; 0: 2
	rate    int // of each client; 0: 50
	// segment is how many daemons share a segment with multicast; 1: all is unicast;
	// 0: there is one segment.
	segment int
	// addrs are the segment's addresses, if there is one; empty: a multicast group.
	addrs string
	v6    bool
}

// address is where the daemon of a node is.
func (s *setup) address(node int) string {
	if s.v6 {
		return fmt.Sprintf("fd77::%d", node+1)
	}
	return address(node)
}

// cluster is a number of daemons with their network and the traffic of checked
// clients.
type cluster struct {
	*network
	t       testing.TB
	daemons []*daemon
	load    *spcheck.Load
	all     []int
}

// newCluster starts everything, and returns when all clients see each other.
func newCluster(t testing.TB, s setup) *cluster {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	install(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "spread.conf"), []byte(s.conf()), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &cluster{network: newNetwork(t, s.daemons, dir), t: t}
	t.Cleanup(c.close)
	for i := range s.daemons {
		c.all = append(c.all, i)
		d := &daemon{t: t, name: fmt.Sprintf("d%d", i+1), space: c.nodes[i]}
		d.log = filepath.Join(dir, d.name+".log")
		c.daemons = append(c.daemons, d)
		d.start()
	}
	c.startLoad(s)
	return c
}

func (s *setup) conf() string {
	lines := []string{}
	if target.original {
		// The time-outs are short, so that the tests are; RuntimeDir is asked for
		// although it runs as nobody from the start.
		lines = append(lines, "SocketPortReuse = ON", "RuntimeDir = /tmp", "DaemonUser = nobody", "DaemonGroup = nogroup",
			"TokenTimeout = 200", "HurryTimeout = 20", "AliveTimeout = 50", "JoinTimeout = 50", "RepTimeout = 125",
			"SegTimeout = 100", "GatherTimeout = 250", "FormTimeout = 250", "LookupTimeout = 1000")
	}
	size := s.segment
	if size == 0 {
		size = s.daemons
	}
	for first := 0; first < s.daemons; first += size {
		addrs := fmt.Sprintf("225.0.77.%d:%d", first+1, clientPort)
		if s.addrs != "" {
			addrs = s.addrs
		}
		lines = append(lines, "Spread_Segment "+addrs+" {")
		for i := first; i < min(first+size, s.daemons); i++ {
			lines = append(lines, fmt.Sprintf("d%d %s", i+1, s.address(i)))
		}
		lines = append(lines, "}")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (c *cluster) startLoad(s setup) {
	c.t.Helper()
	o := spcheck.Defaults()
	o.Clients, o.Rate, o.Seed = 2, 50, *seed
	if s.clients > 0 {
		o.Clients = s.clients
	}
	if s.rate > 0 {
		o.Rate = s.rate
	}
	for i := range c.daemons {
		o.Daemons = append(o.Daemons, fmt.Sprintf("%d@%s", clientPort, s.address(i)))
	}
	o.Limit = patience
	o.ReusedIDs = target.original
	o.Dial = func(i int) []spread.Option {
		return []spread.Option{spread.WithLinger(200 * time.Millisecond), spread.WithDialer(c.nodes[i].dial)}
	}
	load, err := spcheck.Start(o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.load = load
}

// dial connects from within the space.
func (s *space) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = s.run(func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// close ends clients and daemons, and complains about daemons that have ended
// before.
func (c *cluster) close() {
	if c.load != nil {
		c.load.Close()
	}
	for _, d := range c.daemons {
		if text := d.unexpected(); text != "" {
			c.t.Error(text)
		}
	}
	for _, d := range c.daemons {
		d.asked = true
		_ = d.cmd.Process.Kill()
		<-d.ended
		if c.t.Failed() {
			d.report()
		}
	}
}

// round has faults happen while checked traffic goes on; then everything must be
// healed, and is checked.
func (c *cluster) round(name string, faults func(ctx context.Context)) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*patience)
	defer cancel()
	if err := c.load.Begin(ctx); err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	began := time.Now()
	faults(ctx)
	lasted := time.Since(began)
	settling := c.load.Settle(ctx)
	rested := time.Since(began) - lasted
	res := c.load.Check()
	c.t.Logf("%-24s %5.1f s, then %.1f s to rest: %d messages, %d deliveries, %d views, %d signals, %d violations; %d pairs went on together, SAFE %d before and %d behind a signal",
		name, lasted.Seconds(), rested.Seconds(), res.Sent, res.Delivered, res.Views, res.Signals, len(res.Violations)+res.More,
		res.Compared.ClientSurvivors, res.Compared.ClientSafeBefore, res.Compared.ClientSafeAfter)
	for _, v := range res.Violations[:min(len(res.Violations), 20)] {
		c.t.Errorf("%s: %v", name, v)
	}
	if res.Trace != nil {
		path := filepath.Join(c.t.ArtifactDir(), strings.ReplaceAll(name, " ", "-")+".trace")
		if err := os.WriteFile(path, res.Trace, 0o644); err == nil {
			c.t.Logf("the traces are in %s (go test -artifacts keeps them)", path)
		}
	}
	if settling != nil {
		c.t.Errorf("%s: %v", name, settling)
	}
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// seen waits until the clients of the daemons, and nobody else, see each other,
// and reports how long after the fault that was. Longer than the bound is an error.
func (c *cluster) seen(ctx context.Context, what string, since time.Time, bound time.Duration, daemons ...int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at, err := c.load.AwaitView(ctx, daemons...)
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
	c.took(what, at.Sub(since), bound)
	c.progress(ctx, what, daemons...)
}

// took reports how long a change took. Longer than the bound is an error.
func (c *cluster) took(what string, took, bound time.Duration) {
	c.t.Helper()
	if took < 0 {
		c.t.Logf("  %-34s no change", what)
		return
	}
	c.t.Logf("  %-34s %8.1f ms", what, float64(took.Microseconds())/1000)
	if took > bound {
		c.t.Errorf("%s: after %v, want at most %v", what, took, bound)
	}
}

// progress checks that the clients of the daemons still receive what they send.
func (c *cluster) progress(ctx context.Context, what string, daemons ...int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.load.AwaitProgress(ctx, daemons...); err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

// without are all nodes but some.
func (c *cluster) without(nodes ...int) []int {
	return slices.DeleteFunc(slices.Clone(c.all), func(i int) bool { return slices.Contains(nodes, i) })
}

// hold lets things go on for a time, in which no daemon may end by itself.
func (c *cluster) hold(ctx context.Context, d time.Duration) {
	c.t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	for _, d := range c.daemons {
		if text := d.unexpected(); text != "" {
			c.t.Fatal(text)
		}
	}
}

func (c *cluster) kill(i int)   { c.t.Helper(); c.end(syscall.SIGKILL, i) }
func (c *cluster) stop(i int)   { c.t.Helper(); c.end(syscall.SIGTERM, i) }
func (c *cluster) start(i int)  { c.t.Helper(); c.daemons[i].start() }
func (c *cluster) pause(i int)  { c.t.Helper(); c.daemons[i].signal(syscall.SIGSTOP) }
func (c *cluster) resume(i int) { c.t.Helper(); c.daemons[i].signal(syscall.SIGCONT) }

// end ends daemons at the same time, and waits until their clients have noticed.
func (c *cluster) end(s syscall.Signal, nodes ...int) {
	c.t.Helper()
	for _, i := range nodes {
		c.daemons[i].asked = true
		c.daemons[i].signal(s)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for _, i := range nodes {
		c.daemons[i].awaitEnd(ctx, s)
		if err := c.load.AwaitDown(ctx, i); err != nil {
			c.t.Fatalf("the clients of %s do not notice that it has ended", c.daemons[i].name)
		}
	}
}
