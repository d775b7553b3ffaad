package jobtable

import (
	"slices"
)

// Config is what a worker knows of itself. All of it stays the same, but for the
// capacity.
type Config struct {
	Group    string // of the queue's workers
	Worker   string // an id that no other worker has ever had
	Capacity int64  // jobs at a time
	Limits   Limits
	Part     int // bytes of a result that go in one message; 0 means PartSize
}

// Effect is what a worker has to do: a Send, Start, Stop or Rejoin, in the order
// in which they come.
type Effect interface{ effect() }

// Send is a message to be sent with AGREED service.
type Send struct {
	To      []string
	Message *Message
}

// Start is a job to be done. Its end is told by Finish, also after a Stop.
type Start struct {
	ID      string
	Attempt int64
	Limit   int64 // milliseconds it may take; 0: any
	Payload []byte
}

// Stop is a job that should be given up.
type Stop struct {
	ID      string
	Attempt int64
	Reason  string
}

// Rejoin asks to leave the group and join it again: the others go on without us.
type Rejoin struct{}

func (Send) effect()   {}
func (Start) effect()  {}
func (Stop) effect()   {}
func (Rejoin) effect() {}

// Outcome is how an attempt ended.
type Outcome struct {
	Result    []byte
	Failed    bool
	Error     string // if it failed
	Retry     bool   // it may be tried again
	Cancelled bool   // it was stopped, as somebody wished
}

// task is a job that this worker does, or whose outcome the others do not know.
type task struct {
	attempt int64
	outcome *Outcome
	sent    bool
}

// member is a worker of the present view.
type member struct {
	name     string // private group
	worker   string
	capacity int64
	running  int64
	heard    bool // since it was looked at the last time
}

// Core is one worker's part in deciding. Its methods return what is to be done.
// It is not safe for concurrent use.
type Core struct {
	cfg   Config
	table *table
	tasks map[string]*task

	me      string    // private group; "" without a connection
	view    string    // of the group
	repeats int       // exchanges for it but the first
	members []string  // of it
	ex      *exchange // not nil until the tables of a new view are equal
	people  []*member // that take part, by the order of the view
	deaf    []string  // members of the view that do not
	limits  Limits
	retired bool // Capacity was changed before others could be told

	probe   probe
	touched []string // jobs that this step may have given to us or taken away
	answers []answer
	out     []Effect
	mark    int64
}

// answer is owed to somebody who has asked for a job.
type answer struct {
	to, id string
	result bool
}

// New makes a worker that knows of nothing.
func New(cfg Config) *Core {
	if cfg.Part == 0 {
		cfg.Part = PartSize
	}
	return &Core{cfg: cfg, table: newTable(), tasks: map[string]*task{}, limits: cfg.Limits.least(ceiling)}
}

// Connected tells of a new connection, under a name, or with "" that there is none.
// Views and messages that come from now on are its own.
func (c *Core) Connected(me string) {
	c.abandon()
	c.me, c.people, c.deaf, c.probe = me, nil, nil, probe{}
	for _, t := range c.tasks {
		t.sent = false
	}
}

// Settled tells whether this worker knows what the others of its view know, so
// that jobs are given out.
func (c *Core) Settled() bool { return c.me != "" && c.ex == nil && len(c.people) > 0 }

// Waiting tells whether others must be waited for, with a number that changes
// when one has been heard.
func (c *Core) Waiting() (mark int64, waiting bool) { return c.mark, c.ex != nil }

// Retired tells whether the worker can leave without costing anybody an attempt, or
// a job: it has told the outcomes of all its tasks, gets no more, and does not hold
// what others have yet to learn.
func (c *Core) Retired() bool {
	if len(c.tasks) > 0 || c.cfg.Capacity > 0 {
		return false
	}
	if !c.Settled() {
		return c.table.clock == 0
	}
	p := c.person(c.cfg.Worker)
	return p != nil && p.capacity == 0 && p.running == 0
}

// Running tells how many tasks have not ended, as far as this worker knows.
func (c *Core) Running() int {
	n := 0
	for _, t := range c.tasks {
		if t.outcome == nil {
			n++
		}
	}
	return n
}

// Counts are numbers about the queue, as this worker knows it.
type Counts struct {
	Workers, Capacity, Waiting, Running, Ended int64
	OpenBytes, KeptBytes                       int64
}

// Counts returns the numbers.
func (c *Core) Counts() Counts {
	n := Counts{
		Workers: int64(len(c.people)), Waiting: int64(len(c.table.waiting)), Ended: int64(len(c.table.ended)),
		OpenBytes: c.table.bytes, KeptBytes: c.table.kept,
	}
	n.Running = int64(len(c.table.jobs)) - n.Waiting - n.Ended
	for _, p := range c.people {
		n.Capacity += p.capacity
	}
	return n
}

// Digest names what the table holds.
func (c *Core) Digest() string { return c.table.digest() }

// SetCapacity changes how many jobs this worker takes at a time.
func (c *Core) SetCapacity(n int64) []Effect {
	c.cfg.Capacity = n
	if c.Settled() {
		c.sendCapacity()
	} else {
		c.retired = true
	}
	return c.take()
}

func (c *Core) sendCapacity() {
	c.retired = false
	c.send(NewMessage("cap", nil).Set("worker", c.cfg.Worker).SetInt("n", c.cfg.Capacity), c.cfg.Group)
}

// Message takes a message that came in the order of the group. Others are none of
// its business: it must be given those that are ordered and were sent to the
// group, and no others.
func (c *Core) Message(sender string, data []byte) []Effect {
	m, ok := Parse(data)
	if !ok || c.me == "" || c.ex == nil && len(c.people) == 0 {
		return nil
	}
	switch {
	case m.Verb == "hello" || m.Verb == "state" || m.Verb == "skip":
		if c.ex != nil {
			c.exchanged(sender, m)
		}
	case c.ex != nil:
		if !c.ex.hold(sender, m) {
			c.dropped(m)
		}
	case m.Verb == "ping" || m.Verb == "here" || m.Verb == "again":
		c.probed(sender, m)
	default:
		c.probe.active = true
		c.hear(sender)
		c.apply(sender, m)
		c.work()
	}
	return c.take()
}

// work gives out what is waiting and tells this worker's part in it.
func (c *Core) work() {
	c.assign()
	c.reconcile()
	c.pay()
}

// assign gives waiting jobs to those who have the fewest, the first of the view
// among equals.
func (c *Core) assign() {
	for len(c.table.waiting) > 0 {
		var to *member
		for _, p := range c.people {
			if p.running < p.capacity && (to == nil || p.running < to.running) {
				to = p
			}
		}
		if to == nil {
			return
		}
		j := c.table.waiting[0]
		c.table.assign(j, to.worker)
		to.running++
		c.touch(j.id)
	}
}

// release takes note that a worker has one job less.
func (c *Core) release(worker string) {
	if p := c.person(worker); p != nil {
		p.running--
	}
}

func (c *Core) person(worker string) *member {
	for _, p := range c.people {
		if p.worker == worker {
			return p
		}
	}
	return nil
}

func (c *Core) touch(id string) { c.touched = append(c.touched, id) }

// reconcile starts and stops what has come to this worker or was taken from it.
func (c *Core) reconcile() {
	for _, id := range c.touched {
		j, t := c.table.jobs[id], c.tasks[id]
		mine := j != nil && j.state == Running && j.worker == c.cfg.Worker
		if t != nil && (!mine || t.attempt != j.attempt) {
			if t.outcome == nil {
				reason := "the job was given to another worker"
				if j == nil || j.state.Ended() {
					reason = "the job has ended elsewhere"
				}
				c.out = append(c.out, Stop{ID: id, Attempt: t.attempt, Reason: reason})
				delete(c.tasks, id)
				t = nil
			} else if j == nil || j.state.Ended() || t.outcome.Failed {
				delete(c.tasks, id)
				t = nil
			}
		}
		switch {
		case mine && t == nil:
			c.tasks[id] = &task{attempt: j.attempt}
			c.out = append(c.out, Start{ID: id, Attempt: j.attempt, Limit: j.limit, Payload: j.blob})
		case mine && j.cancel && t.outcome == nil && t.attempt == j.attempt:
			c.out = append(c.out, Stop{ID: id, Attempt: t.attempt, Reason: "the job was cancelled"})
		}
	}
	c.touched = c.touched[:0]
}

// Finish tells how an attempt ended. The result is not copied.
func (c *Core) Finish(id string, attempt int64, o Outcome) []Effect {
	t := c.tasks[id]
	if t == nil && !o.Failed && c.table.jobs[id] != nil {
		// It was taken away, but it is done: the first result counts.
		t = &task{attempt: attempt}
		c.tasks[id] = t
	}
	if t == nil || t.attempt != attempt || t.outcome != nil {
		return c.take()
	}
	o.Error = cut(o.Error)
	t.outcome = &o
	if c.Settled() {
		c.report(id, t)
	}
	return c.take()
}

// report sends the outcome of a task, if it is of use.
func (c *Core) report(id string, t *task) {
	j := c.table.jobs[id]
	if j == nil || j.state.Ended() || t.outcome.Failed && !j.by(c.cfg.Worker, t.attempt) {
		delete(c.tasks, id)
		return
	}
	if size := int64(len(t.outcome.Result)); size > c.limits.Result {
		t.outcome = &Outcome{Failed: true, Error: tooLarge(size, c.limits.Result)}
	}
	t.sent = true
	o := t.outcome
	about := func(verb string, data []byte) *Message {
		return NewMessage(verb, data).Set("id", id).Set("worker", c.cfg.Worker).SetInt("attempt", t.attempt)
	}
	if o.Failed {
		m := about("fail", nil).Set("error", o.Error)
		if o.Retry {
			m.SetInt("retry", 1)
		}
		if o.Cancelled {
			m.SetInt("cancelled", 1)
		}
		c.send(m, c.cfg.Group)
		return
	}
	to := []string{c.cfg.Group}
	if j.reply != "" {
		to = append(to, j.reply)
	}
	last := c.sendPieces(o.Result, func(n int64, piece []byte) {
		c.send(about("part", piece).SetInt("n", n), to...)
	})
	c.send(about("done", last.data).SetInt("parts", last.parts).SetInt("size", int64(len(o.Result))), to...)
}

// rest is what the last message of a result carries: all of it, or nothing if it
// has gone ahead in parts.
type rest struct {
	parts int64
	data  []byte
}

func (c *Core) sendPieces(b []byte, piece func(n int64, data []byte)) rest {
	if len(b) <= c.cfg.Part {
		return rest{data: b}
	}
	var n int64
	for p := range slices.Chunk(b, c.cfg.Part) {
		piece(n, p)
		n++
	}
	return rest{parts: n}
}

// Progress tells how far an attempt is, in percent, with a text or "".
func (c *Core) Progress(id string, attempt, percent int64, text string) []Effect {
	j, t := c.table.jobs[id], c.tasks[id]
	if !c.Settled() || j == nil || t == nil || t.outcome != nil || !j.by(c.cfg.Worker, attempt) {
		return nil
	}
	m := NewMessage("progress", nil).Set("id", id).Set("worker", c.cfg.Worker).SetInt("attempt", attempt).
		SetInt("percent", max(0, min(100, percent))).Set("text", cut(text))
	to := []string{c.cfg.Group}
	if j.reply != "" {
		to = append(to, j.reply)
	}
	c.send(m, to...)
	return c.take()
}

func (c *Core) send(m *Message, to ...string) {
	c.out = append(c.out, Send{To: to, Message: m})
}

func (c *Core) take() []Effect {
	out := c.out
	c.out = nil
	return out
}

// first tells whether this worker speaks for all.
func (c *Core) first() bool { return c.Settled() && c.people[0].name == c.me }
