package netns

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// clinic is a network of machines with doctors and perhaps daemons.
type clinic struct {
	*network
	t   *testing.T
	dir string
}

func newClinic(t *testing.T, nodes int) *clinic {
	t.Helper()
	needRoot(t)
	if os.Getenv("SPREAD_NETNS_DAEMON") != "" {
		t.Skip("another daemon is tested, which has no doctor")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	install(t, dir)
	c := &clinic{network: newNetwork(t, nodes, dir), t: t, dir: dir}
	c.write("spread.conf", (&setup{daemons: nodes}).conf())
	return c
}

func (c *clinic) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// diagnosis is what a doctor prints with --json, as far as it is looked at.
type diagnosis struct {
	Findings []struct{ Check, Daemon, Level, Found, Remedy string }
	Matrix   struct{ Heard [][]string }
	text     string
	exit     int
}

// examine runs the doctor on all machines at once. The configurations are those of
// spread.conf, or of the node's own file if it has one.
func (c *clinic) examine(wait time.Duration) []*diagnosis {
	c.t.Helper()
	all := make([]*diagnosis, len(c.nodes))
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i := range c.nodes {
		wg.Go(func() { all[i], errs[i] = c.doctor(i, wait) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			c.t.Fatalf("doctor of d%d: %v", i+1, err)
		}
	}
	return all
}

func (c *clinic) doctor(node int, wait time.Duration) (*diagnosis, error) {
	conf := fmt.Sprintf("spread%d.conf", node+1)
	if _, err := os.Stat(filepath.Join(c.dir, conf)); err != nil {
		conf = "spread.conf"
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience+wait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/mnt/spread", "doctor", "-c", conf, "--json", "--wait", wait.String())
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/mnt", &out, &errs
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=50")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.nodes[node].run(cmd.Start); err != nil {
		return nil, err
	}
	_ = cmd.Wait() // the status is looked at
	d := &diagnosis{text: out.String(), exit: cmd.ProcessState.ExitCode()}
	if err := json.Unmarshal(out.Bytes(), d); err != nil {
		return nil, fmt.Errorf("%w: %s%s", err, out.String(), errs.String())
	}
	return d, nil
}

// want makes sure that something was found.
func (d *diagnosis) want(t *testing.T, check, daemon, level, found, remedy string) {
	t.Helper()
	for _, f := range d.Findings {
		if f.Check == check && f.Daemon == daemon && f.Level == level && strings.Contains(f.Found, found) && strings.Contains(f.Remedy, remedy) {
			return
		}
	}
	t.Errorf("no %s of %s about %q with %q: %s", level, check, daemon, found, d.text)
}

// well makes sure that there is no problem.
func (d *diagnosis) well(t *testing.T) {
	t.Helper()
	if d.exit != 0 {
		t.Errorf("exit status %d: %s", d.exit, d.text)
	}
	for _, line := range d.Matrix.Heard {
		for _, cell := range line {
			if cell != "self" && cell != "ok" {
				t.Errorf("who hears whom: %v", d.Matrix.Heard)
			}
		}
	}
}

const doctorsWait = 4 * time.Second

func TestDoctor(t *testing.T) {
	c := newClinic(t, 3)
	t.Run("all well", func(t *testing.T) {
		for _, d := range c.examine(patience) {
			d.well(t)
		}
	})
	t.Run("one way", func(t *testing.T) {
		c.silence(0, 1) // d2 does not hear d1
		defer c.heal()
		all := c.examine(doctorsWait)
		all[0].want(t, "network.unicast", "d2", "problem", "does not hear this machine", address(0))
		all[1].want(t, "network.heard", "d1", "problem", "as d3 hears it", "let UDP ports 4803 and 4804 in")
		if all[0].exit != 1 || all[1].exit != 1 || all[2].exit != 0 {
			t.Errorf("exit status %d, %d, %d", all[0].exit, all[1].exit, all[2].exit)
		}
	})
	t.Run("cable pulled", func(t *testing.T) {
		c.plug(2, false)
		defer c.plug(2, true)
		all := c.examine(doctorsWait)
		all[0].want(t, "network.heard", "d3", "warning", "nothing was heard", "run there")
		all[0].want(t, "network.unicast", "d2", "ok", "", "")
	})
	t.Run("no multicast", func(t *testing.T) {
		c.flood(false)
		defer c.flood(true)
		c.examine(patience)[1].want(t, "network.multicast", "d3", "problem", "either", "segment of its own")
	})
	t.Run("black hole", func(t *testing.T) {
		c.mtu(9000)
		defer c.mtu(1500)
		c.examine(patience)[0].want(t, "network.size", "d2", "problem", "datagrams of 8900 bytes", "ip link set dev eth0 mtu 1500")
	})
	t.Run("port taken", func(t *testing.T) {
		var taken net.PacketConn
		err := c.nodes[0].run(func() (err error) {
			taken, err = net.ListenPacket("udp4", fmt.Sprintf("%s:%d", address(0), clientPort+1))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		all := c.examine(patience)
		all[0].want(t, "ports.udp", "", "problem", fmt.Sprintf("(process %d)", os.Getpid()), "stop that program")
		all[0].want(t, "network.unicast", "d2", "ok", "", "") // by the spare ports
	})
	t.Run("another file", func(t *testing.T) {
		c.write("spread2.conf", strings.Replace((&setup{daemons: 3}).conf(), address(2), "198.18.77.9", 1))
		defer os.Remove(filepath.Join(c.dir, "spread2.conf"))
		all := c.examine(doctorsWait)
		all[0].want(t, "network.configuration", "d2", "problem", "d3 is at 198.18.77.9:4803 for it", "same file")
	})
	t.Run("keys", func(t *testing.T) {
		for i, digit := range []string{"1", "1", "2"} {
			c.write(fmt.Sprintf("key%d", i+1), strings.Repeat("0"+digit, 31)+"ff\n")
			c.write(fmt.Sprintf("spread%d.conf", i+1), fmt.Sprintf("RingKeyFile = /mnt/key%d\nDaemonUser = root\n", i+1)+(&setup{daemons: 3}).conf())
			defer os.Remove(filepath.Join(c.dir, fmt.Sprintf("spread%d.conf", i+1)))
		}
		all := c.examine(patience)
		all[0].want(t, "network.unicast", "d2", "ok", "", "")
		all[0].want(t, "network.key", "d3", "problem", "not in the RingKeyFile", "same RingKeyFile")
		all[2].want(t, "network.key", "d1", "problem", "not in the RingKeyFile", "same RingKeyFile")
	})
}

// Doctors on machines whose daemons run disturb nothing, and see each other.
func TestDoctorWhileDaemonsRun(t *testing.T) {
	c := newCluster(t, setup{daemons: 3})
	clinic := &clinic{network: c.network, t: t, dir: filepath.Dir(c.daemons[0].log)}
	c.round("doctors", func(context.Context) {
		changes := c.load.Changes()
		for _, d := range clinic.examine(patience) {
			d.well(t)
		}
		if now := c.load.Changes(); now != changes {
			t.Errorf("%d views came while the doctors ran", now-changes)
		}
	})
	for _, d := range c.daemons {
		if text, err := os.ReadFile(d.log); err != nil || strings.Contains(string(text), "refused") {
			t.Errorf("%s: %v, %s", d.name, err, text)
		}
	}
}

// flood has the bridge hand on what is sent to groups, or not.
func (n *network) flood(on bool) {
	n.t.Helper()
	for i := range n.nodes {
		n.bridge.ip(n.t, fmt.Sprintf("link set dev %s type bridge_slave mcast_flood %s", port(i), map[bool]string{true: "on", false: "off"}[on]))
	}
}

// mtu changes that of all machines, and not that of the bridge between them.
func (n *network) mtu(size int) {
	n.t.Helper()
	for _, s := range n.nodes {
		s.ip(n.t, fmt.Sprintf("link set dev eth0 mtu %d", size))
	}
}
