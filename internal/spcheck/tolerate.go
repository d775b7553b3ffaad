package spcheck

import (
	"fmt"
	"slices"

	"gospread/spread/internal/clientproto"
	check "gospread/spread/internal/evscheck"
)

// tolerate rewrites traces of the original daemon, which gives the ids of a group
// that was empty in between to other views: a view is then known by all of its
// content (semantics C7), and gets an id of its own. Empty sets, which that daemon
// has in some views (semantics C10), are taken out.
func tolerate(run *check.Run) {
	ids := map[string]clientproto.GroupID{}
	for _, c := range run.Conns {
		times := map[string]int{}
		now := map[clientproto.Name][2]clientproto.GroupID{} // of the current view: as it came, as it is now
		for i := range c.Events {
			e := &c.Events[i]
			switch e.Kind {
			case check.View:
				v := *e.View
				v.Sets, v.Own = withoutEmpty(v.Sets, v.Own)
				key := fmt.Sprint(v.Group, v.ID, v.Cause, v.Members, v.Sets)
				times[key]++
				key = fmt.Sprint(times[key], key) // the same view again, after the group was empty
				id, known := ids[key]
				if !known {
					id = clientproto.GroupID{Index: int32(len(ids) + 1)}
					ids[key] = id
				}
				now[v.Group] = [2]clientproto.GroupID{v.ID, id}
				v.ID = id
				e.View = &v
			case check.Transition:
				if ids := now[e.Group]; ids[0] == e.ID {
					e.ID = ids[1]
				}
			case check.SelfLeave:
				delete(now, e.Group)
			}
		}
	}
}

func withoutEmpty(sets [][]clientproto.Name, own int) ([][]clientproto.Name, int) {
	empty := func(s []clientproto.Name) bool { return len(s) == 0 }
	if !slices.ContainsFunc(sets, empty) {
		return sets, own
	}
	var full [][]clientproto.Name
	mine := own
	for i, s := range sets {
		switch {
		case len(s) > 0:
			full = append(full, s)
		case i < own:
			mine--
		}
	}
	return full, mine
}
