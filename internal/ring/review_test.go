package ring

import (
	"fmt"
	"os"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// pending skips what waits for a repair; the number is that of the report. With
// RING_REVIEW in the environment it runs.
func pending(t *testing.T, report int) {
	t.Helper()
	if os.Getenv("RING_REVIEW") == "" {
		t.Skipf("report %d", report)
	}
}

// However much clients have waiting, what the ring itself or the groups must say
// goes soon.
func TestExchangeBeforeClients(t *testing.T) {
	pending(t, 20)
	w := running(t, 2)
	w.drop = func(a, b DaemonID, data []byte) bool { return kindOf(data) == ringproto.Ack }
	for i := range 5000 {
		w.nodes[1].Submit(Agreed, fmt.Appendf(nil, "%01000d", i))
	}
	w.turn(1)
	w.nodes[1].SubmitExchange(Agreed, []byte("urgent"))
	before := len(w.nodes[1].clients.packets) - w.nodes[1].clients.head
	w.drop = nil
	w.run(10*time.Second, func() bool { return w.nodes[1].exchange.empty() })
	if n := before - len(w.nodes[1].clients.packets) + w.nodes[1].clients.head; n > 3 {
		t.Errorf("%d packets went before", n)
	}
}
