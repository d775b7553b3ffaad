package compat

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	senders = 4
	rounds  = 150
)

var orderGroups = []string{"red", "green", "blue"}

// TestTotalOrder checks that concurrent messages, joins, leaves and disconnects
// come in one order to all receivers, across groups (client protocol 7).
func TestTotalOrder(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "7", "one order for all receivers, senders and groups", func(t *testing.T) {
		var receivers []*client
		for i, groups := range [][]string{{"red"}, {"red", "green"}, {"green", "blue"}, {"red", "green", "blue"}} {
			c := d.connect(t, fmt.Sprintf("r%d", i))
			for _, g := range groups {
				c.send(joinReq, "", g)
			}
			receivers = append(receivers, c)
		}
		settle(receivers)
		var talkers []*client
		for i := range senders {
			talkers = append(talkers, d.login(t, fmt.Sprintf("s%d", i), login{}))
		}

		logs := make([][]string, len(receivers))
		errs := make([]error, len(receivers))
		var reading, writing sync.WaitGroup
		for i, c := range receivers {
			reading.Go(func() { logs[i], errs[i] = record(c) })
		}
		writeErrs := make([]error, senders)
		for i, c := range talkers {
			writing.Go(func() { writeErrs[i] = chatter(c, i, receivers) })
		}
		writing.Wait()
		reading.Wait()
		for _, err := range slices.Concat(errs, writeErrs) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range logs {
			for j := range i {
				compareOrder(t, logs[i], logs[j])
			}
		}
	})
}

// settle reads every notice that is still on its way to a member.
func settle(all []*client) {
	for _, from := range all {
		text := "settled " + from.group
		for _, c := range all {
			from.send(agreed, text, c.group)
			for m := c.next(); string(m.data) != text; m = c.next() {
			}
		}
	}
}

// chatter sends a mix of everything that is ordered: all such services, to one
// or more groups, joins and leaves between them, and at last a word to each
// receiver.
func chatter(c *client, who int, receivers []*client) error {
	services := []uint32{fifo, causal, agreed, safe}
	for i := range rounds {
		names := []string{orderGroups[(who+i)%3]}
		if i%3 == 0 {
			names = append(names, orderGroups[(who+i+1)%3])
		}
		msg := c.frame(services[i%4], names, fmt.Appendf(nil, "%d/%d", who, i))
		switch i % 10 {
		case 4:
			msg = append(msg, c.frame(joinReq, names[:1], nil)...)
		case 5:
			msg = append(msg, c.frame(leaveReq, []string{orderGroups[(who+i-1)%3]}, nil)...)
		}
		if err := c.put(msg); err != nil {
			return err
		}
	}
	for _, r := range receivers {
		if err := c.put(c.frame(agreed, []string{r.group}, []byte("done"))); err != nil {
			return err
		}
	}
	return nil
}

// record keeps what one receiver sees until all senders are done.
func record(c *client) ([]string, error) {
	var log []string
	for done := 0; done < senders; {
		m, err := c.get()
		switch {
		case err != nil:
			return log, fmt.Errorf("%s after %d messages: %w", c.group, len(log), err)
		case string(m.data) == "done":
			done++
		case m.kind&regMemb != 0:
			log = append(log, fmt.Sprintf("view of %s: % x", m.from, m.raw))
		default:
			log = append(log, fmt.Sprintf("%s to %s", m.data, strings.Join(m.names, "+")))
		}
	}
	return log, nil
}

// compareOrder checks that two receivers agree on the order of what both saw,
// and that neither saw anything twice.
func compareOrder(t *testing.T, a, b []string) {
	t.Helper()
	common := func(log, other []string) []string {
		in := make(map[string]bool, len(other))
		for _, s := range other {
			in[s] = true
		}
		seen := make(map[string]bool, len(log))
		var both []string
		for _, s := range log {
			if seen[s] {
				t.Errorf("received twice: %.80s", s)
			}
			seen[s] = true
			if in[s] {
				both = append(both, s)
			}
		}
		return both
	}
	x, y := common(a, b), common(b, a)
	if len(x) < rounds {
		t.Errorf("only %d messages in common", len(x))
	}
	for i := range x {
		if x[i] != y[i] {
			t.Fatalf("message %d of those in common is %.80s for one and %.80s for the other", i, x[i], y[i])
		}
	}
}

// TestSenderOrder checks the messages of one sender, of all services: with one
// daemon nothing overtakes (7).
func TestSenderOrder(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "7", "the messages of one sender keep their order, whatever their service and size", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b", "line", "other")
		services := []uint32{reliable, fifo, safe, agreed, unreliable, causal}
		type sent struct {
			service uint32
			data    string
			names   []string
		}
		var all []sent
		var say []byte
		for i := range 300 {
			s := sent{services[i%6], fmt.Sprintf("%d ", i), []string{"line"}}
			if i%7 == 0 {
				s.data += strings.Repeat("long ", 400)
			}
			if i%5 == 0 {
				s.names = []string{"other", b.group}
			}
			all = append(all, s)
			say = append(say, a.frame(s.service, s.names, []byte(s.data))...)
		}
		done := make(chan error, 1)
		go func() { done <- a.put(say) }()
		for _, s := range all {
			b.receive(s.service, a.group, s.data, s.names...)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		mark(a, a, b)
	})
}
