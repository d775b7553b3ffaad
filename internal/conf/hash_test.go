package conf

import (
	"net/netip"
	"testing"
)

func TestHashFunction(t *testing.T) {
	for s, want := range map[string]uint32{"a\x00": 2489203003, "localhost\x00": 482711334, "d\xc3\xa4mon\x00": 775600200} {
		if got := hash32(s); got != want {
			t.Errorf("hash32(%q) = %d, want %d", s, got, want)
		}
	}
}

// Ids seen in the log of release 5.
func TestNameID(t *testing.T) {
	for name, want := range map[string]uint32{
		"a": 2489203003, "machine1": 4005365716, "127.0.0.1": 3409748320, "fd00::1": 4018132277, "a;": 2381706296, "abcdefghijklmnopqrs": 3919549666,
	} {
		if got := nameID(name); got != want {
			t.Errorf("nameID(%q) = %d, want %d", name, got, want)
		}
	}
}

func TestUsableID(t *testing.T) {
	for id, want := range map[uint32]uint32{0: 4 << 16, 0xffffffff: 4 << 16, 1: 1, 0xfffffffe: 0xfffffffe} {
		if got := usableID(id, 3); got != want {
			t.Errorf("usableID(%d) = %d, want %d", id, got, want)
		}
	}
}

func TestHashVectors(t *testing.T) {
	const one = "Spread_Segment 127.0.0.255:6000 { a 127.0.0.1 }\n"
	for _, c := range []struct {
		src  string
		want uint32
	}{
		{one, 1605691288},
		{one + "AcceleratedRing = true", 3396812777},
		{one + "AcceleratedRing = false", 1605691288},
		{one + "AcceleratedRing = true AcceleratedRing = no", 1605691288},
		{one + "ExcludeSegAddrsFromHash = true", 3107935520},
		{"Spread_Segment [::1]:6000 { a ::1 }", 553810703},
		// Nothing else enters the hash.
		{one + "Window = 200 WideAreaNetwork = true MaxSessionBytes = 5000000 RingKeyFile = k DangerousMonitor = yes EventTimeStamp", 1605691288},
		{"Spread_Segment 127.0.0.255:6000 { a 127.0.0.1 { 127.0.0.1 C 127.0.0.9 } }", 1605691288},
		{"Spread_Segment [::1%lo]:6000 { a ::1%lo }", 553810703},
		{"Spread_Segment 127.0.0.255 { a 127.0.0.1 VirtualID = 7 }", 0},
	} {
		cfg := parse(t, c.src)
		if got := cfg.Hash(); c.want != 0 && got != c.want || c.want == 0 && got == 1605691288 {
			t.Errorf("%s: hash %d, want %d", c.src, got, c.want)
		}
	}
}

func TestHashAddr(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.1":         "10.0.0.1",
		"::1":              "0000:0000:0000:0000:0000:0000:0000:0001",
		"FE80::AB%lo":      "fe80:0000:0000:0000:0000:0000:0000:00ab",
		"::ffff:127.0.0.1": "0000:0000:0000:0000:0000:ffff:7f00:0001",
	} {
		if got := hashAddr(netip.MustParseAddr(in)); got != want {
			t.Errorf("hashAddr(%s) = %s, want %s", in, got, want)
		}
	}
}
