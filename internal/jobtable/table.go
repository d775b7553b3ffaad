package jobtable

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Limits bound what the workers of a queue keep. In a view, the least of what its
// members want holds.
type Limits struct {
	Jobs      int64 // waiting and running
	Bytes     int64 // their payloads
	Kept      int64 // ended jobs that are remembered
	KeptBytes int64 // their results, and as much again of unfinished ones
	Result    int64 // bytes of one result; KeptBytes bounds it too
}

// ceiling is the most that any workers keep, whatever they want: so a table fits in
// one STATE, with some room for that of parts of a network that come together.
var ceiling = Limits{Jobs: 250_000, Bytes: 1 << 30, Kept: 250_000, KeptBytes: 1 << 30, Result: 1 << 30}

func (l Limits) least(m Limits) Limits {
	return Limits{
		Jobs: min(l.Jobs, m.Jobs), Bytes: min(l.Bytes, m.Bytes), Kept: min(l.Kept, m.Kept),
		KeptBytes: min(l.KeptBytes, m.KeptBytes), Result: min(l.Result, m.Result, l.KeptBytes, m.KeptBytes),
	}
}

// table is what all workers of a queue share.
type table struct {
	clock   int64 // numbers submissions and ends
	jobs    map[string]*job
	waiting []*job // by place
	ended   []*job // by end
	bytes   int64  // of payloads of jobs that have not ended
	kept    int64  // bytes of results
	pieces  int64  // bytes of unfinished results
	partial []*job // those that have pieces, by place
}

func newTable() *table { return &table{jobs: map[string]*job{}} }

func byPlace(a, b *job) int {
	return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.id, b.id))
}

func byEnd(a, b *job) int {
	return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.id, b.id))
}

func insert(list []*job, j *job, order func(a, b *job) int) []*job {
	if n := len(list); n == 0 || order(list[n-1], j) < 0 {
		return append(list, j)
	}
	i, _ := slices.BinarySearchFunc(list, j, order)
	return slices.Insert(list, i, j)
}

func remove(list []*job, j *job, order func(a, b *job) int) []*job {
	if len(list) > 0 && list[0] == j {
		list[0] = nil
		return list[1:]
	}
	i, found := slices.BinarySearchFunc(list, j, order)
	if !found {
		return list
	}
	return slices.Delete(list, i, i+1)
}

// open is how many jobs have not ended.
func (t *table) open() int { return len(t.jobs) - len(t.ended) }

// position is how many jobs wait before this one.
func (t *table) position(j *job) int {
	i, _ := slices.BinarySearchFunc(t.waiting, j, byPlace)
	return i
}

// add enters a new job.
func (t *table) add(j *job) {
	t.clock++
	j.seq = t.clock
	t.put(j)
}

// put enters a row as it is.
func (t *table) put(j *job) {
	t.jobs[j.id] = j
	if j.state.Ended() {
		t.ended = insert(t.ended, j, byEnd)
		t.kept += int64(len(j.blob))
		return
	}
	t.bytes += int64(len(j.blob))
	if j.state == Waiting {
		t.waiting = insert(t.waiting, j, byPlace)
	}
}

// assign gives a waiting job to a worker.
func (t *table) assign(j *job, worker string) {
	t.waiting = remove(t.waiting, j, byPlace)
	j.state, j.worker, j.percent, j.text = Running, worker, 0, ""
	j.attempt++
}

// requeue lets a running job wait again, at its old place.
func (t *table) requeue(j *job) {
	j.state = Waiting
	t.waiting = insert(t.waiting, j, byPlace)
}

// finish ends a job.
func (t *table) finish(j *job, s State, blob []byte, text string) {
	if j.state == Waiting {
		t.waiting = remove(t.waiting, j, byPlace)
	}
	t.bytes -= int64(len(j.blob))
	t.clock++
	j.end = t.clock
	j.state, j.text, j.cancel = s, text, false
	if s == Done {
		j.percent = 100
	}
	j.setBlob(blob)
	t.drop(j)
	t.ended = insert(t.ended, j, byEnd)
	t.kept += int64(len(blob))
}

// forget drops the oldest ended jobs until the rest is within the limits.
func (t *table) forget(l Limits) {
	for len(t.ended) > 0 && (int64(len(t.ended)) > l.Kept || t.kept > l.KeptBytes) {
		j := t.ended[0]
		t.ended[0] = nil
		t.ended = t.ended[1:]
		t.kept -= int64(len(j.blob))
		delete(t.jobs, j.id)
	}
}

// addPiece adds to the result of a job. If there is more of unfinished results than
// the most bytes, those of the last in the queue are dropped; their workers send
// them again.
func (t *table) addPiece(j *job, b []byte, most int64) {
	if j.pieces == 0 {
		t.partial = insert(t.partial, j, byPlace)
	}
	j.pieces++
	j.piece = append(j.piece, b...)
	t.pieces += int64(len(b))
	for t.pieces > most {
		t.drop(t.partial[len(t.partial)-1])
	}
}

// drop forgets the pieces of a job's result.
func (t *table) drop(j *job) {
	if j.pieces > 0 {
		t.partial = remove(t.partial, j, byPlace)
		t.pieces -= int64(len(j.piece))
	}
	j.owner, j.pieces, j.piece = "", 0, nil
}

// dropPieces forgets those of all jobs.
func (t *table) dropPieces() {
	for _, j := range t.jobs {
		j.owner, j.pieces, j.piece = "", 0, nil
	}
	t.pieces, t.partial = 0, nil
}

// renumber begins with low numbers again when half of those that messages can
// carry are used up. That happens if somebody has forged a table.
func (t *table) renumber() {
	if t.clock <= maxNumber/2 {
		return
	}
	t.clock = 0
	number := func(to *int64) {
		t.clock++
		*to = t.clock
	}
	for _, j := range t.sorted() {
		number(&j.seq)
	}
	for _, j := range t.ended {
		number(&j.end)
	}
}

func (t *table) sorted() []*job {
	all := make([]*job, 0, len(t.jobs))
	for _, j := range t.jobs {
		all = append(all, j)
	}
	slices.SortFunc(all, byPlace)
	return all
}

func (t *table) appendHead(b []byte) []byte {
	return fmt.Appendf(b, "clock=%d\njobs=%d\n\n", t.clock, len(t.jobs))
}

// digest names the contents; equal tables have equal digests. That of an empty
// table is "".
func (t *table) digest() string {
	if t.clock == 0 {
		return ""
	}
	h := sha256.New()
	b := t.appendHead(nil)
	for _, j := range t.sorted() {
		b = j.appendHead(b)
		h.Write(b)
		b = b[:0]
	}
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

// encode writes the table for others.
func (t *table) encode() []byte {
	b := t.appendHead(nil)
	for _, j := range t.sorted() {
		b = j.appendHead(b)
		b = append(b, j.blob...)
	}
	return b
}

// own makes a table independent of the bytes that it was read from.
func (t *table) own() {
	for _, j := range t.jobs {
		j.blob = bytes.Clone(j.blob)
	}
}

// decodeTable reads what encode has written. Its data is part of b.
func decodeTable(b []byte) (*table, bool) {
	f, b, ok := parseFields(b)
	if !ok {
		return nil, false
	}
	m := &Message{f: f}
	t := newTable()
	n, ok := m.Int("jobs", -1)
	if t.clock, _ = m.Int("clock", 0); !ok || n < 0 {
		return nil, false
	}
	for range n {
		var j *job
		if j, b, ok = parseJob(b); !ok || t.jobs[j.id] != nil || max(j.seq, j.end) > t.clock {
			return nil, false
		}
		t.put(j)
	}
	return t, len(b) == 0
}

// merge makes one table of several. All workers give them in the same order, which
// matters in ties.
func merge(tables []*table) *table {
	to := newTable()
	best := map[string]*job{}
	for _, t := range tables {
		to.clock = max(to.clock, t.clock)
		for id, j := range t.jobs {
			old := best[id]
			if old == nil {
				best[id] = j
				continue
			}
			win := old
			if better(j, old) {
				win = j
			}
			c := *win
			c.seq = min(j.seq, old.seq)
			c.cancel = !c.state.Ended() && (j.cancel || old.cancel)
			best[id] = &c
		}
	}
	for _, j := range best {
		to.put(j)
	}
	return to
}

// better tells whether of two rows of one job a is to stay: the one that has
// ended, done before cancelled before failed, and earlier; or has had more
// attempts; or runs. The canonical form decides where all that is equal.
func better(a, b *job) bool {
	c := cmp.Or(cmp.Compare(a.attempt, b.attempt), cmp.Compare(a.state, b.state))
	if a.state.Ended() || b.state.Ended() {
		c = cmp.Or(cmp.Compare(a.state, b.state), cmp.Compare(b.end, a.end))
	}
	if c == 0 {
		c = bytes.Compare(b.appendHead(nil), a.appendHead(nil))
	}
	return c > 0
}
