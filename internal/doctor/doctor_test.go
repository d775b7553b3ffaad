package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/link"
	"gospread/spread/internal/seal"
)

func TestAllWell(t *testing.T) {
	w := newWire()
	reports := examine(t, w.machine("10.0.0.1", three), w.machine("10.0.0.2", three), w.machine("10.0.0.3", three))
	for i, r := range reports {
		if r.Problems > 0 || r.Warnings != 1 || find(r, "keys.file", "", Warning) == nil { // the ring is not sealed
			t.Errorf("%d: %+v", i, r.Findings)
		}
		for _, line := range r.Matrix.Heard {
			for _, cell := range line {
				if cell != "self" && cell != "ok" {
					t.Errorf("%d: matrix %v", i, r.Matrix.Heard)
				}
			}
		}
	}
	for _, check := range []string{"network.unicast", "network.multicast", "network.size", "network.clock", "network.configuration"} {
		if find(reports[0], check, "mars", OK) == nil || find(reports[0], check, "venus", OK) == nil {
			t.Errorf("no finding of %s", check)
		}
	}
}

// fault is one thing that is wrong with one machine, and what its doctor says.
type fault struct {
	name    string
	config  string // instead of three
	spoil   func(e *Env)
	check   string
	daemon  string
	level   Level
	found   string
	remedy  string
	another bool // a second machine, which is well, takes part
}

// key is the text of a key file, none of which is used anywhere.
func key(digit string) func(string) (*seal.Keys, error) {
	return func(string) (*seal.Keys, error) {
		return seal.ParseKeys([]byte(strings.Repeat("0"+digit, 31)+"aa\n"), "spread.key")
	}
}

func noDirectory(e *Env) {
	e.IsDir = func(path string) error { return fmt.Errorf("stat %s: %w", path, fs.ErrNotExist) }
}

var faults = []fault{
	{name: "no file", spoil: func(e *Env) { e.ReadFile = func(string) ([]byte, error) { return nil, errors.New("no such file") } },
		check: "configuration.file", level: Problem, found: "no such file", remedy: "spread doctor -c FILE"},
	{name: "mistake in the file", config: "Spread_Segment 225.0.0.1:4803 {\n earth 10.0.0.300.1\n}\n",
		check: "configuration.file", level: Problem, found: "spread.conf:2:", remedy: "spread --check -c spread.conf"},
	{name: "name unknown", config: "Spread_Segment 225.0.0.1:4803 {\n earth\n}\n",
		check: "configuration.file", level: Problem, found: "earth", remedy: "correct the file"},
	{name: "name is loopback", config: "Spread_Segment 225.0.0.1:4803 {\n earth 10.0.0.1\n mars\n}\n",
		spoil: func(e *Env) { e.Lookup = resolve("127.0.1.1") },
		check: "configuration.lookup", daemon: "mars", level: Problem, found: "127.0.1.1", remedy: "/etc/hosts"},
	{name: "name has two addresses", config: "Spread_Segment 225.0.0.1:4803 {\n earth 10.0.0.1\n mars\n}\n",
		spoil: func(e *Env) { e.Lookup = resolve("10.0.0.2", "10.9.9.9", "fd00::2") },
		check: "configuration.lookup", daemon: "mars", level: Warning, found: "10.9.9.9", remedy: "write the address"},
	{name: "slow resolver", config: "Spread_Segment 225.0.0.1:4803 {\n earth 10.0.0.1\n mars\n}\n",
		spoil: func(e *Env) {
			e.Lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
				select {
				case <-time.After(3 * time.Second):
				case <-ctx.Done():
				}
				return resolve("10.0.0.2")(ctx, name)
			}
		},
		check: "configuration.lookup", daemon: "mars", level: Warning, found: "3s", remedy: "/etc/hosts"},
	{name: "no entry of this machine", config: "Spread_Segment 225.0.0.1:4803 {\n mars 10.0.0.2\n}\n",
		check: "machine.entry", level: Problem, found: "no daemon has an address of this machine", remedy: "-n NAME"},
	{name: "loopback among others", config: "Spread_Segment 225.0.0.1:4803 {\n earth 10.0.0.1\n mars 127.0.0.1\n}\n",
		check: "machine.loopback", level: Problem, found: "mars", remedy: "the address that its machine has"},
	{name: "interface down", spoil: eth0(func(i *Interface) { i.Up = false }),
		check: "machine.interface", level: Problem, found: "down", remedy: "ip link set dev eth0 up"},
	{name: "no multicast", spoil: eth0(func(i *Interface) { i.Multicast = false }),
		check: "machine.segment", level: Problem, found: "eth0 does no multicast", remedy: "ip link set dev eth0 multicast on"},
	{name: "small packets", spoil: eth0(func(i *Interface) { i.MTU = 576 }),
		check: "machine.interface", level: Warning, found: "576", remedy: "MTU"},
	{name: "wrong broadcast address", config: strings.Replace(three, "225.0.0.1", "10.0.255.255", 1),
		check: "machine.segment", level: Warning, found: "10.0.0.255", remedy: "write 10.0.0.255"},
	{name: "another network", config: "Spread_Segment 10.0.0.255:4803 {\n earth 10.0.0.1\n mars 10.0.7.2\n}\n",
		check: "machine.subnet", daemon: "mars", level: Problem, found: "10.0.0.0/24", remedy: "segment of its own"},
	{name: "udp port taken", spoil: func(e *Env) {
		e.Bind = func(_ context.Context, network string, at netip.AddrPort) error {
			if network == "udp" && at.Port() == 4804 {
				return errTaken
			}
			return nil
		}
		e.Holder = func(string, uint16) string { return "named (process 77)" }
	}, check: "ports.udp", level: Problem, found: "10.0.0.1:4804 (port for the token) is taken by named (process 77)", remedy: "stop that program"},
	{name: "tcp port taken by another daemon", spoil: func(e *Env) {
		e.Bind = func(_ context.Context, network string, _ netip.AddrPort) error { return errTaken }
		e.Dial = func(context.Context, netip.AddrPort) Dialed {
			return Dialed{State: Daemon, Name: "localhost", Version: "5.0.1"}
		}
	}, check: "ports.tcp", level: Problem, found: "the daemon localhost", remedy: "stop that daemon"},
	{name: "address that cannot be bound", spoil: func(e *Env) {
		e.Bind = func(context.Context, string, netip.AddrPort) error {
			return errors.New("cannot assign requested address")
		}
	}, check: "ports.tcp", level: Problem, found: "cannot assign", remedy: "correct the address"},
	{name: "another daemon at an address", spoil: dialing(Dialed{State: Daemon, Name: "pluto"}),
		check: "daemons.client-port", daemon: "mars", level: Problem, found: "the daemon pluto", remedy: "compare the files"},
	{name: "another program at an address", spoil: dialing(Dialed{State: Another, Err: errors.New("SSH-2.0")}),
		check: "daemons.client-port", daemon: "mars", level: Problem, found: "SSH-2.0", remedy: "stop the other program"},
	{name: "a daemon that hangs", spoil: dialing(Dialed{State: Hung}),
		check: "daemons.client-port", daemon: "mars", level: Problem, found: "nothing answers within 3s", remedy: "ss -ltnp 'sport = :4803'"},
	{name: "status port taken", config: "HTTPStatus = 4810\n" + three, spoil: func(e *Env) {
		e.Bind = func(_ context.Context, _ string, at netip.AddrPort) error {
			if at == netip.MustParseAddrPort("127.0.0.1:4810") {
				return errTaken
			}
			return nil
		}
	}, check: "ports.http", level: Problem, found: "127.0.0.1:4810 (HTTPStatus) is taken", remedy: "another port"},
	{name: "status address of another machine", config: "HTTPStatus = 10.9.9.9:4810\n" + three, spoil: func(e *Env) {
		e.Bind = func(_ context.Context, _ string, at netip.AddrPort) error {
			if at.Port() == 4810 {
				return errors.New("cannot assign requested address")
			}
			return nil
		}
	}, check: "ports.http", level: Problem, found: "10.9.9.9:4810 cannot be used", remedy: "correct HTTPStatus"},
	{name: "no directory for the log", config: "EventLogFile = /var/log/none/spread.log\n" + three, spoil: noDirectory,
		check: "limits.log", level: Problem, found: "/var/log/none", remedy: "create the directory /var/log/none"},
	{name: "no root directory", config: "RuntimeDir = /none\n" + three, spoil: func(e *Env) { e.Root = true; noDirectory(e) },
		check: "limits.root", level: Problem, found: "/none", remedy: "change RuntimeDir"},
	{name: "few files", spoil: func(e *Env) { e.Files = func() uint64 { return 256 } },
		check: "limits.files", level: Warning, found: "256", remedy: "ulimit -n"},
	{name: "more sessions than files", config: "MaxSessions = 5000\n" + three, spoil: func(e *Env) { e.Files = func() uint64 { return 1024 } },
		check: "limits.files", level: Problem, found: "5000", remedy: "LimitNOFILE"},
	{name: "small receive buffers", spoil: smallBuffers("rmem_max"),
		check: "limits.buffers", level: Warning, found: "212992", remedy: "sysctl -w net.core.rmem_max=8388608"},
	{name: "small send buffers", spoil: smallBuffers("wmem_max"),
		check: "limits.buffers", level: Warning, found: "212992", remedy: "sysctl -w net.core.wmem_max=8388608"},
	{name: "user missing", config: "DaemonUser = no-such-user\n" + three, spoil: func(e *Env) { e.Root = true },
		check: "limits.user", level: Problem, found: "no-such-user", remedy: "useradd"},
	{name: "not sealed", check: "keys.file", level: Warning, found: "not sealed", remedy: "openssl rand -hex 32"},
	{name: "key file missing", config: "RingKeyFile = spread.key\n" + three, check: "keys.file", level: Problem, found: "spread.key", remedy: "openssl rand"},
	{name: "key file that others may read", config: "RingKeyFile = spread.key\n" + three,
		spoil: func(e *Env) {
			e.ReadKeys = func(string) (*seal.Keys, error) { return nil, errors.New("others may read it") }
		},
		check: "keys.file", level: Problem, found: "others may read it", remedy: "chmod 640 spread.key"},
	{name: "key file that the daemon cannot read", config: "RingKeyFile = spread.key\n" + three,
		spoil: func(e *Env) {
			e.ReadKeys = key("1")
			e.Unreadable = func(string, *conf.Options) string { return "mode 0400" }
		},
		check: "keys.file", level: Problem, found: "mode 0400", remedy: "chown spread spread.key"},
	{name: "other key", config: "RingKeyFile = spread.key\n" + three, another: true,
		spoil: func(e *Env) { e.ReadKeys = key("2") },
		check: "network.key", daemon: "mars", level: Problem, found: "not in the RingKeyFile here", remedy: "the same RingKeyFile"},
	{name: "sockets that cannot be opened", spoil: func(e *Env) {
		e.OpenLink = func(link.Config) (Carrier, error) { return nil, errors.New("no such device") }
	}, check: "network.sockets", level: Problem, found: "no such device", remedy: "see"},
	{name: "nobody there", spoil: dialing(Dialed{State: Closed}),
		check: "network.heard", daemon: "venus", level: Warning, found: "its machine answers", remedy: "run there, at the same time: spread doctor -c spread.conf"},
	{name: "machine down", spoil: dialing(Dialed{State: Silent}),
		check: "network.heard", daemon: "venus", level: Warning, found: "nothing was heard", remedy: "let UDP ports 4803 and 4804 in"},
	{name: "a daemon and no doctor", spoil: func(e *Env) {
		e.Dial = func(_ context.Context, at netip.AddrPort) Dialed {
			if at.Addr() == netip.MustParseAddr("10.0.0.3") {
				return Dialed{State: Daemon, Name: "venus"}
			}
			return Dialed{State: Closed}
		}
	}, check: "network.heard", daemon: "venus", level: Warning, found: "a daemon runs there", remedy: "run there"},
	{name: "clock", another: true, spoil: func(e *Env) { e.Now = func() time.Time { return time.Now().Add(-90 * time.Second) } },
		check: "network.clock", daemon: "mars", level: Warning, found: "1m30s ahead of", remedy: "time server"},
	{name: "clock of a sealed ring", config: "RingKeyFile = spread.key\n" + three, another: true,
		spoil: func(e *Env) { e.Now = func() time.Time { return time.Now().Add(10 * time.Minute) } },
		check: "network.clock", daemon: "mars", level: Problem, found: "10m0s behind", remedy: "time server"},
	{name: "another file", config: strings.Replace(three, "10.0.0.3", "10.0.0.4", 1), another: true,
		check: "network.configuration", daemon: "mars", level: Problem, found: "venus is at 10.0.0.3:4803 for it, and at 10.0.0.4:4803 here", remedy: "the same file"},
	{name: "another file, the same addresses", config: strings.Replace(three, "225.0.0.1", "225.0.0.2", 1), another: true,
		check: "network.configuration", daemon: "mars", level: Problem, found: "hash", remedy: "spread --check"},
	{name: "address that is translated", another: true,
		spoil: func(e *Env) {
			open := e.OpenLink
			e.OpenLink = func(c link.Config) (Carrier, error) { // mars sends as if from elsewhere
				for i, p := range c.Peers {
					if p.Addr.Addr() == netip.MustParseAddr("10.0.0.2") {
						c.Peers[i].Addr = netip.AddrPortFrom(netip.MustParseAddr("10.0.0.99"), p.Addr.Port())
					}
				}
				return open(c)
			}
		},
		check: "network.address", daemon: "mars", level: Problem, found: "10.0.0.2", remedy: "NAT"},
}

func resolve(addrs ...string) func(context.Context, string) ([]netip.Addr, error) {
	return func(_ context.Context, name string) (list []netip.Addr, err error) {
		if name != "mars" {
			return nil, errors.New("no such host")
		}
		for _, a := range addrs {
			list = append(list, netip.MustParseAddr(a))
		}
		return list, nil
	}
}

func eth0(change func(*Interface)) func(*Env) {
	return func(e *Env) {
		interfaces := e.Interfaces
		e.Interfaces = func() ([]Interface, error) {
			all, err := interfaces()
			change(&all[1])
			return all, err
		}
	}
}

func dialing(d Dialed) func(*Env) {
	return func(e *Env) { e.Dial = func(context.Context, netip.AddrPort) Dialed { return d } }
}

// Each fault is named, with what to do; without it there is no such finding.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			config := f.config
			if config == "" {
				config = three
			}
			w := newWire()
			env := w.machine("10.0.0.1", config)
			env.ReadKeys = w.machine("10.0.0.1", config).ReadKeys
			envs := []*Env{env}
			if f.another {
				well := three
				if strings.HasPrefix(config, "RingKeyFile") {
					well = "RingKeyFile = spread.key\n" + three
					env.ReadKeys = key("1")
				}
				other := w.machine("10.0.0.2", well)
				other.ReadKeys = key("1")
				envs = append(envs, other)
			}
			if f.spoil != nil {
				f.spoil(env)
			}
			r := examine(t, envs...)[0]
			found := find(r, f.check, f.daemon, f.level)
			if found == nil {
				t.Fatalf("no %v of %s: %+v", f.level, f.check, r.Findings)
			}
			if !strings.Contains(found.Found, f.found) || found.Means == "" || !strings.Contains(found.Remedy+found.Means, f.remedy) {
				t.Errorf("%+v", found)
			}
			show(t, r)
		})
	}
}

// show makes sure that every report can be written, within the width.
func show(t *testing.T, r *Report) {
	t.Helper()
	var text, object bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&object); err != nil {
		t.Fatal(err)
	}
	var again struct {
		Format   int
		Problems int
		Findings []struct{ Check, Level, Found string }
	}
	if err := json.Unmarshal(object.Bytes(), &again); err != nil || again.Format != 1 || again.Problems != r.Problems || len(again.Findings) != len(r.Findings) {
		t.Errorf("%v, %s", err, object.String())
	}
	for line := range strings.SplitSeq(text.String(), "\n") {
		if utf8.RuneCountInString(line) > width {
			t.Errorf("%d characters: %s", utf8.RuneCountInString(line), line)
		}
	}
	for _, f := range r.Findings {
		if !strings.Contains(strings.Join(strings.Fields(text.String()), " "), strings.Join(strings.Fields(f.Found), " ")) {
			t.Errorf("the text has not %q", f.Found)
		}
	}
}

// What the network does is named on the machines that notice it.
func TestNetworkFaults(t *testing.T) {
	earth, mars := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for _, c := range []struct {
		name   string
		drops  func(from, to netip.Addr, toAll bool, size int) bool
		who    int // whose report
		check  string
		daemon string
		level  Level
		found  string
		cells  string // who hears whom: lines of earth, mars, venus
	}{
		{"one way", func(from, to netip.Addr, _ bool, _ int) bool { return from == earth && to == mars },
			0, "network.unicast", "mars", Problem, "does not hear this machine", "- ok ok|nothing - ok|ok ok -"},
		{"one way, at the other end", func(from, to netip.Addr, _ bool, _ int) bool { return from == earth && to == mars },
			1, "network.heard", "earth", Problem, "its doctor runs, as venus hears it", "- unknown unknown|nothing - ok|ok ok -"},
		{"no multicast", func(_, _ netip.Addr, toAll bool, _ int) bool { return toAll },
			0, "network.multicast", "venus", Problem, "either sends", "- unicast unicast|unicast - unicast|unicast unicast -"},
		{"no multicast from here", func(from, _ netip.Addr, toAll bool, _ int) bool { return toAll && from == earth },
			0, "network.multicast", "mars", Problem, "this machine sends", "- ok ok|unicast - ok|unicast ok -"},
		{"no multicast to here", func(_, to netip.Addr, toAll bool, _ int) bool { return toAll && to == earth },
			0, "network.multicast", "mars", Problem, "does not arrive here", "- unicast unicast|ok - ok|ok ok -"},
		{"black hole", func(_, _ netip.Addr, _ bool, size int) bool { return size > 1450 },
			0, "network.size", "mars", Problem, "datagrams of 1472 bytes", "- ok ok|ok - ok|ok ok -"},
		{"fragments", func(_, _ netip.Addr, _ bool, size int) bool { return size > 1472 },
			0, "network.size", "mars", OK, "of 8900 bytes do not", "- ok ok|ok - ok|ok ok -"},
		{"heavy loss", everyThird(1), 0, "network.unicast", "mars", Problem, "are lost", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire()
			w.drops = c.drops
			reports := examine(t, w.machine("10.0.0.1", three), w.machine("10.0.0.2", three), w.machine("10.0.0.3", three))
			r := reports[c.who]
			f := find(r, c.check, c.daemon, c.level)
			if f == nil || !strings.Contains(f.Found, c.found) || f.Level != OK && f.Remedy == "" {
				t.Errorf("%+v of %+v", f, r.Findings)
			}
			var lines []string
			for _, line := range r.Matrix.Heard {
				lines = append(lines, strings.ReplaceAll(strings.Join(line, " "), "self", "-"))
			}
			if got := strings.Join(lines, "|"); c.cells != "" && got != c.cells {
				t.Errorf("who hears whom: %s", got)
			}
			show(t, r)
		})
	}
}

func everyThird(n int) func(netip.Addr, netip.Addr, bool, int) bool {
	return func(netip.Addr, netip.Addr, bool, int) bool { n++; return n%3 == 0 }
}

// Where a daemon runs, the doctors use other ports, and tell the daemon nothing.
func TestWhileDaemonsRun(t *testing.T) {
	w := newWire()
	running := func(e *Env) *Env {
		e.Dial = func(_ context.Context, at netip.AddrPort) Dialed {
			return Dialed{State: Daemon, Name: map[byte]string{1: "earth", 2: "mars", 3: "venus"}[at.Addr().As4()[3]]}
		}
		e.Bind = func(context.Context, string, netip.AddrPort) error { return errTaken }
		open := e.OpenLink
		e.OpenLink = func(c link.Config) (Carrier, error) {
			if c.Peers[0].Addr.Port() == 4803 {
				return nil, fmt.Errorf("port 4803 is touched")
			}
			return open(c)
		}
		return e
	}
	for i, r := range examine(t, running(w.machine("10.0.0.1", three)), running(w.machine("10.0.0.2", three)), running(w.machine("10.0.0.3", three))) {
		if r.Problems > 0 || find(r, "ports.tcp", "", OK) == nil {
			t.Errorf("%d: %+v", i, r.Findings)
		}
	}
}

// TestNobodyToHear: where no doctor is known to run, nobody is said not to be heard.
func TestNobodyToHear(t *testing.T) {
	e := newWire().machine("10.0.0.1", three)
	e.Dial = func(context.Context, netip.AddrPort) Dialed { return Dialed{State: Daemon} }
	r := examine(t, e)[0]
	if got := fmt.Sprint(r.Matrix.Heard[0]); got != "[self unknown unknown]" {
		t.Errorf("who hears whom: %s", got)
	}
}

// TestDial: silence, refusal, a daemon that hangs and another program are told apart.
func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := netip.MustParseAddrPort(l.Addr().String())
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if d := dial(short, at); d.State != Hung {
		t.Errorf("nothing is said: %+v", d)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel() // no time to connect, as to a machine that is down
	if d := dial(over, at); d.State != Silent {
		t.Errorf("no connection: %+v", d)
	}
	l.Close()
	if d := dial(t.Context(), at); d.State != Closed {
		t.Errorf("refused: %+v", d)
	}
}

// Ctrl-C goes on without those that are waited for.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		var said []string
		r := Run(ctx, Options{File: "spread.conf", Wait: time.Hour, Say: func(s string) { said = append(said, s) }}, newWire().machine("10.0.0.1", three))
		if took := time.Since(began); took > 4*time.Second || find(r, "network.heard", "mars", Warning) == nil {
			t.Errorf("after %v: %+v", took, r.Findings)
		}
		if len(said) != 1 || said[0] != "waiting for mars, venus, at most 1h0m0s: run there: spread doctor -c spread.conf" {
			t.Errorf("%q", said)
		}
	})
}

func TestWrap(t *testing.T) {
	var b strings.Builder
	wrap(&b, "  ok  ", strings.Repeat("word ", 30)+strings.Repeat("x", 100))
	for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		if len(line) > width && !strings.Contains(line, "xxx") || i > 0 && !strings.HasPrefix(line, "      ") {
			t.Errorf("%q", line)
		}
	}
}

// smallBuffers lets the system have a small limit for buffers.
func smallBuffers(limit string) func(*Env) {
	return func(e *Env) {
		read := e.ReadFile
		e.ReadFile = func(path string) ([]byte, error) {
			if strings.HasSuffix(path, limit) {
				return []byte("212992\n"), nil
			}
			return read(path)
		}
	}
}
