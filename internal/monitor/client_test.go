package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/monitor"
	"gospread/spread/internal/monitor/monitortest"
	"gospread/spread/internal/monproto"
)

// within bounds what should not take long.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, file, name string) *monitor.Client {
	t.Helper()
	cfg, err := monitor.Load(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	self, err := monitor.Self(t.Context(), cfg, name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := monitor.Open(t.Context(), cfg, self, monitor.Options{Retry: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// done fails the test if an answer is an error.
func done(t *testing.T, answers []monitor.Answer) []monitor.Answer {
	t.Helper()
	if len(answers) == 0 {
		t.Fatal("no answers")
	}
	for _, a := range answers {
		if a.Err != nil {
			t.Fatalf("%s: %v", a.Daemon, a.Err)
		}
	}
	return answers
}

const dangerous = "DangerousMonitor = true"

// TestRound is the life of an operator: status, partition, its end, windows, reload,
// terminate; with one, three and five daemons, sealed and not.
func TestRound(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		for _, sealed := range []bool{false, true} {
			t.Run(string(rune('0'+n))+map[bool]string{true: " sealed"}[sealed], func(t *testing.T) {
				t.Parallel()
				more := dangerous
				if sealed {
					more += "\nRingKeyFile = " + monitortest.KeyFile(t, 1)
				}
				round(t, n, more)
			})
		}
	}
}

func round(t *testing.T, n int, more string) {
	d := monitortest.New(t, n, more)
	c := open(t, d.File, "a")
	together(t, d, c)
	if n > 1 {
		part(t, d, c)
	}

	done(t, c.Flow(within(t), d.Names, func(name string) monproto.Flow {
		return monproto.MakeFlow(100, 10+int(name[0]-'a'), monproto.Keep)
	}))
	for i, a := range done(t, c.Status(within(t), d.Names)) {
		if r := a.Summary.Ring; r.Window != 100 || r.PersonalWindow != 10+i {
			t.Errorf("%s: windows %d %d", a.Daemon, r.Window, r.PersonalWindow)
		}
	}

	d.Configure(more + "\nWindow = 77\nPersonalWindow = 33")
	for _, a := range done(t, c.Reload(within(t), d.Names)) {
		if !strings.Contains(a.Text, "changed: Window: 160 -> 77") {
			t.Errorf("%s: %s", a.Daemon, a.Text)
		}
	}
	for _, a := range done(t, c.Status(within(t), d.Names)) {
		if r := a.Summary.Ring; r.Window != 77 || r.PersonalWindow != 33 {
			t.Errorf("%s: windows %d %d", a.Daemon, r.Window, r.PersonalWindow)
		}
	}

	last := d.Names[n-1]
	done(t, c.Terminate(within(t), []string{last}))
	d.AwaitEnd(last)
	if log := d.Log(last); !strings.Contains(log, "Net_handle_monitor: Instructed to exit by monitor!\n") || !strings.HasSuffix(log, "Spread daemon exiting normally!\n") {
		t.Errorf("%s says %s", last, log)
	}
	if n > 1 {
		d.Await("a", d.Names[:n-1]...)
	}
}

// together waits until every daemon says that it is with all others.
func together(t *testing.T, d *monitortest.Cluster, c *monitor.Client) {
	t.Helper()
	ctx := within(t)
	for all := false; !all; {
		all = true
		for i, a := range done(t, c.Status(ctx, d.Names)) {
			s := a.Summary
			if a.Daemon != d.Names[i] || s.Daemon.Name != a.Daemon || s.Daemon.Address != fmt.Sprintf("127.0.0.1:%d", d.Ports[i]) {
				t.Fatalf("%s: %+v", a.Daemon, s.Daemon)
			}
			all = all && slices.Equal(s.Membership.Members, d.Names) && s.Membership.Code == 1
		}
	}
}

// part parts the first from the others, and ends that.
func part(t *testing.T, d *monitortest.Cluster, c *monitor.Client) {
	t.Helper()
	done(t, c.Partition(within(t), map[string]int16{"a": 7}))
	d.Await("a", "a")
	d.Await("b", d.Names[1:]...)
	s := done(t, c.Status(within(t), []string{"a"}))[0].Summary
	if s.Membership.Partition != 7 || s.Network.Dropped["partition"] == 0 {
		t.Errorf("partition %d, dropped %v", s.Membership.Partition, s.Network.Dropped)
	}
	d.AwaitLog("a", "Net_handle_monitor: Got monitor partition message; I'm in component 7\n")
	done(t, c.Partition(within(t), nil))
	for _, name := range d.Names {
		d.Await(name, d.Names...)
	}
	if s := done(t, c.Status(within(t), []string{"a"}))[0].Summary; s.Membership.Partition != 0 {
		t.Errorf("partition %d", s.Membership.Partition)
	}
}

// TestSafeMode: what is dangerous is refused, with a reason, and nothing happens.
func TestSafeMode(t *testing.T) {
	d := monitortest.New(t, 1, "")
	c := open(t, d.File, "a")
	ctx := within(t)
	refused(t, c.Partition(ctx, nil), monproto.Refused, "safe mode")
	d.AwaitLog("a", " denied. Daemon in safe mode!\n")
	if !strings.Contains(d.Log("a"), "Net_handle_monitor: Request to set partition or kill daemons from [127.0.0.1]:") {
		t.Errorf("%s", d.Log("a"))
	}
	refused(t, c.Terminate(ctx, d.Names), monproto.Refused, "DangerousMonitor = true")
	refused(t, c.Flow(ctx, d.Names, func(string) monproto.Flow { return monproto.MakeFlow(50, 5, 5) }), monproto.Refused, "safe mode")
	if s := done(t, c.Status(ctx, d.Names))[0].Summary; s.Ring.Window == 50 {
		t.Error("the window was set")
	}
	// A reload is not dangerous; one that opens the gate holds at once.
	d.Configure(dangerous)
	done(t, c.Reload(ctx, d.Names))
	done(t, c.Flow(ctx, d.Names, func(string) monproto.Flow { return monproto.MakeFlow(50, 5, 5) }))
}

func refused(t *testing.T, answers []monitor.Answer, code monproto.Code, text string) {
	t.Helper()
	for _, a := range answers {
		var r *monitor.RefusedError
		if !errors.As(a.Err, &r) || r.Code != code || !strings.Contains(r.Text, text) {
			t.Errorf("%s: %v, want code %d with %q", a.Daemon, a.Err, code, text)
		}
	}
}

// TestBadFile: a reload of a file that is wrong changes nothing, and says so.
func TestBadFile(t *testing.T) {
	d := monitortest.New(t, 1, "Window = 60")
	c := open(t, d.File, "a")
	d.Configure("Nonsense")
	refused(t, c.Reload(within(t), d.Names), monproto.Failed, "Nonsense")
	if s := done(t, c.Status(within(t), d.Names))[0].Summary; s.Ring.Window != 60 {
		t.Errorf("window %d", s.Ring.Window)
	}
}

// TestGrowth: a daemon that was alone gets others by a reload, and is answered under
// the old and the new configuration.
func TestGrowth(t *testing.T) {
	d := monitortest.New(t, 1, "")
	before := open(t, d.File, "a")
	d.Add()
	d.Configure("")
	done(t, before.Reload(within(t), []string{"a"}))
	d.Start("b")
	d.Await("a", "a", "b")
	after := open(t, d.File, "b")
	done(t, after.Status(within(t), d.Names))
	refused(t, before.Status(within(t), []string{"a"}), monproto.Unlike, "another one")
}

// TestImplausible: windows that make no sense are refused.
func TestImplausible(t *testing.T) {
	d := monitortest.New(t, 1, dangerous+"\nWindow = 60\nPersonalWindow = 20")
	c := open(t, d.File, "a")
	for _, f := range []monproto.Flow{
		monproto.MakeFlow(0, -1, -1), monproto.MakeFlow(32768, -1, -1), monproto.MakeFlow(-3, -1, -1), monproto.MakeFlow(-1, 0, -1),
		monproto.MakeFlow(-1, 61, -1), monproto.MakeFlow(19, -1, -1), monproto.MakeFlow(-1, -1, 21), monproto.MakeFlow(-1, -1, 32768),
	} {
		refused(t, c.Flow(within(t), d.Names, func(string) monproto.Flow { return f }), monproto.Refused, "must")
	}
	if r := done(t, c.Status(within(t), d.Names))[0].Summary.Ring; r.Window != 60 || r.PersonalWindow != 20 {
		t.Errorf("windows %d %d", r.Window, r.PersonalWindow)
	}
	done(t, c.Flow(within(t), d.Names, func(string) monproto.Flow { return monproto.MakeFlow(-1, monproto.Adapt, 0) }))
}

// TestOtherConfiguration: a monitor with another file is told what is the matter.
func TestOtherConfiguration(t *testing.T) {
	d := monitortest.New(t, 1, dangerous)
	text, err := os.ReadFile(d.File)
	if err != nil {
		t.Fatal(err)
	}
	other := d.File + ".other"
	if err := os.WriteFile(other, append(text, "AcceleratedRing = true"...), 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, other, "a")
	refused(t, c.Status(within(t), d.Names), monproto.Unlike, "the configuration is another one")
	refused(t, c.Terminate(within(t), d.Names), monproto.Unlike, "the configuration is another one")
}

// TestKeys: a monitor without the key, or with another, gets no answer.
func TestKeys(t *testing.T) {
	d := monitortest.New(t, 1, dangerous+"\nRingKeyFile = "+monitortest.KeyFile(t, 1))
	for _, more := range []string{"", "RingKeyFile = " + monitortest.KeyFile(t, 2)} {
		d.Configure(more)
		c := open(t, d.File, "a")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan []monitor.Answer)
		go func() { ended <- c.Terminate(ctx, d.Names) }()
		d.AwaitLog("a", map[bool]string{true: "datagram is not sealed", false: "with a key that is not in"}[more == ""])
		cancel()
		if a := <-ended; !errors.Is(a[0].Err, monitor.ErrNoAnswer) {
			t.Errorf("with %q: %v", more, a[0].Err)
		}
	}
}

// TestDown: one that does not answer does not keep the others from it.
func TestDown(t *testing.T) {
	d := monitortest.New(t, 2, "")
	c := open(t, d.File, "b")
	d.Stop("a")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	answers := c.Status(ctx, []string{"a", "b", "nobody"})
	if !errors.Is(answers[0].Err, monitor.ErrNoAnswer) || answers[1].Err != nil || answers[1].Summary.Daemon.Name != "b" {
		t.Errorf("%v; %v", answers[0].Err, answers[1].Err)
	}
	if err := answers[2].Err; err == nil || !strings.Contains(err.Error(), `no daemon "nobody"`) {
		t.Errorf("%v", err)
	}
	// It answers again when it is back.
	d.Start("a")
	done(t, c.Status(within(t), d.Names))
}

func TestClosed(t *testing.T) {
	cfg := conf.Default()
	self := cfg.Daemons()[0]
	c, err := monitor.Open(t.Context(), cfg, &self, monitor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan []monitor.Answer)
	go func() { ended <- c.Status(t.Context(), c.Daemons()) }()
	c.Close()
	c.Close()
	if a := <-ended; !errors.Is(a[0].Err, net.ErrClosed) && a[0].Err != nil {
		t.Errorf("%v", a[0].Err)
	}
}

func TestOpenErrors(t *testing.T) {
	cfg := conf.Default()
	if _, err := monitor.Open(t.Context(), cfg, nil, monitor.Options{}); err == nil || !strings.Contains(err.Error(), "RingKeyFile") {
		t.Errorf("without a daemon: %v", err)
	}
	taken, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	self := cfg.Daemons()[0]
	_, err = monitor.Open(t.Context(), cfg, &self, monitor.Options{Port: taken.LocalAddr().(*net.UDPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "choose another port with -p") {
		t.Errorf("taken port: %v", err)
	}
}
