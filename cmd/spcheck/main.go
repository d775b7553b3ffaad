// Spcheck checks the guarantees of a running system: it connects clients to its
// daemons, makes traffic, and compares what each of them received.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"gospread/spread"
	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/spcheck"
	"gospread/spread/internal/tool"
)

// Exit codes.
const (
	exitViolations = 1
	exitFailed     = 2 // also for wrong usage
)

const help = `Usage: spcheck [-s <spread name>]... [-t <time>] [--clients <n>] [--rate <n>]
	[--groups <n>] [--size <bytes>] [--services <list>] [--round <time>]
	[--limit <time>] [--events <n>] [--seed <n>] [--reused-ids] [--traces <file>]
	[--json] [--quiet] [--version] [--help]

Checks that a running system keeps its guarantees: connects clients to the daemons,
lets them send, join and leave at random, and compares what each of them received.
Break what you like meanwhile, but give back by the end of a round what the
clients need: all daemons, and the network between them.

  -s ADDRESS      A daemon: its port on this machine, port@machine or unix:path. Once
                  for each daemon; without it, 4803.
  -t TIME         How long (default: 30s).
  --clients N     Clients on each daemon (default: 2).
  --rate N        What each of them does in a second (default: 100).
  --groups N      Groups that messages go to (default: 3).
  --size BYTES    The longest message, of which there are few (default: 100000).
  --services LIST Services, with commas between; one that stands there twice comes
                  twice as often (default: all, agreed and safe twice).
  --round TIME    Check and forget after so much time (default: 10s).
  --limit TIME    How long clients may need to see each other, and to have received
                  everything (default: 30s).
  --events N      Check and forget when so much is remembered (default: 1000000,
                  some 200 MB).
  --seed N        Choose differently (default: 0).
  --reused-ids    Tolerate what daemons of Spread 5.0 and before are known for: ids
                  of views that come again, and empty sets.
  --traces FILE   Where the traces of the first round with a violation go.
  --json          One JSON object at the end, and nothing else on standard output.
  --quiet         No line for each round.
  --version       Print the version, and exit.
  --help          Print this, and exit.

Exit status: 0 if no guarantee was broken, 1 if one was, 2 if not everything could
be checked, or for wrong usage. SIGINT and SIGTERM end the traffic early, and what
there is is checked.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// arguments are the command line.
type arguments struct {
	o             spcheck.Options
	help, version bool
	json, quiet   bool
	traces        string
	daemons       []string
}

func run(args []string, stdout, stderr io.Writer) int {
	a, err := parse(args)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "spcheck: %v; --help tells more\n", err)
		return exitFailed
	case a.help:
		fmt.Fprint(stdout, help)
		return 0
	case a.version:
		fmt.Fprintf(stdout, "spcheck (gospread) %s\n", cliargs.Version())
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second one kills
	s, err := spcheck.Run(ctx, a.o, a.progress(stdout, stderr))
	if werr := a.report(s, stdout); werr != nil {
		fmt.Fprintf(stderr, "spcheck: %v\n", werr)
		return exitFailed
	}
	if err != nil {
		fmt.Fprintf(stderr, "spcheck: %v\n", err)
	}
	return status(err)
}

// status is the exit code for what came of a run.
func status(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, spcheck.ErrViolations):
		return exitViolations
	}
	return exitFailed
}

// progress is where the lines of rounds go.
func (a *arguments) progress(stdout, stderr io.Writer) io.Writer {
	switch {
	case a.quiet:
		return nil
	case !a.json:
		return stdout
	case tool.Terminal(stderr):
		return stderr
	}
	return nil
}

func (a *arguments) report(s *spcheck.Summary, stdout io.Writer) error {
	if a.traces != "" && s.Trace != nil {
		if err := os.WriteFile(a.traces, s.Trace, 0o644); err != nil {
			return fmt.Errorf("write the traces: %w", err)
		}
	}
	if a.json {
		return s.WriteJSON(stdout)
	}
	if _, err := io.WriteString(stdout, s.Text()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

func parse(args []string) (*arguments, error) {
	a := &arguments{o: spcheck.Defaults()}
	seed := 0
	err := cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--help", &a.help),
		cliargs.Bool("-h", &a.help),
		cliargs.Bool("--version", &a.version),
		cliargs.Bool("--json", &a.json),
		cliargs.Bool("--quiet", &a.quiet),
		cliargs.Bool("--reused-ids", &a.o.ReusedIDs),
		cliargs.String("--traces", &a.traces),
		cliargs.Int("--clients", &a.o.Clients, 1, spcheck.MaxClients),
		cliargs.Int("--rate", &a.o.Rate, 1, spcheck.MaxRate),
		cliargs.Int("--groups", &a.o.Groups, 1, spcheck.MaxGroups),
		cliargs.Int("--size", &a.o.Bytes, 0, spcheck.MaxBytes),
		cliargs.Int("--events", &a.o.Events, 1000, 1<<30),
		cliargs.Int("--seed", &seed, 0, 1<<30),
		cliargs.Duration("--round", &a.o.Round),
		cliargs.Duration("--limit", &a.o.Limit),
		{Name: "--services", Set: func(v string) (err error) { a.o.Services, err = services(v); return err }},
		{Name: "-s", Set: func(v string) error { a.daemons = append(a.daemons, v); return nil }},
		cliargs.Duration("-t", &a.o.Duration),
	})
	a.o.Seed = uint64(seed)
	if a.o.Daemons = a.daemons; len(a.daemons) == 0 {
		a.o.Daemons = []string{"4803"}
	}
	if err == nil && !a.help && !a.version {
		err = a.o.Check()
	}
	return a, err
}

func services(list string) (all []spread.Service, err error) {
	for name := range strings.SplitSeq(list, ",") {
		s, err := spread.ParseService(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
