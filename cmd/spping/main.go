// Spping measures the round trip of messages between members of a group
// (configuration and tools 12.3).
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/spping"
)

// exitFailed: no connection, it was lost, or wrong usage.
const exitFailed = 1

// usage is what the original prints on wrong usage.
const usage = `Usage: spping
	[-s <spread name>]   : either port or port@hostname (default: 4803)
	[-u <user name>]     : unique (on daemon) user name (default: <random>)
	[-g <group name>]    : group to which to send/recv (default: spping)
	[-p <period>]        : time in ms between sending pings (default: 1000)
	[-b <num bytes>]     : number of bytes per message (default: 48)
	[-m <num messages>]  : number of messages (default: infinite)
	[-ro]                : reflect only
`

const help = usage + `	[--version] [--help]

Sends pings to a group and shows how long the answers take: from this program
through the daemons to another spping in the group, and back. So it needs another
one, best on another machine: there, run spping -ro.

  -s ADDRESS  The daemon: its port on this machine, by the Unix socket or else TCP,
              or port@machine, or unix:path (default: 4803).
  -u NAME     Private name, of which 10 bytes count. Without it the daemon invents
              one.
  -g GROUP    The group (default: spping).
  -p MS       Milliseconds between pings, 0 to 3600000; 0 sends one after the other
              (default: 1000).
  -b BYTES    Size of a ping, 48 to 100000 (default: 48).
  -m NUMBER   How many pings. Without it, until SIGINT or SIGTERM.
  -ro         Only answer pings of others.
  --version   Print the version, and exit.
  --help      Print this, and exit.

Each member answers, so more may be received than was sent.

Exit status: 0 after the statistics, also if nothing was received; 1 without
connection, if it is lost, and for wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := spping.Defaults()
	wantHelp, wantVersion, err := parse(args, &o)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "Error: %v\n\n%s", err, usage)
		return exitFailed
	case wantHelp:
		fmt.Fprint(stdout, help)
		return 0
	case wantVersion:
		fmt.Fprintf(stdout, "spping (gospread) %s\n", cliargs.Version())
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := spping.Run(ctx, o, stdout); err != nil {
		fmt.Fprintf(stderr, "spping: %v\n", err)
		return exitFailed
	}
	return 0
}

func parse(args []string, o *spping.Options) (help, version bool, err error) {
	const most = 1 << 30
	period := int(o.Period / time.Millisecond)
	err = cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--help", &help),
		cliargs.Bool("-h", &help),
		cliargs.Bool("--version", &version),
		cliargs.String("-s", &o.Address),
		cliargs.String("-u", &o.User),
		cliargs.String("-g", &o.Group),
		cliargs.Int("-p", &period, 0, int(spping.MaxPeriod/time.Millisecond)),
		cliargs.Int("-b", &o.Bytes, spping.MinBytes, spping.MaxBytes),
		cliargs.Int("-m", &o.Messages, 1, most),
		cliargs.Bool("-ro", &o.ReflectOnly),
	})
	o.Period = time.Duration(period) * time.Millisecond
	return help, version, err
}
