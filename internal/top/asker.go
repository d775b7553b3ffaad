package top

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// asker asks a source, one round at a time, beside the loop that draws.
type asker struct {
	orders chan time.Duration // the patience of a round
	rounds chan round
	busy   bool // a round is on its way; for the loop only
	cancel context.CancelFunc
	done   chan struct{}
}

// round is what has come of one.
type round struct {
	at       time.Time
	samples  []Sample
	panicked any // what the source has panicked with
}

func newAsker(ctx context.Context, source Source) *asker {
	ctx, cancel := context.WithCancel(ctx)
	a := &asker{
		orders: make(chan time.Duration, 1),
		rounds: make(chan round, 1),
		cancel: cancel,
		done:   make(chan struct{}),
	}
	go func() {
		defer close(a.done)
		for {
			select {
			case <-ctx.Done():
				return
			case limit := <-a.orders:
				a.rounds <- ask(ctx, source, limit)
			}
		}
	}()
	return a
}

// ask orders a round. There is none on its way.
func (a *asker) ask(limit time.Duration) {
	a.busy = true
	a.orders <- limit
}

// stop ends it and waits until its goroutine has ended.
func (a *asker) stop() {
	a.cancel()
	<-a.done
}

func ask(ctx context.Context, source Source, limit time.Duration) (r round) {
	defer func() {
		if v := recover(); v != nil {
			r.panicked = fmt.Sprintf("%v\n\nasking the daemons:\n%s", v, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	samples := source.Status(ctx)
	return round{at: time.Now(), samples: samples}
}
