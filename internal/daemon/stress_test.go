package daemon

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
)

// flood sends messages to a group as fast as the daemon takes them, until told
// to stop.
func (c *rawClient) flood(group string, size int, stop *atomic.Bool) error {
	var batch []byte
	for range max(1, 16000/(size+80)) {
		batch = append(batch, c.message(clientproto.Agreed, make([]byte, size), group)...)
	}
	for !stop.Load() {
		if _, err := c.Write(batch); err != nil {
			return err
		}
	}
	return nil
}

// TestFloodsStarveNobody: while three clients flood, one that sends now and then
// gets each of its messages through; nobody is disconnected.
func TestFloodsStarveNobody(t *testing.T) {
	d := startDaemon(t, "", Options{})
	sink := d.connect("sink", false)
	sink.join2("g")
	go io.Copy(io.Discard, sink)
	var stop atomic.Bool
	errs := make(chan error, 3)
	for i := range 3 {
		c := d.connect(fmt.Sprintf("flood%d", i), false)
		go func() { errs <- c.flood("g", 100, &stop) }()
	}
	meek := d.connect("meek", false)
	var took []time.Duration
	for range 200 {
		start := time.Now()
		meek.sync()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	stop.Store(true)
	for range 3 {
		if err := <-errs; err != nil {
			t.Errorf("a flooding sender was disconnected: %v", err)
		}
	}
	// Alone it takes well below a millisecond; a turn of each flooder is a few
	// milliseconds, more under the race detector and on a busy machine, which may also
	// stop all of this a few times.
	if most := took[len(took)-5]; most > 2*time.Second {
		t.Errorf("lone messages took %v while others flooded", took[len(took)-5:])
	}
	t.Logf("worst of 200 round trips: %v", took[len(took)-1])
}

// join2 joins without wanting views, and returns when the join has been ordered.
func (c *rawClient) join2(group string) {
	c.send(clientproto.Join, "", group)
	c.sync()
}

// TestStalledReaderSlowsSendersThenIsCut: before a stalled reader is cut off its
// senders are held back, and afterwards everybody else goes on.
func TestStalledReaderSlowsSendersThenIsCut(t *testing.T) {
	d := startDaemon(t, "MaxSessionBytes = 400000\nSenderHold = 200", Options{})
	stalled := d.connect("stalled", false)
	stalled.join2("g")
	good := d.connect("good", true)
	good.join("g")
	var stop atomic.Bool
	sender := d.connect("sender", false)
	done := make(chan error, 1)
	go func() { done <- sender.flood("g", 1000, &stop) }()
	for {
		h, m := good.next()
		if h.Type&clientproto.CausedByDisconnect != 0 {
			v, err := clientproto.ParseView(m, &h, false)
			if err != nil || v.Sets[0][0] != stalled.private {
				t.Fatalf("%v, %v", v, err)
			}
			break
		}
	}
	for range 100 {
		good.next()
	}
	stop.Store(true)
	go io.Copy(io.Discard, good)
	if err := <-done; err != nil {
		t.Errorf("the sender was disconnected: %v", err)
	}
	d.log.wait(t, "Session #stalled#d from 127.0.0.1:")
	d.log.wait(t, "slow receiver: more bytes waiting than MaxSessionBytes")
}

// TestSuddenEnds: connections that are reset or closed at any moment, in the
// middle of anything, leave nothing behind.
func TestSuddenEnds(t *testing.T) {
	d := startDaemon(t, "", Options{})
	witness := d.connect("witness", true)
	witness.join("g")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.port))
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("c%d", i)
		all := clientproto.AppendHello(nil, &clientproto.Hello{Version: clientproto.ThisVersion, Name: name, Membership: true})
		all, _ = clientproto.AppendChoice(all, []string{"NULL"})
		c := &rawClient{Conn: conn, t: t, private: clientproto.Private(name, "d")}
		for range 5 {
			all = append(all, c.message(clientproto.Join, nil, "h")...)
			all = append(all, c.message(clientproto.Safe, make([]byte, r.IntN(3000)), "h", "g")...)
		}
		conn.Write(all[:r.IntN(len(all)+1)])
		if r.IntN(2) == 0 {
			conn.(*net.TCPConn).SetLinger(0)
		}
		conn.Close()
	}
	witness.sync()
	waitFor(t, "all sessions but one to end", func() bool { return d.server.Count() == 1 })
	sessions, groups := d.engine.counts()
	if sessions != 1 || groups != 1 {
		t.Errorf("%d sessions and %d groups are left, not the witness in its group", sessions, groups)
	}
}

// waitFor polls for something that has no event of its own.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no way to count descriptors here: %v", err)
	}
	return len(entries)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestTwoThousandClients: all connect at once, join one group, all get one
// message, and leave; nothing is left of them.
func TestTwoThousandClients(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 200
	}
	d := startDaemon(t, "", Options{})
	d.connect("early", false).Close() // all listeners are served
	waitFor(t, "the first session to end", func() bool { return d.server.Count() == 0 })
	goroutines, files, heap := runtime.NumGoroutine(), descriptors(t), heapInUse()
	clients := make([]*rawClient, n)
	var wg sync.WaitGroup
	for part := range slices.Chunk(indexes(n), 50) {
		wg.Go(func() {
			for _, i := range part {
				clients[i] = d.connect(fmt.Sprintf("c%d", i), false)
				clients[i].join2("all")
			}
		})
	}
	wg.Wait()
	clients[0].send(clientproto.Safe, "to all of you", "all")
	for _, c := range clients {
		if h, m := c.next(); string(m[h.Data():]) != "to all of you" {
			t.Fatalf("%s got %q", c.private, m[h.Data():])
		}
	}
	if s, _ := d.engine.counts(); s != n {
		t.Errorf("%d sessions", s)
	}
	for _, c := range clients {
		c.Close()
	}
	clear(clients)
	waitFor(t, "all sessions to end", func() bool { return d.server.Count() == 0 })
	waitFor(t, "all goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+1 })
	if now := descriptors(t); now > files {
		t.Errorf("%d descriptors are open, %d before", now, files)
	}
	if now := heapInUse(); now > heap+16<<20 {
		t.Errorf("the heap holds %d bytes, %d before", now, heap)
	}
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// TestTenThousandGroups: one client in all of them, with views; a disconnect
// ends them all.
func TestTenThousandGroups(t *testing.T) {
	const n = 10_000
	d := startDaemon(t, "", Options{})
	heap := heapInUse()
	c := d.connect("joiner", true)
	go func() {
		var batch []byte
		for i := range n {
			batch = append(batch, c.message(clientproto.Join, nil, fmt.Sprintf("group%d", i))...)
		}
		c.Write(batch)
	}()
	for i := range n {
		if h, m := c.next(); h.Type&clientproto.CausedByJoin == 0 || clientproto.NameOf(clientproto.Sender(m)).String() != fmt.Sprintf("group%d", i) {
			t.Fatalf("notice %d: %+v", i, h)
		}
	}
	if _, groups := d.engine.counts(); groups != n {
		t.Errorf("%d groups", groups)
	}
	c.send(clientproto.Kill, "")
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the disconnect: %v", err)
	}
	waitFor(t, "the groups to end", func() bool { _, g := d.engine.counts(); return g == 0 })
	if now := heapInUse(); now > heap+16<<20 {
		t.Errorf("the heap holds %d bytes, %d before", now, heap)
	}
}

// TestOneOrderForAll: several senders, several groups, all services; every
// receiver sees what it shares with another in the same order.
func TestOneOrderForAll(t *testing.T) {
	const receivers, senders, each = 4, 4, 500
	d := startDaemon(t, "", Options{})
	groups := []string{"a", "b", "c"}
	rs := make([]*rawClient, receivers)
	for i := range rs {
		rs[i] = d.connect(fmt.Sprintf("r%d", i), false)
		for _, g := range groups {
			rs[i].join2(g)
		}
	}
	for s := range senders {
		c := d.connect(fmt.Sprintf("s%d", s), false)
		go func() {
			r := rand.New(rand.NewPCG(uint64(s), 0))
			for i := range each {
				to := []string{groups[r.IntN(3)], groups[r.IntN(3)]}
				c.Write(c.message(clientproto.Type(1)<<r.IntN(6), []byte(fmt.Sprintf("%d/%d", s, i)), to...))
			}
		}()
	}
	var first []string
	for i, c := range rs {
		var got []string
		for range senders * each {
			h, m := c.next()
			got = append(got, string(m[h.Data():]))
		}
		if i == 0 {
			first = got
		} else if !slices.Equal(got, first) {
			t.Fatalf("receiver %d sees another order than receiver 0", i)
		}
	}
}

// BenchmarkRelay is a whole message through the daemon's rooms without sockets
// in the way: from the batch of one session to the queue of another.
func BenchmarkTurn(b *testing.B) {
	for _, receivers := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("receivers=%d", receivers), func(b *testing.B) { benchmarkTurn(b, receivers) })
	}
}
