package ringproto

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
)

var (
	someHeader = Header{Kind: Data, Flags: AckMe | Loose, Sender: 0xfffffffe, Incarnation: 1_700_000_000, Digest: 0x12345678, Config: Config{7, 9}}
	someRing   = Ring{Hop: 1, Aru: 1 << 40, Stable: 3, High: math.MaxUint64}
)

// whole is a data packet with one chunk.
func whole() []byte {
	b := make([]byte, DataSize)
	someHeader.Put(b)
	someRing.Put(b)
	PutOrigin(b, 0xcafe)
	return append(b, chunk(4, true, true, "text", 0)...)
}

// The first bytes are a promise to daemons of other versions.
func TestHeaderBytes(t *testing.T) {
	want := []byte{1, 1, 0, 5, 0xff, 0xff, 0xff, 0xfe, 0x65, 0x53, 0xf1, 0x00, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 7, 0, 0, 0, 9}
	if got := whole()[:HeaderSize]; !bytes.Equal(got, want) {
		t.Errorf("%x, not %x", got, want)
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	b := whole()
	h, err := ParseHeader(b)
	if err != nil || h != someHeader {
		t.Errorf("%+v, %v", h, err)
	}
	r, err := ParseRing(b)
	if err != nil || r != someRing {
		t.Errorf("%+v, %v", r, err)
	}
	o, err := Origin(b)
	if err != nil || o != 0xcafe {
		t.Errorf("%x, %v", o, err)
	}
}

func TestMalformedHeader(t *testing.T) {
	b := whole()
	for n := range len(b) {
		_, h := ParseHeader(b[:n])
		_, r := ParseRing(b[:n])
		_, o := Origin(b[:n])
		if errors.Is(h, ErrShort) != (n < HeaderSize) || errors.Is(r, ErrShort) != (n < RingSize) || errors.Is(o, ErrShort) != (n < DataSize) {
			t.Errorf("%d bytes: %v, %v, %v", n, h, r, o)
		}
	}
	for _, v := range []byte{0, 2, 255} {
		b[0] = v
		if _, err := ParseHeader(b); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "ours is 1") {
			t.Errorf("version %d: %v", v, err)
		}
	}
}

func TestKindNames(t *testing.T) {
	seen := make(map[string]Kind)
	for k := Data; k <= Differ; k++ {
		name := k.String()
		if other, twice := seen[name]; twice || name == "UNKNOWN" {
			t.Errorf("kinds %d and %d are both %s", other, k, name)
		}
		seen[name] = k
	}
	for _, k := range []Kind{0, 100, 255} {
		if k.String() != "UNKNOWN" {
			t.Errorf("kind %d is %s", k, k)
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(whole())
	f.Add(whole()[:RingSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		again := make([]byte, max(len(b), DataSize))
		h.Put(again)
		n := HeaderSize
		if r, err := ParseRing(b); err == nil {
			r.Put(again)
			n = RingSize
		}
		if o, err := Origin(b); err == nil {
			PutOrigin(again, o)
			n = DataSize
		}
		if !bytes.Equal(again[:n], b[:n]) {
			t.Fatalf("%x becomes %x", b[:n], again[:n])
		}
	})
}

// TestForMembers: what finds and forms a configuration is for everybody.
func TestForMembers(t *testing.T) {
	only := map[Kind]bool{Data: true, Token: true, Beat: true, Ack: true, Wake: true, Ping: true}
	for k := range Kind(len(kindNames) + 1) {
		b := make([]byte, HeaderSize)
		(&Header{Kind: k}).Put(b)
		if ForMembers(b) != only[k] {
			t.Errorf("%v: %v", k, ForMembers(b))
		}
		if ForMembers(b[:HeaderSize-1]) {
			t.Errorf("%v, cut short, is for members", k)
		}
	}
}
