package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// daemon makes the Sealer of a daemon.
func daemon(t testing.TB, keys *Keys, id, incarnation uint32) *Sealer {
	t.Helper()
	s, err := New(keys, id, incarnation)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opens checks that a copy of b opens as want, or fails with that error.
func opens(t *testing.T, s *Sealer, b []byte, want any) {
	t.Helper()
	got, err := s.Open(bytes.Clone(b))
	switch want := want.(type) {
	case error:
		if !errors.Is(err, want) || got != nil {
			t.Fatalf("opened as %q with error %v, want %v", got, err, want)
		}
	case string:
		if err != nil || string(got) != want {
			t.Fatalf("opened as %q with error %v, want %q", got, err, want)
		}
	default:
		t.Fatalf("what is %v", want)
	}
}

// modes runs a test with a pair of Sealers of each mode.
func modes(t *testing.T, f func(t *testing.T, a, b *Sealer)) {
	t.Run("plain", func(t *testing.T) { f(t, Plain(), Plain()) })
	t.Run("keyed", func(t *testing.T) { f(t, daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 2, 100)) })
}

func TestRoundTrip(t *testing.T) {
	modes(t, func(t *testing.T, a, b *Sealer) {
		for _, size := range []int{0, 1, 15, 16, 17, 24, 60, 1400, 8850, 65000} {
			datagram := bytes.Repeat([]byte{byte(size), 7}, size/2+1)[:size]
			before := bytes.Clone(datagram)
			sealed := a.Seal([]byte("front"), datagram)
			if len(sealed) != len("front")+size+a.Overhead() || !bytes.HasPrefix(sealed, []byte("front")) {
				t.Fatalf("%d bytes sealed as %d", size, len(sealed))
			}
			if !bytes.Equal(datagram, before) {
				t.Fatal("Seal changed the datagram")
			}
			got, err := b.Open(sealed[len("front"):])
			if err != nil || !bytes.Equal(got, datagram) || cap(got) != len(got) {
				t.Fatalf("%d bytes: %v", size, err)
			}
		}
	})
}

// fixed is a Sealer without anything random.
func fixed(t testing.TB) *Sealer {
	t.Helper()
	s := daemon(t, ring(t, 1), 0x01020304, 0x65000000)
	l := life{0x65000000, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}}
	if err := s.out.begin(s.out.key, makePrefix(s.out.key, 0x01020304, l, 5)); err != nil {
		t.Fatal(err)
	}
	s.out.counter = 6
	return s
}

// TestFormat fixes the bytes: daemons of all releases must agree on them.
func TestFormat(t *testing.T) {
	s := fixed(t)
	const want = "a51a482a" + "01020304" + "65000000" + "0102030405060708" + "00000005" + "f4069c5e" + "00000006" +
		"73b4a428b5471c835802b783047f5c89860bfe64cb"
	if got := hex.EncodeToString(s.Seal(nil, []byte("hello"))); got != want {
		t.Errorf("sealed %s\nwant   %s", got, want)
	}
	const plain = "68656c6c6f" + "9a71bb4c"
	if got := hex.EncodeToString(Plain().Seal(nil, []byte("hello"))); got != plain {
		t.Errorf("plain %s", got)
	}
}

// TestDamage: no single bit can be flipped, nothing cut off or appended.
func TestDamage(t *testing.T) {
	modes(t, func(t *testing.T, a, b *Sealer) {
		first := a.Seal(nil, []byte("the first one"))
		for round, sealed := range [][]byte{first, a.Seal(nil, []byte("another datagram"))} {
			for bit := range 8 * len(sealed) {
				bad := bytes.Clone(sealed)
				bad[bit/8] ^= 1 << (bit % 8)
				if got, err := b.Open(bad); err == nil {
					t.Fatalf("round %d: bit %d flipped: opened as %q", round, bit, got)
				}
			}
			for n := range len(sealed) {
				if got, err := b.Open(bytes.Clone(sealed[:n])); err == nil {
					t.Fatalf("round %d: cut to %d: opened as %q", round, n, got)
				}
				if got, err := b.Open(bytes.Clone(sealed[len(sealed)-n:])); err == nil {
					t.Fatalf("round %d: last %d: opened as %q", round, n, got)
				}
			}
			if got, err := b.Open(append(bytes.Clone(sealed), 0)); err == nil {
				t.Fatalf("round %d: a byte more: opened as %q", round, got)
			}
			if b.in != nil && round == 0 && len(b.in.senders) != 0 {
				t.Fatal("damaged datagrams left state")
			}
			if _, err := b.Open(bytes.Clone(sealed)); err != nil {
				t.Fatalf("round %d: the whole one: %v", round, err)
			}
		}
	})
}

func TestErrorOfDamage(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 2, 100)
	sealed := a.Seal(nil, []byte("one"))
	flip := func(at int) []byte {
		bad := bytes.Clone(sealed)
		bad[at] ^= 4
		return bad
	}
	opens(t, b, flip(0), ErrUnsealed)
	opens(t, b, flip(1), ErrUnknownKey)
	for _, at := range []int{4, 8, 12, 20, 24, 28, headerSize, len(sealed) - 1} {
		opens(t, b, flip(at), ErrAuth)
	}
	opens(t, b, sealed, "one")
	opens(t, b, flip(headerSize), ErrAuth) // of a stream that is known
	opens(t, b, nil, ErrCorrupt)
	opens(t, b, sealed[:headerSize+tagSize-1], ErrCorrupt)
	opens(t, Plain(), nil, ErrCorrupt)
	opens(t, Plain(), []byte{1, 2, 3, 4}, ErrCorrupt)
}

func TestOneSideSealed(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), Plain()
	opens(t, b, a.Seal(nil, []byte("x")), ErrSealed)
	opens(t, b, a.Seal(nil, nil), ErrSealed)
	opens(t, a, b.Seal(nil, []byte("\x01 version 1")), ErrUnsealed)
	opens(t, a, b.Seal(nil, nil), ErrUnsealed)
}

func TestReplay(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 2, 100)
	var all [][]byte
	for i := range 100 {
		all = append(all, a.Seal(nil, fmt.Append(nil, i)))
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(all))
	for _, i := range order {
		opens(t, b, all[i], fmt.Sprint(i))
		opens(t, b, all[i], ErrReplay)
	}
	for _, sealed := range all {
		opens(t, b, sealed, ErrReplay)
	}
	opens(t, a, all[0], ErrOwn)
	opens(t, daemon(t, ring(t, 1), 3, 100), all[0], "0") // each receiver for itself
}

func TestReordering(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 2, 100)
	sealed := func(counter uint32) []byte {
		a.out.counter = counter
		return a.Seal(nil, fmt.Append(nil, counter))
	}
	oldest, second := sealed(0), sealed(1)
	opens(t, b, sealed(windowSize), fmt.Sprint(windowSize))
	opens(t, b, oldest, ErrReplay)
	opens(t, b, second, "1")
	opens(t, b, second, ErrReplay)
}

// TestForgedDoesNotMoveWindow: what is not authentic changes nothing.
func TestForgedDoesNotMoveWindow(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 1), 2, 100)
	first, second := a.Seal(nil, []byte("1")), a.Seal(nil, []byte("2"))
	opens(t, b, first, "1")
	forged := bytes.Clone(second)
	forged[prefixSize] = 0xff // a counter far ahead
	opens(t, b, forged, ErrAuth)
	opens(t, b, second, "2")
}

func TestManySenders(t *testing.T) {
	b := daemon(t, ring(t, 1), 1000, 100)
	senders := make([]*Sealer, 128)
	for i := range senders {
		senders[i] = daemon(t, ring(t, 1), uint32(i+1), 100)
	}
	for round := range 20 {
		for i, a := range senders {
			sealed := a.Seal(nil, fmt.Append(nil, i, round))
			opens(t, b, sealed, fmt.Sprint(i, round))
			opens(t, b, sealed, ErrReplay)
		}
	}
}

// TestImpersonation: a header cannot be moved to another body, sender, life, epoch or key.
func TestImpersonation(t *testing.T) {
	keys := ring(t, 1, 2)
	a, c, b := daemon(t, keys, 1, 100), daemon(t, keys, 3, 100), daemon(t, keys, 2, 100)
	fromA, fromC := a.Seal(nil, []byte("from a")), c.Seal(nil, []byte("from c"))
	if err := a.SetKeys(ring(t, 2, 1)); err != nil {
		t.Fatal(err)
	}
	next := a.Seal(nil, []byte("next"))
	for _, known := range []bool{false, true} {
		for _, x := range [][]byte{fromA, fromC, next} {
			for _, y := range [][]byte{fromA, fromC, next} {
				for at := 1; at <= headerSize; at++ {
					for from := range at {
						mix := bytes.Clone(x)
						copy(mix[from:at], y[from:at])
						if bytes.Equal(mix, x) || bytes.Equal(mix, y) {
							continue
						}
						if got, err := b.Open(mix); err == nil {
							t.Fatalf("known %v: header bytes %d to %d of another: opened as %q", known, from, at, got)
						}
					}
				}
			}
		}
		if known {
			break
		}
		opens(t, b, fromA, "from a")
		opens(t, b, fromC, "from c")
		opens(t, b, next, "next")
	}
}

func TestUnknownKey(t *testing.T) {
	a, b := daemon(t, ring(t, 1), 1, 100), daemon(t, ring(t, 2), 2, 100)
	opens(t, b, a.Seal(nil, []byte("x")), ErrUnknownKey)
	// Another key under the same short name.
	a.out.key.id = b.out.key.id
	if err := a.out.next(a.out.key); err != nil {
		t.Fatal(err)
	}
	opens(t, b, a.Seal(nil, []byte("x")), ErrAuth)
	if len(b.in.senders) != 0 {
		t.Error("left state")
	}
}

func TestConstructors(t *testing.T) {
	if _, err := New(nil, 1, 1); err == nil {
		t.Error("New without keys")
	}
	if _, err := New(&Keys{}, 1, 1); err == nil {
		t.Error("New with no keys")
	}
	if _, err := New(ring(t, 1), 0, 1); err == nil {
		t.Error("New for the id of tools")
	}
	if _, err := NewTool(nil); err == nil {
		t.Error("NewTool without keys")
	}
	if Plain().Keyed() || !daemon(t, ring(t, 1), 1, 1).Keyed() {
		t.Error("Keyed")
	}
	if err := Plain().SetKeys(ring(t, 1)); err == nil {
		t.Error("a plain Sealer took keys")
	}
	if err := daemon(t, ring(t, 1), 1, 1).SetKeys(nil); err == nil {
		t.Error("SetKeys without keys")
	}
}

func TestNoAllocation(t *testing.T) {
	modes(t, func(t *testing.T, a, b *Sealer) {
		datagram := make([]byte, 1400)
		sealed := a.Seal(nil, datagram)
		if _, err := b.Open(sealed); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(1000, func() {
			sealed = a.Seal(sealed[:0], datagram)
			if _, err := b.Open(sealed); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
		bad := a.Seal(nil, datagram)
		bad[len(bad)-1] ^= 1
		if n := testing.AllocsPerRun(1000, func() {
			if _, err := b.Open(bad); err == nil {
				t.Fatal("opened")
			}
			if _, err := b.Open(bad[:8]); err == nil {
				t.Fatal("opened")
			}
		}); n != 0 {
			t.Errorf("%v allocations for a damaged one", n)
		}
	})
}

func FuzzOpen(f *testing.F) {
	keys := ring(f, 1, 2)
	good := fixed(f).Seal(nil, []byte("good")) // the same in all processes of the fuzzer
	f.Add(good, false)
	f.Add(good, true)
	f.Add(good[:headerSize+tagSize], true)
	f.Add(Plain().Seal(nil, []byte("good")), true)
	f.Add(append([]byte{mark}, make([]byte, 100)...), true)
	f.Fuzz(func(t *testing.T, b []byte, familiar bool) {
		s := daemon(t, keys, 2, 100)
		if familiar {
			opens(t, s, good, "good")
		}
		if got, err := s.Open(bytes.Clone(b)); err == nil && (familiar || !bytes.Equal(b, good) || string(got) != "good") {
			t.Errorf("opened %x as %q", b, got)
		}
		if got, err := Plain().Open(bytes.Clone(b)); err == nil && !bytes.Equal(Plain().Seal(nil, got), b) {
			t.Errorf("plain: opened %x as %q", b, got)
		}
	})
}

func BenchmarkSeal(b *testing.B) { bench(b, false) }
func BenchmarkOpen(b *testing.B) { bench(b, true) }

func bench(b *testing.B, open bool) {
	for _, size := range []int{1400, 60000} {
		for _, mode := range []string{"plain", "keyed"} {
			b.Run(fmt.Sprintf("%s/%d", mode, size), func(b *testing.B) {
				x, y := Plain(), Plain()
				if mode == "keyed" {
					x, y = daemon(b, ring(b, 1), 1, 100), daemon(b, ring(b, 1), 2, 100)
				}
				datagram := make([]byte, size)
				sealed := x.Seal(nil, datagram)
				if _, err := y.Open(bytes.Clone(sealed)); err != nil {
					b.Fatal(err)
				}
				work := bytes.Clone(sealed)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if !open {
						sealed = x.Seal(sealed[:0], datagram)
						continue
					}
					// The same datagram again and again, as if it were the first time.
					copy(work, sealed)
					if y.in != nil {
						y.in.senders[1].last.window.seen[0] = 0
					}
					if _, err := y.Open(work); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
