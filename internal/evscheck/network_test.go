package evscheck

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gospread/spread/internal/clientproto"
)

// parseClients reads the traces of connections that are in one group: in each line
// the user and the daemon, p, q or r, and what happens:
//
//	j              asks to join, k to leave
//	5.2+b=a,b      gets the view with the second id of configuration 5: b has joined
//	5.3-b=a        b has left
//	7.1=a,c|b/1    the network has changed; the sets, and which is the own one, if not 0
//	T              gets the signal for the view it is in
//	q              has left
//	s3r            sends message 3 as RELIABLE to the group; s3r>b to b only
//	m3             receives it
//	x              has ended
//	-              wants no notices
//
// Daemons p, q and r have the numbers 1, 2 and 3 in their traces.
func parseClients(t *testing.T, text, daemons string) *Run {
	t.Helper()
	r := &Run{Daemons: []string{"p", "q", "r"}, Loose: 1000}
	group, home := clientproto.MakeName("g"), make(map[string]string)
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			home[words[0][:1]] = words[0][2:3]
		}
	}
	name := func(user string) clientproto.Name { return clientproto.Private(user, home[user]) }
	list := func(users string) (names []clientproto.Name) {
		for u := range strings.SplitSeq(users, ",") {
			names = append(names, name(u))
		}
		return names
	}
	sent := make(map[string][]byte)
	for range 2 { // in the first pass, not all that is sent is known
		r.Conns = nil
		for line := range strings.Lines(text) {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			c := &Conn{Name: name(words[0][:1]), Views: true}
			var id clientproto.GroupID
			for _, w := range words[1:] {
				e := Event{Group: group}
				switch {
				case w == "-":
					c.Views = false
					continue
				case w == "x":
					c.Ended = true
					continue
				case w == "j":
					e.Kind = Join
				case w == "k":
					e.Kind = Leave
				case w == "q":
					e.Kind = SelfLeave
				case w == "T":
					e.Kind, e.ID = Transition, id
				case w[0] == 's':
					what, to, private := strings.Cut(w[1:], ">")
					digits := strings.TrimRight(what, "urfcas")
					h := clientproto.Header{NumGroups: 1, DataLen: 10,
						Type: clientproto.Type(1) << strings.IndexByte("urfcas", what[len(digits)])}
					p := clientproto.AppendHeader(nil, &h, &c.Name, 0)
					if g := group; private {
						g = name(to)
						p = append(p, g[:]...)
					} else {
						p = append(p, g[:]...)
					}
					p = fmt.Appendf(p, "%10s", digits)
					sent[digits] = p
					e.Kind, e.Payload = Send, p
				case w[0] == 'm':
					e.Kind, e.Payload = Message, sent[w[1:]]
				default:
					e.Kind, e.View = View, parseView(t, w, list)
					e.View.Group, id = group, e.View.ID
				}
				c.Events = append(c.Events, e)
			}
			r.Conns = append(r.Conns, c)
		}
	}
	r.Traces = parseTraces(t, daemons).Traces
	for _, tr := range r.Traces {
		tr.Name = r.Daemons[tr.Daemon-1]
	}
	return r
}

func parseView(t *testing.T, w string, list func(string) []clientproto.Name) *clientproto.View {
	t.Helper()
	which, content, _ := strings.Cut(w, "=")
	i := strings.IndexAny(which, "+-")
	cause, changed := clientproto.CausedByNetwork, ""
	if i >= 0 {
		if cause = clientproto.CausedByLeave; which[i] == '+' {
			cause = clientproto.CausedByJoin
		}
		which, changed = which[:i], which[i+1:]
	}
	config, index, _ := strings.Cut(which, ".")
	v := &clientproto.View{Cause: cause, ID: clientproto.GroupID{Daemon: 1, Time: int32(number(t, config)), Index: int32(number(t, index))}}
	if changed != "" {
		v.Members, v.Sets = list(content), [][]clientproto.Name{list(changed)}
		return v
	}
	sets, own, several := strings.Cut(content, "/")
	if several {
		v.Own = number(t, own)
	}
	for set := range strings.SplitSeq(sets, "|") {
		v.Sets = append(v.Sets, list(set))
		v.Members = append(v.Members, list(set)...)
	}
	slices.SortFunc(v.Members, func(a, b clientproto.Name) int { // by daemon, p first
		_, da, _ := a.SplitPrivate()
		_, db, _ := b.SplitPrivate()
		if c := strings.Compare(string(da), string(db)); c != 0 {
			return c
		}
		return a.Compare(&b)
	})
	return v
}

// meeting: a and c of p meet b of q.
const meeting = `
a@p: j 1.1+a=a 1.2+c=a,c 5.1=a,c|b/0
c@p: j 1.2+c=a,c         5.1=a,c|b/0
b@q: j 2.1+b=b           5.1=a,c|b/1
`

// apart: a of p and b of q part, and meet again.
const apart = `
a@p: j 5.1+a=a 5.2+b=a,b T 8.1=a 9.1=a|b/0
b@q: j 5.2+b=a,b         T 7.1=b 9.1=a|b/1
`

const apartDaemons = `
1: R5=1,2,3 T6=1,3 R8=1,3 T18=1,3 R9=1,2,3
2: R5=1,2,3 T16=2  R7=2   T17=2   R9=1,2,3
3: R5=1,2,3 T6=1,3 R8=1,3 T18=1,3 R9=1,2,3
`

// TestNetworkViews has what the network may and may not cause (C10, C11, C12).
func TestNetworkViews(t *testing.T) {
	for _, c := range []struct{ want, name, clients, daemons string }{
		{"", "a merge", meeting, ""},
		{"C10", "a merge of one set", strings.ReplaceAll(strings.ReplaceAll(meeting, "a,c|b/0", "a,c,b/0"), "a,c|b/1", "a,c,b/0"), ""},
		{"C10", "a join that is told as a change of the network", `
			a@p: j 1.1+a=a 1.2=a,b
			b@q: j 1.2=a,b`, ""},
		{"C10", "the first view has another in the own set", `
			b@q: j 1.2=a,b
			a@p: j`, ""},
		{"", "the first view comes about between signal and configuration", `
			a@p: j 5.1+a=a 5.2+b=a,b T 6.2=a|b|c/0 T 8.1=a,c
			b@q: j 5.2+b=a,b T 7.1=b
			c@p: j 6.2=a|b|c/2 T 8.1=a,c`, apartDaemons},
		{"C10", "a joiner between signal and configuration is in the set of those who were there", `
			a@p: j 5.1+a=a 5.2+b=a,b T 6.2=a,c|b/0 T 8.1=a,c
			b@q: j 5.2+b=a,b T 7.1=b
			c@p: j 6.2=a,c|b/0 T 8.1=a,c`, apartDaemons},

		{"", "a split and a merge", apart, apartDaemons},
		{"", "a split and a merge, without traces of daemons", apart, ""},
		{"C12", "no signal before one is lost", strings.ReplaceAll(apart, "T", ""), apartDaemons},
		{"C12", "one vanishes in a merge", `
			a@p: j 1.1+a=a 1.2+c=a,c 5.1=a|b/0
			c@p: j 1.2+c=a,c x
			b@q: j 2.1+b=b           5.1=a|b/1`, ""},
		{"", "who is lost comes back with the same configuration", `
			a@p: j 5.1+a=a 5.2+b=a,b T 9.1=a|b/0
			b@q: j 5.2+b=a,b T 9.1=a|b/1`, `
			1: R5=1,2 T6=1               R9=1,2
			2: R5=1,2 T16=2 R7=2 T17=2   R9=1,2`},

		{"", "the lost one has left, and still the signal follows the view", `
			a@p: j 5.1+a=a 5.2+b=a,b T 6.2=a T 8.1=a
			b@q: j 5.2+b=a,b k q`, apartDaemons},
		{"", "the same, without traces of daemons", `
			a@p: j 5.1+a=a 5.2+b=a,b T 6.2=a T 8.1=a
			b@q: j 5.2+b=a,b k q`, ""},
		{"C11", "a signal among those who are on one daemon", `
			a@p: j 5.1+a=a 5.2+c=a,c T 8.1=a,c
			c@p: j 5.2+c=a,c T 8.1=a,c`, ""},
		{"C11", "a signal among those whose daemons go on", `
			a@p: j 5.1+a=a 5.2+c=a,c T 8.1=a,c
			c@r: j 5.2+c=a,c T 8.1=a,c`, apartDaemons},
		{"C11", "the reason comes later than the next view", `
			a@p: j 5.1+a=a 5.2+b=a,b T 7.1=a,b T 8.1=a
			b@q: j 5.2+b=a,b T 7.1=a,b T 9.1=b`, `
			1: R5=1,2 T6=1,2 R7=1,2 T10=1 R8=1
			2: R5=1,2 T6=1,2 R7=1,2 T11=2 R9=2`},
		{"", "a group that was not touched by the configuration before", `
			a@p: j 5.1+a=a 5.2+b=a,b T 8.1=a
			b@q: j 5.2+b=a,b T 9.1=b`, `
			1: R5=1,2 T6=1,2 R7=1,2 T10=1 R8=1
			2: R5=1,2 T6=1,2 R7=1,2 T11=2 R9=2`},
		{"", "the exchange ends behind the signal", `
			a@p: j 1.1+a=a 5.1=a|b/0 T 8.1=a
			b@q: j 2.1+b=b 5.1=a|b/1 T 7.1=b`, `
			1: R1=1 T3=1 R5=1,2 T6=1 R8=1
			2: R2=2 T4=2 R5=1,2 T9=2 R7=2`},
		{"C11", "a signal behind an exchange, for nothing", `
			a@p: j 1.1+a=a 5.1=a|b/0 T 8.1=a,b
			b@q: j 2.1+b=b 5.1=a|b/1 T 8.1=a,b`, `
			1: R1=1 T3=1 R5=1,2 T6=1,2 R8=1,2
			2: R2=2 T4=2 R5=1,2 T6=1,2 R8=1,2`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parseClients(t, c.clients, c.daemons)
			report := Check(r)
			for _, v := range report.Violations {
				t.Log(r.Context(v, 2))
			}
			if found := rules(report); found != c.want {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

// A daemon that loses others during an exchange may be one that does not tell.
func TestLossInExchange(t *testing.T) {
	r := parseClients(t, strings.ReplaceAll(apart, "T", ""), "")
	if found := rules(Check(r)); found != "C12" {
		t.Errorf("found %q", found)
	}
	r.LossInExchange = true
	if found := rules(Check(r)); found != "" {
		t.Errorf("found %q where it is tolerated", found)
	}
}

// TestDeliveryToOthers has runs that came to rest (C23).
func TestDeliveryToOthers(t *testing.T) {
	const daemons = `
		1: R1=1   T3=1 R5=1,2
		2: R2=2   T4=2 R5=1,2`
	for _, c := range []struct{ want, name, clients, daemons string }{
		{"", "all is well", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1
			b@q: j 2.1+b=b 5.1=a|b/1 m1`, daemons},
		{"C23", "a loose message is lost", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1
			b@q: j 2.1+b=b 5.1=a|b/1`, daemons},
		{"C23", "an ordered one", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1c m1
			b@q: j 2.1+b=b 5.1=a|b/1`, daemons},
		{"C23", "one to a private group", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r>b
			b@q: j 2.1+b=b 5.1=a|b/1`, daemons},
		{"C23", "one that was sent before, but came in the last configuration", `
			a@p: j 1.1+a=a s1r 5.1=a|b/0 m1
			b@q: j 2.1+b=b 5.1=a|b/1`, daemons},
		{"C23", "one that was sent by somebody who had a message of the last configuration", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1a m1
			d@q: - j m1 s2r m2
			b@q: j 2.1+b=b 5.1=a|b/1 m1`, daemons},
		{"", "one that was sent in a former configuration", `
			a@p: j 1.1+a=a s1r m1 5.1=a|b/0
			b@q: j 2.1+b=b 5.1=a|b/1`, daemons},
		{"", "one that may have been sent in a former configuration", `
			a@p: j 1.1+a=a 5.1=a|b/0
			c@p: s1r>b
			b@q: j 2.1+b=b 5.1=a|b/1`, daemons},
		{"", "from one who has ended", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r x
			b@q: j 2.1+b=b 5.1=a|b/1 5.2-a=b`, daemons},
		{"", "to one who has ended", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1 5.2-b=a
			b@q: j 2.1+b=b 5.1=a|b/1 x`, daemons},
		{"", "to one who has left", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1 5.2-b=a
			b@q: j 2.1+b=b 5.1=a|b/1 k q`, daemons},
		{"", "to one who has left and come back", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1 5.2-b=a 5.3+b=a,b
			b@q: j 2.1+b=b 5.1=a|b/1 k q j 5.3+b=a,b`, daemons},
		{"", "to one who has come later", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1 5.2+c=a,c,b
			b@q: j 2.1+b=b 5.1=a|b/1 m1 5.2+c=a,c,b
			c@p: j 5.2+c=a,c,b`, daemons},
		{"", "to one who wants no notices", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1
			b@q: - j`, daemons},
		{"", "without traces of daemons", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1
			b@q: j 2.1+b=b 5.1=a|b/1`, ""},
		{"D20", "without rest", `
			a@p: j 1.1+a=a 5.1=a|b/0 s1r m1
			b@q: j 2.1+b=b 5.1=a|b/1`, daemons + " T7=1,2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parseClients(t, c.clients, c.daemons)
			r.Quiet = true
			report := Check(r)
			for _, v := range report.Violations {
				t.Log(r.Context(v, 2))
			}
			if found := rules(report); found != c.want {
				t.Errorf("found %q, want %q", found, c.want)
			}
			if c.name == "all is well" && report.Counts.ClientOthers != 1 {
				t.Errorf("compared %+v", report.Counts)
			}
		})
	}
}
