package reconnect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever is cut off at once each time waits longer and longer, and not any more after
// a connection that has lasted.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pauses
		took := func() time.Duration {
			start := time.Now()
			if !p.Wait(t.Context()) {
				t.Fatal("it does not wait")
			}
			return time.Since(start)
		}
		want := First
		for range 10 {
			p.Connected()
			if got := took(); got != want {
				t.Fatalf("%v, want %v", got, want)
			}
			want = min(2*want, Longest)
		}
		p.Connected()
		time.Sleep(Longest)
		if got := took(); got != First {
			t.Errorf("%v after a connection that has lasted, want %v", got, First)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p.Wait(ctx) {
			t.Error("it waits when the context has ended")
		}
	})
}
