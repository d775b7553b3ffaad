package cluster_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/status"
	"gospread/spread/internal/top/cluster"
	"gospread/spread/internal/top/toptest"
)

var start = time.Date(2026, 11, 25, 21, 0, 0, 0, time.UTC)

// story is a played cluster and what a model knows of it.
type story struct {
	testing.TB
	*toptest.Cluster
	cluster.Model
	now time.Time
}

func begin(t testing.TB, names ...string) *story {
	s := &story{TB: t, Cluster: toptest.New(start, names...), now: start}
	s.round()
	return s
}

// round carries out commands, and a second later the daemons are asked.
func (s *story) round(commands ...string) {
	s.Helper()
	for _, c := range commands {
		if err := s.Do(c); err != nil {
			s.Fatal(err)
		}
	}
	s.Advance(time.Second)
	s.now = s.now.Add(time.Second)
	s.Add(s.now, s.Samples())
}

// events are the texts with the second and the level of each, the first first.
func (s *story) events() []string {
	var all []string
	for _, e := range slices.Backward(s.State().Events) {
		all = append(all, fmt.Sprintf("%d %c %s", int(e.At.Sub(start).Seconds()), " +-!"[e.Level], e.Text))
	}
	return all
}

// Each line of a story is a round.
func TestEvents(t *testing.T) {
	for _, c := range []struct {
		name   string
		rounds []string
		want   []string
	}{
		{"nothing happens", []string{"", "", ""}, nil},
		{"one answer is lost", []string{"deaf b", "up b", ""}, nil},
		{"a daemon dies and comes back", []string{"down b", "", "", "", "up b"}, []string{
			"2 - view of 2 daemons, led by a; without b",
			"3 ! b is silent: no answer within 1s",
			"6 + view of 3 daemons, led by a; with b",
			"6 + b is back, restarted, after 5s",
		}},
		{"a daemon is not heard by the monitor only", []string{"deaf b", "", "", "up b"}, []string{
			"3 ! b is silent: no answer within 1s",
			"5 + b answers again after 4s",
		}},
		{"a restart between two rounds", []string{"restart c"}, []string{
			"2 + view of 3 daemons, led by a",
			"2 - c has restarted; it had run for 4d15h",
		}},
		{"a partition and its end", []string{"part a b,c", "", "heal"}, []string{
			"2 - view of 1 daemon, led by a; without b, c",
			"2 - view of 2 daemons, led by b; without a",
			"2 ! PARTITION: 2 views exclude each other",
			"4 + view of 3 daemons, led by a; with b, c",
			"4 + the partition is over",
		}},
		{"clients are cut off and refused", []string{"cut a", "refuse b"}, []string{
			"2 ! a cut off 1 slow client: more bytes waiting than MaxSessionBytes",
			"3 - b refused 3 clients: private name in use",
		}},
		{"another configuration", []string{"config c", "", "config a;config b"}, []string{
			"2 ! configurations differ: another one at c",
			"4 + configurations are the same again",
		}},
		{"parted by a monitor", []string{"steer b 2", "", "steer b 0"}, []string{
			"2 - b was put into part 2 by a monitor",
			"4 + b is no longer parted by a monitor",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begin(t, "a", "b", "c")
			for _, r := range c.rounds {
				s.round(strings.Split(r, ";")...)
			}
			got := s.events()
			slices.Sort(got)
			want := slices.Sorted(slices.Values(c.want))
			if !slices.Equal(got, want) {
				t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// A monitor that starts while a daemon is down says so once, and when it comes.
func TestDownFromTheStart(t *testing.T) {
	s := &story{TB: t, Cluster: toptest.New(start, "a", "b"), now: start}
	s.round("down b")
	d := s.State().Daemons[1]
	if d.Condition != cluster.Silent || !d.Answered.IsZero() || d.Summary != nil || d.Part != -1 {
		t.Errorf("b is %+v", d)
	}
	s.round()
	s.round("up b")
	want := []string{"1 ! b is silent: no answer within 1s", "3 + b answers", "3 + view of 2 daemons, led by a; with b"}
	got := s.events()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestConditions(t *testing.T) {
	s := begin(t, "a", "b")
	s.round()
	check := func(c cluster.Condition, answer int, known bool, expected bool) {
		t.Helper()
		state := s.State()
		d := state.Daemons[1]
		if d.Condition != c || state.Totals.Answer != answer || d.Rates.Known != known || d.Expected != expected {
			t.Errorf("condition %d, %d answer, rates %v, expected %v", d.Condition, state.Totals.Answer, d.Rates.Known, d.Expected)
		}
	}
	check(cluster.Up, 2, true, false)
	s.round("deaf b")
	check(cluster.Late, 2, true, false)
	s.round()
	check(cluster.Silent, 1, false, true)
	s.round("down b")
	check(cluster.Silent, 1, false, false)
	s.round("up b")
	check(cluster.Up, 2, false, false)
	s.round()
	check(cluster.Up, 2, true, false)
}

func TestState(t *testing.T) {
	s := begin(t, "a", "b", "c")
	s.round("slow #x#b b", "slow #y#c c")
	s.round("slow #z#b b")
	s.round("part a,b c")
	state := s.State()
	if !state.Partition || len(state.Parts) != 2 || state.Parts[0].Leader != "a" || state.Parts[1].Leader != "c" {
		t.Errorf("parts %+v", state.Parts)
	}
	for i, want := range []struct {
		part   int
		leader bool
	}{{0, true}, {0, false}, {1, true}} {
		if d := state.Daemons[i]; d.Part != want.part || d.Leader != want.leader {
			t.Errorf("%s is in part %d, leader %v", d.Name, d.Part, d.Leader)
		}
	}
	var slow []string
	for _, r := range state.Slowest {
		slow = append(slow, fmt.Sprint(r.Name, " ", r.QueuedBytes))
	}
	if want := []string{"#x#b 300000", "#y#c 300000", "#z#b 200000"}; !slices.Equal(slow, want) {
		t.Errorf("slowest %q, want %q", slow, want)
	}
	// Loads are 3, 2 and 1.
	if r := state.Totals.Rates; r.In != 6000 || r.Out != 30000 || r.BytesIn != 1.5e6 || state.Totals.Clients != 18 || state.Totals.Queued != 800_000 {
		t.Errorf("totals %+v", state.Totals)
	}
	if want := []float64{-1, 36000, 36000, 36000}; !slices.Equal(state.Totals.History, want) {
		t.Errorf("history %v, want %v", state.Totals.History, want)
	}
	before := len(state.Events)
	s.round("heal", "down c")
	s.round()
	if len(state.Events) != before || !state.Partition || state.Daemons[2].Condition != cluster.Up {
		t.Error("a state has changed afterwards")
	}
}

// While a view changes, some daemons are sampled before and some after it.
func TestViewsThatChangeAreNoPartition(t *testing.T) {
	s := begin(t, "a", "b", "c")
	old := s.Samples()
	if err := s.Do("part a,b c"); err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Second)
	round := s.Samples()
	round[2] = old[2] // c has not noticed
	s.Add(s.now.Add(time.Second), round)
	if state := s.State(); state.Partition || len(state.Parts) != 2 {
		t.Errorf("partition %v, parts %+v", state.Partition, state.Parts)
	}
	s.round()
	if !s.State().Partition {
		t.Error("no partition where there is one")
	}
}

// A daemon that has just started may be the first to tell of a view.
func TestNewcomerTellsFirst(t *testing.T) {
	s := begin(t, "a", "b")
	s.round("down b")
	s.round()
	round := s.Samples() // a, in the old view
	if err := s.Do("up b"); err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Second)
	round[1] = s.Samples()[1]
	s.Add(s.now.Add(time.Second), round)
	if got, want := s.State().Events[0].Text, "view of 2 daemons, led by a; with b"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What was heard from a daemon before it fell silent is no view of today.
func TestLateDaemonsHaveNoViewOfTheirOwn(t *testing.T) {
	s := begin(t, "a", "b", "c", "d")
	s.round("down d", "part a,b c")
	state := s.State()
	if len(state.Parts) != 2 || state.Daemons[3].Condition != cluster.Late || state.Daemons[3].Part != -1 {
		t.Errorf("parts %+v, d is %+v", state.Parts, state.Daemons[3])
	}
	s.round("up d", "heal")
	s.round("deaf d")
	if state := s.State(); len(state.Parts) != 1 || state.Daemons[3].Part != 0 {
		t.Errorf("parts %+v, d in %d", state.Parts, state.Daemons[3].Part)
	}
	s.round("up d", "deaf a", "deaf b", "deaf c")
	s.round("deaf d")
	if state := s.State(); len(state.Parts) != 1 || !slices.Equal(state.Parts[0].Answers, []string{"d"}) {
		t.Errorf("parts %+v", state.Parts)
	}
}

// The daemons of the last round are all that count: a reload may change them.
func TestDaemonsComeAndGo(t *testing.T) {
	s := begin(t, "a", "b")
	round := s.Samples()
	round[1].Daemon = "c"
	round = append(round, round[0]) // and a name twice counts once
	s.Add(s.now, round)
	state := s.State()
	if len(state.Daemons) != 2 || state.Daemons[1].Name != "c" {
		t.Errorf("daemons %+v", state.Daemons)
	}
	if got := s.events(); !slices.Contains(got, "1   c is now watched") || !slices.Contains(got, "1   b is no longer in the configuration") {
		t.Errorf("events %q", got)
	}
	s.Add(s.now, nil)
	if state := s.State(); len(state.Daemons) != 0 || state.Totals.Answer != 0 {
		t.Errorf("state %+v", state)
	}
}

// Nothing grows without end, whatever daemons say.
func TestBounds(t *testing.T) {
	s := begin(t, "a", "b")
	for range cluster.HistoryLength + 50 {
		s.round("refuse a", "restart b")
	}
	state := s.State()
	if len(state.Events) != cluster.MostEvents {
		t.Errorf("%d events", len(state.Events))
	}
	if len(state.Totals.History) != cluster.HistoryLength || len(state.Daemons[0].History) != cluster.HistoryLength {
		t.Errorf("histories of %d and %d", len(state.Totals.History), len(state.Daemons[0].History))
	}
	round := s.Samples()
	round[0].Summary.Clients.Slowest = make([]status.Session, 1000)
	for i := range round[0].Summary.Clients.Slowest {
		round[0].Summary.Clients.Slowest[i].QueuedBytes = 1
	}
	s.Add(s.now, round)
	if n := len(s.State().Slowest); n != status.MostSlow {
		t.Errorf("%d slow receivers of one daemon", n)
	}
}

// An error is shown as it is, and none is no reason to fail.
func TestNoError(t *testing.T) {
	var m cluster.Model
	m.Add(start, []cluster.Sample{{Daemon: "a"}, {Daemon: "b", Err: errors.New("refused")}})
	var texts []string
	for _, e := range m.State().Events {
		texts = append(texts, e.Text)
	}
	if want := []string{"b is silent: refused", "a is silent"}; !slices.Equal(texts, want) {
		t.Errorf("events %q, want %q", texts, want)
	}
}

// Numbers that no daemon should send do no harm.
func TestOddNumbers(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -5, 1e300} {
		s := begin(t, "a")
		round := s.Samples()
		sum := round[0].Summary
		sum.Time = sum.Time.Add(time.Second)
		sum.Process.CPU = v
		sum.Ring.TokenRotation = status.Histogram{Count: 1 << 63, Sum: v, P99: v, Max: v}
		sum.Ring.Delivery.Count += 3
		sum.Ring.Delivery.Sum = v
		for i := range sum.Ring.Delivery.Buckets {
			sum.Ring.Delivery.Buckets[i].Le = v
		}
		s.Add(s.now, round)
		r := s.State().Daemons[0].Rates
		if r.Token < 0 || r.TokenWorst < 0 || r.Delivery < 0 || r.DeliveryWorst < 0 || r.CPU < 0 {
			t.Errorf("%v: %+v", v, r)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", time.Minute: "1m00s", 252 * time.Second: "4m12s",
		3*time.Hour + 5*time.Minute: "3h05m", 52 * time.Hour: "2d04h", 400 * 24 * time.Hour: "400d00h",
	} {
		if got := cluster.Age(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
