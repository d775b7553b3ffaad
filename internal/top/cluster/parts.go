package cluster

import (
	"cmp"
	"slices"
	"strings"
)

// Part is a membership that daemons have told of.
type Part struct {
	ID      string
	Leader  string
	Members []string // as the membership has it
	Answers []string // those of them that answer, and say that they are in it
}

// parts are the memberships of all that answer, the largest first. What a daemon
// said before its last answer was missed may be over, so that counts only beside
// others who say the same, or if nobody says anything.
func parts(daemons []*daemon) []Part {
	var all []Part
	index := map[string]int{}
	add := func(late bool) {
		nobody := len(all) == 0
		for _, d := range daemons {
			if !d.answers() || d.viewID() == "" || d.missed > 0 != late {
				continue
			}
			i, ok := index[d.viewID()]
			if !ok {
				if late && !nobody {
					continue
				}
				i = len(all)
				index[d.viewID()] = i
				m := d.last.Membership
				all = append(all, Part{ID: m.ID, Leader: m.Leader, Members: m.Members})
			}
			all[i].Answers = append(all[i].Answers, d.name)
		}
	}
	add(false)
	add(true)
	slices.SortStableFunc(all, func(a, b Part) int {
		return cmp.Or(-cmp.Compare(len(a.Members), len(b.Members)), -cmp.Compare(len(a.Answers), len(b.Answers)), strings.Compare(a.Leader, b.Leader))
	})
	return all
}

// apart tells whether two that answer are each in a membership without the other.
// While a membership changes, samples catch daemons in the old and in the new one;
// that is no partition.
func apart(all []Part) bool {
	for i, p := range all {
		for _, q := range all[i+1:] {
			if len(missing(p.Answers, q.Members)) > 0 && len(missing(q.Answers, p.Members)) > 0 {
				return true
			}
		}
	}
	return false
}

// others are the daemons whose configuration is not the one that most have.
func others(daemons []*daemon) []string {
	votes := map[uint32]int{}
	var most uint32
	for _, d := range daemons {
		if d.answers() {
			h := d.last.Daemon.ConfigHash
			votes[h]++
			if votes[h] > votes[most] {
				most = h
			}
		}
	}
	var names []string
	for _, d := range daemons {
		if d.answers() && d.last.Daemon.ConfigHash != most {
			names = append(names, d.name)
		}
	}
	return names
}

// missing are the elements of a that b has not.
func missing(a, b []string) []string {
	has := make(map[string]bool, len(b))
	for _, name := range b {
		has[name] = true
	}
	var names []string
	for _, name := range a {
		if !has[name] {
			names = append(names, name)
		}
	}
	return names
}
