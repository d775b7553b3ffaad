package spreadtest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"

	"gospread/spread/internal/daemon"
	"gospread/spread/internal/link"
	"gospread/spread/internal/ring"
)

// node is a daemon of the configuration.
type node struct {
	*site
	log tail

	mu       sync.Mutex // held while it is started, ended, paused or resumed
	addr     string     // where its clients connect
	lastTime uint32     // the latest time that earlier lives may have used

	// Guarded by Cluster.mu.
	life *life // nil: down
}

// life is a running daemon.
type life struct {
	plug   *plug
	door   *door
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended

	// Guarded by Cluster.mu.
	view view
	kept uint32 // the time that the next life must exceed
	err  error  // why it could not start
}

// view is a membership of daemons.
type view struct {
	id      ring.ID
	members []string // names in the order of the configuration; nil: none yet
}

// start starts the daemon. The caller holds n.mu.
func (c *Cluster) start(n *node) error {
	door, err := openDoor(n.addr)
	if err != nil {
		return err
	}
	n.addr = door.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	l := &life{plug: c.hub.connect(n.site), door: door, cancel: cancel, done: make(chan struct{})}
	opts := daemon.Options{
		ConfigFile: c.file,
		Name:       n.name,
		Version:    "spreadtest",
		Out:        &n.log,
		Listeners:  []net.Listener{door},
		Carrier:    l.plug.open,
		Installed:  func(v *ring.Configuration) { c.installed(l, v) },
		LastTime:   n.lastTime,
		Kept:       func(time uint32) { c.keep(l, time) },
	}
	c.change(func() { n.life = l })
	go func() {
		defer close(l.done)
		err := daemon.Run(ctx, opts)
		door.slam()
		_ = l.plug.Close() // where the daemon did not come to it
		c.change(func() { l.err = err })
	}()
	return nil
}

// open implements daemon.Options.Carrier.
func (p *plug) open(link.Config) (daemon.Carrier, error) { return p, nil }

// crash ends the daemon at once, without a word to anybody. The caller holds n.mu.
// What is left of it in this process ends soon after.
func (c *Cluster) crash(n *node, l *life) {
	c.hub.unplug(l.plug)
	l.door.slam()
	l.cancel()
	l.plug.resume()
	c.down(n, l)
}

// stop ends the daemon as an operator would. The caller holds n.mu.
func (c *Cluster) stop(n *node, l *life) {
	l.cancel()
	l.plug.resume()
	<-l.done
	c.down(n, l)
}

func (c *Cluster) down(n *node, l *life) {
	c.change(func() {
		n.life = nil
		n.lastTime = max(n.lastTime, l.kept)
		c.ended = append(c.ended, l)
	})
}

// installed is told what membership a daemon has now.
func (c *Cluster) installed(l *life, v *ring.Configuration) {
	members := make([]string, 0, len(v.Members))
	for _, n := range c.nodes {
		if slices.Contains(v.Members, ring.DaemonID(n.id)) {
			members = append(members, n.name)
		}
	}
	c.change(func() { l.view = view{v.ID, members} })
}

// keep is told what time a daemon has used, also of memberships that never come to be.
func (c *Cluster) keep(l *life, time uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.kept = time
}

// change changes what waiters look at.
func (c *Cluster) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// door is where a daemon's clients come in. It knows them all, so that it can break
// their connections as the end of a process does.
type door struct {
	*net.TCPListener

	mu    sync.Mutex
	conns []net.Conn
	shut  bool
}

// openDoor listens at an address, or at a new one if that is empty or has been taken
// meanwhile.
func openDoor(addr string) (*door, error) {
	var l net.Listener
	err := net.ErrClosed
	if addr != "" {
		l, err = net.Listen("tcp4", addr)
	}
	if err != nil {
		l, err = net.Listen("tcp4", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("serve clients on the loopback address: %w", err)
	}
	return &door{TCPListener: l.(*net.TCPListener)}, nil
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	c, err := d.TCPListener.AcceptTCP()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	d.conns = append(d.conns, c)
	return c, nil
}

// slam closes the listener and every connection.
func (d *door) slam() {
	_ = d.TCPListener.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = true
	for _, c := range d.conns {
		_ = c.Close()
	}
	d.conns = nil
}
