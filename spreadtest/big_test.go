package spreadtest_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/spreadtest"
)

var bigGroup = clientproto.MakeName("big")

// One group has very many members, few of whom or all of whom ask for views. MEMBERS and ASKING in the
// environment make one of another size.
func TestBigGroups(t *testing.T) {
	if members := int(number("MEMBERS", 0)); members > 0 {
		asking := int(number("ASKING", 50))
		t.Run("by joins", func(t *testing.T) { testBig(t, members, asking, false) })
		t.Run("by merges", func(t *testing.T) { testBig(t, members, asking, true) })
		t.Run("storm", func(t *testing.T) { testStorm(t, members, asking) })
		return
	}
	t.Run("few ask", func(t *testing.T) { t.Parallel(); testBig(t, 2500, 50, true) })
	t.Run("storm", func(t *testing.T) {
		t.Parallel()
		testStorm(t, 2000, 20, spreadtest.WithConfig("MaxSessionBytes = 3000000"))
	})
	t.Run("all ask", func(t *testing.T) { t.Parallel(); testBig(t, 300, 300, false) })
}

// testStorm lets a crowd join at once a group in which viewers are. With 2,000 members all views have 64 MB
// for each of them.
func testStorm(t *testing.T, members, asking int, opts ...spreadtest.Option) {
	ctx, cancel := context.WithTimeout(t.Context(), bigLimit(members, asking))
	defer cancel()
	began := time.Now()
	b := newBig(ctx, t, members, asking, opts...)
	b.join(asking)
	b.settle("a b c")
	b.swell(members, "a b c")
	b.settle("a b c")
	b.measure(time.Since(began))
}

func bigLimit(members, asking int) time.Duration {
	return time.Minute + time.Duration(members*asking)*time.Millisecond
}

func testBig(t *testing.T, members, asking int, merge bool) {
	ctx, cancel := context.WithTimeout(t.Context(), bigLimit(members, asking))
	defer cancel()
	began := time.Now()
	b := newBig(ctx, t, members, asking)
	b.form(merge)
	b.part()
	b.shrink()
	b.die()
	b.measure(time.Since(began))
}

// wave is how many join or leave at a time: WAVE in the environment. A client that asks for views gets one
// for each of them; with 10,000 members that is 320 KB.
var wave = int(number("WAVE", 100))

// big is the group and what is known of it.
type big struct {
	*testing.T
	ctx     context.Context
	c       *spreadtest.Cluster
	addrs   []string
	book    *book
	crowd   *crowd
	viewers []*viewer
	joined  int // of viewers
	// sums are the members by daemon.
	sums map[string]sum
}

func newBig(ctx context.Context, t *testing.T, members, asking int, opts ...spreadtest.Option) *big {
	b := &big{T: t, ctx: ctx, c: spreadtest.New(t, 3, opts...), book: newBook(), sums: make(map[string]sum)}
	for _, name := range b.c.Names() {
		b.addrs = append(b.addrs, b.c.Addr(name))
	}
	b.crowd = newCrowd(ctx, t, members-asking, b.addrs)
	b.connect(asking)
	b.Cleanup(b.tellEnds)
	return b
}

// tellEnds tells why viewers have lost their connections, where the test has failed: many lines about
// the crowd would follow.
func (b *big) tellEnds() {
	for _, name := range b.c.Names() {
		for line := range strings.Lines(b.c.Log(name)) {
			if b.Failed() && strings.Contains(line, "#v") && strings.Contains(line, "bytes waiting") {
				b.Logf("%s: %s", name, line)
			}
		}
	}
}

func (b *big) connect(n int) {
	b.Helper()
	from := len(b.viewers)
	b.viewers = append(b.viewers, make([]*viewer, n)...)
	err := each(n, func(i int) (err error) {
		i += from
		name := b.c.Names()[i%len(b.addrs)]
		b.viewers[i], err = newViewer(b.book, i, name, b.addrs[i%len(b.addrs)])
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	fresh := slices.Clone(b.viewers[from:])
	b.Cleanup(func() {
		for _, v := range fresh {
			_ = v.Close()
		}
	})
}

// join joins the next n viewers.
func (b *big) join(n int) {
	b.Helper()
	next := b.viewers[b.joined:][:n]
	b.joined += n
	if err := each(n, func(i int) error { return next[i].send(clientproto.Join) }); err != nil {
		b.Fatal(err)
	}
	for _, v := range next {
		b.sums[v.at] = b.sums[v.at].with(v.self)
	}
}

// form makes the group: one viewer of each daemon, the crowd, then the other viewers. With merge, each
// daemon's part grows by itself.
func (b *big) form(merge bool) {
	b.Helper()
	parts := []string{"a b c"}
	if merge {
		parts = []string{"a", "b", "c"}
		b.partition(parts)
	}
	b.join(3)
	b.settle(parts...)
	b.swell(wave, parts...)
	for b.joined < len(b.viewers) {
		b.join(min(wave, len(b.viewers)-b.joined))
		b.see(parts...)
	}
	b.settle(parts...)
	b.heal()
}

// swell joins the crowd, n at a time.
func (b *big) swell(n int, parts ...string) {
	b.Helper()
	for from := 0; from < len(b.crowd.names); from += n {
		to := min(from+n, len(b.crowd.names))
		b.crowd.do("join %d %d", from, to)
		for _, n := range b.crowd.names[from:to] {
			_, at, _ := n.SplitPrivate()
			b.sums[string(at)] = b.sums[string(at)].with(b.book.sum(n))
		}
		b.see(parts...)
	}
	b.crowd.in = true
}

// part lets the group part, get one more member in each part, and merge again.
func (b *big) part() {
	b.Helper()
	parts := []string{"a b", "c"}
	b.partition(parts)
	b.settle(parts...)
	b.connect(6)
	b.join(6)
	b.settle(parts...)
	b.heal()
}

// shrink takes the daemons b and c away, and brings b back.
func (b *big) shrink() {
	b.Helper()
	b.c.Kill("c")
	b.gone("c")
	b.settle("a b")
	b.c.Kill("b")
	b.gone("b")
	b.settle("a")
	b.c.Restart("b")
	b.c.WaitForView(b.ctx, "a", "b")
	b.settle("a b")
}

// die lets the group end and come back.
func (b *big) die() {
	b.Helper()
	last := b.viewers[len(b.viewers)-1]
	for _, v := range b.viewers {
		if v != last {
			if err := v.send(clientproto.Leave); err != nil {
				b.Fatal(err)
			}
			v.await(b.ctx, b, "its leave", func() bool { return v.view == nil })
			b.sums["a"] = b.sums["a"].without(v.self)
		}
	}
	b.viewers, b.joined = []*viewer{last}, 1
	for from := 0; from < len(b.crowd.names); from += wave {
		to := min(from+wave, len(b.crowd.names))
		b.crowd.do("quit %d %d", from, to)
		for _, n := range b.crowd.names[from:to] {
			if _, at, _ := n.SplitPrivate(); string(at) == "a" {
				b.sums["a"] = b.sums["a"].without(b.book.sum(n))
			}
		}
		b.see("a")
	}
	for range 3 {
		last.await(b.ctx, b, "the others' end", func() bool { return last.view != nil && last.view.all == last.self })
		if err := last.send(clientproto.Leave); err != nil {
			b.Fatal(err)
		}
		last.await(b.ctx, b, "the end of the group", func() bool { return last.view == nil })
		if err := last.send(clientproto.Join); err != nil {
			b.Fatal(err)
		}
	}
}

// partition parts the daemons.
func (b *big) partition(parts []string) {
	b.Helper()
	var names [][]string
	for _, p := range parts {
		names = append(names, strings.Fields(p))
	}
	b.c.Partition(names...)
	for _, n := range names {
		b.c.WaitForView(b.ctx, n...)
	}
}

func (b *big) heal() {
	b.Helper()
	b.c.Heal()
	b.c.WaitTogether(b.ctx)
	b.settle("a b c")
}

// gone forgets a daemon and its clients.
func (b *big) gone(name string) {
	b.viewers = slices.DeleteFunc(b.viewers, func(v *viewer) bool { return v.at == name })
	b.joined = len(b.viewers)
	delete(b.sums, name)
}

// see waits until all members who ask have the view of their part.
func (b *big) see(parts ...string) {
	b.Helper()
	for _, p := range parts {
		var want sum
		for _, name := range strings.Fields(p) {
			want = want.with(b.sums[name])
		}
		what := fmt.Sprintf("the view of %d in {%s}", want.n, p)
		for _, v := range b.members(p) {
			v.await(b.ctx, b, what, func() bool { return v.view != nil && v.view.all == want && !v.signal })
		}
	}
}

// settle waits for the views, sends a message to each part, and waits until it is at everybody, once.
func (b *big) settle(parts ...string) {
	b.Helper()
	began := time.Now()
	b.see(parts...)
	for _, p := range parts {
		if err := b.members(p)[0].send(clientproto.Safe); err != nil {
			b.Fatal(err)
		}
	}
	for _, v := range b.members(parts...) {
		v.due++
		v.await(b.ctx, b, "a message", func() bool { return v.data >= v.due })
		if v.data > v.due {
			b.Errorf("%s got %d messages, must be %d", v.private, v.data, v.due)
		}
	}
	if b.crowd.in {
		b.crowd.due++
	}
	b.crowd.do("got %d", b.crowd.due)
	views, _ := b.book.sums()
	b.Logf("%v: %v, %d members, %d views", time.Since(began), parts, b.sums["a"].with(b.sums["b"]).with(b.sums["c"]).n, views)
}

// members are the viewers in these parts that have joined.
func (b *big) members(parts ...string) []*viewer {
	return slices.DeleteFunc(slices.Clone(b.viewers[:b.joined]), func(v *viewer) bool {
		return !strings.Contains(strings.Join(parts, " "), v.at)
	})
}

// mostMemory is what daemons and viewers may take, in KB. The views of 10,000 members that join one by one
// have 5 GB.
const mostMemory = 3 << 19

// measure tells what the test has taken, and bounds the memory, where the system tells it.
func (b *big) measure(took time.Duration) {
	text, _ := os.ReadFile("/proc/self/status") // not everywhere
	peak := 0
	for _, line := range strings.Split(string(text), "\n") {
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &peak)
	}
	views, bytes := b.book.sums()
	b.Logf("%v; %d views, %d MB of them at clients; at most %d MB in memory", took, views, bytes>>20, peak>>10)
	if peak > mostMemory {
		b.Errorf("%d KB in memory, must be at most %d", peak, mostMemory)
	}
}
