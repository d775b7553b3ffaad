package spsend

import "fmt"

const dashes = "-------\n"

// counter counts what a sequence of packets lacks.
type counter struct {
	detailed bool
	next     int64 // the number that is to come
	missed   int64
	corrupt  int64
}

func newCounter(detailed bool) *counter { return &counter{detailed: detailed, next: 1} }

// add counts a datagram and returns the lines that it is worth, mostly none. A number
// below the one that is to come begins a new sequence.
func (c *counter) add(datagram []byte) string {
	p, ok := parse(datagram)
	switch number := int64(p.number); {
	case !ok:
		c.corrupt++
		return corruption(headerLen, len(datagram))
	case int(p.size) != len(datagram):
		c.corrupt++
		return corruption(int(p.size), len(datagram))
	case p.end:
		c.missed += max(number-c.next+1, 0)
		return c.restart("%d", number, "")
	case number < c.next:
		again := fmt.Sprintf("Initiating count from %d to %d\n", c.next-1, number)
		report := c.restart("at least %d", c.next-1, again)
		c.missed, c.next = max(number-1, 0), number+1
		return report
	case number > c.next:
		return c.gap(number)
	}
	c.next++
	return ""
}

func (c *counter) gap(number int64) string {
	missed, expected := number-c.next, c.next
	c.missed += missed
	c.next = number + 1
	if !c.detailed {
		return ""
	}
	return fmt.Sprintf(" --> count is %d, i is %d, missed %d total missed %d, corrupt %d\n",
		number, expected, missed, c.missed, c.corrupt)
}

// restart reports a sequence that is over, and begins another.
func (c *counter) restart(format string, total int64, more string) string {
	report := fmt.Sprintf(dashes+"Report: total packets "+format+", total missed %d, total corrupted %d\n%s"+dashes,
		total, c.missed, c.corrupt, more)
	*c = counter{detailed: c.detailed, next: 1}
	return report
}

func corruption(expected, received int) string {
	return fmt.Sprintf("Corruption: expected packet size is %d, received packet size is %d\n", expected, received)
}
