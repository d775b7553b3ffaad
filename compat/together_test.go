package compat

import (
	"strings"
	"testing"
)

// startTogether runs several daemons of one configuration until the end of the test. They
// have formed one membership when it returns.
func startTogether(t testing.TB, names, options []string) []*daemon {
	t.Helper()
	for range 5 {
		dir := t.TempDir()
		var all []*daemon
		for _, name := range names {
			all = append(all, place(t, setup{name: name}, dir))
		}
		all[0].write(t, map[string]string{"spread.conf": configuration(t, append(options, patient()...), all...)})
		if launchAll(t, all) {
			meet(t, all)
			return all
		}
	}
	t.Fatal("no free ports for the daemons")
	return nil
}

// patient gives the lines for daemons that stand still for as long as a test
// wants, and are not missed before it has done what it must do meanwhile: the steps of a
// scenario must fall on the same sides of the changes of membership as in the recording.
func patient() []string {
	lines := []string{"WideAreaNetwork = no"}
	if !target.original { // which has got its own by housekeeping
		lines = append(lines, "TokenTimeout = 1500", "HurryTimeout = 100", "AliveTimeout = 10", "JoinTimeout = 40",
			"RepTimeout = 25", "SegTimeout = 100", "GatherTimeout = 400", "FormTimeout = 1000", "LookupTimeout = 500")
	}
	return lines
}

// launchAll starts the daemons. It reports false if a port has been taken meanwhile.
func launchAll(t testing.TB, all []*daemon) bool {
	t.Helper()
	for _, d := range all {
		if !d.launch(t) {
			if !strings.Contains(strings.ToLower(d.out.String()), "in use") {
				t.Fatalf("daemon %s did not start: %v\n%s", d.name, d.err, d.out)
			}
			return false
		}
		t.Cleanup(func() { d.stop(t) })
	}
	return true
}

// meet returns when the daemons share one membership: a client of each sees those of
// all in one group.
func meet(t testing.TB, all []*daemon) {
	t.Helper()
	var clients []*client
	for _, d := range all {
		c := d.connect(t, "meets")
		c.send(joinReq, "", "meeting")
		clients = append(clients, c)
	}
	for _, c := range clients {
		for m := c.next(); len(m.names) < len(all); m = c.next() {
		}
	}
	for _, c := range clients {
		_ = c.closeWrite()
		c.untilClosed()
	}
}
