// Spflooder measures: it floods a group of the Spread toolkit with messages
// (configuration and tools 11).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"gospread/spread"
	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/spflooder"
	"gospread/spread/internal/tool"
)

// Exit codes.
const (
	exitFailed = 1   // also for wrong usage
	exitSignal = 128 // and the number of the signal
)

// usage is what the original prints on wrong usage.
const usage = `Usage: spflooder
	[-u <user name>]     : unique (in this machine) user name
	[-m <num messages>]  : number of messages
	[-n <num members>]   : number of group members to wait for (also turn on multi-sender FC)
	[-b <num bytes>]     : number of bytes per message 1-100,000
	[-s <spread name>]   : either port or port@machine
	[-ro]   		: read  only (no multicast)
	[-wo]   		: write only (no receive)
`

const help = usage + `	[--group <group>] [--service <service>] [--clients <n>] [--window <n>]
	[--rate <n>] [--duration <time>] [--json] [--no-summary] [--version] [--help]

Floods a group with messages, reads them back, and tells how fast that was.

  -u NAME       Private name, of which 10 bytes count (default: flooder).
  -s ADDRESS    The daemon: its port on this machine, by the Unix socket or else
                TCP, or port@machine, or unix:path (default: 4803).
  -m NUMBER     Messages to send, or with -ro to read (default: 10000, or no limit
                if there is a --duration).
  -b BYTES      Size of a message: 0 to 143920, whatever is said above (default:
                1000).
  -n MEMBERS    First wait until the group has so many members, at most 100; then
                nobody gets more than the window ahead of another sender.
  -ro           Only read.  -wo  Only send.  The later one counts.
  --group G     The group (default: flooder).
  --service S   unreliable, reliable, fifo, causal, agreed or safe (default:
                reliable, with -n fifo).
  --clients N   Connections at the same time, each doing all this (default: 1).
  --window N    How many of its own messages a client has on their way at most
                (default: 200).
  --rate N      Messages each client sends in a second (default: all it can).
  --duration T  Stop sending, or reading, after this time, such as 10s.
  --json        One JSON object at the end, and nothing else on standard output.
  --no-summary  Only what the original prints.
  --version     Print the version, and exit.
  --help        Print this, and exit.

Exit status: 0 when done, 1 after an error or for wrong usage; 130 after SIGINT and
143 after SIGTERM, when what was done until then has been reported.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := spflooder.Defaults()
	wantHelp, wantVersion, err := parse(args, &o)
	switch {
	case err != nil:
		if errors.Is(err, errTooMany) {
			fmt.Fprintf(stdout, "Too many members. The max is %d\n", spflooder.MaxMembers)
		}
		fmt.Fprint(stdout, usage)
		fmt.Fprintf(stderr, "spflooder: %v; --help tells more\n", err)
		return exitFailed
	case wantHelp:
		fmt.Fprint(stdout, help)
		return 0
	case wantVersion:
		fmt.Fprintf(stdout, "spflooder (gospread) %s\n", cliargs.Version())
		return 0
	}
	progress := stdout
	if o.JSON {
		progress = stderr
	}
	if tool.Terminal(progress) {
		o.Progress = progress
	}
	ctx, stop := untilSignal()
	defer stop()
	err = spflooder.Run(ctx, o, stdout)
	switch {
	case errors.Is(err, spflooder.ErrInterrupted):
		by, _ := errors.AsType[caught](context.Cause(ctx))
		return exitSignal + int(by)
	case err != nil:
		fmt.Fprintf(stderr, "spflooder: %v\n", err)
		return exitFailed
	}
	return 0
}

// caught is why a context has ended: a signal came.
type caught syscall.Signal

func (c caught) Error() string { return syscall.Signal(c).String() }

// untilSignal returns a context that ends with the first signal that asks for the
// end. The second one kills.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			if s, ok := s.(syscall.Signal); ok {
				cancel(caught(s))
			}
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

var errTooMany = fmt.Errorf("more than %d members", spflooder.MaxMembers)

func parse(args []string, o *spflooder.Options) (help, version bool, err error) {
	const most = 1 << 30
	messages := -1
	err = cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--help", &help),
		cliargs.Bool("-h", &help),
		cliargs.Bool("--version", &version),
		cliargs.Bool("--json", &o.JSON),
		cliargs.Bool("--no-summary", &o.NoSummary),
		cliargs.String("--group", &o.Group),
		{Name: "--service", Set: func(v string) (err error) { o.Service, err = spread.ParseService(v); return err }},
		cliargs.Int("--clients", &o.Clients, 1, 10_000),
		cliargs.Int("--window", &o.Window, 1, 1_000_000),
		cliargs.Int("--rate", &o.Rate, 1, 1_000_000_000),
		cliargs.Duration("--duration", &o.Duration),
		only("-ro", &o.ReadOnly, &o.WriteOnly),
		only("-wo", &o.WriteOnly, &o.ReadOnly),
		cliargs.String("-u", &o.User),
		cliargs.String("-s", &o.Address),
		cliargs.Int("-m", &messages, 0, most),
		cliargs.Int("-b", &o.Bytes, 0, 10_000_000),
		{Name: "-n", Set: func(v string) error {
			n, err := strconv.Atoi(v)
			switch {
			case err != nil || n < 0:
				return fmt.Errorf("%q is not a number from 0 to %d", v, spflooder.MaxMembers)
			case n > spflooder.MaxMembers:
				return errTooMany
			}
			o.Members = n
			return nil
		}},
	})
	if messages >= 0 || o.Duration > 0 {
		o.Messages = messages
	}
	if err == nil && !help && !version {
		err = o.Check()
	}
	return help, version, err
}

// only is an option of which the later one counts.
func only(name string, this, other *bool) cliargs.Option {
	return cliargs.Option{Name: name, NoValue: true, Set: func(string) error {
		*this, *other = true, false
		return nil
	}}
}
