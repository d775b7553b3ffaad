package seal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRestartedSender(t *testing.T) {
	b := daemon(t, ring(t, 1), 2, 100)
	first := daemon(t, ring(t, 1), 1, 100)
	old, late := first.Seal(nil, []byte("old")), first.Seal(nil, []byte("late"))
	opens(t, b, old, "old")
	second := daemon(t, ring(t, 1), 1, 101)
	opens(t, b, second.Seal(nil, []byte("new")), "new")
	opens(t, b, old, ErrStale)
	opens(t, b, late, ErrStale)
	opens(t, b, first.Seal(nil, []byte("never stops")), ErrStale)
	opens(t, b, second.Seal(nil, []byte("goes on")), "goes on")
	if len(*b.in.streams.Load()) != 1 || len(b.in.senders) != 1 {
		t.Errorf("%d streams of %d senders are kept", len(*b.in.streams.Load()), len(b.in.senders))
	}
}

// TestTwins: of two processes with one id the later one counts; of two that began
// in the same second, the one that was heard first.
func TestTwins(t *testing.T) {
	for _, start := range []uint32{100, 99} {
		b := daemon(t, ring(t, 1), 2, 100)
		one, two := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 1, start)
		for i := range 5 {
			opens(t, b, one.Seal(nil, fmt.Append(nil, i)), fmt.Sprint(i))
			opens(t, b, two.Seal(nil, []byte("twin")), ErrStale)
		}
		// They take each other for what they are.
		opens(t, one, two.Seal(nil, []byte("twin")), "twin")
	}
}

// TestForgottenLife states what the seal does not do: one who has just started
// cannot know which life is the present one until it is heard.
func TestForgottenLife(t *testing.T) {
	recorded := daemon(t, ring(t, 1), 1, 50).Seal(nil, []byte("recorded"))
	b := daemon(t, ring(t, 1), 2, 200)
	opens(t, b, recorded, "recorded")
	opens(t, b, recorded, ErrReplay)
	opens(t, b, daemon(t, ring(t, 1), 1, 100).Seal(nil, []byte("now")), "now")
	opens(t, b, recorded, ErrStale)
}

// TestEpochs: the subkey changes in the middle of traffic, and stragglers get through
// while they are within the window.
func TestEpochs(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 2, 100)
	opens(t, b, a.Seal(nil, []byte("first")), "first")
	a.out.counter = epochSize - 3
	x, y, z := a.Seal(nil, []byte("x")), a.Seal(nil, []byte("y")), a.Seal(nil, []byte("z"))
	if n := binary.BigEndian.Uint32(z[prefixSize:]); n != epochSize-1 {
		t.Fatalf("last counter %d", n)
	}
	next := a.Seal(nil, []byte("next"))
	if p := prefix(next); p.epoch() != 1 || binary.BigEndian.Uint32(next[prefixSize:]) != 0 {
		t.Fatalf("epoch %d", p.epoch())
	}
	opens(t, b, x, "x")
	opens(t, b, next, "next")
	opens(t, b, y, "y")
	opens(t, b, y, ErrReplay)
	a.out.counter = windowSize
	far := a.Seal(nil, []byte("far"))
	opens(t, b, far, "far")
	opens(t, b, z, ErrReplay) // as old as if the counter had gone on
	opens(t, b, next, ErrReplay)

	// Two epochs later the first one is forgotten, and not taken for a new one.
	a.out.counter = epochSize
	opens(t, b, a.Seal(nil, []byte("third")), "third")
	opens(t, b, x, ErrReplay)
	opens(t, b, z, ErrReplay)
	if n := len(*b.in.streams.Load()); n != 2 {
		t.Errorf("%d streams are kept", n)
	}
	// A whole epoch may be missed.
	a.out.counter = epochSize
	a.Seal(nil, []byte("unheard"))
	a.out.counter = epochSize
	opens(t, b, a.Seal(nil, []byte("fifth")), "fifth")
}

// TestRotation is the procedure of the documentation, with a message in each
// direction between all steps.
func TestRotation(t *testing.T) {
	daemons := []*Sealer{daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 2, 100), daemon(t, ring(t, 1), 3, 100)}
	talk := func() {
		t.Helper()
		for i, a := range daemons {
			sealed := a.Seal(nil, []byte("x"))
			for j, b := range daemons {
				if i != j {
					opens(t, b, sealed, "x")
					opens(t, b, sealed, ErrReplay)
				}
			}
		}
	}
	talk()
	for _, step := range [][]byte{{1, 2}, {2, 1}, {2}, {2, 3}, {3, 2}, {3}} {
		for _, d := range daemons {
			before := prefix(d.Seal(nil, nil))
			if err := d.SetKeys(ring(t, step...)); err != nil {
				t.Fatal(err)
			}
			after := prefix(d.Seal(nil, nil))
			if changed := before.keyID() != after.keyID(); changed != (before.epoch() != after.epoch()) {
				t.Fatalf("step %v: key changed %v, epochs %d and %d", step, changed, before.epoch(), after.epoch())
			}
			talk()
		}
	}
}

// TestKeyRemovedAndBack: nothing sealed with a key that is gone is opened; and when it
// comes back, what was opened before still counts as opened.
func TestKeyRemovedAndBack(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1, 2), 2, 100)
	first, second := a.Seal(nil, []byte("1")), a.Seal(nil, []byte("2"))
	opens(t, b, first, "1")
	if err := b.SetKeys(ring(t, 2)); err != nil {
		t.Fatal(err)
	}
	opens(t, b, first, ErrUnknownKey)
	opens(t, b, second, ErrUnknownKey)
	if err := b.SetKeys(ring(t, 2, 1)); err != nil {
		t.Fatal(err)
	}
	opens(t, b, first, ErrReplay)
	opens(t, b, second, "2")
	// Another key with the same short name does not bring it back.
	other := ring(t, 3)
	other.list[0].id = a.out.key.id
	if err := b.SetKeys(other); err != nil {
		t.Fatal(err)
	}
	opens(t, b, a.Seal(nil, []byte("3")), ErrAuth)
}

// TestNoState: without a key nobody can make us remember anything, or derive a
// subkey more often than once for what the daemons themselves have sent.
func TestNoState(t *testing.T) {
	b := daemon(t, ring(t, 1), 2, 100)
	id := ring(t, 1).list[0].id
	rnd := rand.NewChaCha8([32]byte{1})
	for range 20000 {
		junk := make([]byte, 64)
		_, _ = rnd.Read(junk)
		junk[0] = mark
		copy(junk[1:], id[:])
		opens(t, b, junk, ErrAuth)
	}
	if b.in.pending != nil {
		t.Error("a subkey was derived for junk")
	}
	recorded := daemon(t, ring(t, 1), 1, 100).Seal(nil, make([]byte, 30))
	var derived *stream
	for i := range 1000 {
		junk := bytes.Clone(recorded)
		_, _ = rnd.Read(junk[prefixSize:])
		opens(t, b, junk, ErrAuth)
		if st := b.in.pending; i == 0 {
			derived = st
		} else if st != derived {
			t.Fatal("a subkey was derived again")
		}
	}
	if len(b.in.senders) != 0 || len(*b.in.streams.Load()) != 0 {
		t.Error("forged datagrams left state")
	}
}

func TestMaxSenders(t *testing.T) {
	b := daemon(t, ring(t, 1), 1<<20, 100)
	for id := range uint32(maxSenders + 50) {
		opens(t, b, daemon(t, ring(t, 1), id+1, 100).Seal(nil, []byte("x")), "x")
	}
	if len(b.in.senders) != maxSenders || len(*b.in.streams.Load()) != maxSenders {
		t.Errorf("%d senders, %d streams", len(b.in.senders), len(*b.in.streams.Load()))
	}
}

// TestNonces: no two datagrams have subkey and nonce in common, with concurrent
// senders, changes of key and of epoch, and processes that have id and start in common.
func TestNonces(t *testing.T) {
	const workers, each = 4, 2000
	type place struct {
		prefix  prefix
		counter uint32
	}
	var mu sync.Mutex
	places := make(map[place]bool)
	streams := make(map[[20]byte]prefix) // what subkeys are derived from, apart from the key
	for range 3 {
		a := daemon(t, ring(t, 1), 1, 100)
		a.out.counter = epochSize - each
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := range each {
					if i%500 == 0 {
						if err := a.SetKeys(ring(t, byte(1+(i/500+w)%2))); err != nil {
							t.Error(err)
						}
					}
					sealed := a.Seal(nil, nil)
					p := place{prefix(sealed), binary.BigEndian.Uint32(sealed[prefixSize:])}
					mu.Lock()
					if places[p] {
						t.Errorf("twice: %x %d", p.prefix, p.counter)
					}
					places[p] = true
					if q, ok := streams[[20]byte(p.prefix.stream())]; ok && q != p.prefix {
						t.Errorf("one stream, two prefixes: %x %x", q, p.prefix)
					}
					streams[[20]byte(p.prefix.stream())] = p.prefix
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	if len(places) != 3*workers*each {
		t.Errorf("%d places", len(places))
	}
}

// TestConcurrent: several readers, each datagram twice, keys rotated meanwhile on both
// sides: each is opened exactly once. No reader is more than one epoch late.
func TestConcurrent(t *testing.T) {
	const senders, epochs, each, readers = 3, 6, 500, 3
	type copied struct {
		sealed []byte
		done   *sync.WaitGroup // of the epoch
	}
	b := daemon(t, ring(t, 1, 2), 100, 100)
	in := make(chan copied, 64)
	var opened [senders * epochs * each]atomic.Int32
	var replays atomic.Int32
	var sending, reading sync.WaitGroup
	turned := func(n int) *Keys { return ring(t, byte(1+n%2), byte(2-n%2)) }
	for r := range readers {
		reading.Go(func() {
			n := 0
			for c := range in {
				got, err := b.Open(c.sealed)
				switch err {
				case nil:
					opened[binary.BigEndian.Uint32(got)].Add(1)
				case ErrReplay:
					replays.Add(1)
				default:
					t.Error(err)
				}
				c.done.Done()
				if n++; r == 0 && n%200 == 0 {
					if err := b.SetKeys(turned(n / 200)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for s := range senders {
		a := daemon(t, ring(t, 1, 2), uint32(s+1), 100)
		sending.Go(func() {
			var done [epochs]sync.WaitGroup
			for epoch := range epochs {
				if epoch >= 2 {
					done[epoch-2].Wait()
				}
				if err := a.SetKeys(turned(epoch)); err != nil {
					t.Error(err)
				}
				done[epoch].Add(2 * each)
				for i := range each {
					n := (s*epochs+epoch)*each + i
					sealed := a.Seal(nil, binary.BigEndian.AppendUint32(nil, uint32(n)))
					in <- copied{bytes.Clone(sealed), &done[epoch]}
					in <- copied{sealed, &done[epoch]}
				}
			}
			if got := a.out.prefix.epoch(); got != epochs-1 {
				t.Errorf("sealed in %d epochs", got+1)
			}
		})
	}
	sending.Wait()
	close(in)
	reading.Wait()
	for i := range opened {
		if n := opened[i].Load(); n != 1 {
			t.Fatalf("datagram %d was opened %d times", i, n)
		}
	}
	if n := replays.Load(); n != senders*epochs*each {
		t.Errorf("%d replays", n)
	}
}

// TestTwoReadersMeet: two goroutines have the first datagrams of a life at once, at
// every step at which one may be ahead of the other.
func TestTwoReadersMeet(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 2, 100)
	first := a.Seal(nil, []byte("1"))
	p := prefix(first)
	late, err := b.in.meet(p)
	if err != nil {
		t.Fatal(err)
	}
	b.in.pending = nil // as if others had been met in between
	opens(t, b, first, "1")
	begun := (*b.in.streams.Load())[p]
	if st, err := b.in.meet(p); st != begun || err != nil {
		t.Errorf("met after another reader: %p, %v, want %p", st, err, begun)
	}
	if st, err := b.in.admit(late); st != begun || err != nil {
		t.Errorf("admitted after another reader: %p, %v, want %p", st, err, begun)
	}
	// One that was met before its key went, or its life was over, does not begin.
	a.out.counter = epochSize
	next, err := b.in.meet(prefix(a.Seal(nil, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetKeys(ring(t, 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.in.admit(next); err != ErrUnknownKey {
		t.Errorf("admitted without key: %v", err)
	}
	if err := b.SetKeys(ring(t, 1)); err != nil {
		t.Fatal(err)
	}
	opens(t, b, daemon(t, ring(t, 1), 1, 101).Seal(nil, []byte("restarted")), "restarted")
	if _, err := b.in.admit(next); err != ErrStale {
		t.Errorf("admitted after its life: %v", err)
	}
}

// TestOneEpochTwoKeys: an epoch belongs to one key, so another cannot open a fresh window for it.
func TestOneEpochTwoKeys(t *testing.T) {
	a, b := daemon(t, ring(t, 1, 2), 1, 100), daemon(t, ring(t, 1, 2), 2, 100)
	opens(t, b, a.Seal(nil, []byte("x")), "x")
	key := ring(t, 2).list[0]
	if err := a.out.begin(key, makePrefix(key, 1, a.out.prefix.life(), 0)); err != nil {
		t.Fatal(err)
	}
	opens(t, b, a.Seal(nil, []byte("y")), ErrReplay)
}
