package spreadtest

import "testing"

// TestLivesBeginLater than all that the life before has used, also of memberships that
// it only planned.
func TestLivesBeginLater(t *testing.T) {
	c := New(t, 1)
	name := c.Names()[0]
	n := c.node(name)
	c.WaitTogether(t.Context())
	l := c.lifeOf(n)
	c.mu.Lock()
	used, kept := l.view.id.Time, l.kept
	c.mu.Unlock()
	if kept < used {
		t.Fatalf("time %d is kept, %d was used", kept, used)
	}
	planned := kept + 1000
	c.keep(l, planned)
	c.Kill(name)
	c.Restart(name)
	c.WaitTogether(t.Context())
	l = c.lifeOf(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.view.id.Time <= planned {
		t.Errorf("time %d is used, although the life before planned %d", l.view.id.Time, planned)
	}
}
