package spreadtest_test

import (
	"fmt"
	"testing"
	"time"

	"gospread/spread"
	"gospread/spread/spreadtest"
)

// Who joins a group and sends RELIABLE messages to it at once gets them all back,
// wherever the token is and whatever is on its way: programs that count their own
// messages rely on that, though RELIABLE messages may overtake others.
func TestReliableBehindJoin(t *testing.T) {
	c := spreadtest.New(t, 3)
	stop := make(chan struct{})
	done := make(chan struct{})
	other := c.Dial("b", spread.WithName("other"))
	go func() { // keeps the token from resting at a
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if other.Multicast(t.Context(), spread.Agreed, "elsewhere", make([]byte, 2000)) != nil {
				return
			}
		}
	}()
	defer func() { close(stop); <-done }()
	for round := range 30 {
		group := fmt.Sprint("group", round)
		conn := c.Dial("a", spread.WithName(fmt.Sprint("c", round)), spread.WithMembership(false))
		if err := conn.Join(t.Context(), group); err != nil {
			t.Fatal(err)
		}
		const sent = 100
		for i := range sent {
			if err := conn.Multicast(t.Context(), spread.Reliable, group, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		got := 0
		limit := time.AfterFunc(10*time.Second, func() { _ = conn.Close() })
		for got < sent {
			if _, err := conn.Receive(t.Context()); err != nil {
				t.Fatalf("round %d: %d of %d came back", round, got, sent)
			}
			got++
		}
		limit.Stop()
		_ = conn.Close()
	}
}
