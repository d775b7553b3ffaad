package compat

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// recorded is the number of scenarios of the recording.
const recorded = 59

const (
	refusingPolicy = "needs a policy that refuses, which no stock daemon has"
	otherDaemon    = "shows bytes that only a 3.17.3 daemon sends"
)

// excluded names the scenarios that are not replayed, and why.
var excluded = map[string]string{
	"reject-messages":            refusingPolicy,
	"reject-messages-big-endian": refusingPolicy,
	"v3-handshake":               otherDaemon,
	"v3-reject-no-name":          otherDaemon,
}

// scenario and step are described in testdata/README.md.
type scenario struct {
	Name, About, Access, Deviation string
	Options                        []string
	Daemons                        []string
	Fill                           bool
	Setup                          []struct {
		Session, Name, Daemon string
		Flags                 *byte
		Version               *[3]byte
		Joins                 []string
	}
	Steps []step
}

type step struct {
	N, Session, Send, Receive, Do, Group, Deviation string
	Vary                                            [][2]int
	Also, Daemons                                   []string
	Here, Early                                     *string // Early: see isEarly
	Again                                           bool
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []scenario
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestVectors replays the recorded exchanges byte for byte (client protocol 13).
func TestVectors(t *testing.T) {
	t.Parallel()
	all := scenarios(t)
	for _, s := range all {
		if reason, ok := excluded[s.Name]; ok {
			t.Errorf("%s is both replayed and excluded: %s", s.Name, reason)
		}
		rule(t, "13", "vectors of "+s.Name, func(t *testing.T) {
			t.Parallel()
			for attempt := 1; newReplay(t, s, attempt == attempts).run(s.Steps); attempt++ {
				t.Logf("attempt %d took another course than the recording", attempt)
			}
		})
	}
	if n := len(all) + len(excluded); n != recorded {
		t.Errorf("%d scenarios replayed and %d excluded; %d were recorded", len(all), len(excluded), recorded)
	}
}

// attempts is how often a scenario is begun whose course the daemons choose.
const attempts = 5

// replay is a scenario in progress.
type replay struct {
	t        *testing.T
	daemons  []*daemon
	sessions map[string]*client
	tracked  []string // live sessions of which the recording knows all that they get
	last     string   // who sent last
	sent     []byte   // and what
	waiting  []waiting
	ids      ids
	early    map[string]bool // see isEarly
	final    bool            // it must take the course of the recording now
	again    bool            // it has taken another one
}

func newReplay(t *testing.T, s scenario, final bool) *replay {
	t.Helper()
	if s.Deviation != "" && differs(t, s.Deviation) {
		t.Skipf("the original: %s", deviations[s.Deviation].original)
	}
	if len(s.Daemons) > 0 && !canHalt {
		t.Skip("takes processes that can be stopped")
	}
	conf := setup{options: s.Options}
	if s.Access != "" {
		conf.files = map[string]string{"spread.access_ip": s.Access}
	}
	limit := 0
	if s.Fill {
		if limit = 997; !differs(t, "6.1 sessions") {
			limit = 3
			conf.options = append(conf.options, "MaxSessions = 3")
		}
	}
	r := &replay{t: t, sessions: make(map[string]*client), ids: newIDs(), early: make(map[string]bool), final: final}
	if len(s.Daemons) > 0 {
		r.daemons = startTogether(t, s.Daemons, conf.options)
	} else {
		r.daemons = []*daemon{start(t, conf)}
	}
	for i := range limit {
		r.daemons[0].connect(t, fmt.Sprintf("fill%d", i))
	}
	for _, p := range s.Setup {
		l := login{flags: 1}
		if p.Flags != nil {
			l.flags = *p.Flags
		}
		if p.Version != nil {
			l.version = version{p.Version[0], p.Version[1], p.Version[2]}
		}
		name := p.Session
		if p.Name != "" {
			name = p.Name
		}
		r.sessions[p.Session] = r.daemon(t, p.Daemon).login(t, name, l)
		for _, g := range p.Joins {
			r.sessions[p.Session].send(joinReq, "", g)
		}
		var all []*client
		for _, c := range r.sessions {
			all = append(all, c)
		}
		settle(all)
	}
	for _, st := range s.Steps {
		if !slices.Contains(r.tracked, st.Session) && (st.Receive != "" || st.Do == "nothing") {
			r.tracked = append(r.tracked, st.Session)
		}
	}
	return r
}

// run reports whether the scenario must be begun anew.
func (r *replay) run(steps []step) (again bool) {
	for _, st := range steps {
		r.t.Run("step "+st.N+" "+st.Session, func(t *testing.T) { r.step(t, st) })
		if r.again || r.t.Failed() {
			return r.again
		}
	}
	var live []*client
	for _, name := range r.tracked {
		if c := r.sessions[name]; c.group != "" {
			live = append(live, c.in(r.t))
		}
	}
	for _, c := range live {
		mark(c, live...)
	}
	return false
}

func (r *replay) step(t *testing.T, st step) {
	if len(st.Daemons) > 0 {
		r.outside(t, st)
		return
	}
	if r.sessions[st.Session] == nil {
		r.sessions[st.Session] = &client{conn: r.daemons[0].dial(r.t), order: leOrder}
	}
	c := r.sessions[st.Session].in(t)
	switch {
	case st.Send != "":
		r.last, r.sent = st.Session, unpack(t, st.Send)
		r.send(c, st.Session)
	case st.Receive != "":
		r.receive(t, c, st)
	case st.Do == "closed":
		c.closed()
		r.gone(st.Session)
	case st.Do == "close":
		_ = c.c.Close()
		r.gone(st.Session)
	case st.Do == "join":
		c.join(st.Group)
		for _, other := range st.Also {
			r.sessions[other].in(t).notice(byJoin, st.Group, c.group)
		}
	case st.Do == "nothing":
		if st.Deviation != "" && !differs(t, st.Deviation) {
			c.expect(r.sent)
		}
		mark(r.sessions[r.last].in(t), c)
	case st.Do == "mark":
		mark(c, slices.Collect(maps.Values(r.sessions))...)
	default:
		t.Fatalf("a step without a meaning: %+v", st)
	}
}

func (r *replay) gone(session string) {
	r.tracked = slices.DeleteFunc(r.tracked, func(s string) bool { return s == session })
}

// receive reads as many bytes as were recorded and compares them, but for those
// that vary. What varies in the id of a view must be equal where it is in the recording.
func (r *replay) receive(t *testing.T, c *client, st step) {
	want, vary := unpack(t, st.Receive), st.Vary
	switch {
	case st.Early != nil && r.isEarly(t, c, st):
		if *st.Early == "" {
			return
		}
		want = unpack(t, *st.Early)
		vary = idTime(want)
	case st.Deviation == "" || differs(t, st.Deviation):
	case st.Here != nil:
		want = unpack(t, *st.Here)
	default:
		vary = append(vary, [2]int{vary[0][0] + vary[0][1], 4}) // the index of the id, too
	}
	if c.group == "" && len(want) > 5 && want[0] == 1 {
		r.enter(t, c, st.Session, want, vary)
		return
	}
	got := c.read(len(want))
	if !bytes.Equal(masked(got, vary), masked(want, vary)) {
		// Where the original's token is by chance decides about the course of most.
		chance := st.Again || target.original && len(r.daemons) > 1
		if r.again = chance && !r.final; r.again {
			return
		}
		t.Fatalf("the daemon sent\n% x, recorded was\n% x", got, want)
	}
	r.ids.compare(t, st.Session, got, want)
}

// enter reads an acceptance. Its length varies with the length of an invented name.
func (r *replay) enter(t *testing.T, c *client, session string, want []byte, vary [][2]int) {
	at := bytes.IndexByte(want, '#')
	got := c.read(at)
	n := int(got[at-1])
	if len(vary) == 0 && n != len(want)-at {
		t.Fatalf("a private group of %d bytes, recorded were %d", n, len(want)-at)
	}
	got = append(got, c.read(n)...)
	if len(vary) == 0 && !bytes.Equal(got, want) || !bytes.Equal(got[:at-1], want[:at-1]) {
		t.Fatalf("the daemon sent\n% x, recorded was\n% x", got, want)
	}
	r.sessions[session].group = string(got[at:])
}

func masked(b []byte, vary [][2]int) []byte {
	b = slices.Clone(b)
	for _, v := range vary {
		if v[0]+v[1] <= len(b) {
			clear(b[v[0] : v[0]+v[1]])
		}
	}
	return b
}

// unpack reads the notation of bytes in the recording.
func unpack(t *testing.T, text string) []byte {
	t.Helper()
	var b []byte
	for _, word := range strings.Fields(text) {
		what, count, repeated := strings.Cut(word, "*")
		n := 1
		if repeated {
			var err error
			if n, err = strconv.Atoi(count); err != nil {
				t.Fatalf("%q: %v", word, err)
			}
		}
		if what == "ramp" {
			for i := range n {
				b = append(b, byte(i%251))
			}
			continue
		}
		piece, err := hex.DecodeString(what)
		if err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		b = append(b, bytes.Repeat(piece, n)...)
	}
	return b
}
