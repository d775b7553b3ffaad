package echo

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	for _, auth := range []*Auth{{}, {Keys: []Key{key(7), key(8)}}} {
		for _, m := range []*Message{
			{Kind: Probe, Way: SpareAll, From: 1, Life: 1 << 63, Seq: 3, Stamp: 4, Clock: -5, Hash: 6, Text: 7, SegAddrs: 8, Size: 1400},
			{Kind: Answer, Way: Token, From: 1, To: 2, Size: MinSize},
			{Kind: Report, From: 9, Size: MinSize + 2*rowLen, Rows: []Row{
				{Daemon: 1, Addr: address(1), Heard: [Ways]uint16{1, 2, 3, 4, 5, 6}, Done: true}, {Daemon: 2, Addr: address(2)}}},
		} {
			b := m.Append([]byte("before"), auth)[len("before"):]
			got, err := Parse(b, auth)
			if err != nil || !reflect.DeepEqual(got, m) || len(b) != m.Size {
				t.Errorf("%+v, %v, want %+v", got, err, m)
			}
			for i := range b { // every byte is under the tag
				b[i] ^= 4
				if _, err := Parse(b, auth); err == nil {
					t.Errorf("byte %d can be changed", i)
				}
				b[i] ^= 4
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, m := range map[string]*Message{
		"no kind":       {From: 1},
		"a later kind":  {Kind: Report + 1, From: 1},
		"no such way":   {Kind: Probe, Way: Ways, From: 1},
		"nobody":        {Kind: Probe},
		"too many rows": {Kind: Report, From: 1, Rows: make([]Row, MaxRows+1)},
	} {
		if _, err := Parse(m.Append(nil, &Auth{}), &Auth{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{"nothing": nil, "short": []byte(magic), "another": bytes.Repeat([]byte{1}, 200), "long": make([]byte, MaxSize+1)} {
		if _, err := Parse(b, &Auth{}); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	auth := &Auth{}
	for _, m := range []*Message{{Kind: Probe, From: 1}, {Kind: Report, From: 1, Rows: make([]Row, 3)}} {
		b := m.Append(nil, auth)
		f.Add(b[:len(b)-tagLen])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, auth.tag(b, 0)...) // so that it comes as far as the fields
		m, err := Parse(b, auth)
		if err != nil {
			return
		}
		again := m.Append(nil, auth)
		if n, err := Parse(again, auth); err != nil || len(again) != len(b) || !reflect.DeepEqual(m, n) {
			t.Errorf("%x is %+v, which comes back as %+v, %v", b, m, n, err)
		}
	})
}
