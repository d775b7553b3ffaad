package spreadtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread"
	"gospread/spread/spreadtest"
)

// Each fault does to real daemons and clients what it does in reality.
func TestFaults(t *testing.T) {
	for _, f := range []struct {
		name string
		run  func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member)
	}{
		{"partition and heal", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			c.Partition([]string{"a", "b"}, []string{"c"})
			alice.parted("alice bob")
			bob.parted("alice bob")
			carol.parted("carol")
			c.WaitForView(limit(t), "b", "a")
			c.WaitForView(limit(t), "c")
			carol.send(spread.Safe, "alone")
			carol.message("carol: alone")
			c.Heal()
			c.WaitTogether(limit(t))
			alice.merged("alice bob, carol")
			bob.merged("alice bob, carol")
			carol.merged("carol, alice bob")
		}},
		{"partition of what is not named", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			c.Partition([]string{"b"})
			alice.parted("alice carol")
			bob.parted("bob")
			carol.parted("alice carol")
			c.Partition() // one part
			bob.merged("bob, alice carol")
		}},
		{"safe across a partition", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			c.Partition([]string{"a", "b"}, []string{"c"})
			alice.send(spread.Safe, "held by a and b")
			for _, m := range []*member{alice, bob} {
				before := m.message("alice: held by a and b")
				if len(before) == 0 || before[0] != "signal" {
					t.Errorf("%s got it behind %q, not behind the signal", m.Name(), before)
				}
			}
			c.Heal()
			carol.send(spread.Agreed, "the end")
			if got := carol.message("carol: the end"); slices.Contains(got, "alice: held by a and b") {
				t.Errorf("carol got what was sent on the other side: %q", got)
			}
		}},
		{"kill and restart", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			addr := c.Addr("c")
			c.Kill("c")
			killed := time.Now()
			carol.broken()
			if _, err := spread.Dial(limit(t), addr); !errors.Is(err, spread.ErrCouldNotConnect) {
				t.Errorf("connecting to a daemon that is down: %v", err)
			}
			alice.parted("alice bob")
			bob.parted("alice bob")
			// By refused datagrams, much sooner than by silence, unless the machine is too busy.
			d, log := time.Since(killed), c.Log("a")+c.Log("b")
			if d > time.Second && !strings.Contains(log, "was not running") {
				t.Errorf("the view came after %v:\n%s", d, log)
			}
			c.Restart("c")
			c.WaitTogether(limit(t))
			join(t, c, "carol", "c", "alice bob carol")
			alice.view("alice bob carol")
		}},
		{"restart at once", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			for range 3 {
				c.Kill("c")
				c.Restart("c")
			}
			c.WaitTogether(limit(t))
			alice.parted("alice bob")
			join(t, c, "carol", "c", "alice bob carol")
		}},
		{"stop and restart", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			c.Stop("c")
			carol.broken()
			c.WaitTogether(limit(t))
			alice.parted("alice bob")
			c.Restart("c")
			c.WaitForView(limit(t), "a", "b", "c")
		}},
		{"pause and resume", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			before := c.Membership("c")
			c.Pause("c")
			c.Pause("c")
			carol.send(spread.Agreed, "from a sleeper")
			c.WaitForView(limit(t), "a", "b")
			alice.parted("alice bob")
			if got := c.Membership("c"); !slices.Equal(got, before) {
				t.Errorf("the sleeper was with %q and is with %q", before, got)
			}
			c.Resume("c")
			c.WaitTogether(limit(t))
			alice.merged("alice bob, carol")
			carol.message("carol: from a sleeper")
		}},
		{"kill of a sleeper", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			c.Pause("c")
			c.Kill("c")
			carol.broken()
			alice.parted("alice bob")
		}},
		{"stop of a sleeper", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			c.Pause("c")
			c.Stop("c")
			alice.parted("alice bob")
		}},
		{"one way only", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			c.Cut("c", "a")
			c.Cut("c", "b")
			c.WaitForView(limit(t), "a", "b")
			c.WaitForView(limit(t), "c")
			alice.parted("alice bob")
			carol.parted("carol")
			c.Heal()
			carol.merged("carol, alice bob")
		}},
		{"loss", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			c.Loss(0.1)
			const n = 100
			for _, m := range []*member{alice, bob, carol} {
				go func() {
					for i := range n {
						_ = m.Multicast(m.ctx, spread.Safe, "g", fmt.Append(nil, i))
					}
				}()
			}
			var all [3][]string
			for i, m := range []*member{alice, bob, carol} {
				for len(all[i]) < 3*n {
					event, _ := m.until(isMessage)
					all[i] = append(all[i], event)
				}
			}
			if !slices.Equal(all[0], all[1]) || !slices.Equal(all[0], all[2]) {
				t.Errorf("not the same in one order:\n%q\n%q\n%q", all[0], all[1], all[2])
			}
		}},
		{"delay", func(t *testing.T, c *spreadtest.Cluster, alice, bob, carol *member) {
			const d = 30 * time.Millisecond
			c.Delay(d)
			sent := time.Now()
			alice.send(spread.Agreed, "slow")
			bob.message("alice: slow")
			if took := time.Since(sent); took < d {
				t.Errorf("it took %v with a delay of %v", took, d)
			}
			c.Delay(0)
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := spreadtest.New(t, 3)
			alice, bob, carol := three(t, c)
			f.run(t, c, alice, bob, carol)
		})
	}
}

func isMessage(event string) bool {
	return strings.HasPrefix(event, "alice: ") || strings.HasPrefix(event, "bob: ") || strings.HasPrefix(event, "carol: ")
}
