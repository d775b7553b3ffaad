package flush

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gospread/spread"
)

var rewrite = flag.Bool("rewrite", false, "write what happens into the scripts")

// TestScripts plays the scripts in testdata: each command stands on a line of
// its own, what comes of it is indented below. The client is "me".
//
//	view GROUP ID CAUSE MEMBERS [changed=M] [with=SET]   a Spread membership
//	transition GROUP | selfleave GROUP
//	rejected GROUP join | rejected GROUP leave           (GROUP "-" is none)
//	ok GROUP ID FROM                                     a FLUSH_OK
//	recv GROUP ID FROM                                   a FLUSH_RECV
//	data GROUP FROM TEXT [vulnerable=ID] [to=RECEIVERS]  a message
//	flush GROUP | leave GROUP | join GROUP               calls of the user
//	send GROUP SERVICE TEXT [to=RECEIVERS] [type=N]
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(b)
			got := play(t, want)
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
			for i := range max(len(g), len(w)) {
				if i >= len(g) || i >= len(w) || g[i] != w[i] {
					t.Fatalf("%s:%d: not what happens, which is (from the line before on)\n%s", file, i+1, strings.Join(g[max(i-1, 0):min(i+6, len(g))], "\n"))
				}
			}
		})
	}
}

// play runs the commands of a script and returns it with what happens.
func play(t *testing.T, script string) string {
	m := newMachine("me")
	var out strings.Builder
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		out.WriteString(line)
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		before := states(m)
		if err := command(m, words, &out); err != nil {
			fmt.Fprintf(&out, "\terror %v\n", named(words[0], err))
		}
		for _, s := range m.sends {
			fmt.Fprintf(&out, "\tsends %s %s %d\n", map[int16]string{typeOK: "ok", typeReceived: "recv"}[s.typ], s.group, s.id.Index)
		}
		for _, ev := range m.events {
			fmt.Fprintf(&out, "\t%s\n", describe(ev))
		}
		m.sends, m.events = nil, nil
		if after := states(m); after != before {
			fmt.Fprintf(&out, "\tnow %s\n", after)
		}
	}
	return out.String()
}

// states writes the state of all groups.
func states(m *machine) string {
	var s []string
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[name]
		text := fmt.Sprintf("%s %v %v", name, g.member, g.phase)
		for _, c := range g.changes {
			text += fmt.Sprintf(" (%d waits for %s)", c.id.Index, strings.Join(slices.Sorted(maps.Keys(c.missing)), ","))
		}
		s = append(s, text)
	}
	if len(s) == 0 {
		return "no groups"
	}
	return strings.Join(s, "; ")
}

func describe(ev Event) string {
	switch ev := ev.(type) {
	case *FlushRequest:
		return "flush request " + ev.Group
	case *View:
		return fmt.Sprintf("view %s %d %v members %s, I am %d, changed %q, together %s",
			ev.Group, ev.ID.Index, ev.Cause, strings.Join(ev.Members, ","), ev.Index, ev.Changed, strings.Join(ev.Together, ","))
	case *Transition:
		return "transition " + ev.Group
	case *Message:
		return fmt.Sprintf("message %s from %s %q type %d, subgroup %v, groups %q", ev.Group, ev.Sender, ev.Data, ev.Type, ev.Subgroup, ev.Groups)
	case *SelfLeave:
		return "left " + ev.Group
	case *Rejected:
		return "rejected " + ev.Request.String()
	}
	return fmt.Sprint(ev)
}

var causes = map[string]spread.Cause{"JOIN": spread.CausedByJoin, "LEAVE": spread.CausedByLeave, "DISCONNECT": spread.CausedByDisconnect, "NETWORK": spread.CausedByNetwork}

func viewID(s string) spread.ViewID {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return spread.ViewID{Daemon: 7, Time: 8, Index: int32(n)}
}

// command carries out a line of a script.
func command(m *machine, words []string, out io.Writer) error {
	options := map[string]string{}
	words = slices.DeleteFunc(words, func(w string) bool {
		k, v, ok := strings.Cut(w, "=")
		if ok {
			options[k] = v
		}
		return ok
	})
	group := words[1]
	switch words[0] {
	case "view":
		m.receive(scriptView(words, options))
	case "transition":
		m.receive(&spread.Transition{Group: group})
	case "selfleave":
		m.receive(&spread.SelfLeave{Group: group})
	case "rejected":
		r := map[string]spread.Request{"join": spread.JoinRequest, "leave": spread.LeaveRequest}[words[2]]
		groups := slices.DeleteFunc([]string{group}, func(g string) bool { return g == "-" })
		m.receive(&spread.Rejected{Request: r, Message: spread.Message{Groups: groups}})
	case "ok", "recv":
		c := control{group: group, typ: map[string]int16{"ok": typeOK, "recv": typeReceived}[words[0]], id: viewID(words[2])}
		m.receive(received(c.outgoing(), words[3]))
	case "data":
		t := trailer{group: group, messType: 5}
		o := &spread.Outgoing{Service: spread.Reliable, Type: 5, Groups: []string{group}, Data: []byte(words[3])}
		if id, ok := options["vulnerable"]; ok {
			t.vulnerable, t.id, o.Type = true, viewID(id), typeVulnerable
		}
		if to, ok := options["to"]; ok {
			t.subgroup, o.Groups, o.Flags = true, strings.Split(to, ","), spread.SubgroupCast
		}
		o.Data = t.append(o.Data)
		m.receive(received(o, words[2]))
	case "flush":
		return m.flush(group)
	case "leave":
		return m.leave(group)
	case "join":
		return m.join(group)
	case "send":
		return scriptSend(m, words, options, out)
	default:
		return fmt.Errorf("no such command")
	}
	return nil
}

func scriptView(words []string, options map[string]string) *spread.View {
	v := &spread.View{Group: words[1], ID: viewID(words[2]), Cause: causes[words[3]], Members: strings.Split(words[4], ",")}
	v.Changed = options["changed"]
	if with, ok := options["with"]; ok {
		v.Sets = [][]string{{"other"}, strings.Split(with, ",")}
		v.OwnSet = 1
	} else {
		v.Sets = [][]string{{v.Changed}}
	}
	return v
}

func scriptSend(m *machine, words []string, options map[string]string, out io.Writer) error {
	s, err := spread.ParseService(words[2])
	if err != nil {
		return err
	}
	o := &Outgoing{Service: s, Group: words[1], Data: []byte(words[3]), Type: 5}
	if to, ok := options["to"]; ok {
		o.Receivers = strings.FieldsFunc(to, func(r rune) bool { return r == ',' })
	}
	if n, ok := options["type"]; ok {
		i, err := strconv.Atoi(n)
		if err != nil {
			return err
		}
		o.Type = int16(i)
	}
	p, err := m.outgoing(o)
	if err != nil {
		return err
	}
	// Back to where it came from, as the daemon would do.
	in, err := parse(received(p, "me"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\tsends %v to %q, vulnerable %v, subgroup %v, group %s, type %d, %q\n",
		p.Service, p.Groups, in.vulnerable, in.subgroup, in.group, in.msg.Type, in.msg.Data)
	return err
}

// received is how a message that was sent arrives.
func received(o *spread.Outgoing, from string) *spread.Message {
	return &spread.Message{
		Sender: from, Groups: o.Groups, Service: o.Service, SelfDiscard: o.SelfDiscard, Type: o.Type, Flags: o.Flags,
		Data: append(slices.Clone(o.Data), slices.Concat(o.Pieces...)...),
	}
}
