package conformance

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// daemon is a daemon of ours in a process of its own.
type daemon struct {
	name string
	host string
	port int
	dir  string
	// socketOnly: clients reach it by its Unix socket only.
	socketOnly bool
	place      *place // nil: here

	cmd    *exec.Cmd
	out    output
	exited chan struct{} // closed when the process has ended
}

func (d *daemon) tcp() string     { return fmt.Sprintf("%d@%s", d.port, d.host) }
func (d *daemon) socket() string  { return fmt.Sprintf("%s/tmp/%d", d.place.root(), d.port) }
func (d *daemon) address() string { return net.JoinHostPort(d.host, strconv.Itoa(d.port)) }

// startDaemons runs the daemons of a scenario, d1 and so on, until the test ends.
// They have found each other when it returns.
func startDaemons(t testing.TB, s *scenario, where *place) []*daemon {
	t.Helper()
	for range 5 {
		all := placeDaemons(t, s)
		if where != nil {
			all[0].place, all[0].socketOnly = where, true
		}
		if launch(t, all) {
			t.Cleanup(func() {
				if t.Failed() {
					for _, d := range all {
						t.Logf("daemon %s said:\n%s", d.name, d.out.String())
					}
				}
			})
			return all
		}
	}
	t.Fatal("no free ports for daemons")
	return nil
}

// placeDaemons gives daemons names, ports and a configuration, each in a segment of
// its own, so that three can be on one machine.
func placeDaemons(t testing.TB, s *scenario) []*daemon {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	host := s.Address
	if host == "" {
		host = "127.0.0.1"
	}
	var all []*daemon
	conf := slices.Clone(s.Options)
	if host == "::1" && !hasIPv6() {
		t.Skip("this machine has no IPv6")
	}
	for i := range s.Daemons {
		d := &daemon{name: fmt.Sprintf("d%d", i+1), host: host, port: s.Port, dir: dir, socketOnly: s.Interfaces != ""}
		if d.port == 0 {
			d.port = freePort(t)
		}
		all = append(all, d)
		segment := host
		if strings.Contains(host, ":") {
			segment = "[" + host + "]"
		}
		conf = append(conf, fmt.Sprintf("Spread_Segment %s:%d { %s %s %s }", segment, d.port, d.name, host, s.Interfaces))
	}
	files := map[string]string{"spread.conf": strings.Join(conf, "\n") + "\n"}
	for name, text := range s.Files {
		files[name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// launch starts daemons; false if a port was taken meanwhile.
func launch(t testing.TB, all []*daemon) bool {
	t.Helper()
	for _, d := range all {
		if err := d.start(t); err != nil {
			if strings.Contains(strings.ToLower(err.Error()), "in use") {
				return false
			}
			t.Fatal(err)
		}
	}
	return true
}

// start runs the process and waits until it serves.
func (d *daemon) start(t testing.TB) error {
	argv := d.place.command(d.dir, []string{suite.daemon, "-c", "spread.conf", "-n", d.name})
	d.cmd = exec.Command(argv[0], argv[1:]...)
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = d.dir, &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		return fmt.Errorf("starting daemon %s: %w", d.name, err)
	}
	cmd, exited := d.cmd, make(chan struct{})
	d.exited = exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
		_ = d.removeSockets()
	})
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(patience)
	for {
		select {
		case <-exited:
			return fmt.Errorf("daemon %s did not start: %s", d.name, d.out.String())
		case <-limit:
			return fmt.Errorf("daemon %s does not serve after %v: %s", d.name, patience, d.out.String())
		case <-poll.C:
			if d.serves() {
				return nil
			}
		}
	}
}

// serves tells whether the daemon takes a connection, and leaves none behind: it
// waits until the daemon has closed its side.
func (d *daemon) serves() bool {
	network, address := "tcp", d.address()
	if d.socketOnly {
		network, address = "unix", d.socket()
	}
	c, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	_ = c.(interface{ CloseWrite() error }).CloseWrite()
	_, err = io.Copy(io.Discard, c)
	return err == nil
}

// end ends the process and waits for that.
func (d *daemon) end(signal os.Signal) error {
	if err := d.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("ending daemon %s: %w", d.name, err)
	}
	select {
	case <-d.exited:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("daemon %s does not end on signal %v", d.name, signal)
	}
}

// removeSockets removes the Unix sockets, as a cleaner of /tmp does.
func (d *daemon) removeSockets() error {
	for _, path := range []string{d.socket(), d.socket() + ".lock", fmt.Sprintf("%s/run/spread/%d", d.place.root(), d.port)} {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

func (d *daemon) kill() error { return d.end(os.Kill) }
func (d *daemon) stop() error { return d.end(syscall.SIGTERM) }

var ports struct {
	sync.Mutex
	taken map[int]bool
}

// freePort picks a port whose TCP socket, two UDP sockets and Unix socket nobody
// holds.
func freePort(t testing.TB) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.taken == nil {
		ports.taken = map[int]bool{}
	}
	for range 1000 {
		p := 10000 + 2*rand.IntN(11000)
		if !ports.taken[p] && isFree(p) {
			ports.taken[p] = true
			return p
		}
	}
	t.Fatal("no free port")
	return 0
}

func isFree(port int) bool {
	for _, path := range []string{fmt.Sprintf("/tmp/%d", port), fmt.Sprintf("/run/spread/%d", port)} {
		if _, err := os.Lstat(path); err == nil {
			return false
		}
	}
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	_ = l.Close()
	for _, p := range []int{port, port + 1} {
		u, err := net.ListenPacket("udp", ":"+strconv.Itoa(p))
		if err != nil {
			return false
		}
		_ = u.Close()
	}
	return true
}
