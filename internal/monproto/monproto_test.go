package monproto

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gospread/spread/internal/ringproto"
)

func TestHeader(t *testing.T) {
	h := Header{Kind: SetFlow, ID: 0x0102030405060708, Digest: 0x0a0b0c0d, From: 0xffffffff, To: 7}
	b := append(h.Append(nil), "body"...)
	const want = "gsM\x01\x03\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0b\x0c\x0d\xff\xff\xff\xff\x00\x00\x00\x07\x00\x00\x00\x00body"
	if string(b) != want {
		t.Errorf("%q", b)
	}
	got, body, err := Parse(b)
	if err != nil || got != h || string(body) != "body" {
		t.Errorf("%+v %q %v", got, body, err)
	}
	for n := range HeaderSize {
		if _, _, err := Parse(b[:n]); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	b[3]++
	if Is(b) {
		t.Error("another version is taken")
	}
}

// TestUnlikeOthers: no datagram of the ring or of the original's monitor looks like
// one of ours.
func TestUnlikeOthers(t *testing.T) {
	if _, err := ringproto.ParseHeader((&Header{Kind: Status}).Append(nil)); !errors.Is(err, ringproto.ErrVersion) {
		t.Errorf("the ring takes it: %v", err)
	}
	for _, first := range []byte{0x00, 0x01, 0x02, 0x04, 0x08, 0x80, 0xa5} { // original in both orders, sealed
		if first == magic[0] {
			t.Errorf("%#x begins other datagrams too", first)
		}
	}
}

func TestPartition(t *testing.T) {
	places := []Place{{1, 0}, {0xfffffffe, -1}, {3, 32767}}
	b := AppendPartition(nil, places)
	got, err := ParsePartition(b)
	if err != nil || !reflect.DeepEqual(got, places) {
		t.Errorf("%v %v", got, err)
	}
	if got, err := ParsePartition(nil); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v %v", got, err)
	}
	for _, bad := range [][]byte{b[:5], b[:7], AppendPartition(nil, make([]Place, 1)), AppendPartition(nil, many(MaxDaemons+1))} {
		if _, err := ParsePartition(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	if got, err := ParsePartition(AppendPartition(nil, many(MaxDaemons))); err != nil || len(got) != MaxDaemons {
		t.Errorf("%d %v", len(got), err)
	}
}

func many(n int) []Place {
	places := make([]Place, n)
	for i := range places {
		places[i].Daemon = uint32(i + 1)
	}
	return places
}

func TestFlow(t *testing.T) {
	f := MakeFlow(100, Keep, Adapt)
	b := f.Append(nil)
	var got Flow
	if err := got.Parse(b); err != nil || got != f || got.Personal != -1 || got.Accelerated != -2 {
		t.Errorf("%+v %v", got, err)
	}
	if f := MakeFlow(1<<40, -1<<40, 0); f.Window != 1<<31-1 || f.Personal != -1<<31 {
		t.Errorf("%+v", f)
	}
	for _, bad := range [][]byte{nil, b[:11], append(b, 0)} {
		if err := got.Parse(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

func TestAck(t *testing.T) {
	var got Ack
	for _, a := range []Ack{{OK, ""}, {Failed, "why"}} {
		if err := got.Parse(a.Append(nil)); err != nil || got != a {
			t.Errorf("%+v %v", got, err)
		}
	}
	long := Ack{Refused, strings.Repeat("x", MaxText+1)}
	if err := got.Parse(long.Append(nil)); err != nil || len(got.Text) != MaxText {
		t.Errorf("%d %v", len(got.Text), err)
	}
	for _, bad := range [][]byte{nil, make([]byte, MaxText+2)} {
		if err := got.Parse(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

// TestParts: documents of all sizes come together again, whatever the order.
func TestParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{1, MaxPart - 1, MaxPart, MaxPart + 1, 10 * MaxPart, MaxParts * MaxPart} {
		doc := make([]byte, size)
		for i := range doc {
			doc[i] = byte(rng.Uint32())
		}
		parts, err := Split(doc)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, parts...) // and again
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		var a Assembly
		var got []byte
		for i := range parts {
			var p Part
			if err := p.Parse(parts[i].Append(nil)); err != nil {
				t.Fatal(err)
			}
			if whole, complete := a.Add(&p); complete {
				got = whole
				break
			}
		}
		if !bytes.Equal(got, doc) {
			t.Errorf("%d bytes: %d came back", size, len(got))
		}
	}
	for _, size := range []int{0, MaxParts*MaxPart + 1} {
		if _, err := Split(make([]byte, size)); err == nil {
			t.Errorf("%d bytes can be split", size)
		}
	}
}

// TestMixedParts: parts of two documents never make one.
func TestMixedParts(t *testing.T) {
	one, err := Split(bytes.Repeat([]byte("a"), 2*MaxPart))
	if err != nil {
		t.Fatal(err)
	}
	two, err := Split(bytes.Repeat([]byte("b"), 2*MaxPart))
	if err != nil {
		t.Fatal(err)
	}
	var a Assembly
	for _, p := range []Part{one[0], two[1], one[1], two[0]} {
		if doc, complete := a.Add(&p); complete {
			t.Errorf("complete: %.20q", doc)
		}
	}
	if doc, complete := a.Add(&two[1]); !complete || doc[0] != 'b' || len(doc) != 2*MaxPart {
		t.Errorf("%d bytes, %v", len(doc), complete)
	}
	forged := one[0]
	forged.Data = bytes.Repeat([]byte("x"), MaxPart)
	a.Add(&forged)
	if _, complete := a.Add(&one[1]); complete {
		t.Error("a wrong sum passes")
	}
}

func TestBadParts(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty":           nil,
		"no data":         (&Part{Count: 1}).Append(nil),
		"too much":        (&Part{Count: 1, Data: make([]byte, MaxPart+1)}).Append(nil),
		"none":            (&Part{Count: 0, Data: []byte("x")}).Append(nil),
		"too many":        (&Part{Count: MaxParts + 1, Data: make([]byte, MaxPart)}).Append(nil),
		"beyond":          (&Part{Index: 2, Count: 2, Data: []byte("x")}).Append(nil),
		"short in middle": (&Part{Index: 0, Count: 2, Data: []byte("x")}).Append(nil),
	} {
		if err := new(Part).Parse(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse: whatever is taken is what is written again, and nothing is large.
func FuzzParse(f *testing.F) {
	h := Header{Kind: Partition, ID: 1, Digest: 2, From: 3, To: 4}
	f.Add(AppendPartition(h.Append(nil), []Place{{1, 2}, {3, -1}}))
	h.Kind = SetFlow
	flow := MakeFlow(1, 2, 3)
	f.Add(flow.Append(h.Append(nil)))
	h.Kind = Done
	f.Add((&Ack{Refused, "no"}).Append(h.Append(nil)))
	h.Kind = Doc
	f.Add((&Part{Index: 0, Count: 1, Data: []byte("{}")}).Append(h.Append(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, body, err := Parse(b)
		if err != nil {
			return
		}
		if places, err := ParsePartition(body); err == nil && (len(places) > MaxDaemons || !bytes.Equal(AppendPartition(nil, places), body)) {
			t.Errorf("partition %v", places)
		}
		var flow Flow
		if flow.Parse(body) == nil && !bytes.Equal(flow.Append(nil), body) {
			t.Errorf("flow %v", flow)
		}
		var ack Ack
		if ack.Parse(body) == nil && !bytes.Equal(ack.Append(nil), body) {
			t.Errorf("ack %v", ack)
		}
		var part Part
		if part.Parse(body) != nil {
			return
		}
		if !bytes.Equal(part.Append(nil), body) {
			t.Errorf("part %v", part)
		}
		var a Assembly
		if doc, complete := a.Add(&part); complete != (doc != nil) || complete && part.Count != 1 {
			t.Errorf("complete with one of %d", part.Count)
		}
	})
}

// FuzzAssembly: any sequence of parts ends in documents that were sent, or none.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte("\x00\x02\x01\x02"), []byte("abc"))
	f.Fuzz(func(t *testing.T, order, seed []byte) {
		if len(seed) == 0 {
			return
		}
		var all []Part
		docs := map[string]bool{}
		for i := 1; i < 4; i++ {
			doc := bytes.Repeat(append([]byte{byte(i)}, seed...), i*MaxPart/(len(seed)+1)+1)
			parts, err := Split(doc)
			if err != nil {
				return
			}
			docs[string(doc)] = true
			all = append(all, parts...)
		}
		var a Assembly
		for _, o := range order {
			if doc, complete := a.Add(&all[int(o)%len(all)]); complete && !docs[string(doc)] {
				t.Fatalf("nobody sent these %d bytes", len(doc))
			}
		}
	})
}
