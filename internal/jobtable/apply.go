package jobtable

import (
	"bytes"
	"fmt"
)

func tooLarge(size, limit int64) string {
	return fmt.Sprintf("the result has %d bytes, the queue allows %d", size, limit)
}

// apply lets a message of the order act on the table. Whether it makes sense is
// decided by message and table alone, so that all workers decide alike. A message
// that makes none is ignored.
func (c *Core) apply(sender string, m *Message) {
	if m.Verb == "info" {
		c.info(sender)
		return
	}
	if m.Verb == "cap" {
		if n, ok := m.Int("n", -1); ok && n >= 0 {
			if p := c.person(m.Get("worker")); p != nil {
				p.capacity = n
			}
		}
		return
	}
	id := m.Get("id")
	if !ValidID(id) {
		return
	}
	j := c.table.jobs[id]
	switch m.Verb {
	case "submit":
		c.submit(sender, id, j, m)
	case "query":
		n, _ := m.Int("result", 0)
		c.answers = append(c.answers, answer{sender, id, n == 1})
	case "cancel":
		c.cancel(j)
		c.answers = append(c.answers, answer{sender, id, false})
	case "progress", "part", "done", "fail":
		worker := m.Get("worker")
		attempt, ok := m.Int("attempt", -1)
		if !ok || attempt < 1 || !ValidID(worker) {
			return
		}
		if j != nil {
			c.reported(j, worker, attempt, m)
		}
		if worker == c.cfg.Worker && (m.Verb == "done" || m.Verb == "fail") {
			c.ownReport(id, attempt)
		}
	}
}

// submit enters a job, or recognizes one that is here already.
func (c *Core) submit(sender, id string, j *job, m *Message) {
	quiet, _ := m.Int("quiet", 0)
	maxAttempts, ok1 := m.Int("max", 3)
	limit, ok2 := m.Int("limit", 0)
	if !ok1 || !ok2 || maxAttempts < 1 {
		return
	}
	if j != nil {
		if quiet != 1 && !j.state.Ended() {
			j.reply = sender
		}
		c.answers = append(c.answers, answer{sender, id, quiet != 1})
		return
	}
	if why := c.full(int64(len(m.Data))); why != "" {
		if c.first() {
			c.send(NewMessage("status", nil).Set("id", id).Set("state", "refused").Set("text", why), sender)
		}
		return
	}
	j = &job{id: id, max: maxAttempts, limit: limit, blob: bytes.Clone(m.Data)}
	if quiet != 1 {
		j.reply = sender
	}
	c.table.add(j)
	c.answers = append(c.answers, answer{sender, id, false})
}

// full says why there is no room for one more job.
func (c *Core) full(size int64) string {
	switch {
	case int64(c.table.open()) >= c.limits.Jobs:
		return fmt.Sprintf("the queue is full: %d jobs are waiting or running", c.table.open())
	case c.table.bytes+size > c.limits.Bytes:
		return fmt.Sprintf("the queue is full: jobs of %d bytes are waiting or running, this one has %d, and the limit is %d", c.table.bytes, size, c.limits.Bytes)
	}
	return ""
}

func (c *Core) cancel(j *job) {
	switch {
	case j == nil || j.state.Ended():
	case j.state == Waiting:
		c.end(j, Cancelled, nil, "")
	default:
		j.cancel = true
		c.touch(j.id)
	}
}

// end ends a job, and tells who waits for it unless that is told otherwise.
func (c *Core) end(j *job, s State, blob []byte, text string) {
	if j.state == Running {
		c.release(j.worker)
	}
	c.table.finish(j, s, blob, text)
	c.table.forget(c.limits)
	if s != Done && j.reply != "" {
		c.answers = append(c.answers, answer{j.reply, j.id, false})
	}
	c.touch(j.id)
}

// reported takes what a worker says about an attempt of its.
func (c *Core) reported(j *job, worker string, attempt int64, m *Message) {
	switch m.Verb {
	case "progress":
		if n, ok := m.Int("percent", 0); ok && n <= 100 && j.by(worker, attempt) {
			j.percent, j.text = n, cut(m.Get("text"))
		}
	case "part":
		c.part(j, worker, attempt, m)
	case "done":
		c.done(j, worker, attempt, m)
	case "fail":
		if !j.by(worker, attempt) {
			return
		}
		retry, _ := m.Int("retry", 0)
		cancelled, _ := m.Int("cancelled", 0)
		text := cut(m.Get("error"))
		switch {
		case j.cancel || cancelled == 1:
			c.end(j, Cancelled, nil, text)
		case retry == 1 && attempt < j.max:
			c.release(worker)
			c.table.drop(j)
			c.table.requeue(j)
			j.text = text
			c.touch(j.id)
		default:
			c.end(j, Failed, nil, text)
		}
	}
}

// part collects a piece of a result. Who does the job now goes before one from
// whom it was taken.
func (c *Core) part(j *job, worker string, attempt int64, m *Message) {
	n, ok := m.Int("n", -1)
	if !ok || j.state.Ended() || len(m.Data) == 0 || len(m.Data) > PartSize {
		return
	}
	who := owned(worker, attempt)
	if n == 0 && (j.owner == "" || j.owner == who || j.owner != owned(j.worker, j.attempt)) {
		c.table.drop(j)
		j.owner = who
	}
	if j.owner != who || n != j.pieces || int64(len(j.piece)+len(m.Data)) > c.limits.Result {
		return
	}
	c.table.addPiece(j, m.Data, c.limits.KeptBytes)
}

// done ends a job with its result, whoever was to do it: the first result counts.
// One that has failed stays so: who waited for it was told.
func (c *Core) done(j *job, worker string, attempt int64, m *Message) {
	parts, ok1 := m.Int("parts", 0)
	size, ok2 := m.Int("size", -1)
	if !ok1 || !ok2 || j.state.Ended() || size > c.limits.Result {
		return
	}
	result := m.Data
	if parts > 0 {
		if j.owner != owned(worker, attempt) || parts != j.pieces {
			return
		}
		result = j.piece
	} else {
		result = bytes.Clone(result)
	}
	if int64(len(result)) != size {
		return
	}
	if j.state == Running {
		c.release(j.worker)
		c.touch(j.id)
	}
	j.worker, j.attempt = worker, attempt
	c.table.finish(j, Done, result, "")
	c.table.forget(c.limits)
	c.touch(j.id)
}

// ownReport: what this worker has sent of a task has come back at its place.
func (c *Core) ownReport(id string, attempt int64) {
	t := c.tasks[id]
	if t == nil || t.outcome == nil || t.attempt != attempt {
		return
	}
	if j := c.table.jobs[id]; j != nil && j.by(c.cfg.Worker, attempt) {
		// Pieces were lost in a merge: once more.
		t.sent = false
		if c.Settled() {
			c.report(id, t)
		}
		return
	}
	delete(c.tasks, id)
	c.touch(id) // it may be ours again, in another attempt
}

// pay answers who has asked, if this worker speaks for all.
func (c *Core) pay() {
	if c.first() {
		for _, a := range c.answers {
			c.status(a)
		}
	}
	c.answers = nil
}

// status tells somebody about a job.
func (c *Core) status(a answer) {
	m := NewMessage("status", nil).Set("id", a.id)
	j := c.table.jobs[a.id]
	if j == nil {
		c.send(m.Set("state", "unknown"), a.to)
		return
	}
	m.Set("state", j.state.String()).SetInt("attempt", j.attempt)
	switch j.state {
	case Waiting:
		m.SetInt("position", int64(c.table.position(j)))
	case Running:
		m.SetInt("percent", j.percent)
		if p := c.person(j.worker); p != nil {
			m.Set("on", p.name)
		}
	case Done:
		m.SetInt("size", int64(len(j.blob)))
		if a.result {
			last := c.sendPieces(j.blob, func(n int64, piece []byte) {
				c.send(NewMessage("part", piece).Set("id", a.id).SetInt("n", n), a.to)
			})
			m.SetInt("parts", last.parts).SetInt("result", 1)
			m.Data = last.data
		}
	}
	if j.text != "" {
		m.Set("text", j.text)
	}
	if j.cancel {
		m.SetInt("cancel", 1)
	}
	c.send(m, a.to)
}

// info tells somebody about the queue.
func (c *Core) info(to string) {
	if !c.first() {
		return
	}
	n := c.Counts()
	m := NewMessage("queue", nil)
	for _, x := range []struct {
		key string
		n   int64
	}{
		{"workers", n.Workers}, {"capacity", n.Capacity}, {"waiting", n.Waiting}, {"running", n.Running},
		{"ended", n.Ended}, {"bytes", n.OpenBytes}, {"keptbytes", n.KeptBytes},
		{"maxjobs", c.limits.Jobs}, {"maxbytes", c.limits.Bytes}, {"maxresult", c.limits.Result},
	} {
		m.SetInt(x.key, x.n)
	}
	c.send(m, to)
}
