package daemon

import (
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/session"
)

// TestStoppedClientKeepsWhatItCounts: a client that takes nothing, and gets a small part
// of the traffic, keeps alive in memory what counts for it, not the traffic.
func TestStoppedClientKeepsWhatItCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("sends 100 MB")
	}
	d := startDaemon(t, "", Options{})
	conn, err := net.Dial("unix", filepath.Join(d.dir, strconv.Itoa(int(d.port)))) // its buffers are small
	if err != nil {
		t.Skip(err)
	}
	stopped := handshake(t, conn, "stopped", false)
	sender := d.connect("sender", false)
	part := sender.message(clientproto.FIFO, make([]byte, 17<<10), stopped.private.String())
	rest := sender.message(clientproto.FIFO, make([]byte, 60<<10), "nobody")
	const rounds = 400
	before := heapInUse()
	for range rounds {
		for _, m := range [][]byte{part, rest, rest, rest, rest} {
			if _, err := sender.Write(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	var load session.Load
	waitFor(t, "all to be queued", func() bool {
		for _, s := range d.server.Overview().Sessions {
			if s.Private == stopped.private {
				load = s.Load(time.Now())
			}
		}
		return load.MessagesOut >= rounds
	})
	kept := int64(heapInUse()) - int64(before)
	t.Logf("%d bytes count, %d are kept", load.QueuedBytes, kept)
	if load.QueuedBytes < rounds*10<<10 {
		t.Fatalf("only %d bytes wait", load.QueuedBytes)
	}
	if kept > int64(2*load.QueuedBytes+8<<20) {
		t.Errorf("%d bytes wait for a client, and %d are kept alive for it", load.QueuedBytes, kept)
	}
}
