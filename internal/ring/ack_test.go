package ring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// asks are the requests for packets in the last output.
func (x *member) asks(t *testing.T) (list []string) {
	t.Helper()
	for _, p := range x.sentOf(ringproto.Ack) {
		var a ringproto.AckBody
		if err := a.Parse(p.Data[ringproto.RingSize+8:]); err != nil {
			t.Fatal(err)
		}
		if !a.Missing.Empty() {
			list = append(list, fmt.Sprintf("%d: %v", p.To, a.Missing.Ranges()))
		}
	}
	return list
}

// What is missing is asked for of who gave what came behind it, then of others.
func TestAskForMissing(t *testing.T) {
	x := newMember(t, 4)
	x.gets(3, 3, 0, whole(FIFO, "three"))
	x.gets(4, 6, 0, whole(FIFO, "six"))
	x.out.Reset()
	x.pass(2 * time.Millisecond)
	if got, want := x.asks(t), []string{"3: [{1 2} {4 5}]"}; !slices.Equal(got, want) {
		t.Fatalf("%q, not %q", got, want)
	}
	x.out.Reset()
	x.pass(200 * time.Millisecond)
	asked := make(map[string]int)
	for _, a := range x.asks(t) {
		asked[a]++
	}
	for _, who := range []int{1, 3, 4} {
		if asked[fmt.Sprintf("%d: [{1 2} {4 5}]", who)] == 0 {
			t.Errorf("%d was not asked: %v", who, asked)
		}
	}
	if len(asked) != 3 {
		t.Errorf("%v", asked)
	}
	x.out.Reset()
	for _, seq := range []uint64{1, 2, 4, 5} {
		x.gets(1, seq, 0, whole(FIFO, ""))
	}
	x.pass(100 * time.Millisecond)
	if got := x.asks(t); len(got) > 0 {
		t.Errorf("nothing is missing: %q", got)
	}
}

// What comes a little late is not asked for.
func TestPatience(t *testing.T) {
	x := newMember(t, 3)
	for seq := uint64(2); seq < 40; seq += 2 {
		x.gets(3, seq, 0, whole(FIFO, ""))
		x.out.Reset()
		x.pass(leastPatience / 2)
		x.gets(1, seq-1, 0, whole(FIFO, ""))
		x.advance()
		if got := x.asks(t); len(got) > 0 {
			t.Fatalf("%d: %q", seq, got)
		}
	}
}

// Who was asked in vain makes us ask again; who always reorders makes us patient,
// and who loses makes us quick again.
func TestPatienceFollows(t *testing.T) {
	x := newMember(t, 3)
	seq := uint64(0)
	late := func(again bool) {
		seq += 2
		x.gets(3, seq, 0, whole(FIFO, ""))
		x.pass(30 * time.Millisecond)
		var f ringproto.Flags
		if again {
			f = ringproto.Again
		}
		x.says(1, ringproto.Data, f, ringproto.Ring{Hop: x.ring.hop, High: seq - 1}, []byte{0, 0, 0, 1, 2 | 8 | 16, 0, 0, 0})
		x.advance()
	}
	for range 20 {
		late(false)
	}
	patient := x.ring.gaps.patience
	if patient < 10*firstPatience || patient > mostPatience {
		t.Errorf("patience is %v", patient)
	}
	for range 100 {
		late(true)
	}
	if p := x.ring.gaps.patience; p > patient/4 || p < leastPatience {
		t.Errorf("patience was %v, is %v", patient, p)
	}
	if x.ring.aru != seq {
		t.Errorf("%d of %d", x.ring.aru, seq)
	}
}

// Everybody sends what it has, not only the origin, to who asks, as much as is good
// at a time.
func TestAnswer(t *testing.T) {
	x := newMember(t, 3)
	for seq := uint64(1); seq <= 600; seq++ {
		if seq != 7 {
			x.gets(1, seq, 0, whole(FIFO, string(make([]byte, 1000))))
		}
	}
	x.advance()
	ask := func(tries uint8, lo, hi uint64) []Packet {
		a := ringproto.AckBody{Tries: tries, Missing: *seqset.Of(seqset.Range{Lo: lo, Hi: hi})}
		x.out.Reset()
		x.says(3, ringproto.Ack, 0, ringproto.Ring{Hop: x.ring.hop}, a.Append(make([]byte, 8), 10))
		x.advance()
		return x.sentOf(ringproto.Data)
	}
	got := ask(0, 5, 8)
	if len(got) != 3 {
		t.Fatalf("%d packets", len(got))
	}
	for i, p := range got {
		h, _ := ringproto.ParseHeader(p.Data)
		known, _ := ringproto.ParseRing(p.Data)
		origin, _ := ringproto.Origin(p.Data)
		if p.To != 3 || h.Sender != 2 || origin != 1 || h.Flags&ringproto.Again == 0 || known.High != []uint64{5, 6, 8}[i] {
			t.Errorf("to %d: %+v %+v of %d", p.To, h, known, origin)
		}
	}
	if n := len(ask(0, 1, 600)); n < 100 || n > mostAnswer {
		t.Errorf("%d packets at once", n)
	}
	if n := len(ask(0, 601, 1<<40)); n != 0 {
		t.Errorf("%d packets of the future", n)
	}
	if n := len(ask(0, 0, 1<<63)); n > mostAnswer {
		t.Errorf("%d packets at once", n)
	}
}

// Members of one ring may take datagrams of different sizes: what one sends whole,
// another sends on in pieces.
func TestPiecesForward(t *testing.T) {
	x := newMember(t, 3)
	x.SetDatagram(600)
	x.gets(1, 1, 0, part{FIFO, true, true, string(make([]byte, 1300)), 0})
	x.advance()
	a := ringproto.AckBody{Missing: *seqset.Of(seqset.Range{Lo: 1, Hi: 1})}
	x.out.Reset()
	x.says(3, ringproto.Ack, 0, ringproto.Ring{Hop: x.ring.hop}, a.Append(make([]byte, 8), 10))
	x.advance()
	var whole assemblies
	got := 0
	for _, p := range x.sentOf(ringproto.Piece) {
		if len(p.Data) > 600 {
			t.Errorf("a piece of %d bytes", len(p.Data))
		}
		var piece ringproto.PieceBody
		if err := piece.Parse(p.Data[ringproto.HeaderSize:]); err != nil {
			t.Fatal(err)
		}
		if b := whole.add(&piece); b != nil {
			got = len(b)
		}
	}
	if got != ringproto.DataSize+ringproto.ChunkSize+1300 {
		t.Errorf("%d bytes are put together", got)
	}
}

func TestAssembly(t *testing.T) {
	whole := []byte("0123456789")
	piece := func(number uint64, at, to int) *ringproto.PieceBody {
		return &ringproto.PieceBody{Number: number, Total: len(whole), Offset: at, Bytes: whole[at:to]}
	}
	for name, c := range map[string]struct {
		pieces []*ringproto.PieceBody
		whole  int
	}{
		"in order":      {[]*ringproto.PieceBody{piece(1, 0, 4), piece(1, 4, 8), piece(1, 8, 10)}, 1},
		"at once":       {[]*ringproto.PieceBody{piece(1, 0, 10)}, 1},
		"turned":        {[]*ringproto.PieceBody{piece(1, 8, 10), piece(1, 4, 8), piece(1, 0, 4)}, 1},
		"a piece twice": {[]*ringproto.PieceBody{piece(1, 0, 4), piece(1, 0, 4), piece(1, 4, 10), piece(1, 4, 10)}, 1},
		"overlapping":   {[]*ringproto.PieceBody{piece(1, 0, 6), piece(1, 3, 10)}, 1},
		"one is lost":   {[]*ringproto.PieceBody{piece(1, 0, 4), piece(1, 8, 10)}, 0},
		"the next":      {[]*ringproto.PieceBody{piece(1, 0, 4), piece(2, 0, 4), piece(1, 4, 10), piece(2, 4, 10)}, 2},
		"two":           {[]*ringproto.PieceBody{piece(1, 0, 4), piece(1, 4, 10), piece(2, 4, 10), piece(2, 0, 4)}, 2},
		"other totals":  {[]*ringproto.PieceBody{piece(1, 0, 4), {Number: 1, Total: 9, Bytes: whole[:3]}, piece(1, 4, 10)}, 1},
	} {
		var a assemblies
		got := 0
		for _, p := range c.pieces {
			if b := a.add(p); b != nil {
				got++
				if string(b) != string(whole) {
					t.Errorf("%s: %q", name, b)
				}
			}
		}
		if got != c.whole {
			t.Errorf("%s: %d times", name, got)
		}
	}
	var a assemblies
	for number := range uint64(100) {
		a.add(&ringproto.PieceBody{Number: number + 1, Total: ringproto.MaxWhole / 3, Bytes: whole})
		if n := a.size(); n > ringproto.MaxWhole || len(a.list) > mostAssemblies {
			t.Fatalf("%d bytes, %d datagrams", n, len(a.list))
		}
	}
}

// A window of the configuration binds: so many packets are under way, and so many
// in one visit while others want the token.
func TestWindows(t *testing.T) {
	full := func(w *net) { w.windows = Windows{Global: 10, Personal: 4, Accelerated: 2} }
	submit := func(x *member, n int) {
		for i := range n {
			x.Submit(FIFO, fmt.Appendf(nil, "%01300d", i))
		}
	}
	t.Run("global", func(t *testing.T) {
		x := newMember(t, 3, full)
		submit(x, 50)
		x.takesToken(1, x.ring.hop+1)
		x.out.Reset()
		x.pass(40 * time.Millisecond)
		if n := len(x.sentOf(ringproto.Data)); n != 10 {
			t.Errorf("%d packets", n)
		}
		x.acks(1, 10)
		x.acks(3, 7)
		x.out.Reset()
		x.advance()
		if n := len(x.sentOf(ringproto.Data)); n != 7 {
			t.Errorf("%d packets after 7 are held by all", n)
		}
	})
	t.Run("personal", func(t *testing.T) {
		x := newMember(t, 3, full)
		submit(x, 50)
		x.takesToken(1, x.ring.hop+1, 1<<2)
		x.advance()
		if n := len(x.sentOf(ringproto.Data)); n != 4 {
			t.Errorf("%d packets in a visit", n)
		}
		if len(x.sentOf(ringproto.Token)) != 1 {
			t.Error("the token stays")
		}
	})
	t.Run("those of others count", func(t *testing.T) {
		x := newMember(t, 3, full)
		for seq := uint64(1); seq <= 8; seq++ {
			x.gets(1, seq, 0, whole(FIFO, ""))
		}
		submit(x, 50)
		x.takesToken(1, x.ring.hop+1)
		x.advance()
		if n := len(x.sentOf(ringproto.Data)); n != 2 {
			t.Errorf("%d packets", n)
		}
	})
	t.Run("as large as the file allows", func(t *testing.T) {
		x := newMember(t, 3, func(w *net) { w.windows = Windows{Global: 32767, Personal: 32767} })
		submit(x, 20000)
		x.takesToken(1, x.ring.hop+1)
		x.advance()
		if n := x.ring.high - x.ring.stable; n >= maxWindow {
			t.Errorf("%d packets are under way", n)
		}
	})
}

// Where the file sets none, the window follows what becomes of the packets.
func TestWindowAdapts(t *testing.T) {
	x := newMember(t, 3)
	f := &x.ring.flow
	f.sent = x.window()
	x.adjust()
	if got := x.window(); got != 2*firstWindow {
		t.Errorf("no loss: %d", got)
	}
	for range 20 {
		f.sent = x.window()
		x.adjust()
	}
	most := x.window()
	if most > maxWindow/2 || most*x.datagram > mostInFlight {
		t.Errorf("at most %d", most)
	}
	for range 40 {
		f.sent, f.resent = x.window(), x.window()/2
		x.adjust()
	}
	if got := x.window(); got != leastWindow {
		t.Errorf("at least %d", got)
	}
}
