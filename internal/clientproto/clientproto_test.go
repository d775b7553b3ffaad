package clientproto

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNames(t *testing.T) {
	n := MakeName("#alice#localhost")
	user, daemon, ok := n.SplitPrivate()
	if !ok || string(user) != "alice" || string(daemon) != "localhost" || !n.IsPrivate() {
		t.Fatalf("%q %q %v", user, daemon, ok)
	}
	if n != Private("alice", "localhost") {
		t.Error("the same private group made twice differs")
	}
	for _, s := range []string{"", "g", "#x", "x#y"} {
		n := MakeName(s)
		if _, _, ok := n.SplitPrivate(); ok {
			t.Errorf("%q is taken for a private group", s)
		}
	}
	junk := append([]byte("g\x00junk behind it"), make([]byte, 32)...)
	if NameOf(junk) != MakeName("g") {
		t.Error("what stands behind the zero byte counts")
	}
	full := strings.Repeat("x", 32)
	if got := MakeName(full + "y"); got.String() != full || got.Len() != 32 {
		t.Errorf("a name of 32 bytes: %q", got)
	}
}

func TestLegalNames(t *testing.T) {
	for s, ok := range map[string]bool{
		"a": true, "$~": true, "0123456789": true, "": false, "01234567890": false,
		"a#b": false, "a b": false, "a!": false, "\x7f": false, "ä": false,
	} {
		if err := CheckUser(s); (err == nil) != ok {
			t.Errorf("user %q: %v", s, err)
		}
	}
	if CheckGroup(strings.Repeat("g", 31)) != nil || CheckGroup(strings.Repeat("g", 32)) == nil || CheckGroup("#g") == nil {
		t.Error("group names of 31 bytes are legal, of 32 or with # are not")
	}
}

// A big-endian client's message, and what the daemon makes of it (V17).
func TestForeignHeader(t *testing.T) {
	b := make([]byte, HeaderSize)
	copy(b, unhex(t, "00000010"))
	copy(b[36:], unhex(t, "00000001 00123400 00000002"))
	h, err := ParseHeader(b)
	if err != nil || h != (Header{Type: Agreed, NumGroups: 1, DataLen: 2, Foreign: true}) {
		t.Fatalf("%+v, %v", h, err)
	}
	if m, foreign := MessType(b); m != 0x1234 || !foreign {
		t.Fatalf("type %#x, foreign %v", m, foreign)
	}
	PutHeader(b, &h)
	want := "90000080" + strings.Repeat("00", 32) + "01000000" + "00123400" + "02000000"
	if !bytes.Equal(b, unhex(t, want)) {
		t.Fatalf("%x", b)
	}
}

func TestHint(t *testing.T) {
	for _, m := range []int16{0, 1, -1, -2, 0x1234, -32768, 32767} {
		b := AppendHeader(nil, &Header{Type: FIFO}, new(Name), m)
		if got, foreign := MessType(b); got != m || foreign {
			t.Errorf("%d comes back as %d", m, got)
		}
	}
}

func TestHalfAMarkerIsNoByteOrder(t *testing.T) {
	for _, first := range []string{"80000000", "00000080"} {
		b := make([]byte, HeaderSize)
		copy(b, unhex(t, first))
		if _, err := ParseHeader(b); !errors.Is(err, ErrByteOrder) {
			t.Errorf("%s: %v", first, err)
		}
	}
}

func TestCheckRequest(t *testing.T) {
	ok := Header{Type: Agreed, NumGroups: 1, DataLen: 10}
	cases := []struct {
		change func(h *Header, b []byte)
		legal  bool
	}{
		{func(*Header, []byte) {}, true},
		{func(h *Header, _ []byte) { h.Type |= SelfDiscard | DropReceive | 0x300000 | Membership }, true},
		{func(h *Header, _ []byte) { h.Type = Join | SelfDiscard }, true},
		{func(h *Header, _ []byte) { h.Type = Safe | FIFO }, false},
		{func(h *Header, _ []byte) { h.Type = Safe | Join }, false},
		{func(h *Header, _ []byte) { h.Type = SelfDiscard }, false},
		{func(h *Header, _ []byte) { h.Type |= Groups }, false},
		{func(h *Header, _ []byte) { h.Type |= Reject }, false},
		{func(h *Header, _ []byte) { h.NumGroups = -1 }, false},
		{func(h *Header, _ []byte) { h.NumGroups = 100 }, true},
		{func(h *Header, _ []byte) { h.NumGroups = 101 }, false},
		{func(_ *Header, b []byte) { b[40] = 1 }, false},
		{func(_ *Header, b []byte) { b[43] = 1 }, false},
		{func(_ *Header, b []byte) { b[40] = 0 }, true}, // half a marker is legal here
		{func(h *Header, _ []byte) { h.DataLen = -1 }, false},
		{func(h *Header, _ []byte) { h.DataLen = MaxBody - NameSize }, true},
		{func(h *Header, _ []byte) { h.DataLen = MaxBody - NameSize + 1 }, false},
		{func(h *Header, _ []byte) { h.DataLen = 0x7fffffff }, false},
	}
	for i, c := range cases {
		h := ok
		b := AppendHeader(nil, &h, new(Name), 7)
		c.change(&h, b)
		if err := CheckRequest(&h, b); (err == nil) != c.legal {
			t.Errorf("case %d: %+v: %v", i, h, err)
		}
	}
}

func TestHandshakeOfEachVersion(t *testing.T) {
	private := Private("old", "localhost")
	for _, c := range []struct {
		hello    string
		v        Version
		exchange bool
		accept   string
	}{
		{"030e 01 03 6f6c64", Version{3, 14, 0}, false, "01 0500 0e"},
		{"030f02 01 03 6f6c64", Version{3, 15, 2}, false, "01 050001 0e"},
		{"031000 01 03 6f6c64", Version{3, 16, 0}, true, "01 050001 0e"},
		{"050001 01 03 6f6c64", Version{5, 0, 1}, true, "01 050001 0e"},
		{"7f7f7f 01 03 6f6c64", Version{127, 127, 127}, true, "01 050001 0e"},
	} {
		b := unhex(t, c.hello)
		for n := range b {
			if _, _, _, err := ParseHello(b[:n]); !errors.Is(err, ErrShort) {
				t.Fatalf("%v after %d bytes: %v", c.v, n, err)
			}
		}
		h, n, _, err := ParseHello(append(b, "more"...))
		if err != nil || n != len(b) || h.Version != c.v || h.Name != "old" || !h.Membership || h.Priority {
			t.Fatalf("%v: %+v, %d, %v", c.v, h, n, err)
		}
		if got := AppendHello(nil, &h); !bytes.Equal(got, b) {
			t.Errorf("%v: written again %x", c.v, got)
		}
		if c.v.HasAuthExchange() != c.exchange {
			t.Errorf("%v: exchange %v", c.v, !c.exchange)
		}
		want := append(unhex(t, c.accept), "#old#localhost"...)
		if got := AppendAccept(nil, c.v, &private); !bytes.Equal(got, want) {
			t.Errorf("%v: accept %x", c.v, got)
		}
	}
}

func TestHelloRefusals(t *testing.T) {
	for hello, want := range map[string]Code{
		"0300": RejectVersion, "0230": RejectVersion, "8001": RejectVersion,
		"050001 01 0b": RejectIllegalName, "050001 01 ff": RejectIllegalName,
		"050001 01 03 612362": RejectIllegalName, "050001 01 01 20": RejectIllegalName, "050001 01 01 80": RejectIllegalName,
	} {
		var code Code
		if _, _, _, err := ParseHello(unhex(t, hello)); !errors.As(err, &code) || code != want {
			t.Errorf("%s: %v", hello, err)
		}
	}
	if _, _, part, err := ParseHello(unhex(t, "050001 01 03 61")); !errors.Is(err, ErrShort) || !part {
		t.Errorf("part of a name: %v, %v", part, err)
	}
	// An odd flags byte means views, above 0x7f it does not (2.1).
	for flags, views := range map[byte]bool{0x00: false, 0x01: true, 0x10: false, 0x11: true, 0x0f: true, 0x7f: true, 0x81: false, 0xff: false} {
		h, _, _, err := ParseHello([]byte{5, 0, 1, flags, 0})
		if err != nil || h.Membership != views {
			t.Errorf("flags %#x: membership %v, %v", flags, h.Membership, err)
		}
	}
}

func TestAuthListAndChoice(t *testing.T) {
	list := AppendAuthList(nil, []string{"NULL", "IP"})
	if string(list) != "\x08NULL IP " {
		t.Fatalf("%q", list)
	}
	methods, n, err := ParseAuthList(list)
	if err != nil || n != 9 || !slices.Equal(methods, []string{"NULL", "IP"}) {
		t.Fatalf("%v %d %v", methods, n, err)
	}
	if _, _, err := ParseAuthList([]byte{0xfa}); !errors.Is(err, RejectNotUnique) {
		t.Fatal(err)
	}
	choice, err := AppendChoice(nil, methods)
	if err != nil || len(choice) != ChoiceSize {
		t.Fatal(len(choice), err)
	}
	if got, err := ParseChoice(choice); err != nil || !slices.Equal(got, methods) {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := AppendChoice(nil, []string{strings.Repeat("m", 30)}); err == nil {
		t.Error("a method of 30 bytes fits no slot")
	}
	if _, err := ParseChoice(choice[:89]); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
}

func TestAcceptRefusals(t *testing.T) {
	for _, c := range []struct {
		b    string
		want error
	}{
		{"", ErrShort}, {"f7", RejectAuth}, {"01 0500", ErrShort}, {"01 020001 01", RejectVersion},
		{"01 050001 20", ConnectionClosed}, {"01 050001 02 23", ErrShort}, {"00", Code(0)},
	} {
		if _, _, err := ParseAccept(unhex(t, c.b)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.b, err)
		}
	}
}

func sampleView() *View {
	la, lb, ra := Private("la", "left"), Private("lb", "left"), Private("ra", "right")
	return &View{
		Group: MakeName("net"), Cause: CausedByNetwork, ID: GroupID{-5, 1795427842, 1},
		Members: []Name{la, lb, ra}, Sets: [][]Name{{la, lb}, {ra}}, Own: 1,
	}
}

func TestViewsComeBack(t *testing.T) {
	v := sampleView()
	b := AppendView(nil, v)
	if len(b) != v.Size() {
		t.Errorf("%d bytes, not the %d of Size", len(b), v.Size())
	}
	// Own offset counts from behind the fixed part (5.2).
	if own := le.Uint32(b[HeaderSize+3*NameSize+16:]); own != 4+2*NameSize {
		t.Errorf("own offset %d", own)
	}
	h, err := ParseHeader(b)
	if err != nil || h.Size() != len(b) {
		t.Fatalf("%+v, %v", h, err)
	}
	got, err := ParseView(b, &h, false)
	if err != nil || got.ID != v.ID || got.Own != 1 || !slices.Equal(got.Members, v.Members) ||
		len(got.Sets) != 2 || !slices.Equal(got.Sets[1], v.Sets[1]) || got.Cause != v.Cause || got.Group != v.Group {
		t.Fatalf("%+v, %v", got, err)
	}
	old := AppendOldView(nil, v)
	h, _ = ParseHeader(old)
	got, err = ParseView(old, &h, true)
	if err != nil || len(got.Sets) != 1 || !slices.Equal(got.Sets[0], v.Sets[1]) || h.DataLen != 16+NameSize {
		t.Fatalf("3.x layout: %+v, %v", got, err)
	}
}

// TestViewsInParts: head, members and tail make the same bytes as the whole, and
// the tail leaves out the members where it says so.
func TestViewsInParts(t *testing.T) {
	merged, joined, alone := sampleView(), sampleView(), sampleView()
	joined.Cause, joined.Sets, joined.Own = CausedByJoin, [][]Name{{joined.Members[1]}}, 0
	alone.Sets, alone.Own = [][]Name{slices.Clone(alone.Members)}, 0
	other := sampleView() // as many names, but not the members
	other.Sets, other.Own = [][]Name{{other.Members[0], other.Members[1], MakeName("x")}}, 0
	for name, v := range map[string]*View{"merged": merged, "joined": joined, "alone": alone, "other": other} {
		for _, l := range []Layout{PresentLayout, OldLayout} {
			whole := AppendView(nil, v)
			if l == OldLayout {
				whole = AppendOldView(nil, v)
			}
			b := AppendNames(AppendViewHead(nil, v, l), v.Members)
			tail, again := AppendViewTail(nil, v, l)
			if again != (v == alone) {
				t.Errorf("%s: members again: %v", name, again)
			}
			if b = append(b, tail...); again {
				b = AppendNames(b, v.Members)
			}
			if !bytes.Equal(b, whole) {
				t.Errorf("%s, old layout %v: %x in parts, %x as a whole", name, l, b, whole)
			}
		}
	}
}

func TestDamagedViews(t *testing.T) {
	v := sampleView()
	b := AppendView(nil, v)
	h, _ := ParseHeader(b)
	for at, value := range map[int]uint32{12: 0xffffffff, 16: 3, 20: 1 << 30} {
		bad := bytes.Clone(b)
		le.PutUint32(bad[h.Data()+at:], value)
		if _, err := ParseView(bad, &h, false); !errors.Is(err, ErrBadView) {
			t.Errorf("word at %d = %#x: %v", at, value, err)
		}
	}
	short := h
	short.DataLen = 30
	if _, err := ParseView(b[:short.Size()], &short, false); !errors.Is(err, ErrBadView) {
		t.Error(err)
	}
	if _, err := ParseGroupID(make([]byte, 11), false); !errors.Is(err, ErrBadView) {
		t.Error(err)
	}
}

// V20: a refused send, and a refused join.
func TestReject(t *testing.T) {
	alice := Private("alice", "localhost")
	h := Header{Type: FIFO, NumGroups: 2, DataLen: 7}
	m := AppendHeader(nil, &h, &alice, 667)
	w, v := MakeName("w"), MakeName("v")
	m = append(append(append(m, w[:]...), v[:]...), "payload"...)
	r := AppendReject(nil, m, &alice)
	want := unhex(t, "80004080"+hex.EncodeToString(alice[:])+"03000000 809b0280 07000000 84000080")
	if !bytes.Equal(r[:len(want)], want) || len(r) != 155 {
		t.Fatalf("%d bytes: %x", len(r), r[:len(want)])
	}
	rh, err := ParseHeader(r)
	if err != nil || rh.Size() != len(r) || OldType(r) != FIFO || string(r[rh.Data():]) != "payload" {
		t.Fatalf("%+v, %v", rh, err)
	}
	if names := ParseNames(r[rh.Names():rh.Data()]); !slices.Equal(names, []Name{w, v, alice}) {
		t.Fatalf("%v", names)
	}
	join := append(AppendHeader(nil, &Header{Type: Join, NumGroups: 1}, &alice, 0), w[:]...)
	if got := OldType(AppendReject(nil, join, &alice)); got != CausedByJoin {
		t.Fatalf("old type of a refused join: %#x", uint32(got))
	}
}

func TestCodesHaveTexts(t *testing.T) {
	for c := Code(-28); c < 0; c++ {
		if c.Error() == "" {
			t.Errorf("code %d has no text", c)
		}
	}
	if Code(-8).Error() != "Connection closed by Spread." || Code(-100).Error() != "Unrecognized error -100." {
		t.Error(Code(-8), Code(-100))
	}
}
