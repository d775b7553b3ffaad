package spmonitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/monitor"
	"gospread/spread/internal/status"
)

// Command is something to be done once.
type Command struct {
	Name string
	Args []string
	JSON bool
	// Timeout is how long daemons may take to answer, 0: DefaultTimeout.
	Timeout time.Duration
	// For is how long a partition is kept up; 0: as long as daemons remember it.
	For time.Duration
}

// DefaultTimeout is what Command.Timeout is by default. Reloads get five times as
// much, as daemons may look names up.
const DefaultTimeout = 2 * time.Second

// UsageError is that a command cannot be understood.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

func wrong(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// ErrFailed is the result of a command that some daemon has not answered or has not
// carried out; what happened has been said.
var ErrFailed = errors.New("not all daemons have done it")

// action is a command that has been understood.
type action func(context.Context, *runner) error

// commands understand their arguments.
var commands = map[string]func(c *Command, cfg *conf.Config) (action, error){
	"status":    statusCommand,
	"watch":     watchCommand,
	"partition": partitionCommand,
	"flow":      flowCommand,
	"reload":    reloadCommand,
	"terminate": terminateCommand,
}

// IsCommand tells whether there is a command of that name.
func IsCommand(name string) bool { return commands[name] != nil }

// runner carries out a command.
type runner struct {
	*Command
	cfg      *conf.Config
	client   *monitor.Client
	every    time.Duration
	out, err io.Writer
}

// Do carries out a command. Errors are a [UsageError], [ErrFailed], or that the
// configuration or the socket is not as it should be.
func Do(ctx context.Context, o Options, c Command, out, errs io.Writer) error {
	cfg, err := monitor.Load(ctx, o.ConfigFile)
	if err != nil {
		return err
	}
	do, err := commands[c.Name](&c, cfg)
	if err != nil {
		return err
	}
	cfg, client, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer client.Close()
	return do(ctx, &runner{&c, cfg, client, o.Every, out, errs})
}

// within limits how long daemons may take.
func (r *runner) within(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := r.Timeout
	if limit == 0 {
		limit = DefaultTimeout
		if r.Name == "reload" {
			limit *= 5
		}
	}
	return context.WithTimeout(ctx, limit)
}

// choose are the daemons that arguments name; all if there are none.
func choose(cfg *conf.Config, args []string) ([]string, error) {
	var all, names []string
	for _, d := range cfg.Daemons() {
		all = append(all, d.Name)
	}
	if len(args) == 0 || slices.Contains(args, "all") {
		return all, nil
	}
	for _, a := range args {
		if !slices.Contains(all, a) {
			return nil, wrong("there is no daemon %q; the file has %s", a, strings.Join(all, ", "))
		}
		if !slices.Contains(names, a) {
			names = append(names, a)
		}
	}
	return names, nil
}

// answerJSON is an answer as --json shows it.
type answerJSON struct {
	Daemon string          `json:"daemon"`
	OK     bool            `json:"ok"`
	Text   string          `json:"text,omitempty"`
	Error  string          `json:"error,omitempty"`
	Took   float64         `json:"took_seconds"`
	Status *status.Summary `json:"status,omitempty"`
}

func jsonOf(a *monitor.Answer) answerJSON {
	j := answerJSON{Daemon: a.Daemon, OK: a.Err == nil, Text: a.Text, Took: a.Took.Seconds(), Status: a.Summary}
	if a.Err != nil {
		j.Error = a.Err.Error()
	}
	return j
}

// show prints answers; text is for one without error.
func (r *runner) show(answers []monitor.Answer, text func(*monitor.Answer) string) error {
	var failed error
	list := make([]answerJSON, 0, len(answers))
	for i := range answers {
		a := &answers[i]
		list = append(list, jsonOf(a))
		switch {
		case a.Err != nil:
			failed = ErrFailed
			fmt.Fprintf(r.err, "spmonitor: %s: %v\n", a.Daemon, a.Err)
		case !r.JSON:
			if _, err := io.WriteString(r.out, text(a)); err != nil {
				return fmt.Errorf("print the answers: %w", err)
			}
		}
	}
	if r.JSON {
		if err := json.NewEncoder(r.out).Encode(list); err != nil {
			return fmt.Errorf("print the answers: %w", err)
		}
	}
	return failed
}

func said(a *monitor.Answer) string {
	if a.Text == "" {
		return a.Daemon + ": done\n"
	}
	return a.Daemon + ": " + a.Text + "\n"
}

func statusCommand(c *Command, cfg *conf.Config) (action, error) {
	names, err := choose(cfg, c.Args)
	return func(ctx context.Context, r *runner) error {
		ctx, cancel := r.within(ctx)
		defer cancel()
		return r.show(r.client.Status(ctx, names), func(a *monitor.Answer) string { return report(a.Summary, nil, protocol(r.cfg)) })
	}, err
}

// watchCommand asks again and again until ctx ends. With --json each answer is a line.
func watchCommand(c *Command, cfg *conf.Config) (action, error) {
	names, err := choose(cfg, c.Args)
	return func(ctx context.Context, r *runner) error {
		last := make(map[string]*status.Summary)
		tick := time.NewTicker(r.every)
		defer tick.Stop()
		for {
			within, cancel := r.within(ctx)
			answers := r.client.Status(within, names)
			cancel()
			if ctx.Err() != nil {
				return nil
			}
			if err := r.watched(answers, last); err != nil {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	}, err
}

func (r *runner) watched(answers []monitor.Answer, last map[string]*status.Summary) error {
	for i := range answers {
		a := &answers[i]
		var err error
		switch {
		case r.JSON:
			err = json.NewEncoder(r.out).Encode(jsonOf(a))
		case a.Err != nil:
			fmt.Fprintf(r.err, "spmonitor: %s: %v\n", a.Daemon, a.Err)
		default:
			_, err = io.WriteString(r.out, report(a.Summary, last[a.Daemon], protocol(r.cfg)))
			last[a.Daemon] = a.Summary
		}
		if err != nil {
			return fmt.Errorf("print the answers: %w", err)
		}
	}
	return nil
}

func reloadCommand(c *Command, cfg *conf.Config) (action, error) {
	names, err := choose(cfg, c.Args)
	return func(ctx context.Context, r *runner) error {
		ctx, cancel := r.within(ctx)
		defer cancel()
		return r.show(r.client.Reload(ctx, names), said)
	}, err
}

func terminateCommand(c *Command, cfg *conf.Config) (action, error) {
	if len(c.Args) == 0 {
		return nil, wrong("terminate needs the names of daemons, or all")
	}
	names, err := choose(cfg, c.Args)
	return func(ctx context.Context, r *runner) error {
		ctx, cancel := r.within(ctx)
		defer cancel()
		return r.show(r.client.Terminate(ctx, names), said)
	}, err
}
