package netns

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// network is a bridge with a cable to the space of each node. It belongs to one
// goroutine.
type network struct {
	t      testing.TB
	bridge *space
	nodes  []*space
	// deaf[to][from] tells whose datagrams do not reach a node.
	deaf    []map[int]bool
	loss    []float64
	filters []int // the descriptor that holds the node's filter; -1: none
}

// address is where a node is, from 0.
func address(node int) string { return fmt.Sprintf("198.18.77.%d", node+1) }

func newNetwork(t testing.TB, nodes int, dir string) *network {
	t.Helper()
	n := &network{t: t, bridge: newSpace(t, dir)}
	n.bridge.ip(t, "link add br0 type bridge mcast_snooping 0", "link set br0 up")
	for i := range nodes {
		s := newSpace(t, dir)
		n.bridge.ip(t,
			fmt.Sprintf("link add %s type veth peer name eth0 netns %d", port(i), s.tid),
			fmt.Sprintf("link set %s master br0 up", port(i)))
		s.ip(t,
			fmt.Sprintf("addr add %s/24 brd + dev eth0", address(i)),
			fmt.Sprintf("addr add %s/64 dev eth0 nodad", (&setup{v6: true}).address(i)),
			"link set eth0 up",
			"route add 224.0.0.0/4 dev eth0")
		n.nodes = append(n.nodes, s)
		n.deaf = append(n.deaf, map[int]bool{})
		n.loss = append(n.loss, 0)
		n.filters = append(n.filters, -1)
	}
	t.Cleanup(func() {
		for i := range n.filters {
			n.setFilter(i, -1)
		}
	})
	return n
}

// port is the bridge's end of a node's cable.
func port(node int) string { return fmt.Sprintf("port%d", node+1) }

// plug puts a node's cable in, or pulls it.
func (n *network) plug(node int, in bool) {
	n.t.Helper()
	err := n.bridge.run(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		r, err := unix.NewIfreq(port(node))
		if err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, r); err != nil {
			return err
		}
		flags := r.Uint16() &^ unix.IFF_UP
		if in {
			flags |= unix.IFF_UP
		}
		r.SetUint16(flags)
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
	})
	if err != nil {
		n.t.Fatalf("setting the cable of node %d: %v", node, err)
	}
}

// silence keeps what one node sends from another.
func (n *network) silence(from, to int) {
	n.t.Helper()
	n.deaf[to][from] = true
	n.apply(to)
}

// partition parts the nodes: those of one part only hear each other.
func (n *network) partition(parts ...[]int) {
	n.t.Helper()
	in := make([]int, len(n.nodes))
	for p, nodes := range parts {
		for _, i := range nodes {
			in[i] = p
		}
	}
	for to := range n.nodes {
		clear(n.deaf[to])
		for from := range n.nodes {
			if in[from] != in[to] {
				n.deaf[to][from] = true
			}
		}
		n.apply(to)
	}
}

// lose makes a node lose a part of what it is sent.
func (n *network) lose(node int, part float64) {
	n.t.Helper()
	n.loss[node] = part
	n.apply(node)
}

// heal ends all that the filters do; cables are left as they are.
func (n *network) heal() {
	n.t.Helper()
	for i := range n.nodes {
		clear(n.deaf[i])
		n.loss[i] = 0
		n.apply(i)
	}
}

// apply puts what a node is to lose into effect.
func (n *network) apply(node int) {
	n.t.Helper()
	if len(n.deaf[node]) == 0 && n.loss[node] == 0 {
		n.setFilter(node, -1)
		return
	}
	var from []string
	for i := range n.deaf[node] {
		from = append(from, address(i))
	}
	var fd int
	err := n.nodes[node].run(func() (err error) {
		fd, err = attachFilter("eth0", from, n.loss[node])
		return err
	})
	if err != nil {
		n.t.Fatalf("filter at node %d: %v", node, err)
	}
	n.setFilter(node, fd)
}

// setFilter replaces a node's filter; the one before ends with its descriptor.
func (n *network) setFilter(node, fd int) {
	if n.filters[node] >= 0 {
		_ = unix.Close(n.filters[node])
	}
	n.filters[node] = fd
}
