// Spread is the daemon of the Spread toolkit: one runs on each machine.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/daemon"
)

// Exit codes.
const (
	exitFailed = 1 // the reason is the last line of the log
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "doctor" {
		return runDoctor(args[1:], stdout, stderr)
	}
	a, err := parseArgs(args)
	if err != nil {
		fmt.Fprintf(stderr, "spread: %v\n%s", err, usage)
		return exitUsage
	}
	switch {
	case a.help:
		fmt.Fprint(stdout, help)
		return 0
	case a.version:
		fmt.Fprintf(stdout, "spread (gospread) %s\n", cliargs.Version())
		return 0
	case a.check:
		if err := daemon.Check(stdout, a.config, a.name); err != nil {
			fmt.Fprintf(stderr, "spread: %v\n", err)
			return exitFailed
		}
		return 0
	}
	err = daemon.Run(context.Background(), daemon.Options{
		ConfigFile: a.config,
		Name:       a.name,
		SessionLog: a.sessionLog,
		Version:    cliargs.Version(),
		Out:        stdout,
		StateDir:   stateDir(os.Getenv("STATE_DIRECTORY")),
		ServiceDir: serviceDir(os.Getenv("RUNTIME_DIRECTORY")),
		Process:    true,
	})
	if err != nil {
		return exitFailed
	}
	return 0
}

// stateDir is the first of the directories that a service manager has made for what
// outlives a restart (systemd.exec, StateDirectory=).
func stateDir(list string) string {
	dir, _, _ := strings.Cut(list, ":")
	return dir
}

// serviceDir is where the socket for clients goes besides the usual place: the
// runtime directory that a service manager has made for the daemon, or that of the
// system.
func serviceDir(runtimeDirectory string) string {
	if dir, _, _ := strings.Cut(runtimeDirectory, ":"); dir != "" {
		return dir
	}
	return "/run/spread"
}
