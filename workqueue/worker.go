package workqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gospread/spread"
	"gospread/spread/internal/jobtable"
	"gospread/spread/internal/reconnect"
)

// Handler does a job and returns its result. Its context ends when the result is
// no longer wanted: the job was cancelled, given to another worker, has taken too
// long, or the worker ends. A handler that returns an error has failed; see
// [Retry]. One that panics has failed too. Handlers of several jobs run at a time if
// the worker's capacity says so.
type Handler func(ctx context.Context, t *Task) ([]byte, error)

// Worker does jobs of a queue.
type Worker struct {
	daemon, queue, group string
	handler              Handler
	o                    WorkerOptions
	slots                chan struct{}

	mu      sync.Mutex
	core    *jobtable.Core
	tasks   map[string]*Task
	called  int                                               // handlers that run, or wait for a slot
	offered int                                               // the capacity that the core knows
	leaving bool                                              // no more jobs are taken
	out     []func(ctx context.Context, c *spread.Conn) error // to be sent, in this order
	sending bool                                              // some that were in out
	kick    chan struct{}                                     // there is something in out
	retired chan struct{}                                     // not nil while the worker waits for its end; closed then
	running sync.WaitGroup
	kill    context.Context // of all handlers
	killAll context.CancelFunc
}

// NewWorker makes a worker of a queue. It connects when it is run, to a daemon that
// is named as for spread.Dial. o may be nil.
func NewWorker(daemon, queue string, h Handler, o *WorkerOptions) (*Worker, error) {
	group, err := groupOf(queue)
	if err != nil {
		return nil, err
	}
	opts, err := o.fill()
	if err != nil {
		return nil, err
	}
	limits, err := opts.Limits.core()
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, errors.New("workqueue: a worker without a handler")
	}
	w := &Worker{
		daemon: daemon, queue: queue, group: group, handler: h, o: opts, offered: opts.Capacity,
		slots: make(chan struct{}, opts.Capacity), tasks: map[string]*Task{},
		kick: make(chan struct{}, 1),
		core: jobtable.New(jobtable.Config{Group: group, Worker: rand.Text(), Capacity: int64(opts.Capacity), Limits: limits}),
	}
	w.kill, w.killAll = context.WithCancel(context.Background())
	return w, nil
}

// Run connects, takes part in the queue, and connects again whenever the connection
// is lost; jobs and results are kept meanwhile. When ctx ends it takes no more jobs,
// waits for those that run (see Grace), leaves, ends the contexts of handlers that still
// run, and returns nil, at the latest 2 seconds later.
//
// It returns an error when it cannot connect for a reason that time does not
// mend. A worker can be run once.
func (w *Worker) Run(ctx context.Context) error {
	life, end := context.WithCancel(context.Background())
	defer end()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		select {
		case <-ctx.Done():
			w.drain()
			end()
		case <-life.Done():
		}
	}()
	err := w.connections(life)
	end()
	<-drained
	w.killAll()
	w.waitHandlers()
	return err
}

// waitHandlers waits for handlers that were told to end, but not for those that do
// not look at their context.
func (w *Worker) waitHandlers() {
	ended := make(chan struct{})
	go func() {
		w.running.Wait()
		close(ended)
	}()
	late := time.NewTimer(lastWait)
	defer late.Stop()
	select {
	case <-ended:
	case <-late.C:
		w.o.Logger.Warn("handlers go on, as they do not look at their context", "queue", w.queue)
	}
}

// lastWait is what handlers have that were told to end.
const lastWait = 2 * time.Second

var errNotAllowed = errors.New("the daemon does not allow this worker into the group")

func (w *Worker) connections(ctx context.Context) error {
	var pauses reconnect.Pauses
	for ctx.Err() == nil {
		c, err := spread.Dial(ctx, w.daemon, append(slices.Clone(w.o.Dial), spread.WithMembership(true))...)
		lasting := err != nil && !spread.Passing(err)
		if err == nil {
			pauses.Connected()
			w.o.Logger.Info("connected", "queue", w.queue, "daemon", w.daemon, "as", c.PrivateGroup())
			err = w.session(ctx, c)
			lasting = errors.Is(err, errNotAllowed)
			_ = c.Close()
		}
		switch {
		case ctx.Err() != nil:
			continue
		case lasting:
			return err
		}
		w.o.Logger.Warn("no connection; trying again", "queue", w.queue, "daemon", w.daemon, "error", err)
		pauses.Wait(ctx)
	}
	return nil
}

// session is the life of one connection. It returns when that is lost or ctx ends.
func (w *Worker) session(ctx context.Context, c *spread.Conn) error {
	ctx, end := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	defer w.sent(true)
	defer helpers.Wait()
	defer end()
	w.mu.Lock()
	w.core.Connected(c.PrivateGroup())
	w.mu.Unlock()
	helpers.Go(func() { w.sender(ctx, c) })
	helpers.Go(func() { w.watch(ctx) })
	if err := c.Join(ctx, w.group); err != nil {
		return err
	}
	for ev, err := range c.Events(ctx) {
		if err != nil {
			return err
		}
		switch ev := ev.(type) {
		case *spread.View:
			if ev.Group == w.group {
				w.o.Logger.Debug("view", "queue", w.queue, "workers", len(ev.Members))
				w.do(func() []jobtable.Effect { return w.core.View(viewName(ev.ID), ev.Members) })
			}
		case *spread.Message:
			if ev.Type == jobtable.MessageType && ordered(ev.Service) && slices.Contains(ev.Groups, w.group) {
				w.do(func() []jobtable.Effect { return w.core.Message(ev.Sender, ev.Data) })
			}
		case *spread.Rejected:
			if ev.Request == spread.JoinRequest {
				return fmt.Errorf("workqueue: %w %s", errNotAllowed, w.group)
			}
		}
	}
	return nil
}

// ordered tells whether messages of the service have a place in the order.
func ordered(s spread.Service) bool {
	return s == spread.FIFO || s == spread.Causal || s == spread.Agreed || s == spread.Safe
}

// do lets the core act, and does what it asks for.
func (w *Worker) do(act func() []jobtable.Effect) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.perform(act())
	w.perform(w.offer(w.called - w.core.Running()))
	w.checkRetired()
}

// offer tells the others how many jobs this worker takes when some handlers go on
// though their jobs are not this worker's any more: each of them keeps a slot.
func (w *Worker) offer(stray int) []jobtable.Effect {
	n := max(0, w.o.Capacity-max(0, stray))
	if w.leaving {
		n = 0
	}
	if n == w.offered {
		return nil
	}
	w.offered = n
	return w.core.SetCapacity(int64(n))
}

// perform does what the core asks for. The worker is locked.
func (w *Worker) perform(effects []jobtable.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case jobtable.Send:
			w.enqueue(func(ctx context.Context, c *spread.Conn) error { return sendMessage(ctx, c, e.To, e.Message) })
		case jobtable.Start:
			w.start(e)
		case jobtable.Stop:
			if t := w.tasks[e.ID]; t != nil && t.attempt == e.Attempt {
				t.cancel(&stopped{e.Reason})
			}
		case jobtable.Rejoin:
			w.o.Logger.Warn("the other workers went on without this one; joining again", "queue", w.queue)
			w.enqueue(func(ctx context.Context, c *spread.Conn) error {
				return errors.Join(c.Leave(ctx, w.group), c.Join(ctx, w.group))
			})
		}
	}
}

// checkRetired ends the waiting for the end if all is told. The worker is locked.
func (w *Worker) checkRetired() {
	if w.retired != nil && w.core.Retired() && len(w.out) == 0 && !w.sending {
		close(w.retired)
		w.retired = nil
	}
}

// sent takes note that nothing is being sent, and perhaps that the connection is
// over.
func (w *Worker) sent(over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if over {
		w.out = nil
		w.core.Connected("")
	}
	w.sending = false
	w.checkRetired()
}

// sendMessage sends a message in the order of the group. Jobs are sent SAFE: when a
// worker says that it has one, the daemons of all others hold it.
func sendMessage(ctx context.Context, c *spread.Conn, to []string, m *jobtable.Message) error {
	service := spread.Agreed
	if m.Verb == "submit" {
		service = spread.Safe
	}
	return c.Send(ctx, &spread.Outgoing{
		Service: service, Type: jobtable.MessageType, Groups: to, Data: m.Header(), Pieces: [][]byte{m.Data},
	})
}

func (w *Worker) enqueue(f func(ctx context.Context, c *spread.Conn) error) {
	w.out = append(w.out, f)
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// sender sends what the core wants sent. It may wait for the daemon, which the
// receiving side must not.
func (w *Worker) sender(ctx context.Context, c *spread.Conn) {
	for {
		w.mu.Lock()
		batch := w.out
		w.out, w.sending = nil, len(w.out) > 0
		w.mu.Unlock()
		for _, send := range batch {
			err := send(ctx, c)
			switch {
			case ctx.Err() != nil || errors.Is(err, spread.ErrConnectionClosed) || errors.Is(err, spread.ErrIllegalSession):
				return
			case err != nil:
				w.o.Logger.Error("a message could not be sent", "queue", w.queue, "error", err)
			}
		}
		if len(batch) > 0 {
			w.sent(false)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-w.kick:
		}
	}
}

// watch looks that the members of a view are not waited for without end, also when
// they hang later.
func (w *Worker) watch(ctx context.Context) {
	var last int64
	for reconnect.Pause(ctx, w.o.Patience) {
		w.do(w.core.Tick)
		w.do(func() []jobtable.Effect {
			mark, waiting := w.core.Waiting()
			stuck := waiting && mark == last
			last = mark
			if !stuck {
				return nil
			}
			w.o.Logger.Warn("some workers do not answer; going on without them", "queue", w.queue)
			return w.core.Skip()
		})
	}
}

// drain takes no more jobs and waits for those that run, as long as Grace allows.
func (w *Worker) drain() {
	if w.o.Grace < 0 {
		return
	}
	late := time.NewTimer(w.o.Grace)
	defer late.Stop()
	retired := make(chan struct{})
	w.do(func() []jobtable.Effect {
		w.retired, w.leaving = retired, true
		return nil
	})
	select {
	case <-retired:
	case <-late.C:
	}
}

// Stats are numbers about a queue, as a worker sees it.
type Stats struct {
	Workers, Capacity, Waiting, Running, Ended int
}

// Stats returns what this worker knows of the queue.
func (w *Worker) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.core.Counts()
	return Stats{int(n.Workers), int(n.Capacity), int(n.Waiting), int(n.Running), int(n.Ended)}
}
