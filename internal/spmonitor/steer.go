package spmonitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/monitor"
	"gospread/spread/internal/monproto"
)

// partitionCommand takes parts such as a,b/c: those that are not named are one more
// part. none ends the partition.
func partitionCommand(c *Command, cfg *conf.Config) (action, error) {
	if len(c.Args) != 1 {
		return nil, wrong("partition needs one argument, such as a,b/c,d, or none")
	}
	parts, err := parseParts(c.Args[0], cfg)
	if err == nil && c.For > 0 && parts == nil {
		err = wrong("--for goes with a partition, not with its end")
	}
	return func(ctx context.Context, r *runner) error {
		answers := r.part(ctx, parts)
		err := r.show(answers, said)
		if r.For == 0 || !slices.ContainsFunc(answers, func(a monitor.Answer) bool { return a.Err == nil }) {
			return err
		}
		// Those that have done it are kept apart, and let together again, although others
		// have not.
		return errors.Join(err, r.keepApart(ctx, parts))
	}, err
}

// parseParts gives each daemon the number of its part, from 1; nil: none.
func parseParts(text string, cfg *conf.Config) (map[string]int16, error) {
	if text == "none" {
		return nil, nil
	}
	parts := make(map[string]int16)
	number := int16(0)
	for part := range strings.SplitSeq(text, "/") {
		number++
		for name := range strings.SplitSeq(part, ",") {
			if name == "" {
				return nil, wrong("a name is missing in the parts %q; write such as a,b/c,d", text)
			}
			if _, err := choose(cfg, []string{name}); err != nil || name == "all" {
				return nil, wrong("there is no daemon %q for the parts %q", name, text)
			}
			if parts[name] != 0 {
				return nil, wrong("daemon %s is twice in the parts %q", name, text)
			}
			parts[name] = number
		}
	}
	for _, d := range cfg.Daemons() {
		if parts[d.Name] == 0 {
			parts[d.Name] = number + 1
		}
	}
	return parts, nil
}

func (r *runner) part(ctx context.Context, parts map[string]int16) []monitor.Answer {
	ctx, cancel := r.within(ctx)
	defer cancel()
	return r.client.Partition(ctx, parts)
}

// partAgain is part once more. With --json the first answers are the output, and of
// these only failures are said.
func (r *runner) partAgain(ctx context.Context, parts map[string]int16) error {
	quiet := *r
	if r.JSON {
		quiet.out = io.Discard
	}
	return quiet.show(r.part(ctx, parts), said)
}

// keepApart repeats a partition as long as it is to last, or until ctx ends, and then
// ends it.
func (r *runner) keepApart(ctx context.Context, parts map[string]int16) error {
	over := time.NewTimer(r.For)
	defer over.Stop()
	again := time.NewTicker(repeatPartition)
	defer again.Stop()
	var failed error
	for going := true; going; {
		select {
		case <-again.C:
			failed = errors.Join(failed, r.partAgain(ctx, parts))
		case <-over.C:
			going = false
		case <-ctx.Done():
			going = false
		}
	}
	return errors.Join(failed, r.partAgain(context.WithoutCancel(ctx), nil))
}

// flowCommand takes windows such as window=100, and daemons. Without windows it shows
// those in force.
func flowCommand(c *Command, cfg *conf.Config) (action, error) {
	windows := map[string]int{"window": monproto.Keep, "personal": monproto.Keep, "accelerated": monproto.Keep}
	var args []string
	set := false
	for _, a := range c.Args {
		name, value, found := strings.Cut(a, "=")
		if !found {
			args = append(args, a)
			continue
		}
		if _, ok := windows[name]; !ok {
			return nil, wrong("there is no window %q; there are window, personal and accelerated", name)
		}
		n, err := strconv.Atoi(value)
		switch {
		case value == "auto":
			n = monproto.Adapt
		case err != nil || n < 0 || n > 1<<30:
			return nil, wrong("%s: write a number of packets, or auto", a)
		}
		windows[name], set = n, true
	}
	names, err := choose(cfg, args)
	return func(ctx context.Context, r *runner) error {
		ctx, cancel := r.within(ctx)
		defer cancel()
		if !set {
			return r.show(r.client.Status(ctx, names), windowsInForce)
		}
		f := monproto.MakeFlow(windows["window"], windows["personal"], windows["accelerated"])
		return r.show(r.client.Flow(ctx, names, func(string) monproto.Flow { return f }), said)
	}, err
}

func windowsInForce(a *monitor.Answer) string {
	w := &a.Summary.Ring
	return fmt.Sprintf("%s: Window %d, PersonalWindow %d, AcceleratedWindow %d\n", a.Daemon, w.Window, w.PersonalWindow, w.AcceleratedWindow)
}
