// Package spmonitor is the monitor program: the dialogue of the original
// (configuration and tools 9), and commands for the command line.
package spmonitor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/monitor"
	"gospread/spread/internal/monproto"
	"gospread/spread/internal/status"
)

// DefaultPort is the port on which the dialogue takes answers.
const DefaultPort = 6543

// DefaultEvery is the time between queries of the status.
const DefaultEvery = 10 * time.Second

// Options are what the command line says.
type Options struct {
	ConfigFile string // empty: as daemons find theirs
	Name       string // of the daemon that the monitor speaks as; empty: by address
	Port       int    // UDP port for answers, 0: any
	Every      time.Duration
	Version    string
	// Terminal: somebody types the commands. Otherwise what they have caused is shown
	// before the dialogue ends.
	Terminal bool
}

const (
	// repeatPartition is how often a partition is repeated, so that daemons do not
	// forget it.
	repeatPartition = 25 * time.Second
	// patience is how long commands are repeated, and waited for at the end.
	patience = 2 * time.Second
)

// dialogue is a monitor with its menu.
type dialogue struct {
	o        Options
	in       *bufio.Reader
	cfg      *conf.Config
	client   *monitor.Client
	selected map[string]bool // whose status is asked for
	parts    struct{ defined, current map[string]int16 }
	flows    struct{ defined, current flows }

	watching, repeating *task

	asking sync.WaitGroup // requests under way
	// commanded is closed when the last command has ended; nil: there was none.
	commanded chan struct{}

	mu       sync.Mutex // around what follows
	out, err io.Writer
	last     map[string]*status.Summary
	silent   map[string]bool // has been said to be
}

// flows are windows as they are defined in the dialogue; nil maps: not yet.
type flows struct {
	window                int16
	personal, accelerated map[string]int16
}

// task is a goroutine that goes on until it is stopped.
type task struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// begin starts a task in the place of another, which may be nil.
func begin(old **task, do func(context.Context)) {
	(*old).stop()
	ctx, cancel := context.WithCancel(context.Background())
	t := &task{cancel, make(chan struct{})}
	go func() {
		defer close(t.ended)
		do(ctx)
	}()
	*old = t
}

func (t *task) stop() {
	if t != nil {
		t.cancel()
		<-t.ended
	}
}

// errQuit ends the dialogue.
var errQuit = errors.New("the end of the dialogue")

// Run has the dialogue, until command 9 or the end of the input, which are no errors.
// What daemons refuse is said on errs.
func Run(ctx context.Context, o Options, in io.Reader, out, errs io.Writer) error {
	d := &dialogue{o: o, in: bufio.NewReader(in), out: out, err: errs}
	d.say(banner(o.Version))
	if err := d.open(ctx); err != nil {
		return err
	}
	d.say(menu)
	for {
		line, err := d.line()
		if err == nil {
			err = d.do(ctx, line)
		}
		if err != nil {
			d.end()
			if errors.Is(err, errQuit) {
				d.say("Bye.\n")
				return nil
			}
			return err
		}
	}
}

// open reads the configuration and opens the client.
func (d *dialogue) open(ctx context.Context) error {
	cfg, client, err := connect(ctx, d.o)
	if err != nil {
		return err
	}
	d.cfg, d.client = cfg, client
	d.selected = make(map[string]bool)
	d.parts.defined, d.parts.current = nil, nil
	d.flows.defined, d.flows.current = flows{}, flows{}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last, d.silent = make(map[string]*status.Summary), make(map[string]bool)
	return nil
}

func connect(ctx context.Context, o Options) (*conf.Config, *monitor.Client, error) {
	cfg, err := monitor.Load(ctx, o.ConfigFile)
	if err != nil {
		return nil, nil, err
	}
	self, err := monitor.Self(ctx, cfg, o.Name)
	if err != nil {
		return nil, nil, err
	}
	client, err := monitor.Open(ctx, cfg, self, monitor.Options{Port: o.Port})
	if err != nil {
		return nil, nil, err
	}
	return cfg, client, nil
}

// end stops what goes on, so that nothing is printed any more. Unless somebody is
// watching, answers that are under way are awaited before.
func (d *dialogue) end() {
	d.watching.stop()
	d.repeating.stop()
	d.mu.Lock()
	commanded := d.commanded
	d.mu.Unlock()
	if commanded != nil {
		<-commanded // each takes a bounded time
	}
	if !d.o.Terminal {
		d.settle()
	}
	d.client.Close()
	d.asking.Wait()
}

// settle waits for answers, for a bounded time.
func (d *dialogue) settle() {
	answered := make(chan struct{})
	go func() {
		d.asking.Wait()
		close(answered)
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-answered:
	case <-late.C:
	}
}

// say prints something at once.
func (d *dialogue) say(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = io.WriteString(d.out, text)
}

func (d *dialogue) sayf(format string, args ...any) { d.say(fmt.Sprintf(format, args...)) }

// line reads a line. A very long one is cut.
func (d *dialogue) line() (string, error) {
	b, more, err := d.in.ReadLine()
	line := string(b)
	for more && err == nil {
		_, more, err = d.in.ReadLine()
	}
	if err != nil {
		return "", errQuit
	}
	return line, nil
}

const prompt = "\nMonitor> "

// do carries out a command.
func (d *dialogue) do(ctx context.Context, line string) error {
	command := " "
	if line != "" {
		command = line[:1]
	}
	switch command {
	case "0":
		return d.activate()
	case "1":
		return d.definePartition()
	case "2":
		d.parts.current = d.parts.defined
		d.sendPartition(true)
	case "3":
		d.showPartition(d.parts.current)
	case "4":
		d.parts.defined, d.parts.current = nil, nil
		d.sendPartition(false)
	case "5":
		return d.defineFlow()
	case "6":
		d.flows.current = d.flows.defined
		d.sendFlow()
	case "7":
		d.showFlow(d.flows.current)
	case "8":
		return d.terminate()
	case "r":
		return d.reload(ctx)
	case "9", "q":
		return errQuit
	default:
		d.say("\nUnknown commnad\n" + menu)
	}
	return nil
}

// choose has names typed, until an empty line.
func (d *dialogue) choose(question string, chosen map[string]bool) error {
	for {
		d.say(question)
		line, err := d.line()
		if err != nil {
			return err
		}
		if line == "" {
			return nil
		}
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			d.say("Please enter a legal proc name, none, or all\n")
		case words[0] == "all":
			for _, c := range d.cfg.Daemons() {
				chosen[c.Name] = true
			}
		case words[0] == "none":
			clear(chosen)
		case d.known(words[0]):
			chosen[words[0]] = true
		default:
			d.say("Please! enter a legal proc name, none, or all\n")
		}
	}
}

func (d *dialogue) known(name string) bool {
	for _, c := range d.cfg.Daemons() {
		if c.Name == name {
			return true
		}
	}
	return false
}

// chosen are those of a set, in the order of the configuration.
func (d *dialogue) chosen(set map[string]bool) (names []string) {
	for _, c := range d.cfg.Daemons() {
		if set[c.Name] {
			names = append(names, c.Name)
		}
	}
	return names
}

// activate is command 0.
func (d *dialogue) activate() error {
	d.say("\n=============\nActivate Status\n-------------\n\n")
	if err := d.choose("\tEnter Proc Name: ", d.selected); err != nil {
		return err
	}
	names := d.chosen(d.selected)
	d.watching.stop()
	d.watching = nil
	if len(names) == 0 {
		d.say(prompt)
		return nil
	}
	d.say("Monitor: send status query\n" + prompt)
	d.query(names)
	begin(&d.watching, func(ctx context.Context) {
		tick := time.NewTicker(d.o.Every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				d.say("Monitor: send status query\n")
				d.query(names)
			case <-ctx.Done():
				return
			}
		}
	})
	return nil
}

// query asks daemons for their status, and reports each as it comes.
func (d *dialogue) query(names []string) {
	client, protocol := d.client, protocol(d.cfg)
	for _, name := range names {
		d.asking.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), d.o.Every)
			defer cancel()
			a := client.Status(ctx, []string{name})[0]
			d.mu.Lock()
			defer d.mu.Unlock()
			if a.Err != nil {
				if !d.silent[name] && !errors.Is(a.Err, net.ErrClosed) {
					fmt.Fprintf(d.err, "spmonitor: %s: %v\n", name, a.Err)
				}
				d.silent[name] = true
				return
			}
			_, _ = io.WriteString(d.out, report(a.Summary, d.last[name], protocol)+prompt)
			d.last[name], d.silent[name] = a.Summary, false
		})
	}
}

// command makes a request that only failure is said of, when those before have been
// answered or given up: a later one must not be overtaken, nor undone by the
// repetition of an earlier one.
func (d *dialogue) command(ask func(context.Context) []monitor.Answer) {
	done := make(chan struct{})
	d.mu.Lock()
	before := d.commanded
	d.commanded = done
	d.mu.Unlock()
	d.asking.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		d.complain(ask(ctx))
	})
}

func (d *dialogue) complain(answers []monitor.Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range answers {
		if a.Err != nil && !errors.Is(a.Err, net.ErrClosed) {
			fmt.Fprintf(d.err, "spmonitor: %s: %v\n", a.Daemon, a.Err)
		}
	}
}

// terminate is command 8.
func (d *dialogue) terminate() error {
	chosen := make(map[string]bool)
	if err := d.choose("\tEnter Proc Name to Terminate: ", chosen); err != nil {
		return err
	}
	client := d.client
	for _, name := range d.chosen(chosen) {
		d.sayf("Monitor: Terminating %s\n", name)
		d.command(func(ctx context.Context) []monitor.Answer { return client.Terminate(ctx, []string{name}) })
	}
	d.say(prompt)
	return nil
}

// reload is command r. It waits for the daemons, as the socket is about to be closed.
func (d *dialogue) reload(ctx context.Context) error {
	d.sayf("Old configuration hash is: %d\nMonitor: send conf reload command\n", d.cfg.Hash())
	d.watching.stop()
	d.repeating.stop()
	d.watching, d.repeating = nil, nil
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d.complain(d.client.Reload(within, d.client.Daemons()))
	old := d.client
	old.Close()
	d.asking.Wait()
	if err := d.open(ctx); err != nil {
		return err
	}
	d.sayf("New configuration hash is: %d\n", d.cfg.Hash())
	d.say("All Status, Partition, FC, etc commands are reset by configuration reload!\nReload Membership. \n")
	return nil
}

// sendPartition tells all daemons the current map, and again as long as it is to last.
func (d *dialogue) sendPartition(lasts bool) {
	d.repeating.stop()
	d.repeating = nil
	client, parts := d.client, d.parts.current
	send := func() {
		d.command(func(ctx context.Context) []monitor.Answer { return client.Partition(ctx, parts) })
	}
	d.say("Monitor: send partition\n" + prompt)
	send()
	if !lasts {
		return
	}
	begin(&d.repeating, func(ctx context.Context) {
		tick := time.NewTicker(repeatPartition)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				d.say("Monitor: send partition\n")
				send()
			case <-ctx.Done():
				return
			}
		}
	})
}

// sendFlow sends the current windows. What was never defined stays as it is.
func (d *dialogue) sendFlow() {
	client, f := d.client, d.flows.current
	d.say("Monitor: send flow control params\n" + prompt)
	if f.personal == nil {
		return
	}
	d.command(func(ctx context.Context) []monitor.Answer {
		return client.Flow(ctx, client.Daemons(), func(name string) monproto.Flow {
			accelerated, ok := f.accelerated[name]
			if !ok {
				accelerated = monproto.Keep
			}
			return monproto.MakeFlow(int(f.window), int(f.personal[name]), int(accelerated))
		})
	})
}
