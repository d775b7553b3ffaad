package spread

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"gospread/spread/internal/clientproto"
)

// fragments gives out a stream in pieces of the given sizes, again and again.
type fragments struct {
	b     []byte
	sizes []byte
	n     int
}

func (f *fragments) Read(b []byte) (int, error) {
	if len(f.b) == 0 {
		return 0, io.EOF
	}
	size := len(b)
	if len(f.sizes) > 0 {
		// From single bytes to more than a chunk.
		s := f.sizes[f.n%len(f.sizes)]
		size = min(1<<(s%18)+int(s)>>4, len(b))
		f.n++
	}
	n := copy(b[:size], f.b)
	f.b = f.b[n:]
	return n, nil
}

// cut is the plain way to do what a framer does: all bytes are there.
func cut(b []byte) (frames [][]byte, err error) {
	for len(b) >= clientproto.HeaderSize {
		h, err := clientproto.ParseHeader(b)
		if err == nil {
			err = checkIncoming(&h)
		}
		if err != nil {
			return frames, err
		}
		if len(b) < h.Size() {
			break
		}
		frames = append(frames, b[:h.Size()])
		b = b[h.Size():]
	}
	return frames, io.EOF
}

// checkFraming compares a framer with cut.
func checkFraming(t *testing.T, stream, sizes []byte, begun int) {
	want, wantErr := cut(stream)
	f := newFramer(&fragments{b: stream[begun:], sizes: sizes}, stream[:begun])
	var kept []frame
	for {
		fr, ok, err := f.next()
		if err == nil && !ok {
			if err = f.read(); err == nil {
				continue
			}
		}
		if err != nil {
			if (err == io.EOF) != (wantErr == io.EOF) {
				t.Fatalf("ended with %v, want %v", err, wantErr)
			}
			break
		}
		kept = append(kept, fr)
	}
	if len(kept) != len(want) {
		t.Fatalf("%d messages, want %d", len(kept), len(want))
	}
	for i, fr := range kept {
		if !bytes.Equal(fr.b, want[i]) {
			t.Fatalf("message %d is wrong", i)
		}
	}
}

func TestFraming(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 25 {
		var stream []byte
		for range rnd.IntN(25) {
			// Around the sizes at which things are done differently.
			size := []int{0, 1, 100, minChunk, minOwn, maxChunk, trusted, 3 * trusted}[rnd.IntN(8)] + rnd.IntN(200) - 100
			b := data(clientproto.RegularMembership, "g", nil, 0, strings.Repeat("x", max(size, 0)))
			for i := clientproto.HeaderSize; i < len(b); i++ {
				b[i] = byte(i * len(b))
			}
			stream = append(stream, b...)
		}
		sizes := make([]byte, rnd.IntN(5))
		for i := range sizes {
			sizes[i] = byte(rnd.Uint32() | 8) // not only single bytes
		}
		checkFraming(t, stream, sizes, rnd.IntN(min(len(stream), 600)+1))
	}
	small := data(clientproto.Agreed, "#a#b", []string{"g"}, 0, "abc")
	checkFraming(t, bytes.Repeat(small, 2000), []byte{0}, 0)
}

// TestHeaderIsNoMemory: the word of a header alone does not make the client
// allocate.
func TestHeaderIsNoMemory(t *testing.T) {
	h := data(clientproto.RegularMembership, "g", nil, 0, "")
	huge := clientproto.Header{Type: clientproto.RegularMembership, NumGroups: 100, DataLen: maxFrame - 4000}
	clientproto.PutHeader(h, &huge)
	f := newFramer(io.MultiReader(bytes.NewReader(h), bytes.NewReader(make([]byte, 2*trusted))), nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for {
		if _, ok, err := f.next(); ok || err != nil {
			t.Fatal(ok, err)
		}
		if err := f.read(); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16*trusted {
		t.Errorf("%d bytes were allocated for a message of which %d came", grown, 2*trusted)
	}
}

// FuzzReceive feeds the receiving path with bytes in fragments: it must cut as
// the plain way does, whatever the fragments, and decode without a crash.
func FuzzReceive(f *testing.F) {
	for _, vs := range sessions(f) {
		var stream []byte
		for _, v := range vs {
			if v.isMessage() {
				stream = append(stream, v.bytes...)
			}
		}
		f.Add(stream, []byte{0, 3, 17})
	}
	f.Fuzz(func(t *testing.T, stream, sizes []byte) {
		checkFraming(t, stream, sizes, 0)
		frames, _ := cut(stream)
		for _, old := range []bool{false, true} {
			d := &decoder{oldViews: old, private: clientproto.MakeName("#alice#localhost")}
			for _, b := range frames {
				fr := frame{b: b}
				var err error
				if fr.Header, err = clientproto.ParseHeader(b); err != nil {
					t.Fatal(err)
				}
				ev, err := d.decode(&fr)
				if (ev == nil) == (err == nil) {
					t.Fatalf("%v, %v", ev, err)
				}
				if v, ok := ev.(*View); ok && (v.OwnSet < 0 || v.OwnSet >= len(v.Sets) || v.Index >= len(v.Members)) {
					t.Fatalf("%+v", v)
				}
			}
		}
	})
}

// FuzzHandshake feeds the client's side of the handshake.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte("\x05NULL \x01\x05\x00\x01\x10#alice#localhost"), []byte{0})
	f.Add([]byte("\xfd"), []byte{9})
	f.Fuzz(func(t *testing.T, b, sizes []byte) {
		h := &handshake{conn: &answer{fragments: fragments{b: b, sizes: sizes}}}
		o := defaults()
		err := h.run(t.Context(), &o)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Code >= 0 || e.Code < ErrAuth) {
			t.Errorf("%v", err)
		}
		if len(h.buf) > 1024 {
			t.Errorf("%d bytes were read ahead", len(h.buf))
		}
	})
}

// answer is a connection that takes everything and answers from fragments.
type answer struct {
	sink
	fragments
}

func (a *answer) Read(b []byte) (int, error)  { return a.fragments.Read(b) }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }

// TestChunksFollowTheLoad: a connection with little to read holds little memory.
func TestChunksFollowTheLoad(t *testing.T) {
	one := data(clientproto.Agreed, "#a#b", []string{"g"}, 0, "abc")
	run := func(f *framer, times, messages int) {
		for range times {
			f.src = bytes.NewReader(bytes.Repeat(one, messages))
			for {
				if _, ok, err := f.next(); err != nil {
					t.Fatal(err)
				} else if !ok && f.read() != nil {
					break
				}
			}
		}
	}
	f := newFramer(nil, nil)
	run(f, 1000, 1)
	if n := len(f.chunk); n != minChunk {
		t.Errorf("a chunk of %d bytes for single messages", n)
	}
	run(f, 1000, 500)
	if n := len(f.chunk); n != maxChunk {
		t.Errorf("a chunk of %d bytes under load", n)
	}
	run(f, 3000, 1)
	if n := len(f.chunk); n != minChunk {
		t.Errorf("a chunk of %d bytes for single messages, after a load", n)
	}
}
