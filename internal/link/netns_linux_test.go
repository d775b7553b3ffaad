package link

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// netns is a network namespace that lives as long as its thread and sockets.
type netns struct {
	work chan func()
	path string
}

// newNetns makes one, with loopback up. Tests that are not root's are skipped.
func newNetns(t testing.TB) *netns {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatal("this test needs the command ip: install iproute2")
	}
	n := &netns{work: make(chan func())}
	made := make(chan error)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		made <- err
		for f := range n.work {
			f()
		}
	}()
	err := <-made
	t.Cleanup(func() { close(n.work); <-ended })
	if errors.Is(err, unix.EPERM) {
		t.Skip("network namespaces are not allowed here")
	}
	if err != nil {
		t.Fatal(err)
	}
	n.ip(t, "link set lo up")
	return n
}

// do runs f in the namespace.
func (n *netns) do(t testing.TB, f func() error) {
	t.Helper()
	if n == nil {
		if err := f(); err != nil {
			t.Fatal(err)
		}
		return
	}
	done := make(chan error)
	n.work <- func() { done <- f() }
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// run runs a command in the namespace.
func (n *netns) run(t testing.TB, line string) {
	t.Helper()
	n.do(t, func() error {
		args := strings.Fields(line)
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, out)
		}
		return nil
	})
}

func (n *netns) ip(t testing.TB, line string) { t.Helper(); n.run(t, "ip "+line) }

// wire puts a pair of interfaces between two namespaces.
func (n *netns) wire(t testing.TB, name string, other *netns, otherName string, mtu int) {
	t.Helper()
	n.ip(t, fmt.Sprintf("link add %s mtu %d type veth peer name %s mtu %d netns %s", name, mtu, otherName, mtu, other.path))
	n.ip(t, fmt.Sprintf("link set %s up", name))
	other.ip(t, fmt.Sprintf("link set %s up", otherName))
	n.carries(t, name, "state UP")
	other.carries(t, otherName, "state UP")
}

// carries waits until an interface is in a state; that comes some time after the command,
// and what is sent before it is lost.
func (n *netns) carries(t testing.TB, name, state string) {
	t.Helper()
	limit := time.After(testLimit)
	for {
		var out []byte
		n.do(t, func() (err error) {
			out, err = exec.Command("ip", "-d", "link", "show", "dev", name).CombinedOutput()
			return err
		})
		if strings.Contains(string(out), state) {
			return
		}
		select {
		case <-limit:
			t.Fatalf("%s does not come to %s:\n%s", name, state, out)
		case <-time.After(time.Millisecond):
		}
	}
}

// forwarding is the state of an interface that a bridge sends to and takes from.
const forwarding = "bridge_slave state forwarding"

// newLAN makes hosts with the addresses 10.77.0.1/24, fd77::1/64, ... on a bridge.
func newLAN(t testing.TB, hosts, mtu int) []*netns {
	t.Helper()
	_, all := newSwitch(t, hosts, mtu)
	return all
}

// newSwitch is newLAN with the namespace of the bridge.
func newSwitch(t testing.TB, hosts, mtu int) (sw *netns, all []*netns) {
	t.Helper()
	sw = newNetns(t)
	sw.ip(t, "link add br0 type bridge mcast_snooping 0")
	sw.ip(t, "link set br0 up")
	for i := range hosts {
		h := newNetns(t)
		attach(t, sw, h, i, mtu)
		all = append(all, h)
	}
	return sw, all
}

// attach gives a host its interface with its addresses, and always the same one of
// Ethernet, which the others may remember.
func attach(t testing.TB, sw, h *netns, i, mtu int) {
	t.Helper()
	port := fmt.Sprintf("p%d", i)
	sw.wire(t, port, h, "eth0", mtu)
	sw.ip(t, fmt.Sprintf("link set %s master br0", port))
	sw.carries(t, port, forwarding)
	h.ip(t, fmt.Sprintf("link set eth0 address 02:77:00:00:00:%02x", i+1))
	h.ip(t, fmt.Sprintf("addr add 10.77.0.%d/24 brd + dev eth0", i+1))
	h.ip(t, fmt.Sprintf("addr add fd77::%d/64 dev eth0 nodad", i+1))
}
