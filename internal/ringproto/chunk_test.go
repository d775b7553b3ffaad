package ringproto

import (
	"bytes"
	"strings"
	"testing"
)

// chunk is the bytes of a chunk; total is of the whole message, if it goes on.
func chunk(service uint8, first, last bool, text string, total int) []byte {
	b := make([]byte, ChunkHead(first, last))
	PutChunk(b, service, first, last, len(text), total)
	return append(b, text...)
}

func TestChunkRoundTrip(t *testing.T) {
	long := strings.Repeat("x", 1<<16-1)
	for _, text := range []string{"", "a", long} {
		for service := range uint8(Control + 1) {
			for _, c := range []struct{ first, last bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
				b := append(chunk(service, c.first, c.last, text, 1<<20), "rest"...)
				got, rest, err := ParseChunk(b)
				if err != nil || got.Service != service || got.First != c.first || got.Last != c.last || string(got.Data) != text || string(rest) != "rest" {
					t.Errorf("%d %v: %+v, %q, %v", service, c, got, rest, err)
				}
				total := 0
				switch {
				case c.first && c.last:
					total = len(text)
				case c.first:
					total = 1 << 20
				}
				if got.Total != total {
					t.Errorf("%v: total %d, not %d", c, got.Total, total)
				}
			}
		}
	}
}

// The data of a chunk ends where it ends: nobody who appends to it hits the next.
func TestChunkCapacity(t *testing.T) {
	c, _, err := ParseChunk(append(chunk(2, true, true, "one", 0), chunk(2, true, true, "two", 0)...))
	if err != nil || cap(c.Data) != 3 {
		t.Errorf("%d, %v", cap(c.Data), err)
	}
}

func TestMalformedChunks(t *testing.T) {
	good := chunk(4, true, true, "text", 0)
	for name, change := range map[string]func(b []byte) []byte{
		"cut":               func(b []byte) []byte { return b[:len(b)-1] },
		"no length":         func(b []byte) []byte { return b[:3] },
		"nothing":           func(b []byte) []byte { return nil },
		"service 7":         func(b []byte) []byte { b[0] |= 7; return b },
		"an unknown bit":    func(b []byte) []byte { b[0] |= 32; return b },
		"the highest bit":   func(b []byte) []byte { b[0] |= 128; return b },
		"second byte":       func(b []byte) []byte { b[1] = 1; return b },
		"too long":          func(b []byte) []byte { b[2] = 255; return b },
		"whole of nothing":  func(b []byte) []byte { return chunk(4, true, false, "text", 0) },
		"whole as its part": func(b []byte) []byte { return chunk(4, true, false, "text", 4) },
		"no whole":          func(b []byte) []byte { return chunk(4, true, false, "", 1)[:6] },
	} {
		if c, _, err := ParseChunk(change(bytes.Clone(good))); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestValidChunks(t *testing.T) {
	whole, begins := chunk(4, true, true, "whole", 0), chunk(4, true, false, "begins", 100)
	goesOn, ends := chunk(4, false, false, "goes on", 0), chunk(4, false, true, "ends", 0)
	safe, reliable, unreliable := chunk(5, true, true, "", 0), chunk(1, true, true, "r", 0), chunk(0, true, true, "", 0)
	join := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	for _, c := range []struct {
		name           string
		b              []byte
		ordered, loose bool
	}{
		{"nothing", nil, false, false},
		{"a message", whole, true, false},
		{"messages", join(whole, safe, whole), true, false},
		{"the beginning of one", begins, true, false},
		{"a message, the beginning of one", join(whole, begins), true, false},
		{"the middle of one", goesOn, true, false},
		{"the end of one", ends, true, false},
		{"an end, messages, a beginning", join(ends, whole, reliable, begins), true, false},
		{"a message, an end", join(whole, ends), false, false},
		{"a message, a middle", join(whole, goesOn), false, false},
		{"a beginning, a message", join(begins, whole), false, false},
		{"a beginning, its end", join(begins, ends), false, false},
		{"a middle, a message", join(goesOn, whole), false, false},
		{"loose messages", join(reliable, unreliable), true, true},
		{"a loose beginning", chunk(1, true, false, "r", 9), true, false},
		{"a loose end", chunk(1, false, true, "r", 0), true, false},
		{"mixed", join(reliable, whole), true, false},
		{"rubbish behind", join(whole, []byte{255}), false, false},
	} {
		if got := ValidChunks(c.b, false); got != c.ordered {
			t.Errorf("%s: %v", c.name, got)
		}
		if got := ValidChunks(c.b, true); got != c.loose {
			t.Errorf("%s, loose: %v", c.name, got)
		}
	}
}

func FuzzChunks(f *testing.F) {
	f.Add(bytes.Join([][]byte{chunk(4, false, true, "ends", 0), chunk(5, true, true, "", 0), chunk(2, true, false, "begins", 10)}, nil), false)
	f.Add(bytes.Join([][]byte{chunk(0, true, true, "one", 0), chunk(1, true, true, "two", 0)}, nil), true)
	f.Fuzz(func(t *testing.T, b []byte, loose bool) {
		if !ValidChunks(b, loose) {
			return
		}
		var again []byte
		rest := b
		for n := 0; len(rest) > 0; n++ {
			c, next, err := ParseChunk(rest)
			if err != nil {
				t.Fatalf("chunk %d of valid ones: %v", n, err)
			}
			if n > 0 && !c.First || len(next) > 0 && !c.Last {
				t.Fatalf("chunk %d breaks the rules: %+v", n, c)
			}
			if loose && (c.Service > 1 || !c.First || !c.Last) {
				t.Fatalf("chunk %d is not loose: %+v", n, c)
			}
			again = append(again, chunk(c.Service, c.First, c.Last, string(c.Data), c.Total)...)
			rest = next
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x becomes %x", b, again)
		}
	})
}
