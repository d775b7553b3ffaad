package main

import (
	"errors"
	"fmt"

	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/conf"
)

// The first four lines are what the original prints on wrong usage.
const usage = `Usage: spread
	[-l y|n]     : keep a session log (default: no)
	[-n <name>]  : own entry in the configuration (default: by address)
	[-c <file>]  : configuration file (default: ./spread.conf)
	[--check] [--version] [--help]
       spread doctor [-c <file>] [-n <name>] [--help]
`

const help = usage + `
Runs the daemon of the Spread toolkit in the foreground. Clients of this machine
connect to its port, over TCP or the Unix sockets /tmp/<port> and
/run/spread/<port>.

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
  doctor     Find out why daemons do not start or do not find each other:
             spread doctor --help.

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

// parseArgs reads the command line.
func parseArgs(args []string) (a arguments, err error) {
	err = cliargs.Parse(args, []cliargs.Option{
		cliargs.Bool("--check", &a.check),
		cliargs.Bool("--version", &a.version),
		cliargs.Bool("--help", &a.help),
		cliargs.Bool("-h", &a.help),
		{Name: "-n", Set: func(v string) error {
			if v == "" || len(v) > conf.MaxNameLen {
				return fmt.Errorf("daemon name %q: %d bytes, must be 1 to %d", v, len(v), conf.MaxNameLen)
			}
			a.name = v
			return nil
		}},
		{Name: "-c", Set: func(v string) error {
			if v == "" {
				return errors.New("needs the name of a file")
			}
			a.config = v
			return nil
		}},
		{Name: "-l", Set: func(v string) error {
			if v != "y" && v != "n" {
				return fmt.Errorf("takes y or n, not %q", v)
			}
			a.sessionLog = v == "y"
			return nil
		}},
	})
	return a, err
}
