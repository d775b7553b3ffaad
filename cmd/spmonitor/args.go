package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/spmonitor"
	"gospread/spread/internal/top"
)

// usage is what the original prints on wrong usage, behind a line that says what is
// wrong.
const usage = `Usage: %s
	[-p <port number>]    : specify port number
	[-n <proc name>]      : force computer name
	[-t <status timeout>] : specify number of seconds between status queries
	[-c <file name>]      : specify configuration file
	[--json] [--timeout <time>] [--for <time>] [--version] [--help]
	[top|status|watch|partition|flow|reload|terminate ...]
`

const help = `
Shows the status of the daemons of a configuration, and steers them. Without a
command it has a menu; with one it does that and ends.

  top                    all daemons on a full screen, asked again and again
  status [DAEMON...]     the status of these daemons, or of all
  watch [DAEMON...]      the same again every -t seconds, until it is interrupted
  flow [DAEMON...]       the windows in force
  reload [DAEMON...]     have them read their configuration again
  partition a,b/c,d      part the daemons: those between slashes hear each other.
                         Those not named are one more part. It lasts a minute
  partition none         end that
  flow WINDOW=N... [DAEMON...]
                         set windows: window, personal, accelerated; a number of
                         packets, or auto
  terminate DAEMON...    end these daemons, or all

The last four need DangerousMonitor = true in the configuration of the daemons.

  -c FILE          the configuration that the daemons have (default: what they
                   would find)
  -n NAME          the daemon that the monitor speaks as (default: by address).
                   Without RingKeyFile it must be one of this machine
  -p PORT          UDP port for answers, 0: any (default: 6543 with the menu, else 0)
  -t SECONDS       time between queries of the status (default: 10; top: 1)
  --json           answers of a command as a JSON array; of watch, one a line
  --timeout TIME   how long daemons may take to answer (default: 2s; reload: 10s)
  --for TIME       keep a partition up so long, or until interrupted, and end it
  --version        print the version, and exit
  --help           print this, and exit

Exit status: 0 if all daemons have answered and done it (with the menu: after 9 or
the end of the input), 1 if one has not, or nothing could be asked, 2 for wrong
usage.
`

type arguments struct {
	options       spmonitor.Options
	command       spmonitor.Command
	help, version bool
}

// parse reads the command line. Arguments are exact, and wrong ones are explained in
// the words of the original.
func parse(args []string) (arguments, error) {
	a := arguments{options: spmonitor.Options{Port: -1}}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if done, err := a.plain(arg); done || err != nil {
			if err != nil {
				return a, err
			}
			continue
		}
		value, inline := "", false
		if strings.HasPrefix(arg, "--") {
			arg, value, inline = strings.Cut(arg, "=")
		}
		if !inline {
			if len(args) == 0 {
				return a, wrong("Unknown or missing parameter: %s", arg)
			}
			value, args = args[0], args[1:]
		}
		if err := a.valued(arg, value); err != nil {
			return a, err
		}
	}
	if a.options.Every == 0 {
		a.options.Every = spmonitor.DefaultEvery
		if a.command.Name == commandTop {
			a.options.Every = top.Default
		}
	}
	if a.options.Port < 0 {
		a.options.Port = 0
		if a.command.Name == "" {
			a.options.Port = spmonitor.DefaultPort
		}
	}
	if a.command.Name == commandTop && (a.command.JSON || len(a.command.Args) > 0 || a.command.Timeout > 0) {
		return a, wrong("top takes no names, no --json and no --timeout")
	}
	if a.command.Name == "" && (a.command.JSON || a.command.Timeout > 0) {
		return a, wrong("--json and --timeout go with a command such as status")
	}
	if a.command.Name != "partition" && a.command.For > 0 {
		return a, wrong("--for goes with the command partition")
	}
	return a, nil
}

// plain takes an argument that has no value.
func (a *arguments) plain(arg string) (done bool, err error) {
	switch {
	case arg == "--help", arg == "-h":
		a.help = true
	case arg == "--version":
		a.version = true
	case arg == "--json":
		a.command.JSON = true
	case strings.HasPrefix(arg, "-"):
		return false, nil
	case a.command.Name != "":
		a.command.Args = append(a.command.Args, arg)
	case arg == commandTop, spmonitor.IsCommand(arg):
		a.command.Name = arg
	default:
		return false, wrong("Unknown or missing parameter: %s", arg)
	}
	return true, nil
}

// valued takes an option with its value.
func (a *arguments) valued(name, value string) error {
	switch name {
	case "-c":
		if value == "" {
			return wrong("Unknown or missing parameter: -c needs the name of a file")
		}
		a.options.ConfigFile = value
	case "-n":
		if len(value) > conf.MaxNameLen {
			return wrong("Proc name too long: %s", value)
		}
		a.options.Name = value
	case "-p":
		n, err := strconv.ParseUint(value, 0, 16)
		if err != nil {
			return wrong("Port number must be in range [0, 65536): %s", value)
		}
		a.options.Port = int(n)
	case "-t":
		n, err := strconv.ParseUint(value, 0, 31)
		if err != nil || n == 0 {
			return wrong("Status query timeout must be a positive integer: %s", value)
		}
		a.options.Every = time.Duration(n) * time.Second
	case "--timeout", "--for":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return wrong("%s: %q is not a time such as 500ms, 10s or 2m", name, value)
		}
		if name == "--for" {
			a.command.For = d
		} else {
			a.command.Timeout = d
		}
	default:
		return wrong("Unknown or missing parameter: %s", name)
	}
	return nil
}

// wrongArgument is what is wrong with the command line, for the first line of usage.
type wrongArgument string

func (w wrongArgument) Error() string { return string(w) }

func wrong(format string, args ...any) error { return wrongArgument(fmt.Sprintf(format, args...)) }
