package compat

import (
	"fmt"
	"strings"
	"testing"
)

// TestSlowReader checks that a session which does not read is cut off when it
// has MaxSessionMessages waiting, and that nobody else is (6.3).
func TestSlowReader(t *testing.T) {
	t.Parallel()
	d := start(t, setup{options: []string{"MaxSessionMessages = 50"}})
	rule(t, "6.3", "a session that does not read is dropped; the others see a disconnect", func(t *testing.T) {
		lazy, watcher := d.connect(t, "lazy"), d.connect(t, "watcher")
		quick, talker := members(t, d, "quick", "flood"), d.login(t, "talker", login{})
		watcher.join("seen")
		lazy.join("seen")
		watcher.notice(byJoin, "seen", lazy.group)
		lazy.join("flood")

		gone := make(chan struct{})
		var notice message
		var err error
		go func() {
			defer close(gone)
			notice, err = watcher.get()
		}()
		data := strings.Repeat("x", 30000)
		for done := false; !done; { // in step with the reader that is not slow
			talker.send(agreed, data, "flood")
			quick.receive(agreed, talker.group, data, "flood")
			select {
			case <-gone:
				done = true
			default:
			}
		}
		if err != nil || notice.kind != regMemb|byDisconnect || notice.from != "seen" {
			t.Fatalf("the watcher got %v, %v", notice, err)
		}
		if rest := lazy.untilClosed(); len(rest) == 0 {
			t.Error("nothing of what was in the socket's buffers could be read")
		}
		mark(talker, talker, watcher, quick)
		d.connect(t, "lazy").alive()
	})
	rule(t, "6.3", "a session that reads in time may receive any number", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b", "brisk")
		for i := range 500 {
			text := fmt.Sprintf("number %d", i)
			a.send(fifo, text, "brisk")
			b.receive(fifo, a.group, text, "brisk")
		}
	})
}
