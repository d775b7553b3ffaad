package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gospread/spread"
	"gospread/spread/internal/reconnect"
	"gospread/spread/internal/replog"
)

// Run connects, takes part, and connects again whenever the connection is lost. When
// ctx ends it leaves and returns nil; updates that have not ended then are refused, or
// unknown if they were sent. It returns an error when something is wrong that time
// does not mend, such as a Store that cannot be written. A replica can be run once.
func (r *Replica) Run(ctx context.Context) error {
	ctx, broken := context.WithCancelCause(ctx)
	defer broken(nil)
	r.mu.Lock()
	if r.broken != nil {
		r.mu.Unlock()
		return errors.New("replica: it was run before")
	}
	r.broken = broken
	if r.failed != nil {
		broken(r.failed)
	}
	r.mu.Unlock()
	return r.end(r.connections(ctx))
}

// end ends what is under way, because of an error if there is one.
func (r *Replica) end(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.core.Lost()
	for id, f := range r.futures {
		_, sent := r.core.Withdraw(id)
		f.withdrawn(sent, "the replica has ended", nil)
	}
	clear(r.futures)
	if r.failed != nil {
		err = errors.Join(err, fmt.Errorf("replica: %w", r.failed))
	}
	r.failed = err
	r.notify()
	return errors.Join(err, r.store.close())
}

func (r *Replica) connections(ctx context.Context) error {
	var pauses reconnect.Pauses
	for ctx.Err() == nil {
		c, err := spread.Dial(ctx, r.cfg.Daemon, append(slices.Clone(r.cfg.Dial), spread.WithName(r.cfg.Name), spread.WithMembership(true))...)
		if err == nil {
			pauses.Connected()
			r.cfg.Logger.Info("connected", "state", r.cfg.State, "as", c.PrivateGroup())
			err = r.session(ctx, c)
			_ = c.Close()
		} else if !spread.Passing(err) && ctx.Err() == nil {
			return err
		}
		if ctx.Err() == nil {
			r.cfg.Logger.Warn("no connection; trying again", "state", r.cfg.State, "daemon", r.cfg.Daemon, "error", err)
			pauses.Wait(ctx)
		}
	}
	return nil
}

// most is how many messages are handled before what came is acknowledged, if there
// are always more.
const most = 256

// session is the life of one connection. It returns when that is lost or ctx ends.
func (r *Replica) session(ctx context.Context, c *spread.Conn) error {
	ctx, end := context.WithCancelCause(ctx)
	var helpers sync.WaitGroup
	defer r.disconnected()
	defer helpers.Wait()
	defer end(nil)
	r.do(func() []replog.Effect { return r.core.Connected(c.PrivateGroup()) })
	helpers.Go(func() { end(r.work(ctx, c)) })
	helpers.Go(func() { r.watch(ctx) })
	if err := c.Join(ctx, r.group); err != nil {
		return err
	}
	handled := 0
	for ev, err := range c.Events(ctx) {
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		switch ev := ev.(type) {
		case *spread.View:
			if ev.Group == r.group {
				r.do(func() []replog.Effect { return r.core.View(viewName(ev.ID), ev.Members) })
			}
		case *spread.Transition:
			if ev.Group == r.group {
				r.do(r.core.Signal)
			}
		case *spread.Message:
			if ev.Type == replog.MessageType && ordered(ev.Service) && (slices.Contains(ev.Groups, r.group) || slices.Contains(ev.Groups, c.PrivateGroup())) {
				r.do(func() []replog.Effect { return r.core.Message(ev.Sender, ev.Data) })
			}
		case *spread.Rejected:
			return errors.New("the daemon does not allow this replica into group " + r.group)
		}
		if more, _ := c.Pending(); more == 0 || handled >= most {
			handled = 0
			r.wake()
		}
		handled++
	}
	return nil
}

func viewName(id spread.ViewID) string { return fmt.Sprintf("%d.%d.%d", id.Daemon, id.Time, id.Index) }

// ordered tells whether messages of the service have a place in the order.
func ordered(s spread.Service) bool {
	return s == spread.FIFO || s == spread.Causal || s == spread.Agreed || s == spread.Safe
}

// do lets the core act.
func (r *Replica) do(act func() []replog.Effect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.act(act())
}

// disconnected ends a connection. What was to be persisted still is.
func (r *Replica) disconnected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.core.Lost()
	out := r.out
	r.out, r.queued = nil, 0
	r.notify()
	if err := r.persist(out); err != nil {
		r.fail(err)
	}
}

// work does what the core wants done, and flushes when there is nothing else to do.
func (r *Replica) work(ctx context.Context, c *spread.Conn) error {
	away := time.Duration(0)
	for {
		select {
		case <-r.kick:
		case <-ctx.Done():
			return nil
		}
		for {
			out := r.takeOut()
			if len(out) == 0 {
				break
			}
			if err := r.persist(out); err != nil {
				r.mu.Lock()
				r.fail(err)
				r.mu.Unlock()
				return err
			}
			for _, e := range out {
				var err error
				switch e := e.(type) {
				case replog.Send:
					err = c.Send(ctx, &spread.Outgoing{Service: spread.Agreed, Type: replog.MessageType, Groups: e.To, Data: e.Data})
					r.mu.Lock()
					r.queued -= len(e.Data)
					r.mu.Unlock()
				case replog.Rejoin:
					r.cfg.Logger.Warn("the others went on without this replica; joining again", "state", r.cfg.State, "in", away)
					err = r.rejoin(ctx, c, away)
					away = min(2*away+time.Second, 30*time.Second)
				}
				if err != nil {
					return err
				}
			}
			if r.Status().Current {
				away = 0
			}
		}
	}
}

func (r *Replica) rejoin(ctx context.Context, c *spread.Conn, after time.Duration) error {
	if err := c.Leave(ctx, r.group); err != nil {
		return err
	}
	reconnect.Pause(ctx, after)
	return c.Join(ctx, r.group)
}

func (r *Replica) takeOut() []replog.Effect {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.out) == 0 {
		r.act(r.core.Flush())
	}
	out := r.out
	r.out = nil
	return out
}

// persist writes what is to be on disk before any of the rest is done.
func (r *Replica) persist(out []replog.Effect) error {
	var b []byte
	for _, e := range out {
		switch e := e.(type) {
		case replog.Persist:
			b = append(b, e.Records...)
		case replog.Compact:
			b = nil
			if err := r.store.replace(e.Records); err != nil {
				return err
			}
		}
	}
	if len(b) == 0 {
		return nil
	}
	return r.store.append(b)
}

// watch goes on without those who say nothing.
func (r *Replica) watch(ctx context.Context) {
	var last int64
	for reconnect.Pause(ctx, r.cfg.Patience) {
		r.do(func() []replog.Effect {
			mark, waiting := r.core.Waiting()
			stuck := waiting && mark == last
			last = mark
			if !stuck {
				return nil
			}
			r.cfg.Logger.Warn("some replicas do not answer; going on without them", "state", r.cfg.State)
			return r.core.Skip()
		})
	}
}
