// Sprecv counts the datagrams that spsend sends (configuration and tools 12.1).
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/spsend"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usage is what the original prints on wrong usage.
const usage = `Usage: r
	[-p <port number>] : to receive on, default is 4444
	[-a <multicast class D address>] : if receiving multicast is desirable, default is 0
	[-i <IP interface>] : set interface, default is 0
	[-d ]              : print a detailed report whenever messages are missed
`

const help = usage + `	[--version] [--help]

Receives the datagrams of spsend, over IPv4 and IPv6, and tells at their end how
many did not arrive. No daemon is needed. It runs until SIGINT or SIGTERM.

  -p PORT       Port to receive on, 1 to 65535 (default: 4444).
  -a ADDRESS    Multicast address to receive on as well, IPv4 or IPv6.
  -i INTERFACE  Where to join it: a name such as eth0, or an address of the
                interface. Without it the system chooses.
  -d            A line for each gap.
  --version     Print the version, and exit.
  --help        Print this, and exit.

Exit status: 0 after SIGINT or SIGTERM, 1 if it could not receive, 2 for wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := spsend.ReceiveOptions{Port: spsend.DefaultPort}
	var wantHelp, wantVersion bool
	err := cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--help", &wantHelp),
		cliargs.Bool("-h", &wantHelp),
		cliargs.Bool("--version", &wantVersion),
		cliargs.Int("-p", &o.Port, 1, 65535),
		cliargs.String("-a", &o.Group),
		cliargs.String("-i", &o.Interface),
		cliargs.Bool("-d", &o.Detailed),
	})
	switch {
	case err != nil:
		fmt.Fprint(stdout, usage)
		fmt.Fprintf(stderr, "sprecv: %v; --help tells more\n", err)
		return exitUsage
	case wantHelp:
		fmt.Fprint(stdout, help)
		return 0
	case wantVersion:
		fmt.Fprintf(stdout, "sprecv (gospread) %s\n", cliargs.Version())
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := spsend.Receive(ctx, o, stdout); err != nil {
		fmt.Fprintf(stderr, "sprecv: %v\n", err)
		return exitFailed
	}
	return 0
}
