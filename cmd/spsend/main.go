// Spsend sends numbered datagrams, for sprecv to count (configuration and tools
// 12.1).
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
	"gospread/spread/internal/spsend"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usage is what the original prints on wrong usage.
const usage = `Usage: 
	[-p <port number>] : to send on, default is 4444
	[-b <burst>]       : number of packets in each burst, default is 100
	[-t <delay>]       : time (mili-secs) to wait between bursts, default 10
	[-n <num packets>] : total number of packets to send, default is 10000
	[-s <num bytes>]   : size of each packet, default is 1024
	[-a <IP address>]  : default is 127.0.0.1
`

const help = usage + `	[--version] [--help]

Sends numbered UDP datagrams in bursts, and one more to mark the end. Start sprecv
on the other machine, which tells how many did not arrive. No daemon is needed.

  -p PORT     Port to send to, 1 to 65535 (default: 4444).
  -a ADDRESS  Where to: an IPv4 or IPv6 address, multicast ones included, or a name
              (default: 127.0.0.1).
  -n NUMBER   How many packets (default: 10000).
  -b NUMBER   How many of them in a burst (default: 100).
  -t MS       Milliseconds between bursts, 0 to 3600000 (default: 10).
  -s BYTES    Size of a packet, 12 to 65507 (default: 1024).
  --version   Print the version, and exit.
  --help      Print this, and exit.

Exit status: 0 when everything is sent, also if the system did not take some packets
(the problems in the last line); 1 if it took none, 2 for wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := spsend.SendDefaults()
	wantHelp, wantVersion, err := parse(args, &o)
	switch {
	case err != nil:
		fmt.Fprint(stdout, usage)
		fmt.Fprintf(stderr, "spsend: %v; --help tells more\n", err)
		return exitUsage
	case wantHelp:
		fmt.Fprint(stdout, help)
		return 0
	case wantVersion:
		fmt.Fprintf(stdout, "spsend (gospread) %s\n", cliargs.Version())
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := spsend.Send(ctx, o, stdout); err != nil {
		fmt.Fprintf(stderr, "spsend: %v\n", err)
		return exitFailed
	}
	return 0
}

func parse(args []string, o *spsend.SendOptions) (help, version bool, err error) {
	const most = 1 << 30
	pause := int(o.Pause / time.Millisecond)
	err = cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--help", &help),
		cliargs.Bool("-h", &help),
		cliargs.Bool("--version", &version),
		cliargs.Int("-p", &o.Port, 1, 65535),
		cliargs.Int("-b", &o.Burst, 1, most),
		cliargs.Int("-t", &pause, 0, 3_600_000),
		cliargs.Int("-n", &o.Packets, 1, most),
		cliargs.Int("-s", &o.Bytes, spsend.MinBytes, spsend.MaxBytes),
		cliargs.String("-a", &o.Address),
	})
	o.Pause = time.Duration(pause) * time.Millisecond
	return help, version, err
}
