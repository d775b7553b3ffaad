package replica

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"gospread/spread/internal/replog"
)

// core is what both policies have.
type core interface {
	Connected(me string) []replog.Effect
	Lost()
	View(view string, members []string) []replog.Effect
	Signal() []replog.Effect
	Message(sender string, data []byte) []replog.Effect
	Submit(id string, data []byte) []replog.Effect
	Sync() (string, []replog.Effect)
	Withdraw(id string) (there, sent bool)
	Flush() []replog.Effect
	Waiting() (int64, bool)
	Skip() []replog.Effect
	Status() replog.Status
}

// Replica is one copy of the state.
type Replica struct {
	cfg   Config
	group string
	ident string

	mu      sync.Mutex
	core    core
	store   *store // nil: none
	futures map[string]*Future
	count   uint64
	out     []replog.Effect // to be done, in this order
	queued  int             // bytes that are yet to be sent
	kick    chan struct{}   // there is something in out, or to be flushed
	changed chan struct{}   // closed when the status changes
	mark    int64
	ready   bool
	failed  error // what ends the replica
	ended   bool
	broken  context.CancelCauseFunc // ends Run
}

// New makes a replica, and loads its Store. It connects when it is run.
func New(cfg Config, s State) (*Replica, error) {
	cfg, err := cfg.check(s)
	if err != nil {
		return nil, err
	}
	r := &Replica{
		cfg: cfg, group: replog.GroupPrefix + cfg.State, ident: cfg.Name + "." + rand.Text()[:12],
		futures: map[string]*Future{}, kick: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	if !idFits(cfg.Name) {
		r.ident = rand.Text()[:16]
	}
	if cfg.Policy == Everywhere {
		r.core = replog.NewEverywhere(cfg.core(), machine{s})
		return r, nil
	}
	m := replog.NewMajority(cfg.core(), machine{s})
	r.core = m
	if cfg.Store == "" {
		return r, nil
	}
	st, records, err := openStore(cfg.Store, &cfg)
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	if err := m.Load(records); err != nil {
		st.close()
		return nil, fmt.Errorf("replica: store %s: %w", cfg.Store, err)
	}
	r.store = st
	return r, nil
}

// idFits tells whether a name may be part of an update's ID.
func idFits(name string) bool { return replog.ValidID(name + ".x") }

// slack is what else may be on its way to the daemon, in bytes.
const slack = 4 << 20

// Submit submits an update and returns at once. It is refused when there is no
// majority; while that is being found out, or there is no connection, it waits. Without a
// deadline of the caller's (see [Replica.Update]) it may do so for long.
//
// Updates that are submitted here one after the other are applied in this order.
func (r *Replica) Submit(data []byte, opts ...UpdateOption) *Future {
	f := &Future{done: make(chan struct{})}
	for _, o := range opts {
		o(f)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.id == "" {
		r.count++
		f.id = r.ident + "." + strconv.FormatUint(r.count, 10)
	}
	refuse := func(text string) *Future {
		f.resolve(replog.Resolve{Outcome: replog.Refused, Reason: text})
		return f
	}
	switch {
	case r.ended:
		return refuse("the replica has ended")
	case !replog.ValidID(f.id):
		return refuse("this cannot be an ID: 1 to 64 letters, digits, and . _ -")
	case len(data) > MaxUpdate:
		return refuse(fmt.Sprintf("%d bytes of data, at most %d are possible", len(data), MaxUpdate))
	case r.futures[f.id] != nil:
		return refuse("an update with this ID is under way")
	case r.queued > r.cfg.PendingBytes+slack: // those who have submitted them no longer wait
		return refuse("too many updates are under way: the daemon takes none")
	}
	r.futures[f.id] = f
	r.act(r.core.Submit(f.id, bytes.Clone(data)))
	return f
}

// Update submits an update, waits until it is applied and acknowledged, and returns
// the result of Apply. When ctx ends before, it is withdrawn; the error, an
// [*UpdateError], then wraps that of ctx, and ErrRefused if the update was never sent,
// else ErrUnknown.
func (r *Replica) Update(ctx context.Context, data []byte, opts ...UpdateOption) ([]byte, error) {
	return r.await(ctx, r.Submit(data, opts...))
}

// Sync waits until all is applied here that was acknowledged anywhere before it was
// called, so that a Read then sees it. It needs a majority, or with Everywhere speaks
// of the own part.
func (r *Replica) Sync(ctx context.Context) error {
	f := &Future{id: "sync", done: make(chan struct{})}
	r.mu.Lock()
	if r.ended {
		f.resolve(replog.Resolve{Outcome: replog.Refused, Reason: "the replica has ended"})
	} else {
		var out []replog.Effect
		f.id, out = r.core.Sync()
		r.futures[f.id] = f
		r.act(out)
	}
	r.mu.Unlock()
	_, err := r.await(ctx, f)
	if errors.Is(err, ErrResultGone) { // it has none
		return nil
	}
	return err
}

func (r *Replica) await(ctx context.Context, f *Future) ([]byte, error) {
	if b, err := f.Wait(ctx); ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return b, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-f.done: // just now
	default:
		_, sent := r.core.Withdraw(f.id)
		delete(r.futures, f.id)
		f.withdrawn(sent, r.core.Status().Reason, context.Cause(ctx))
	}
	return f.result, f.err
}

// Read calls f while the state does not change. What f sees may be old by what is
// under way, and at a replica without a majority by any amount; see Sync.
func (r *Replica) Read(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// Status is what a replica knows of itself and the others.
type Status struct {
	// Ready: updates are taken. Reason tells why not.
	Ready  bool
	Reason string
	// Current: the state here is that of the part that takes updates, up to what is
	// under way.
	Current bool
	// Members are the names of the replicas that are together.
	Members []string
	// Epoch counts the times that a majority has come together (Majority).
	Epoch uint64
	// Applied is the index of the last update that was applied; with Everywhere, their
	// number.
	Applied uint64
	// Pending are the updates and syncs of this replica that are under way.
	Pending int
}

// Status returns how things are.
func (r *Replica) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status()
}

func (r *Replica) status() Status {
	s := r.core.Status()
	return Status{
		Ready: s.Ready, Reason: s.Reason, Current: s.Current, Members: s.Members, Epoch: s.Epoch, Applied: s.Applied, Pending: s.Pending,
	}
}

// Changed returns a channel that is closed at the next change of the status, other
// than of its numbers.
func (r *Replica) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// WaitReady waits until updates are taken and the state here is current. It returns an
// error when the replica has ended.
func (r *Replica) WaitReady(ctx context.Context) error {
	for {
		r.mu.Lock()
		s, changed, ended, failed := r.status(), r.changed, r.ended, r.failed
		r.mu.Unlock()
		switch {
		case ended && failed != nil:
			return fmt.Errorf("replica: not ready: %w", failed)
		case ended:
			return errors.New("replica: not ready: it has ended")
		case s.Ready && s.Current:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("replica: not ready: %s: %w", r.Status().Reason, context.Cause(ctx))
		}
	}
}

// act takes what the core wants done. The caller holds mu.
func (r *Replica) act(effects []replog.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case replog.Resolve:
			if f := r.futures[e.ID]; f != nil {
				delete(r.futures, e.ID)
				f.resolve(e)
			}
		case replog.Fail:
			r.fail(errors.New(e.Reason))
		default:
			r.out = append(r.out, e)
			if s, ok := e.(replog.Send); ok {
				r.queued += len(s.Data)
			}
		}
	}
	if mark, _ := r.core.Waiting(); mark != r.mark {
		r.mark = mark
		r.notify()
	}
	if len(r.out) > 0 {
		r.wake()
	}
}

func (r *Replica) fail(err error) {
	if r.failed == nil {
		r.failed = err
	}
	if r.broken != nil {
		r.broken(err)
	}
}

// notify tells of a change of the status.
func (r *Replica) notify() {
	close(r.changed)
	r.changed = make(chan struct{})
	s := r.status()
	if s.Ready == r.ready {
		return
	}
	r.ready = s.Ready
	if s.Ready {
		r.cfg.Logger.Info("updates are taken", "state", r.cfg.State, "replica", r.cfg.Name, "with", s.Members, "epoch", s.Epoch)
	} else {
		r.cfg.Logger.Info("no updates are taken", "state", r.cfg.State, "replica", r.cfg.Name, "reason", s.Reason)
	}
}

func (r *Replica) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}
