package daemon

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gospread/spread/internal/seal"
)

// TestUnsealedIsWarnedOf: where datagrams leave the machine and there is no key.
func TestUnsealedIsWarnedOf(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	const elsewhere = "Spread_Segment 203.0.113.1:4803 { elsewhere 203.0.113.1 }\n"
	for _, c := range []struct {
		name, more string
		want       bool
	}{
		{"one daemon", "", false},
		{"another on this machine", "Spread_Segment 127.0.0.1:4905 { near 127.0.0.1 }\n", false},
		{"another elsewhere", elsewhere, true},
		{"another elsewhere, with a key", elsewhere + "RingKeyFile = " + key, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startDaemon(t, c.more, Options{})
			r.log.wait(t, "Membership id is")
			if have := strings.Contains(r.log.String(), "the ring is not sealed: daemons run on several machines"); have != c.want {
				t.Errorf("warned %v, want %v:\n%s", have, c.want, r.log)
			}
		})
	}
}

// TestRestartAfterSealing: a daemon that seals since a reload, and is started again at
// once, is heard by those who know its life before.
func TestRestartAfterSealing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.ReadKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	// So far ahead of the clock that each life begins as early as it may.
	var kept atomic.Uint32
	r := startDaemon(t, "", Options{LastTime: uint32(time.Now().Unix()) + 1000, Kept: kept.Store})
	other, err := seal.New(keys, r.self.ID+1, 1)
	if err != nil {
		t.Fatal(err)
	}
	heard := func(when string) {
		t.Helper()
		if _, err := other.Open(r.network.sealer.Load().Seal(nil, []byte("hello"))); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	for range 2 {
		r.configure("")
		r.reload(t.Context())
		r.configure("RingKeyFile = " + file)
		r.reload(t.Context())
		heard("after a reload")
	}
	if kept.Load() != r.incarnation {
		t.Errorf("time %d is kept, %d is in use", kept.Load(), r.incarnation)
	}
	for range 2 {
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if err := r.start(Options{}); err != nil {
			t.Fatal(err)
		}
		heard("after a restart")
	}
}

// TestRefusedDatagramsAreNamed: each daemon whose datagrams cannot be opened is named,
// once in a while.
func TestRefusedDatagramsAreNamed(t *testing.T) {
	r := startDaemon(t, "Spread_Segment 127.0.0.1:4905 { near 127.0.0.1 }\nSpread_Segment 127.0.0.1:4907 { by 127.0.0.1 }\n", Options{})
	id := map[string]uint32{}
	for _, c := range r.epochs.now().Daemons() {
		id[c.Name] = c.ID
	}
	for _, from := range []struct{ daemon, addr string }{{"near", "127.0.0.1:4905"}, {"near", "127.0.0.1:4906"}, {"by", "127.0.0.1:4907"},
		{"near", "127.0.0.1:4905"}, {"", "127.0.0.9:4905"}, {"", "127.0.0.1:999"}} {
		r.rejected(id[from.daemon], netip.MustParseAddrPort(from.addr), seal.ErrUnknownKey)
	}
	r.rejected(id["near"], netip.MustParseAddrPort("127.0.0.1:4905"), seal.ErrReplay)
	r.log.wait(t, "127.0.0.9:4905")
	r.log.wait(t, "Membership id is")
	for text, want := range map[string]int{
		"a datagram from daemon near at 127.0.0.1:4905 is refused: " + seal.ErrUnknownKey.Error(): 1,
		"a datagram from daemon by at 127.0.0.1:4907 is refused: ":                                1,
		"a datagram from 127.0.0.9:4905 is refused: ":                                             1,
		" is refused: ": 3,
	} {
		if n := strings.Count(r.log.String(), text); n != want {
			t.Errorf("%d times, want %d: %s", n, want, text)
		}
	}
}
