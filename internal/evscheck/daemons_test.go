package evscheck

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// parseTraces reads traces from text, a line for each life of a daemon: its id (of
// further lives with a dash for each) and its events.
//
//	R5=1,2   installs configuration 5 of 1 and 2
//	T4=1,2   delivers the signal of transitional configuration 4
//	s7a      sequences message 7 as AGREED; u r f c a s are the services, U R those
//	         of more than one packet, and ~ makes any of them the opposite of loose
//	d7       delivers message 7 of the present configuration, d7! with other contents,
//	         d7@3 that of configuration 3
//	l7       knows that all is stable up to message 7
//	x        ends
func parseTraces(t *testing.T, text string) *Run {
	t.Helper()
	r := &Run{Unique: true}
	type key struct{ config, seq int }
	sent := make(map[key]DaemonMessage)
	for range 2 { // in the first pass, not all that is sent is known
		r.Traces = nil
		for line := range strings.Lines(text) {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			id, dashes, _ := strings.Cut(strings.TrimSuffix(words[0], ":"), "-")
			tr := &DaemonTrace{Daemon: uint32(number(t, id)), Life: 1 + len(dashes)}
			if strings.Contains(words[0], "-") {
				tr.Life++
			}
			now := 0
			for _, w := range words[1:] {
				switch w[0] {
				case 'R', 'T':
					c, list, _ := strings.Cut(w[1:], "=")
					var members []uint32
					for m := range strings.SplitSeq(list, ",") {
						members = append(members, uint32(number(t, m)))
					}
					cid := ConfigID{1, uint32(number(t, c))}
					if w[0] == 'T' {
						tr.Signal(cid, members)
						continue
					}
					now = number(t, c)
					tr.Install(cid, members)
				case 's':
					digits := strings.TrimRight(w[1:], "urfcasUR~")
					m := DaemonMessage{Sender: tr.Daemon, Seq: uint64(number(t, digits)), Digest: uint64(1000*now + number(t, digits))}
					service := w[1+len(digits)]
					m.Service = Service(strings.IndexByte("urfcas", service|0x20))
					m.Loose = (service == 'u' || service == 'r') != strings.HasSuffix(w, "~")
					sent[key{now, number(t, digits)}] = m
					tr.Sequence(m)
				case 'd':
					word, from, elsewhere := strings.Cut(strings.TrimSuffix(w[1:], "!"), "@")
					k := key{now, number(t, word)}
					if elsewhere {
						k.config = number(t, from)
					}
					m, known := sent[k]
					if !known {
						m = DaemonMessage{Sender: 9, Seq: uint64(k.seq), Service: ServiceAgreed}
					}
					if strings.HasSuffix(w, "!") {
						m.Digest++
					}
					tr.Deliver(m)
				case 'l':
					tr.StableTo(uint64(number(t, w[1:])))
				case 'x':
					tr.Ended = true
				default:
					t.Fatalf("%q in %q", w, line)
				}
			}
			r.Traces = append(r.Traces, tr)
		}
	}
	return r
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// split is a correct run: 3 is cut off, while 1 and 2 lack its message 4, and
// comes back. 6 is SAFE and not known to be stable; 5 is loose, and never reaches
// 3. In the end 1 sends a message to all.
const split = `
1: R1=1,2,3 s1f d1 d2 d3 l3 s5u d5 s7a T2=1,2 d6 d7 R3=1,2 s1c d1 T6=1,2 R7=1,2,3 s1s s2u d2 d1
2: R1=1,2,3 d1 s2a d2 d3 d5 s6s    T2=1,2 d6 d7 R3=1,2 d1     T6=1,2 R7=1,2,3 d1 d2
3: R1=1,2,3 d1 d2 s3s d3 s4a d4    T4=3         R5=3          T8=3   R7=1,2,3 d1 d2
`

// rules lists the rules that were broken, each once.
func rules(r *Report) string {
	var found []string
	for _, v := range r.Violations {
		if !slices.Contains(found, v.Rule) {
			found = append(found, v.Rule)
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

func checkText(t *testing.T, text string, quiet bool) *Report {
	t.Helper()
	r := parseTraces(t, text)
	r.Quiet = quiet
	report := Check(r)
	for _, v := range report.Violations {
		t.Log(r.Context(v, 1))
	}
	return report
}

func TestCorrect(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a split and a merge", split},
		{"nobody knew that 2 is stable", `
			1: R1=1,2 s1a d1 s2s s3a T2=1,2 d2 d3 R3=1,2
			2: R1=1,2 d1             T2=1,2 d2 d3 R3=1,2`},
		{"one knew it, and crashes; the other does not go on with it", `
			1: R1=1,2 s1s l1 d1 x
			2: R1=1,2 T2=2 d1 R3=2`},
		{"a member crashes before it has anything", `
			1: R1=1,2 s1s l1 d1 T2=1 R3=1
			2: x`},
		{"a restarted member is not in the transitional configuration", `
			1: R1=1,2 s1s d1 T2=1 R3=1,2
			2: R1=1,2 x
			2-: R3=1,2`},
		{"two recover together, but only one installs; what the other lacked comes from a third", `
			1: R1=1,2,3 s1a d1 s3a T2=1,2 d3 R3=1,2
			2: R1=1,2,3 d1 d2 d3 T4=2,3 R5=2,3
			3: R1=1,2,3 s2a d1 d2 d3 T4=2,3 R5=2,3`},
		{"a packet with part of a message is missing", `
			1: R1=1,2 s1a d1 s3a T2=1 d3 R3=1
			2: R1=1,2 d1 x`},
		{"a large RELIABLE message is ordered, a small one overtakes it", `
			1: R1=1,2 s1R s2r d2 d1
			2: R1=1,2 d2 d1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if report := checkText(t, c.text, false); len(report.Violations) > 0 {
				t.Error("a correct trace is refused")
			}
		})
	}
	if report := checkText(t, split, true); len(report.Violations) > 0 {
		t.Error("it is refused as a run that came to rest")
	}
}

// TestBroken breaks the split, or has traces of its own, and wants the rule that is
// named; others may find the same fault. "1 a > b" replaces a by b in the trace of
// 1.
func TestBroken(t *testing.T) {
	for _, c := range []struct{ want, name, how string }{
		{"D1", "no signal between two configurations", `1: R1=1 R2=1`},
		{"D1", "two signals", `3 T4=3 > T4=3 T9=3`},
		{"D1", "a signal first", `3 R1=1,2,3 > T9=3 R1=1,2,3`},
		{"D2", "not in its own configuration", `3 R5=3 > R5=4`},
		{"D2", "not in its own transitional configuration", `3 T8=3 > T8=2`},
		{"D3", "other members under the same id", `2 R3=1,2 > R3=1,2,3`},
		{"D3", "other order of members under the same id", `2 R3=1,2 > R3=2,1`},
		{"D3", "a signal with other members", `2 T2=1,2 > T2=2,1`},
		{"D3", "an id is used again", `3 R5=3 > R1=3`},
		{"D3", "an id is used again after a restart", "1: R1=1 x\n1-: R1=1"},
		{"D3", "a signal closes two configurations", `3 T8=3 > T4=3`},
		{"D3", "a regular and a transitional configuration share an id", `3 R5=3 > R4=3`},
		{"D3", "a member twice", `3 R5=3 > R5=3,3`},
		{"D4", "one who comes from elsewhere", `1 T6=1,2 > T6=1,2,3`},
		{"D4", "one who goes elsewhere", `3 T4=3 > T4=1,3`},
		{"D4", "one who comes along is not named", `1 T6=1,2 > T6=1; 2 T6=1,2 > T9=1,2`},
		{"D4", "two signals for those who go together", `2 T6=1,2 > T9=1,2`},
		{"D5", "out of nothing", `1 d5 > d5 d99`},
		{"D5", "twice", `1 d5 > d5 d5`},
		{"D5", "other contents", `1 s5u d5 > s5u d5!`},
		{"D5", "before it was sent", `1 s5u d5 > d5 s5u`},
		{"D5", "two messages at one place", `2 s6s > s6s s5r`},
		{"D6", "in a later configuration", `3 R5=3 > R5=3 d5@1`},
		{"D6", "in none", `3 R1=1,2,3 > d1@1 R1=1,2,3`},
		{"D7", "out of order", `1: R1=1 s1a s2a T2=1 d2 d1 R3=1`},
		{"D8", "a gap before the signal", `1 d2 d3 > d3`},
		{"D9", "a gap although the sender goes on", `1 d6 d7 > d7; 2 d6 d7 > d7`},
		{"D9", "a gap that others do not have", `2 d6 d7 > d4 d6 d7`},
		{"D10", "a gap in the messages of a sender", `1: R1=1,2,3 s1a d1 s3a T2=1,2 d3 d4 R3=1,2
			2: R1=1,2,3 d1 T2=1,2 d3 d4 R3=1,2
			3: R1=1,2,3 d1 s2a s4f x`},
		{"D10", "numbers given backwards", `1: R1=1 s2a s1a d1 d2`},
		{"D11", "an answer without the question", `1: R1=1,2,3 T2=1,2 d2 R3=1,2
			2: R1=1,2,3 d1 s2c T2=1,2 d2 R3=1,2
			3: R1=1,2,3 s1c d1 x`},
		{"D11", "an answer before the question", `1: R1=1,2 s2c d1 d2
			2: R1=1,2 d2 s1c d1`},
		{"D12", "its own is lost", `3 d4 > `},
		{"D12", "its own loose one is lost", `1 s5u d5 > s5u`},
		{"D13", "one behind the signal is missing", `1 d6 d7 > d6`},
		{"D13", "the signal stands elsewhere", `1 T2=1,2 d6 > d6 T2=1,2`},
		{"D14", "not a prefix", `1: R1=1,2 s2a s3a d2 d3
			2: R1=1,2 s1a d1 d2 d3`},
		{"D15", "one lacks it", `1: R1=1,2 s1s l1 d1
			2: R1=1,2 T2=2 R3=2`},
		{"D15", "a member was never there", `1: R1=1,2 s1s d1
			2: R3=2`},
		{"D16", "one of the same transitional configuration lacks it", `2 d6 d7 > d7`},
		{"D17", "no reason for the signal", `1: R1=1 s1a d1 s2a T2=1 d2 R3=1`},
		{"D17", "no reason for the signal before the first message", `1: R1=1 s1a T2=1 d1 R3=1`},
		{"D17", "known to be stable", `1: R1=1,2 s1s T2=1,2 d1 R3=1,2
			2: R1=1,2 l1 T2=1,2 d1 R3=1,2`},
		{"D18", "AGREED overtakes SAFE", `1: R1=1 s1s s2a d2 d1`},
		{"D18", "AGREED does without SAFE", `1: R1=1 s1s s2a d2`},
		{"D19", "ordered services are not loose", `1: R1=1 s1a~ d1`},
	} {
		t.Run(c.want+" "+c.name, func(t *testing.T) {
			text := c.how
			if strings.Contains(text, ">") {
				text = edit(t, text)
			}
			if report := checkText(t, text, false); !report.Has(c.want) {
				t.Errorf("found %q only", rules(report))
			} else {
				t.Logf("found %s", rules(report))
			}
		})
	}
}

// TestRest has runs that came to rest.
func TestRest(t *testing.T) {
	for _, c := range []struct{ want, name, text string }{
		{"", "all is well", "1: R1=1,2 s1a d1\n2: R1=1,2 d1\n3: R2=3 x"},
		{"D20", "two configurations", "1: R1=1\n2: R2=2"},
		{"D20", "none", "1: R1=1\n2:"},
		{"D20", "transitional", "1: R1=1 T2=1"},
		{"D20", "with one who is gone", "1: R1=1,2\n2: R1=1,2 x"},
		{"D20", "without one", "1: R1=1,2\n2: R1=1,2 s1a d1"},
		{"D19", "without a loose one", "1: R1=1,2\n2: R1=1,2 s1r d1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if found := rules(checkText(t, c.text, true)); found != c.want {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

// edit applies replacements to the split.
func edit(t *testing.T, how string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(split), "\n")
	for step := range strings.SplitSeq(how, ";") {
		at, change, _ := strings.Cut(strings.TrimSpace(step), " ")
		from, to, _ := strings.Cut(change, ">")
		i := number(t, at) - 1
		edited := strings.Replace(lines[i], strings.TrimSpace(from), strings.TrimSpace(to), 1)
		if edited == lines[i] {
			t.Fatalf("nothing to change: %q", step)
		}
		lines[i] = edited
	}
	return strings.Join(lines, "\n")
}

func TestBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("1: R1=1 s1a")
	for range 10 * MaxPerRule {
		b.WriteString(" d1!")
	}
	report := Check(parseTraces(t, b.String()))
	if len(report.Violations) != MaxPerRule || report.Dropped != 9*MaxPerRule {
		t.Errorf("%d violations kept, %d dropped", len(report.Violations), report.Dropped)
	}
}

func TestContext(t *testing.T) {
	r := parseTraces(t, edit(t, `1 d6 d7 > d6`))
	report := Check(r)
	i := slices.IndexFunc(report.Violations, func(v Violation) bool { return v.Rule == "D13" })
	if i < 0 {
		t.Fatal("nothing found")
	}
	text := r.Context(report.Violations[i], 2)
	for _, want := range []string{"D13", "daemon 1, life 1", "daemon 2, life 1", "signal of 1/2 with [1 2]", ">"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestDigest(t *testing.T) {
	seen := make(map[uint64]string)
	for n := range 40 {
		for flip := range 8 * n {
			b := make([]byte, n)
			b[flip/8] ^= 1 << (flip % 8)
			what := fmt.Sprint(n, flip)
			if o, known := seen[Digest(b)]; known {
				t.Errorf("%s and %s have the same digest", what, o)
			}
			seen[Digest(b)] = what
		}
	}
}
