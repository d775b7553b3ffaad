package jobtable

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// State is what has become of a job. Of two states of one job the higher counts.
type State int

// The states.
const (
	Waiting State = iota
	Running
	Failed
	Cancelled
	Done
)

var stateNames = [...]string{"waiting", "running", "failed", "cancelled", "done"}

// String returns the state as messages have it.
func (s State) String() string { return stateNames[s] }

// Ended tells whether nothing more is to be done.
func (s State) Ended() bool { return s >= Failed }

func parseState(s string) (State, bool) {
	for i, n := range stateNames {
		if n == s {
			return State(i), true
		}
	}
	return 0, false
}

// job is a row of the table. All of it is the same at all workers.
type job struct {
	id      string
	seq     int64 // place in the queue
	state   State
	attempt int64 // how often it has been given to a worker
	max     int64 // attempts
	limit   int64 // milliseconds an attempt may take; 0: any
	reply   string
	worker  string // id of the worker that does or did it last
	percent int64
	text    string // of the last progress, or why it failed
	cancel  bool   // somebody wants it stopped
	end     int64  // place among the ended ones
	blob    []byte // the payload, the result when done

	// The pieces of a result that have come since the tables were made equal, and
	// from which attempt. They are not in the row that is sent and hashed.
	owner  string
	pieces int64
	piece  []byte // all of them

	blobHash string // "" if not known
}

// owned names the attempt of a worker.
func owned(worker string, attempt int64) string {
	return worker + "/" + strconv.FormatInt(attempt, 10)
}

// by tells whether the job is being done by that worker, in that attempt.
func (j *job) by(worker string, attempt int64) bool {
	return j.state == Running && j.worker == worker && j.attempt == attempt
}

func (j *job) setBlob(b []byte) {
	j.blob, j.blobHash = b, ""
}

func hashOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// appendHead adds the fields of the row, always all and in this order, with the
// hashes of its data: the canonical form that digests are made of.
func (j *job) appendHead(b []byte) []byte {
	if j.blobHash == "" {
		j.blobHash = hashOf(j.blob)
	}
	n := func(i int64) string { return strconv.FormatInt(i, 10) }
	cancel := "0"
	if j.cancel {
		cancel = "1"
	}
	return appendFields(b, []field{
		{"id", j.id}, {"seq", n(j.seq)}, {"state", j.state.String()}, {"attempt", n(j.attempt)}, {"max", n(j.max)},
		{"limit", n(j.limit)}, {"reply", j.reply}, {"worker", j.worker}, {"percent", n(j.percent)}, {"text", j.text},
		{"cancel", cancel}, {"end", n(j.end)}, {"size", n(int64(len(j.blob)))}, {"hash", j.blobHash},
	})
}

// parseJob reads a row with its data, which is part of b.
func parseJob(b []byte) (j *job, rest []byte, ok bool) {
	f, rest, ok := parseFields(b)
	if !ok {
		return nil, nil, false
	}
	m := &Message{f: f}
	j = &job{id: m.Get("id"), reply: m.Get("reply"), worker: m.Get("worker"), text: m.Get("text")}
	if j.state, ok = parseState(m.Get("state")); !ok || !ValidID(j.id) {
		return nil, nil, false
	}
	var size, cancel int64
	for _, x := range []struct {
		key string
		to  *int64
	}{
		{"seq", &j.seq}, {"attempt", &j.attempt}, {"max", &j.max}, {"limit", &j.limit}, {"percent", &j.percent}, {"cancel", &cancel},
		{"end", &j.end}, {"size", &size},
	} {
		if *x.to, ok = m.Int(x.key, -1); !ok || *x.to < 0 {
			return nil, nil, false
		}
	}
	j.cancel = cancel != 0
	if size > int64(len(rest)) || !j.possible() {
		return nil, nil, false
	}
	j.blob, rest = rest[:size:size], rest[size:]
	return j, rest, true
}

// possible tells whether a row that has come can have come about, so that what is
// counted on from it stays a number that messages can carry.
func (j *job) possible() bool {
	switch j.state {
	case Waiting:
		return j.attempt < j.max
	case Running:
		return j.attempt >= 1 && j.attempt <= j.max
	}
	return true
}
