package jobtable

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// room is a group whose order is that of sending. Members that have no core are
// played by the test.
type room struct {
	t      *testing.T
	names  []string
	cores  map[string]*Core
	flight []sent
	starts []Start
	rejoin []string
	told   []string // states that "#s#d" was told
	log    logger
}

// logger gets what the members of a room were told.
type logger func(c *call, core *Core, effects []Effect)

func newRoom(t *testing.T, log logger, l Limits, names ...string) *room {
	r := &room{t: t, log: log, cores: map[string]*Core{}}
	for _, n := range names {
		r.add(n, l)
	}
	return r
}

func (r *room) add(name string, l Limits) *Core {
	cfg := Config{Group: simGroup, Worker: "w" + name, Capacity: 1, Limits: l, Part: 100}
	c := New(cfg)
	r.names, r.cores[name] = append(r.names, name), c
	r.do(name, &call{Op: "new", Config: &cfg})
	r.do(name, &call{Op: "connected", Name: name})
	return c
}

func (r *room) say(from string, m *Message) {
	r.flight = append(r.flight, sent{name: from, to: []string{simGroup}, data: append(m.Header(), m.Data...)})
}

func (r *room) do(name string, c *call) {
	core := r.cores[name]
	effects := c.on(core)
	if r.log != nil {
		c.Core = int(name[0])
		r.log(c, core, effects)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case Send:
			r.flight = append(r.flight, sent{name: name, to: e.To, data: append(e.Message.Header(), e.Message.Data...)})
		case Start:
			r.starts = append(r.starts, e)
		case Rejoin:
			r.rejoin = append(r.rejoin, name)
		}
	}
}

// view brings a view, without what comes of it.
func (r *room) view(id string, names ...string) {
	r.names = names
	for _, n := range names {
		if r.cores[n] != nil {
			r.do(n, &call{Op: "view", Name: id, Members: names})
		}
	}
}

// deliver delivers until nothing is on its way.
func (r *room) deliver() {
	for n := 0; len(r.flight) > 0; n++ {
		if n > 10_000 {
			r.t.Fatal("it never comes to rest")
		}
		r.next()
	}
}

func (r *room) next() {
	x := r.flight[0]
	r.flight = r.flight[1:]
	if m, _ := Parse(x.data); slices.Contains(x.to, "#s#d") {
		switch m.Verb {
		case "done":
			r.told = append(r.told, "done")
		case "status":
			r.told = append(r.told, m.Get("state"))
		}
	}
	if !slices.Contains(x.to, simGroup) {
		return
	}
	for _, n := range r.names {
		if r.cores[n] != nil && !slices.Contains(r.rejoin, n) {
			r.do(n, &call{Op: "message", Name: x.name, Data: x.data})
		}
	}
}

// equal checks that all know the same, and returns it.
func (r *room) equal(names ...string) *table {
	r.t.Helper()
	first := r.cores[names[0]]
	for _, n := range names {
		c := r.cores[n]
		if !c.Settled() || c.Digest() != first.Digest() {
			r.t.Fatalf("%s differs from %s, or has not settled:\n%s\n%s", n, names[0], c.table.encode(), first.table.encode())
		}
		c.check(r.t)
	}
	return first.table
}

func (r *room) submit(id string) {
	r.say("#s#d", NewMessage("submit", []byte("payload")).Set("id", id))
}

func (r *room) finish(name, id string, attempt int64, o Outcome) {
	r.do(name, &call{Op: "finish", Name: id, Attempt: attempt, Outcome: &o})
}

func (r *room) hello(name, view, digest string) {
	r.say(name, NewMessage("hello", nil).Set("view", view).Set("worker", "wx").SetInt("cap", 0).Set("digest", digest).
		SetInt("jobs", 60).SetInt("bytes", 1e6).SetInt("kept", 60).SetInt("keptbytes", 1e6).SetInt("result", 300))
}

func (r *room) state(name, view string, b []byte) {
	r.say(name, NewMessage("state", b).Set("view", view).SetInt("n", 0).SetInt("of", 1))
}

var roomy = Limits{Jobs: 60, Bytes: 1e6, Kept: 60, KeptBytes: 1e6, Result: 300}

func forged(clock int64, rows ...*job) *table {
	t := newTable()
	t.clock = clock
	for _, j := range rows {
		t.put(j)
	}
	return t
}

// scenarios are also recorded for cores in other languages.
var scenarios = []struct {
	name string
	play func(t *testing.T, log logger)
}{
	{"forged state", forgedState},
	{"own state is spoiled", ownStateIsSpoiled},
	{"numbers at their end", numbersAtTheirEnd},
	{"pieces and a view", piecesAndAView},
	{"pieces are bounded", piecesAreBounded},
	{"result above what is kept", resultAboveWhatIsKept},
	{"late result", lateResult},
	{"stranger", stranger},
	{"silent member", silentMember},
	{"lost worker", lostWorker},
}

func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.play(t, nil) })
	}
}

// Whoever sends another table than its HELLO says is not believed, by nobody, and the
// next with that digest sends it.
func forgedState(t *testing.T, log logger) {
	bad := forged(9, &job{id: "evil", seq: 3, state: Done, attempt: 1, max: 3, end: 4, blob: []byte("x")})
	twisted := forged(9, &job{id: "evil", seq: 30, max: 3})
	worn := forged(9, &job{id: "evil", seq: 3, max: 3, attempt: 3})
	for _, x := range []struct {
		name   string
		digest string // "": that of the others
		state  []byte
	}{
		{"another's digest", "", bad.encode()},
		{"no table", "", []byte("what?")},
		{"own, no table", "abc", []byte("what?")},
		{"own, not it", "abc", bad.encode()},
		{"place too high", twisted.digest(), twisted.encode()},
		{"no attempt left", worn.digest(), worn.encode()},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := newRoom(t, log, roomy, "a", "b")
			r.view("v1", "a", "b")
			r.submit("good")
			r.deliver()
			digest := x.digest
			if digest == "" {
				digest = r.cores["a"].Digest()
			}
			r.add("c", roomy)
			r.hello("x", "v2", digest)
			r.state("x", "v2", x.state)
			r.view("v2", "x", "a", "b", "c")
			r.deliver()
			if got := r.equal("a", "b", "c"); len(got.jobs) != 1 || got.jobs["good"] == nil {
				t.Fatalf("%s", got.encode())
			}
			if n := len(r.cores["b"].people); n != 3 || len(r.rejoin) > 0 {
				t.Fatalf("%d take part, %v went away", n, r.rejoin)
			}
		})
	}
}

// Who finds its own table refused by all joins again.
func ownStateIsSpoiled(t *testing.T, log logger) {
	r := newRoom(t, log, roomy, "a", "b")
	r.view("v1", "a")
	r.submit("one")
	r.deliver()
	r.view("v2", "a", "b")
	for i := 0; len(r.flight) > 0; i++ {
		if m, _ := Parse(r.flight[0].data); m.Verb == "state" {
			r.flight[0].data = bytes.Replace(r.flight[0].data, []byte("payload"), []byte("PAYLOAD"), 1)
		}
		r.next()
	}
	if !slices.Equal(r.rejoin, []string{"a"}) || !r.cores["b"].Settled() || len(r.cores["b"].table.jobs) != 0 {
		t.Fatalf("%v, %s", r.rejoin, r.cores["b"].table.encode())
	}
	r.view("v3", "b")
	r.deliver()
	r.rejoin = nil
	r.view("v4", "b", "a")
	r.deliver()
	if len(r.equal("a", "b").jobs) != 1 {
		t.Fatal("the job is lost")
	}
}

// Numbers that somebody has driven up do not run over.
func numbersAtTheirEnd(t *testing.T, log logger) {
	r := newRoom(t, log, roomy, "a", "b")
	end := forged(maxNumber,
		&job{id: "later", seq: maxNumber - 1, max: 3},
		&job{id: "old", seq: 7, state: Failed, attempt: 1, max: 1, end: maxNumber},
		&job{id: "older", seq: 8, state: Done, attempt: maxNumber, max: 1, end: maxNumber - 5})
	r.hello("x", "v1", end.digest())
	r.state("x", "v1", end.encode())
	r.view("v1", "x", "a", "b")
	r.submit("new")
	r.deliver()
	got := r.equal("a", "b")
	if got.clock != 6 || len(got.jobs) != 4 || got.ended[0].id != "older" {
		t.Fatalf("%s", got.encode())
	}
	r.finish("a", "later", 1, Outcome{})
	r.finish("b", "new", 1, Outcome{})
	r.deliver()
	r.add("c", roomy)
	r.view("v2", "a", "b", "c")
	r.deliver()
	if got := r.equal("a", "b", "c"); len(got.ended) != 4 {
		t.Fatalf("%s", got.encode())
	}
}

// Pieces of a result are not in the tables that are sent; its worker sends them
// again.
func piecesAndAView(t *testing.T, log logger) {
	r := newRoom(t, log, roomy, "a", "b")
	r.view("v1", "a", "b")
	r.submit("j")
	r.deliver()
	want := bytes.Repeat([]byte("0123456789"), 25) // three pieces
	before := r.cores["b"].Digest()
	r.finish("a", "j", 1, Outcome{Result: want})
	r.next()
	r.next()
	if c := r.cores["b"]; c.table.pieces != 200 || c.Digest() != before {
		t.Fatalf("%d bytes have come, %s", c.table.pieces, c.table.encode())
	}
	r.add("c", roomy)
	r.view("v2", "a", "b", "c")
	r.deliver()
	got := r.equal("a", "b", "c")
	if j := got.jobs["j"]; j.state != Done || !bytes.Equal(j.blob, want) || got.pieces != 0 || len(got.partial) != 0 {
		t.Fatalf("%+v", j)
	}
	if len(r.starts) != 1 {
		t.Fatal("it was done twice")
	}
}

// Unfinished results take no more memory than finished ones may; all come in the
// end.
func piecesAreBounded(t *testing.T, log logger) {
	l := roomy
	l.KeptBytes = 350
	names := []string{"a", "b", "c", "d"}
	r := newRoom(t, log, l, names...)
	r.view("v1", names...)
	for _, n := range names {
		r.submit("j" + n)
	}
	r.deliver()
	for i := range 3 { // all send at the same time
		for _, n := range names {
			r.say(n, NewMessage("part", make([]byte, 100)).Set("id", "j"+n).Set("worker", "w"+n).SetInt("attempt", 1).SetInt("n", int64(i)))
		}
	}
	for len(r.flight) > 0 {
		r.next()
		for _, n := range names {
			got := r.cores[n].table
			sum := int64(0)
			for _, j := range got.partial {
				sum += int64(len(j.piece))
			}
			if sum > 350 || sum != got.pieces {
				t.Fatalf("%d bytes are held, %d counted", sum, got.pieces)
			}
		}
	}
	if j := r.cores["a"].table.jobs["ja"]; len(j.piece) != 300 {
		t.Fatalf("the first in the queue has %d bytes", len(j.piece))
	}
	for _, n := range names {
		r.finish(n, "j"+n, 1, Outcome{Result: make([]byte, 300)})
	}
	r.deliver()
	for _, want := range []string{"done", "done", "done", "done"} {
		i := slices.Index(r.told, want)
		if i < 0 {
			t.Fatal(r.told)
		}
		r.told = slices.Delete(r.told, i, i+1)
	}
	if got := r.equal(names...); got.pieces != 0 || got.open() != 0 {
		t.Fatalf("%s", got.encode())
	}
}

// A result that is larger than all that is kept does not push everything out.
func resultAboveWhatIsKept(t *testing.T, log logger) {
	l := roomy
	l.KeptBytes = 250
	r := newRoom(t, log, l, "a")
	r.view("v1", "a")
	r.submit("small")
	r.submit("large")
	r.deliver()
	r.finish("a", "small", 1, Outcome{Result: []byte("x")})
	r.deliver()
	r.finish("a", "large", 1, Outcome{Result: make([]byte, 251)})
	r.deliver()
	got := r.equal("a").jobs
	if got["small"].state != Done || got["large"].state != Failed || !strings.Contains(got["large"].text, "allows 250") {
		t.Fatalf("%+v", got["large"])
	}
}

// What has failed for good stays so.
func lateResult(t *testing.T, log logger) {
	r := newRoom(t, log, roomy, "a", "b")
	r.view("v1", "a", "b")
	r.say("#s#d", NewMessage("submit", nil).Set("id", "j").SetInt("max", 1))
	r.deliver()
	r.finish("a", "j", 1, Outcome{Failed: true, Error: "it takes longer than 1s", Retry: true})
	r.deliver()
	r.finish("a", "j", 1, Outcome{Result: []byte("late")})
	r.say("a", NewMessage("done", []byte("late")).Set("id", "j").Set("worker", "wa").SetInt("attempt", 1).SetInt("size", 4))
	r.deliver()
	if j := r.equal("a", "b").jobs["j"]; j.state != Failed || slices.Contains(r.told[1:], "done") || len(r.cores["a"].tasks) != 0 {
		t.Fatalf("%+v, %v", j, r.told)
	}
}

// A member that is none is named, and then not waited for.
func stranger(t *testing.T, log logger) {
	r := newRoom(t, log, roomy, "a", "b")
	r.view("v1", "x", "a", "b")
	r.submit("j")
	r.deliver()
	if r.cores["a"].Settled() {
		t.Fatal("nobody has been waited for")
	}
	r.do("a", &call{Op: "skip"})
	r.deliver()
	if got := r.equal("a", "b"); len(got.jobs) != 1 {
		t.Fatalf("%s", got.encode())
	}
}

// A member that says nothing any more is left behind, though no view comes.
func silentMember(t *testing.T, log logger) {
	r := newRoom(t, log, roomy, "a", "b")
	r.hello("x", "v1", "")
	r.view("v1", "x", "a", "b")
	r.submit("j")
	r.deliver()
	for range 2 * patientTicks {
		for _, n := range []string{"a", "b"} {
			r.do(n, &call{Op: "tick"})
		}
		r.deliver()
	}
	r.equal("a", "b")
	if a := r.cores["a"]; len(a.people) != 2 || a.exchangeName() != "v1+1" {
		t.Fatalf("%d take part in %s", len(a.people), a.exchangeName())
	}
}

// Jobs of workers that are gone are given to others, as often as they may be.
func lostWorker(t *testing.T, log logger) {
	r := newRoom(t, log, roomy, "a", "b", "c")
	r.view("v1", "a", "b", "c")
	for id, most := range []int64{1, 2, 3} {
		r.say("#s#d", NewMessage("submit", nil).Set("id", fmt.Sprint("j", id)).SetInt("max", most))
	}
	r.deliver()
	r.say("#s#d", NewMessage("cancel", nil).Set("id", "j1"))
	r.deliver()
	r.view("v2", "c")
	r.deliver()
	jobs := r.equal("c").jobs
	if jobs["j0"].state != Failed || jobs["j1"].state != Cancelled || jobs["j2"].state != Running || jobs["j0"].text == "" {
		t.Fatalf("%s", r.cores["c"].table.encode())
	}
}

// Reports that cannot be held during an exchange are told again.
func TestHeldReportsAreBounded(t *testing.T) {
	r := newRoom(t, nil, roomy, "a", "b")
	r.view("v1", "a", "b")
	r.submit("j")
	r.deliver()
	r.view("v2", "a", "b", "x")
	for range 600 {
		r.say("x", NewMessage("part", make([]byte, PartSize)).Set("id", "j").Set("worker", "wx").SetInt("attempt", 1).SetInt("n", 0))
	}
	// The report was on its way when the view came.
	r.say("a", NewMessage("done", []byte("result")).Set("id", "j").Set("worker", "wa").SetInt("attempt", 1).SetInt("size", 6))
	a := r.cores["a"]
	a.tasks["j"].outcome, a.tasks["j"].sent = &Outcome{Result: []byte("result")}, true
	for range 600 {
		r.say("x", NewMessage("done", make([]byte, PartSize)).Set("id", "j").Set("worker", "wx").SetInt("attempt", 1).SetInt("size", 1))
	}
	r.deliver()
	if n := a.ex.reports.bytes; n > maxHeldPayload || n < maxHeldPayload/2 {
		t.Fatalf("%d bytes are held", n)
	}
	r.do("a", &call{Op: "skip"})
	r.deliver()
	if j := r.equal("a", "b").jobs["j"]; j.state != Done || string(j.blob) != "result" {
		t.Fatalf("%+v", j)
	}
}

// Who wants no limit gets what can be sent.
func TestLimitsThatFit(t *testing.T) {
	most := Limits{Jobs: maxNumber, Bytes: maxNumber, Kept: maxNumber, KeptBytes: maxNumber, Result: maxNumber}
	r := newRoom(t, nil, most, "a", "b")
	r.view("v1", "a", "b")
	r.deliver()
	const row = 2 << 10 // and less
	l := r.cores["b"].limits
	if l != ceiling || l.Bytes+l.KeptBytes+row*(l.Jobs+l.Kept) > maxState {
		t.Fatalf("%+v", l)
	}
}

// Of several submitters none waits for the others' jobs: the queue has one order.
func TestOneOrderForAllSubmitters(t *testing.T) {
	r := newRoom(t, nil, roomy, "a", "b")
	r.view("v1", "a", "b")
	var want []string
	for i := range 10 {
		for s := range 3 {
			id := fmt.Sprintf("j%d.%d", i, s)
			want = append(want, id)
			r.say(fmt.Sprintf("#s%d#d", s), NewMessage("submit", nil).Set("id", id))
		}
	}
	r.deliver()
	for done := 0; done < len(r.starts); done++ {
		for _, n := range r.names {
			if j := r.cores[n].table.jobs[r.starts[done].ID]; j.worker == "w"+n {
				r.finish(n, j.id, 1, Outcome{})
			}
		}
		r.deliver()
	}
	var got []string
	for _, s := range r.starts {
		got = append(got, s.ID)
	}
	if !slices.Equal(got, want) {
		t.Fatal(got)
	}
}
