package netns

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A daemon is taken out of the file of running ones and put back, by SIGHUP alone:
// nobody else's clients lose anything.
func TestReload(t *testing.T) {
	if target.original {
		t.Skip("it dies of SIGHUP")
	}
	s := setup{daemons: 4}
	c, b := newCluster(t, s), bounds()
	three := setup{daemons: 3}
	c.round("removed and put back", func(ctx context.Context) {
		c.hold(ctx, 300*time.Millisecond)
		at := time.Now()
		c.reload(&three, 0, 1, 2)
		c.seen(ctx, "removed, to the view", at, b.silent, 0, 1, 2)
		c.hold(ctx, 300*time.Millisecond)
		at = time.Now()
		c.reload(&s, 0, 1, 2, 3)
		c.seen(ctx, "put back, to the view", at, b.heal, c.all...)
	})
	c.round("nothing has changed", func(ctx context.Context) {
		c.reload(&s, 0, 1, 2, 3)
		c.lasts(ctx, time.Second, c.all...)
	})
}

// reload gives the daemons another file, and tells some of them.
func (c *cluster) reload(s *setup, told ...int) {
	c.t.Helper()
	path := filepath.Join(filepath.Dir(c.daemons[0].log), "spread.conf")
	if err := os.WriteFile(path, []byte(s.conf()), 0o644); err != nil {
		c.t.Fatal(err)
	}
	for _, i := range told {
		c.daemons[i].signal(syscall.SIGHUP)
	}
}
