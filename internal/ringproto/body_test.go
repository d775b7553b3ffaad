package ringproto

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"

	"gospread/spread/internal/seqset"
)

func TestBodiesRoundTrip(t *testing.T) {
	for _, c := range codecs() {
		t.Run(c.name, func(t *testing.T) {
			reused := c.fresh()
			for i, want := range c.examples {
				b := meaning(want)
				for _, got := range []body{c.fresh(), reused} {
					if err := got.Parse(b); err != nil {
						t.Fatalf("example %d: %v", i, err)
					}
					if !bytes.Equal(meaning(got), b) {
						t.Errorf("example %d: %+v became %+v", i, want, got)
					}
				}
			}
		})
	}
}

// What was parsed has the fields that were written, not only the same encoding.
func TestFieldsRoundTrip(t *testing.T) {
	for _, c := range codecs() {
		want := c.examples[len(c.examples)-1]
		got := c.fresh()
		if err := got.Parse(meaning(want)); err != nil {
			t.Fatal(c.name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v became %+v", c.name, want, got)
		}
	}
}

// Append appends: what is there stays.
func TestBodiesAppend(t *testing.T) {
	for _, c := range codecs() {
		for _, x := range c.examples {
			if got := x.Append([]byte("before")); !bytes.Equal(got, append([]byte("before"), meaning(x)...)) {
				t.Errorf("%s: %q", c.name, got)
			}
		}
	}
}

// A body that is cut short, or goes on, is none. A piece carries what there is.
func TestBodiesCutShort(t *testing.T) {
	for _, c := range codecs() {
		if c.name == "Piece" {
			continue
		}
		for _, x := range c.examples {
			whole := meaning(x)
			for _, b := range append(cut(whole), append(bytes.Clone(whole), 0)) {
				if c.fresh().Parse(b) == nil {
					t.Errorf("%s: %x passes for %x", c.name, b, whole)
				}
			}
		}
	}
}

// Lists that claim more than follows take no memory.
func TestListsClaimTooMuch(t *testing.T) {
	huge := binary.AppendUvarint(nil, 1<<62)
	pad := make([]byte, 40)
	for name, b := range map[string][]byte{
		"Token": huge, "Ack": append([]byte{0}, huge...), "Join": append([]byte{1, 0}, huge...),
		"Propose": append(pad[:9:9], huge...), "State": append(pad[:19:19], huge...), "Plan": append(pad[:21:21], huge...),
	} {
		for _, c := range codecs() {
			if c.name != name {
				continue
			}
			x := c.fresh()
			if n := testing.AllocsPerRun(1, func() {
				if x.Parse(b) == nil {
					t.Error(name, "passes")
				}
			}); n > 4 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	}
}

func TestMalformedBodies(t *testing.T) {
	over := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02} // above 64 bits
	piece := func(number, total, offset uint64, n int) []byte {
		b := binary.AppendUvarint(nil, number)
		b = binary.AppendUvarint(b, total)
		return append(binary.AppendUvarint(b, offset), make([]byte, n)...)
	}
	// source is a plan with one old ring of one member, and this source.
	source := func(lo, more, by uint64) []byte {
		p := PlanBody{Rings: []OldRing{{Members: []uint32{1}, High: 100}}}
		b := meaning(&p)
		b = append(b[:len(b)-1], 1)
		return binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(b, lo), more), by)
	}
	if err := new(PlanBody).Parse(source(5, 6, 0)); err != nil {
		t.Fatal("a good source:", err)
	}
	for _, c := range []struct {
		name string
		into body
		b    []byte
	}{
		{"a bool of 2", new(JoinBody), []byte{1, 2, 0, 0, 0, 0, 0, 0, 0}},
		{"a number above 64 bits", new(attemptBody), append(make([]byte, 8), over...)},
		{"a wake of three bytes", new(WakeBody), make([]byte, 3)},
		{"an ack with ranges that touch", new(ackAll), []byte{0, 2, 5, 0, 1, 0}},
		{"an ack with a range beyond 64 bits", new(ackAll), append([]byte{0, 1, 5}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)},
		{"a piece of nothing", new(PieceBody), piece(1, 10, 0, 0)},
		{"a piece of too large a whole", new(PieceBody), piece(1, MaxWhole+1, 0, 1)},
		{"a piece beyond the end", new(PieceBody), piece(1, 10, 11, 1)},
		{"a piece across the end", new(PieceBody), piece(1, 10, 9, 2)},
		{"a piece far beyond", new(PieceBody), piece(1, 10, 1<<63, 1)},
		{"a source that is no member", new(PlanBody), source(1, 0, 1)},
		{"a source of nothing", new(PlanBody), source(0, 0, 0)},
		{"a source above all", new(PlanBody), source(90, 11, 0)},
		{"a source beyond 64 bits", new(PlanBody), source(2, 1<<64-1, 0)},
	} {
		if c.into.Parse(c.b) == nil {
			t.Errorf("%s: %+v", c.name, c.into)
		}
	}
}

// A request has the lowest ranges, no more than are allowed.
func TestAckLimit(t *testing.T) {
	a := AckBody{Missing: manyHoles(150), Tries: 3}
	var got AckBody
	if err := got.Parse(a.Append(nil, 100)); err != nil {
		t.Fatal(err)
	}
	want := a.Missing.Ranges()[:100]
	if !reflect.DeepEqual(got.Missing, *seqset.Of(want...)) {
		t.Errorf("%v", got.Missing.Ranges())
	}
}

// Fuzz the bodies: what parses means the same when it is written again, and takes
// memory in proportion to its bytes.
func fuzzBody(f *testing.F, name string) {
	var c codec
	for _, x := range codecs() {
		if x.name == name {
			c = x
		}
	}
	for _, x := range c.examples {
		f.Add(meaning(x))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := c.fresh()
		if x.Parse(b) != nil {
			return
		}
		first := meaning(x)
		// Numbers may be written longer than they need be, never shorter.
		if len(first) > len(b) {
			t.Fatalf("%x grows to %x", b, first)
		}
		again := c.fresh()
		if err := again.Parse(first); err != nil {
			t.Fatalf("%x becomes %x: %v", b, first, err)
		}
		if second := meaning(again); !bytes.Equal(first, second) {
			t.Fatalf("%x becomes %x", first, second)
		}
		if !reflect.DeepEqual(x, again) {
			t.Fatalf("%+v becomes %+v", x, again)
		}
		if n := size(reflect.ValueOf(x)); n > 500+40*len(b) {
			t.Fatalf("%d bytes take %d", len(b), n)
		}
	})
}

// size is how much memory v refers to.
func size(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.Pointer:
		return size(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			n += size(v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return 0 // part of the input
		}
		n = v.Cap() * int(v.Type().Elem().Size())
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				n += size(v.Index(i))
			}
		}
	}
	return n
}

func FuzzToken(f *testing.F)   { fuzzBody(f, "Token") }
func FuzzWake(f *testing.F)    { fuzzBody(f, "Wake") }
func FuzzAck(f *testing.F)     { fuzzBody(f, "Ack") }
func FuzzJoin(f *testing.F)    { fuzzBody(f, "Join") }
func FuzzAttempt(f *testing.F) { fuzzBody(f, "Attempt") }
func FuzzPropose(f *testing.F) { fuzzBody(f, "Propose") }
func FuzzState(f *testing.F)   { fuzzBody(f, "State") }
func FuzzPlan(f *testing.F)    { fuzzBody(f, "Plan") }
func FuzzPiece(f *testing.F)   { fuzzBody(f, "Piece") }
