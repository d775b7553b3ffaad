// Flush_user is the interactive client of the flush layer (configuration and tools
// 12.2).
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/flushuser"
	"gospread/spread/internal/tool"
)

// Exit codes.
const (
	exitFailed = 1 // no connection, it was lost, or a command was refused
	exitUsage  = 2
)

// usage is what the original prints on wrong usage.
const usage = `Usage: user
	[-u <user name>]  : unique (in this machine) user name
	[-s <address>]    : either port or port@machine
`

const help = usage + `	[--version] [--help]

The interactive client of the flush layer, which gives view synchrony: a group
changes only after all its members have agreed, with the command f. Commands come
from standard input, and the command r receives: nothing is received by itself.

  -u NAME     Private name, of which 10 bytes count (default: user).
  -s ADDRESS  The daemon: its port on this machine, by the Unix socket or else TCP,
              or port@machine, or unix:path (default: 4803).
  --version   Print the version, and exit.
  --help      Print this, and exit.

Exit status: 0 after q and at the end of the input, 1 if there is no connection, if
it is lost or if s, g, b or f is refused, 2 for wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o := flushuser.Defaults()
	o.Interactive = tool.Terminal(stdin)
	var wantHelp, wantVersion bool
	err := cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--help", &wantHelp),
		cliargs.Bool("-h", &wantHelp),
		cliargs.Bool("--version", &wantVersion),
		cliargs.String("-u", &o.User),
		cliargs.String("-s", &o.Address),
	})
	switch {
	case err != nil:
		fmt.Fprint(stdout, usage)
		fmt.Fprintf(stderr, "flush_user: %v; --help tells more\n", err)
		return exitUsage
	case wantHelp:
		fmt.Fprint(stdout, help)
		return 0
	case wantVersion:
		fmt.Fprintf(stdout, "flush_user (gospread) %s\n", cliargs.Version())
		return 0
	}
	if err := flushuser.Run(context.Background(), o, stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "flush_user: %v\n", err)
		return exitFailed
	}
	return 0
}
