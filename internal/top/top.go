// Package top is the full-screen live view of spmonitor: it asks the daemons round
// after round and shows what has become of them. What it shows is decided in
// cluster and page; here are the terminal, the clock and the signals.
package top

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gdamore/tcell/v3"

	"gospread/spread/internal/top/cluster"
	"gospread/spread/internal/top/page"
)

// Sample is what one daemon has answered in a round.
type Sample = cluster.Sample

// Source asks the daemons.
type Source interface {
	// Status asks all of the configuration, in its order, and returns when all have
	// answered or the context ends: one sample for each, with an error if there is no
	// answer. It is called by one goroutine at a time.
	Status(ctx context.Context) []Sample
}

// The times between rounds that Options.Every may have.
const (
	Shortest = 100 * time.Millisecond
	Longest  = time.Hour
)

// Default is the time between rounds where nothing else is said.
const Default = time.Second

// Options is what Run needs.
type Options struct {
	Source Source
	// Every is the time from the start of one round to the next; 0: Default. It is
	// brought between Shortest and Longest.
	Every time.Duration
}

// every is the time between rounds that counts.
func (o *Options) every() time.Duration {
	if o.Every == 0 {
		return Default
	}
	return max(Shortest, min(o.Every, Longest))
}

// Ended is why Run returns when a signal has ended it.
type Ended struct{ Signal os.Signal }

func (e *Ended) Error() string { return "ended by signal: " + e.Signal.String() }

// Run shows the live view on the terminal of this process until the user quits,
// which is no error, the context ends, or SIGINT, SIGTERM or SIGHUP comes. It
// restores the terminal however it ends, by a panic as well.
func Run(ctx context.Context, o Options) error {
	switch os.Getenv("TERM") {
	case "dumb":
		return errors.New("the live view needs a terminal that can move the cursor, and TERM is dumb")
	case "":
		if !console {
			return errors.New("the live view needs a terminal, and TERM is not set")
		}
	}
	// Where the character set is unknown, what all have in common is left.
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII)
	screen, err := tcell.NewScreen()
	if err != nil {
		return fmt.Errorf("the live view needs a terminal: %w", err)
	}
	if err := screen.Init(); err != nil {
		return fmt.Errorf("the live view needs a terminal: %w", err)
	}
	return run(ctx, o, screen)
}

// run is Run on a screen that is ready. It ends its use.
func run(ctx context.Context, o Options, screen tcell.Screen) error {
	p := &program{
		screen:  screen,
		palette: palette(screen.Colors()),
		choices: page.Choices{Every: o.every(), ASCII: !unicode(screen.CharacterSet())},
		signals: watchSignals(),
		asker:   newAsker(ctx, o.Source),
	}
	defer p.signals.stop()
	defer p.asker.stop()
	defer screen.Fini() // before anything that may wait
	return p.loop(ctx)
}

func unicode(charset string) bool {
	switch charset {
	case "UTF-8", "utf-8", "UTF8", "utf8", "UTF-16", "UTF-16LE":
		return true
	}
	return false
}

// program is a live view that runs.
type program struct {
	screen  tcell.Screen
	palette [styles]tcell.Style
	signals *signals
	asker   *asker
	model   cluster.Model
	state   cluster.State // what is shown
	choices page.Choices
}

func (p *program) loop(ctx context.Context) error {
	second := time.NewTicker(time.Second) // the clock, and how long things are so
	defer second.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	var begun time.Time
	again := func() { due.Reset(time.Until(begun.Add(p.choices.Every))) }
	for {
		p.draw()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case s := <-p.signals.end:
			return &Ended{s}
		case <-p.signals.stopped:
			if err := p.suspend(true); err != nil {
				return err
			}
		case <-p.signals.continued:
			if err := p.suspend(false); err != nil {
				return err
			}
		case <-second.C:
		case <-due.C:
			begun = time.Now()
			p.asker.ask(patience(p.choices.Every))
		case round := <-p.asker.rounds:
			if round.panicked != nil {
				panic(round.panicked)
			}
			p.asker.busy = false
			p.model.Add(round.at, round.samples)
			again()
		case ev := <-p.screen.EventQ():
			every := p.choices.Every
			if done, err := p.event(ev); done || err != nil {
				return err
			}
			if every != p.choices.Every && !p.asker.busy {
				again()
			}
		}
	}
}

// patience is how long a round waits for answers.
func patience(every time.Duration) time.Duration {
	return max(300*time.Millisecond, min(every, 2*time.Second))
}

// event handles one of the terminal; done means that the user has quit.
func (p *program) event(ev tcell.Event) (done bool, err error) {
	switch ev := ev.(type) {
	case *tcell.EventKey:
		switch p.choices.Press(keyName(ev)) {
		case page.Quit:
			return true, nil
		case page.Suspend:
			return false, p.suspend(true)
		case page.Redraw:
			p.screen.Sync()
		}
	case *tcell.EventError:
		return true, fmt.Errorf("the terminal fails: %w", ev)
	case nil:
		return true, errors.New("the terminal is gone")
	}
	return false, nil
}

// suspend gives the terminal back and takes it again, by which keys that have just
// been typed are lost; in between the process stops if it is to, until it is continued.
// Where nobody could continue it, nothing happens.
func (p *program) suspend(stop bool) error {
	if stop && !canStop() {
		return nil
	}
	if err := p.screen.Suspend(); err != nil {
		return fmt.Errorf("the terminal cannot be given back: %w", err)
	}
	if stop {
		p.signals.stopSelf()
	}
	if err := p.screen.Resume(); err != nil {
		return fmt.Errorf("the terminal cannot be taken again: %w", err)
	}
	p.screen.Sync()
	return nil
}

// draw shows the state. While paused, that is the one from before.
func (p *program) draw() {
	if !p.choices.Paused {
		p.state = p.model.State()
	}
	width, height := p.screen.Size()
	if width < 1 || height < 1 {
		return
	}
	g := page.NewGrid(width, height)
	page.Draw(g, &p.state, &p.choices, time.Now())
	for y := range height {
		for x := range width {
			c := g.At(x, y)
			p.screen.SetContent(x, y, c.Rune, nil, p.palette[c.Style])
		}
	}
	p.screen.Show()
}
