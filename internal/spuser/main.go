package spuser

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/tool"
)

// Exit codes.
const (
	exitFailed = 1 // no connection, or it was lost, or a step of a script failed
	exitUsage  = 2
)

// usage is what the original prints on wrong usage.
const usage = `Usage: spuser
	[-u <user name>]  : unique (in this machine) user name
	[-s <address>]    : either port or port@machine
	[-n <username>]    : username for authentication
	[-p <password>]    : users password
	[-r ]    : use random user name
`

const help = usage + `	[--exec <commands>] [--json] [--version] [--help]

The interactive client of the Spread toolkit: commands from standard input, and
messages on standard output as they arrive.

  -u NAME          Private name, of which 10 bytes count (default: user).
  -s ADDRESS       The daemon: its port on this machine, by the Unix socket or
                   else TCP, or port@machine (default: 4803).
  -r               Let the daemon invent a name.
  -n NAME, -p PASSWORD
                   Accepted and not used: no authentication method needs them.
  --exec COMMANDS  Instead of reading input carry out these, parted by semicolons:
                   'j test; s test hello'. After each, what it has caused is
                   shown. May be given several times. No menu, no prompts.
  --json           One JSON object a line instead of text.
  --version        Print the version, and exit.
  --help           Print this, and exit.

Exit status: 0 after q, at the end of input or of the commands, 1 if there is no
connection, if it is lost or if a command of --exec fails, 2 for wrong usage.
`

// Main is the program: args begins with its name, by which sptuser is told from
// spuser. It returns the exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	o := Options{
		Address:     DefaultAddress,
		User:        DefaultUser,
		Threaded:    name == "sptuser",
		Interactive: tool.Terminal(stdin),
	}
	wantHelp, wantVersion, err := parse(args[1:], &o)
	switch {
	case err != nil:
		fmt.Fprint(stdout, usage)
		fmt.Fprintf(stderr, "%s: %v; --help tells more\n", name, err)
		return exitUsage
	case wantHelp:
		fmt.Fprint(stdout, help)
		return 0
	case wantVersion:
		fmt.Fprintf(stdout, "%s (gospread) %s\n", name, cliargs.Version())
		return 0
	}
	if err := Run(context.Background(), o, stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitFailed
	}
	return 0
}

func parse(args []string, o *Options) (help, version bool, err error) {
	var ignored string
	err = cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--help", &help),
		cliargs.Bool("-h", &help),
		cliargs.Bool("--version", &version),
		cliargs.Bool("--json", &o.JSON),
		{Name: "--exec", Set: func(script string) error {
			steps, err := ParseSteps(script)
			o.Exec = append(o.Exec, steps...)
			if o.Exec == nil {
				o.Exec = []Step{}
			}
			return err
		}},
		cliargs.String("-u", &o.User),
		cliargs.String("-s", &o.Address),
		cliargs.String("-n", &ignored),
		cliargs.String("-p", &ignored),
		{Name: "-r", NoValue: true, Set: func(string) error { o.User = ""; return nil }},
	})
	return help, version, err
}
