package main

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/conf"
	"gospread/spread/internal/doctor"
)

const doctorUsage = `Usage: spread doctor [-c <file>] [-n <name>] [--wait <time>] [--listen] [--json]
`

const doctorHelp = doctorUsage + `
Finds out why daemons do not start, or do not find each other. Checks the
configuration, this machine and its limits, and whether packets get through to
the machines of the other daemons: run it there too, at the same time. Daemons may
be running meanwhile. Each finding says what it means and what to do.

  -c FILE      The configuration. Without it the one that the daemon would find.
  -n NAME      The daemon of this machine. Without it, by the addresses of the
               machine.
  --wait TIME  How long the doctors of other machines are waited for, such as 5s
               or 2m (default: 1m). Ctrl-C goes on without them.
  --listen     Answer the doctors of other machines until Ctrl-C, then report: for
               all machines but one.
  --json       The report as a JSON object.
  --help       Print this, and exit.

Exit status: 0 if there is no problem (there may be warnings), 1 if there is one, 2
for wrong usage.
`

// exitProblems: the doctor has found some.
const exitProblems = 1

func runDoctor(args []string, stdout, stderr io.Writer) int {
	o := doctor.Options{
		Wait: doctor.DefaultWait,
		Say:  func(line string) { fmt.Fprintln(stderr, line) },
	}
	var wantHelp, json bool
	err := cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--help", &wantHelp),
		cliargs.Bool("-h", &wantHelp),
		cliargs.Bool("--json", &json),
		cliargs.Bool("--listen", &o.Listen),
		cliargs.Duration("--wait", &o.Wait),
		{Name: "-c", Set: func(v string) error {
			if v == "" {
				return fmt.Errorf("needs the name of a file")
			}
			o.File = v
			return nil
		}},
		{Name: "-n", Set: func(v string) error {
			if v == "" || len(v) > conf.MaxNameLen {
				return fmt.Errorf("daemon name %q: %d bytes, must be 1 to %d", v, len(v), conf.MaxNameLen)
			}
			o.Name = v
			return nil
		}},
	})
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "spread doctor: %v\n%s", err, doctorUsage)
		return exitUsage
	case wantHelp:
		fmt.Fprint(stdout, doctorHelp)
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal kills
	report := doctor.Run(ctx, o, doctor.System())
	write := report.WriteText
	if json {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		fmt.Fprintf(stderr, "spread doctor: write the report: %v\n", err)
		return exitFailed
	}
	if report.Problems > 0 {
		return exitProblems
	}
	return 0
}
