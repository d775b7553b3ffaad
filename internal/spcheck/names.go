package spcheck

import (
	"fmt"
	"strconv"
	"strings"
)

// names are the groups of a round. No other round, and no other run at the same
// time, has them, so that every trace begins at the beginning.
type names struct {
	prefix string
	// base is the group that every client is in throughout.
	base string
	// groups are those that messages go to.
	groups []string
}

func makeNames(run, round uint32, groups int) names {
	n := names{prefix: fmt.Sprintf("spcheck-%s-%d-", runTag(run), round)}
	n.base = n.prefix + "all"
	for i := range groups {
		n.groups = append(n.groups, n.prefix+strconv.Itoa(i+1))
	}
	return n
}

// mine tells whether a group is one of the round.
func (n *names) mine(group string) bool { return strings.HasPrefix(group, n.prefix) }

// runTag is a run in a few letters: private names have room for ten bytes.
func runTag(run uint32) string { return strconv.FormatUint(uint64(run%(36*36*36*36)), 36) }

// userName is the private name of a connection.
func userName(run, serial uint32) string {
	const longest = 10
	name := runTag(run) + "." + strconv.FormatUint(uint64(serial), 36)
	return name[max(0, len(name)-longest):]
}
