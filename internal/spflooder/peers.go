package spflooder

import "slices"

// peers counts the messages of each member that has been heard from, oneself
// included, so that nobody gets far ahead of the slowest.
type peers struct {
	counts  map[string]int64
	slowest int64
}

func newPeers() *peers { return &peers{counts: map[string]int64{}} }

// message counts one of a sender and returns the count of the slowest.
func (p *peers) message(sender, me string) int64 {
	before, known := p.counts[sender]
	p.counts[sender] = before + 1
	if !known || before == p.slowest {
		p.recount(me)
	}
	return p.slowest
}

// view forgets those who are gone.
func (p *peers) view(members []string, me string) int64 {
	for sender := range p.counts {
		if sender != me && !slices.Contains(members, sender) {
			delete(p.counts, sender)
		}
	}
	p.recount(me)
	return p.slowest
}

func (p *peers) recount(me string) {
	p.slowest = p.counts[me]
	for _, n := range p.counts {
		p.slowest = min(p.slowest, n)
	}
}
