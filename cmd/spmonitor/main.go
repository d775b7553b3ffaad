// Spmonitor shows the status of daemons, and steers them (configuration and tools
// 9). Sptmonitor is another name of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"gospread/spread/internal/cliargs"
	"gospread/spread/internal/spmonitor"
	"gospread/spread/internal/tool"
)

// Exit codes.
const (
	exitFailed = 1 // some daemon did not answer or refused, or nothing could be asked
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a, err := parse(args[1:])
	switch {
	case err != nil:
		fmt.Fprintf(stdout, "%v\n\n", err)
		fmt.Fprintf(stdout, usage, args[0])
		return exitUsage
	case a.help:
		fmt.Fprintf(stdout, usage, args[0])
		fmt.Fprint(stdout, help)
		return 0
	case a.version:
		fmt.Fprintf(stdout, "spmonitor (gospread) %s\n", cliargs.Version())
		return 0
	}
	a.options.Version = cliargs.Version()
	a.options.Terminal = tool.Terminal(stdin)
	switch a.command.Name {
	case "":
		err = spmonitor.Run(context.Background(), a.options, stdin, stdout, stderr)
	case commandTop:
		err = watch(a.options)
	default:
		err = do(a, stdout, stderr)
	}
	var wrong *spmonitor.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "spmonitor: %v; --help tells more\n", err)
		return exitUsage
	case !errors.Is(err, spmonitor.ErrFailed):
		fmt.Fprintf(stderr, "spmonitor: %v\n", err)
	}
	return exitFailed
}

// do carries out a command; SIGINT and SIGTERM end those that go on.
func do(a arguments, stdout, stderr io.Writer) error {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	return spmonitor.Do(ctx, a.options, a.command, stdout, stderr)
}
