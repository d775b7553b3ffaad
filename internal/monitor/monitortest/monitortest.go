// Package monitortest starts real daemons in this process, with sockets on the
// loopback address, for tests of monitors.
package monitortest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/daemon"
	"gospread/spread/internal/ring"
)

// patience bounds every wait for an event; nothing passes because it has gone by.
const patience = 30 * time.Second

// Cluster is daemons named a, b, c and so on, each in a segment of its own.
type Cluster struct {
	tb      testing.TB
	Names   []string
	File    string // of the configuration
	Ports   []int  // data ports
	members map[string][]string
	ids     map[ring.DaemonID]string

	mu      sync.Mutex
	changed chan struct{}
	logs    map[string]*strings.Builder
	stops   map[string]func()
	ended   map[string]chan struct{}
}

// New starts n daemons with more lines in their configuration, and waits until they
// are together. They end with the test.
func New(tb testing.TB, n int, more string) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb, File: filepath.Join(tb.TempDir(), "spread.conf"), members: make(map[string][]string), ids: make(map[ring.DaemonID]string),
		changed: make(chan struct{}), logs: make(map[string]*strings.Builder), stops: make(map[string]func()), ended: make(map[string]chan struct{})}
	for range n {
		c.Add()
	}
	c.Configure(more)
	for _, name := range c.Names {
		c.Start(name)
	}
	for _, name := range c.Names {
		c.Await(name, c.Names...)
	}
	return c
}

// Add has one more daemon in the configuration that is written next.
func (c *Cluster) Add() {
	c.tb.Helper()
	c.Names = append(c.Names, string(rune('a'+len(c.Names))))
	c.Ports = append(c.Ports, freePorts(c.tb))
}

// Configure writes the configuration, with more lines.
func (c *Cluster) Configure(more string) {
	c.tb.Helper()
	text := more + "\n"
	for i, name := range c.Names {
		text += fmt.Sprintf("Spread_Segment 127.0.0.255:%d { %s 127.0.0.1 { 127.0.0.1 } }\n", c.Ports[i], name)
	}
	if err := os.WriteFile(c.File, []byte(text), 0o600); err != nil {
		c.tb.Fatal(err)
	}
	cfg, err := conf.Parse([]byte(text), c.File, conf.Env{})
	if err != nil {
		return // on purpose
	}
	c.change(func() {
		for _, d := range cfg.Daemons() {
			c.ids[ring.DaemonID(d.ID)] = d.Name
		}
	})
}

// Start starts a daemon.
func (c *Cluster) Start(name string) {
	c.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	c.mu.Lock()
	c.logs[name] = new(strings.Builder)
	c.ended[name] = ended
	c.stops[name] = sync.OnceFunc(func() { cancel(); <-ended })
	stop := c.stops[name]
	c.mu.Unlock()
	c.tb.Cleanup(stop)
	opts := daemon.Options{ConfigFile: c.File, Name: name, Version: "v1.2.3", Out: logOf{c, name}, SocketDir: c.tb.TempDir(),
		Installed: func(v *ring.Configuration) {
			c.change(func() {
				c.members[name] = nil
				for _, id := range v.Members {
					c.members[name] = append(c.members[name], c.ids[id])
				}
			})
		}}
	go func() {
		defer close(ended)
		if err := daemon.Run(ctx, opts); err != nil {
			c.tb.Errorf("daemon %s: %v", name, err)
		}
		c.change(func() { delete(c.members, name) })
	}()
}

// Stop stops a daemon, and returns when it has ended.
func (c *Cluster) Stop(name string) {
	c.mu.Lock()
	stop := c.stops[name]
	c.mu.Unlock()
	stop()
}

// AwaitEnd waits until a daemon has ended.
func (c *Cluster) AwaitEnd(name string) {
	c.tb.Helper()
	c.mu.Lock()
	ended := c.ended[name]
	c.mu.Unlock()
	select {
	case <-ended:
	case <-time.After(patience):
		c.tb.Fatalf("daemon %s does not end; it says\n%s", name, c.Log(name))
	}
}

// Await waits until a daemon is together with just these.
func (c *Cluster) Await(name string, members ...string) {
	c.tb.Helper()
	c.await(fmt.Sprintf("%s is not together with %v", name, members), name, func() bool { return slices.Equal(c.members[name], members) })
}

// AwaitLog waits until the log of a daemon has a text.
func (c *Cluster) AwaitLog(name, text string) {
	c.tb.Helper()
	c.await(fmt.Sprintf("%s does not say %q", name, text), name, func() bool { return strings.Contains(c.logs[name].String(), text) })
}

func (c *Cluster) await(what, name string, is func() bool) {
	c.tb.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		if is() {
			c.mu.Unlock()
			return
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-late:
			c.tb.Fatalf("%s; it says\n%s", what, c.Log(name))
		}
	}
}

// Log is what a daemon has logged since it was started.
func (c *Cluster) Log(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logs[name].String()
}

func (c *Cluster) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// logOf takes the log of a daemon.
type logOf struct {
	c    *Cluster
	name string
}

func (l logOf) Write(b []byte) (n int, err error) {
	l.c.change(func() { n, err = l.c.logs[l.name].Write(b) })
	return n, err
}

// freePorts returns a port that a daemon can have: it and the next one are free.
func freePorts(tb testing.TB) int {
	tb.Helper()
	for range 1000 {
		port := 30000 + 2*rand.IntN(15000)
		if free(port) {
			return port
		}
	}
	tb.Fatal("no free port")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	defer l.Close()
	for _, p := range []int{port, port + 1} {
		u, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			return false
		}
		_ = u.Close()
	}
	return true
}

// KeyFile writes a key file, the same for the same seed.
func KeyFile(tb testing.TB, seed byte) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "ring.key")
	key := ""
	for i := range 32 {
		key += fmt.Sprintf("%02x", byte(i)*7+seed)
	}
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}
