package replog

import (
	"slices"
	"strings"
	"testing"
)

// script drives one of five replicas, and keeps what it persists.
type script struct {
	*Majority
	disk []byte
	sent []string // heads of messages
}

func newScript(t *testing.T) *script {
	s := &script{Majority: NewMajority(Config{
		Name: "a", Group: "rp-x", Replicas: []string{"a", "b", "c", "d", "e"}, Durable: true,
		Pending: 10, PendingBytes: 1000, LogEntries: 10, LogBytes: 1000, HeldBytes: 1000, CompactBytes: 1 << 30,
	}, &simMachine{})}
	s.disk = numberRecord(nil, adoptRecord, 1)
	if err := s.Load(s.disk); err != nil {
		t.Fatal(err)
	}
	s.do(s.Connected("#a#m"))
	return s
}

func (s *script) do(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case Persist:
			s.disk = append(s.disk, e.Records...)
		case Compact:
			s.disk = e.Records
		case Send:
			head, _, _ := strings.Cut(string(e.Data), "\n")
			s.sent = append(s.sent, head)
		}
	}
}

// hear lets messages come; the first word of each is its sender's name.
func (s *script) hear(messages ...string) {
	for _, m := range messages {
		sender, text, _ := strings.Cut(m, " ")
		if strings.HasPrefix(text, "hello") {
			text += " " + s.set()
		}
		s.do(s.Message("#"+sender+"#m", []byte("rp1 "+text+"\n")))
	}
}

func (s *script) view(id, names string) {
	var members []string
	for _, n := range strings.Fields(names) {
		members = append(members, "#"+n+"#m")
	}
	s.do(s.View(id, members))
}

// What is acknowledged between HELLO and the new epoch is applied; a snapshot that is
// written then is not cut when the new log comes.
func TestAcknowledgedBehindHello(t *testing.T) {
	s := newScript(t)
	s.view("v1", "a b c")
	s.hear("a hello v1 1 0 1 0 0 0", "b hello v1 1 0 1 0 0 0", "c hello v1 1 0 1 0 0 0")
	s.hear("a promise v1", "b promise v1", "c promise v1")
	s.hear("b update 2 b.1 0", "b update 2 b.2 0", "b update 2 b.3 0")
	s.do(s.Flush())
	s.hear("a ack 2 3", "c ack 2 3")
	s.do(s.Signal())
	s.view("v2", "a b c d e") // the others, with c, were in epoch 3
	s.hear("a hello v2 1 2 2 3 0 0", "b hello v2 1 2 2 3 0 0", "c hello v2 1 3 3 3 0 0", "d hello v2 1 3 3 3 0 0")
	s.hear("b ack 2 3")
	if n := s.Status().Applied; n != 3 {
		t.Fatalf("%d are applied", n)
	}
	s.cfg.CompactBytes = -1
	s.hear("e hello v2 1 3 3 3 0 0")
	s.cfg.CompactBytes = 1 << 30
	if !strings.Contains(kinds(s.disk), "S") {
		t.Fatalf("no snapshot was written: %s", kinds(s.disk))
	}
	s.hear("a promise v2", "b promise v2", "c promise v2")
	state := numberRecord(nil, cutRecord, 0)
	for _, id := range []string{"b.1", "b.2", "b.3"} {
		state = (&Entry{ID: id, Origin: "b"}).append(state)
	}
	s.do(s.Message("#c#m", append([]byte("rp1 state v2 1 1\n"), state...)))
	s.do(s.Flush())
	if st := s.Status(); !st.Current || st.Applied != 3 || st.Length != 3 {
		t.Fatalf("%+v", st)
	}
	again := NewMajority(s.cfg, &simMachine{})
	if err := again.Load(s.disk); err != nil {
		t.Fatalf("what was persisted cannot be loaded: %v", err)
	}
	if again.epoch != 4 || again.log.length() != 3 || again.log.commit != 3 {
		t.Fatalf("epoch %d, length %d, applied %d", again.epoch, again.log.length(), again.log.commit)
	}
}

// An update that is sent again in an epoch with a shorter log tells the length of that:
// by the old one it would be remembered for too short a time.
func TestSentAgainBehindAShorterLog(t *testing.T) {
	s := newScript(t)
	s.view("v1", "a b c")
	s.hear("a hello v1 1 0 1 0 0 0", "b hello v1 1 0 1 0 0 0", "c hello v1 1 0 1 0 0 0")
	s.hear("a promise v1", "b promise v1", "c promise v1")
	s.hear("b update 2 b.1 0", "b update 2 b.2 0", "b update 2 b.3 0")
	s.do(s.Submit("mine", nil))
	if last := s.sent[len(s.sent)-1]; last != "rp1 update 2 mine 3" {
		t.Fatal(last)
	}
	s.do(s.Signal())
	s.view("v2", "a c d e") // which have an epoch 3 in which none of these was
	s.hear("a hello v2 1 2 2 3 0 0", "c hello v2 1 3 3 1 0 0", "d hello v2 1 3 3 1 0 0", "e hello v2 1 3 3 1 0 0")
	s.hear("a promise v2", "c promise v2", "d promise v2")
	state := (&Entry{ID: "d.1", Origin: "d"}).append(numberRecord(nil, cutRecord, 0))
	s.do(s.Message("#c#m", append([]byte("rp1 state v2 1 1\n"), state...)))
	if last := s.sent[len(s.sent)-1]; last != "rp1 update 4 mine 1" {
		t.Fatal(s.sent)
	}
}

// Of two processes of one name the one that has more stays, whichever comes first among
// the members.
func TestOneOfAName(t *testing.T) {
	for _, other := range []string{"#a#k", "#a#z"} {
		for _, less := range []string{"0 0 0 0 0 0", "1 1 1 0 0 0"} {
			s := newScript(t)
			s.do(s.View("v1", []string{min(other, "#a#m"), max(other, "#a#m"), "#b#m", "#c#m"}))
			s.do(s.Message(other, []byte("rp1 hello v1 "+less+" "+s.set()+"\n")))
			s.hear("a hello v1 1 2 2 0 0 0", "b hello v1 1 2 2 0 0 0", "c hello v1 1 2 2 0 0 0")
			s.hear("b promise v1", "c promise v1", "a promise v1")
			if st := s.Status(); !st.Current || len(st.Members) != 3 || s.failed {
				t.Fatalf("%s with %s: %+v", other, less, st)
			}
		}
	}
}

// A state that was sent or taken over is not kept in memory for the sake of a part of it.
func TestNothingKeepsAWholeState(t *testing.T) {
	o := newOutgoing(nil, []string{"r"}, make([]byte, 100), 30)
	for n := range uint64(4) {
		o.more("v")
		o.got["r"] = n + 1
	}
	for i, p := range o.parts {
		if p != nil {
			t.Errorf("part %d is kept", i)
		}
	}
	mem := newMemory()
	mem.add("x", []byte("result"))
	blob := (&Entry{ID: "y", Data: []byte("data")}).append(mem.append(nil))
	r := &reader{b: blob}
	mem = newMemory()
	mem.read(r)
	e := r.entry()
	clear(blob)
	if string(mem.ids["x"].result) != "result" || string(e.Data) != "data" {
		t.Errorf("%q %q", mem.ids["x"].result, e.Data)
	}
}

// Who has applied what the others no longer know does not go on with them.
func TestOthersHaveLostWhatIsApplied(t *testing.T) {
	s := newScript(t)
	s.view("v1", "a b c")
	s.hear("a hello v1 1 0 1 0 0 0", "b hello v1 1 0 1 0 0 0", "c hello v1 1 0 1 0 0 0")
	s.hear("a promise v1", "b promise v1", "c promise v1")
	s.hear("b update 2 b.1 0", "b update 2 b.2 0")
	s.do(s.Flush())
	s.hear("a ack 2 2", "b ack 2 2", "c ack 2 2")
	s.view("v2", "a c d e") // which have begun epoch 3 with an old store of c
	s.hear("a hello v2 1 2 2 2 2 0", "c hello v2 1 3 3 1 1 0", "d hello v2 1 3 3 1 1 0", "e hello v2 1 3 3 1 1 0")
	s.hear("a promise v2", "c promise v2", "d promise v2")
	s.do(s.Message("#c#m", append([]byte("rp1 state v2 1 1\n"), numberRecord(nil, cutRecord, 1)...)))
	s.do(s.Flush())
	if st := s.Status(); !s.failed || st.Current || slices.Contains(s.sent, "rp1 ack 4 2") {
		t.Fatalf("%+v %q", st, s.sent)
	}
}

// Who has another list of replicas does not count: a majority of one list is none of the
// other.
func TestOtherSet(t *testing.T) {
	s := newScript(t)
	s.view("v1", "a b c d")
	s.hear("a hello v1 1 0 1 0 0 0", "b hello v1 1 0 1 0 0 0")
	s.do(s.Message("#c#m", []byte("rp1 hello v1 1 0 1 0 0 0 0123456789abcdef\n")))
	s.do(s.Message("#d#m", []byte("rp1 hello v1 1 0 1 0 0 0 0123456789abcdef\n")))
	if st := s.Status(); st.Ready || !strings.Contains(st.Reason, "here are only a, b; c, d have another list of replicas") {
		t.Fatalf("%+v", st)
	}
	s.view("v2", "a b c d")
	s.hear("a hello v2 1 0 1 0 0 0", "b hello v2 1 0 1 0 0 0", "d hello v2 1 0 1 0 0 0")
	s.do(s.Message("#c#m", []byte("rp1 hello v2 1 9 9 0 0 0 0123456789abcdef\n")))
	s.hear("a promise v2", "b promise v2", "c promise v2")
	if s.Status().Ready {
		t.Fatal("its promise counts")
	}
	s.hear("d promise v2", "b update 2 b.1 0")
	s.do(s.Flush())
	s.hear("a ack 2 1", "c ack 2 1", "d ack 2 1")
	if s.Status().Applied != 0 {
		t.Fatal("its acknowledgement counts")
	}
	s.hear("b ack 2 1")
	if st := s.Status(); !st.Ready || st.Applied != 1 || st.Epoch != 2 {
		t.Fatalf("%+v", st)
	}
}
