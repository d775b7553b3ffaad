package session

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// feed copies bytes into the input as reads of the given size would.
func feed(in *input, pool *chunks, data []byte, need int) int {
	n := copy(in.space(need, pool), data)
	in.read(n)
	return n
}

// TestInputKeepsWhatIsTaken drives an input with random reads, messages and
// turns, and checks that no message changes as long as it waits to be written.
func TestInputKeepsWhatIsTaken(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		pool := &chunks{}
		inputs := []*input{{}, {}, {}}
		type taken struct{ got, want []byte }
		waiting := make([][]taken, len(inputs))
		rest := make([][]byte, len(inputs)) // of the message being read
		for range 80 {
			i := r.IntN(len(inputs))
			in := inputs[i]
			for range r.IntN(6) {
				if len(rest[i]) == 0 && len(in.buf) == 0 {
					rest[i] = randomBytes(r)
				}
				size := len(in.buf) + len(rest[i])
				piece := rest[i][:r.IntN(len(rest[i])+1)]
				n := feed(in, pool, piece, size)
				rest[i] = rest[i][n:]
				if len(rest[i]) == 0 && len(in.buf) > 0 {
					m := in.take(len(in.buf))
					waiting[i] = append(waiting[i], taken{m, bytes.Clone(m)})
				}
			}
			for i := range waiting {
				for _, w := range waiting[i] {
					if !bytes.Equal(w.got, w.want) {
						t.Fatalf("seed %d: a message that waits was overwritten", seed)
					}
				}
			}
			written := r.IntN(3) > 0
			if written {
				waiting[i] = nil
			}
			in.settle(written)
			switch r.IntN(4) {
			case 0:
				in.rest(pool)
			case 1:
				if len(in.buf) == 0 {
					in.drop(pool)
				}
			}
		}
	}
}

func randomBytes(r *rand.Rand) []byte {
	sizes := []int{1, 48, 180, 5000, 70000, 150000}
	return bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(sizes[r.IntN(len(sizes))]))
}

// TestInputAllocatesByWhatIsSent: the length that a header claims is not
// believed before bytes have come.
func TestInputAllocatesByWhatIsSent(t *testing.T) {
	in, pool := &input{}, &chunks{}
	feed(in, pool, make([]byte, 48), 0)
	for have := 48; have < 100; have++ {
		if n := cap(in.space(144000, pool)); n > chunkSize {
			t.Fatalf("%d bytes of room after %d bytes from the client", n, have)
		}
		in.read(1)
	}
}

func TestIdleInputHoldsNoBuffer(t *testing.T) {
	in, pool := &input{}, &chunks{}
	feed(in, pool, make([]byte, 180), 0)
	in.take(180)
	in.settle(true)
	in.rest(pool)
	if in.buf != nil || in.base != nil || len(pool.free) != 1 {
		t.Fatalf("after a rest: buffer of %d, %d given back", cap(in.buf), len(pool.free))
	}
	feed(in, pool, make([]byte, 100), 0) // an incomplete message
	in.settle(true)
	in.rest(pool)
	if cap(in.buf) > 128 {
		t.Fatalf("100 bytes of a message are kept in %d", cap(in.buf))
	}
}

// BenchmarkSplitMessages: the original library sends each message in two pieces.
func BenchmarkSplitMessages(b *testing.B) {
	in, pool := &input{}, &chunks{}
	head, body := make([]byte, 80), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		feed(in, pool, head, 0)
		in.settle(true)
		in.rest(pool)
		feed(in, pool, body, 180)
		in.take(180)
		in.settle(true)
		in.rest(pool)
	}
}
