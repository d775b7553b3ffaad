package compat

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// recorded is the number of scenarios of the recording.
const recorded = 59

const (
	severalDaemons = "needs several daemons: see netns and spreadtest"
	refusingPolicy = "needs a policy that refuses, which no stock daemon has"
	otherDaemon    = "shows bytes that only a 3.17.3 daemon sends"
)

// excluded names the scenarios that are not replayed, and why.
var excluded = map[string]string{
	"network-partition-merge":    severalDaemons,
	"network-three-way":          severalDaemons,
	"transition-leave":           severalDaemons,
	"transition-disconnect":      severalDaemons,
	"transition-join":            severalDaemons,
	"v3-network-partition-merge": severalDaemons,
	"reject-messages":            refusingPolicy,
	"reject-messages-big-endian": refusingPolicy,
	"v3-handshake":               otherDaemon,
	"v3-reject-no-name":          otherDaemon,
}

// scenario and step are described in testdata/README.md.
type scenario struct {
	Name, About, Access, Deviation string
	Options                        []string
	Fill                           bool
	Setup                          []struct {
		Session, Name string
		Flags         *byte
		Version       *[3]byte
		Joins         []string
	}
	Steps []step
}

type step struct {
	N, Session, Send, Receive, Do, Group, Deviation string
	Vary                                            [][2]int
	Also                                            []string
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
			newReplay(t, s).run(s.Steps)
		})
	}
	if n := len(all) + len(excluded); n != recorded {
		t.Errorf("%d scenarios replayed and %d excluded; %d were recorded", len(all), len(excluded), recorded)
	}
}

// replay is a scenario in progress.
type replay struct {
	t        *testing.T
	d        *daemon
	sessions map[string]*client
	tracked  []string // live sessions of which the recording knows all that they get
	last     string   // who sent last
	sent     []byte   // and what
	ids      map[string][]byte
	seen     map[string]bool
}

func newReplay(t *testing.T, s scenario) *replay {
	t.Helper()
	if s.Deviation != "" && differs(t, s.Deviation) {
		t.Skipf("the original: %s", deviations[s.Deviation].original)
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
	r := &replay{t: t, d: start(t, conf), sessions: make(map[string]*client), ids: make(map[string][]byte), seen: make(map[string]bool)}
	for i := range limit {
		r.d.connect(t, fmt.Sprintf("fill%d", i))
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
		r.sessions[p.Session] = r.d.login(t, name, l)
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

func (r *replay) run(steps []step) {
	for _, st := range steps {
		r.t.Run("step "+st.N+" "+st.Session, func(t *testing.T) { r.step(t, st) })
		if r.t.Failed() {
			return
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
}

func (r *replay) step(t *testing.T, st step) {
	if r.sessions[st.Session] == nil {
		r.sessions[st.Session] = &client{conn: r.d.dial(r.t), order: leOrder}
	}
	c := r.sessions[st.Session].in(t)
	switch {
	case st.Send != "":
		r.last, r.sent = st.Session, unpack(t, st.Send)
		_ = c.put(r.sent) // what is refused may be closed before it is all written
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
	default:
		t.Fatalf("a step without a meaning: %+v", st)
	}
}

func (r *replay) gone(session string) {
	r.tracked = slices.DeleteFunc(r.tracked, func(s string) bool { return s == session })
}

// receive reads as many bytes as were recorded and compares them, but for those
// that vary. What varies in the id of a view must be equal for all its receivers.
func (r *replay) receive(t *testing.T, c *client, st step) {
	want := unpack(t, st.Receive)
	vary := st.Vary
	if st.Deviation != "" && !differs(t, st.Deviation) {
		vary = append(vary, [2]int{vary[0][0] + vary[0][1], 4}) // the index of the id, too
	}
	if c.group == "" && len(want) > 5 && want[0] == 1 {
		r.enter(t, c, st.Session, want, vary)
		return
	}
	got := c.read(len(want))
	r.view(t, st.Session, got)
	if !bytes.Equal(masked(got, vary), masked(want, vary)) {
		t.Fatalf("the daemon sent\n% x, recorded was\n% x", got, want)
	}
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

// view notes the id of a membership message, which stands behind the members.
func (r *replay) view(t *testing.T, session string, b []byte) {
	le := leOrder
	if len(b) < headerLen || le.Uint32(b)&(regMemb|0x3f) != regMemb {
		return
	}
	at := headerLen + nameLen*int(le.Uint32(b[numGroups:]))
	if at+12 > len(b) {
		return
	}
	id, group := b[at:at+12], cut(b[4:36])
	key := fmt.Sprintf("%s/%d", group, le.Uint32(id[8:]))
	if other, ok := r.ids[key]; ok && !bytes.Equal(other, id) {
		t.Errorf("two receivers of view %s have the ids % x and % x", key, other, id)
	}
	r.ids[key] = id
	mine := fmt.Sprintf("%s/%s/% x", session, group, id)
	if r.seen[mine] && !target.original {
		t.Errorf("the id % x of group %q came a second time", id, group)
	}
	r.seen[mine] = true
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
