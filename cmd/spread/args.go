package main

import (
	"errors"
	"fmt"
	"strings"

	"gospread/spread/internal/conf"
)

// The first four lines are what the original prints on wrong usage.
const usage = `Usage: spread
	[-l y|n]     : keep a session log (default: no)
	[-n <name>]  : own entry in the configuration (default: by address)
	[-c <file>]  : configuration file (default: ./spread.conf)
	[--check] [--version] [--help]
`

const help = usage + `
Runs the daemon of the Spread toolkit in the foreground. Clients of this machine
connect to its port, over TCP or the Unix socket /tmp/<port>.

  -n NAME    The daemon's own entry in the configuration file. Without it, the
             first entry with an address of this machine.
  -c FILE    The configuration file, and no other. Without it ./spread.conf,
             then that of the installation. With no file at all the daemon serves
             this machine alone, on port 4803.
  -l y       Append connections and memberships to a file named after the daemon,
             in the working directory.
  --check    Print what the configuration file means, and exit: 0 if it is right.
             With -n (or an entry of this machine) also which entry is used.
  --version  Print the version, and exit.
  --help     Print this, and exit.

Signals: SIGTERM and SIGINT stop the daemon, SIGHUP reloads the configuration,
SIGUSR1 reopens the log file of EventLogFile.

Exit status: 0 after a normal stop, 1 if the daemon could not start (the last line
of the log tells why), 2 for wrong usage.
`

type arguments struct {
	name, config         string
	sessionLog           bool
	check, version, help bool
}

// parseArgs reads the command line. Of the one-letter options only the first
// two bytes count, and repeats replace each other, as they always did.
func parseArgs(args []string) (a arguments, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--check":
			a.check = true
			continue
		case arg == "--version":
			a.version = true
			continue
		case arg == "--help", arg == "-h":
			a.help = true
			continue
		case len(arg) < 2 || !strings.Contains("-n -c -l", arg[:2]) || arg[:1] != "-":
			return a, fmt.Errorf("unknown argument %q", arg)
		case len(args) == 0:
			return a, fmt.Errorf("argument %s needs a value", arg[:2])
		}
		value := args[0]
		args = args[1:]
		switch arg[:2] {
		case "-n":
			if value == "" || len(value) > conf.MaxNameLen {
				return a, fmt.Errorf("daemon name %q: %d bytes, must be 1 to %d", value, len(value), conf.MaxNameLen)
			}
			a.name = value
		case "-c":
			if value == "" {
				return a, errors.New("argument -c needs the name of a file")
			}
			a.config = value
		case "-l":
			if value != "y" && value != "n" {
				return a, fmt.Errorf("argument -l takes y or n, not %q", value)
			}
			a.sessionLog = value == "y"
		}
	}
	return a, nil
}
