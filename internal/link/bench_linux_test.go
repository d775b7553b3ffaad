package link

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// counting counts what comes.
type counting struct{ n, bytes atomic.Int64 }

func (c *counting) Receive(batch []Received) {
	var bytes int64
	for _, d := range batch {
		bytes += int64(len(d.Data))
	}
	c.n.Add(int64(len(batch)))
	c.bytes.Add(bytes)
}
func (*counting) Refused(uint32) {}
func (*counting) Resized(int)    {}
func (*counting) Noted(string)   {}

func openIn(b *testing.B, ns *netns, cfg Config, h Handler) *Link {
	b.Helper()
	var l *Link
	ns.do(b, func() (err error) {
		l, err = Open(cfg)
		return err
	})
	l.Start(h)
	b.Cleanup(func() { _ = l.Close() })
	return l
}

func cpuMicros() float64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
}

// flood sends b.N datagrams to everybody, no more under way than fit the buffers.
func flood(b *testing.B, from *Link, to []*counting, size int) {
	batch := make([]Datagram, max(1, min(60, 240000/size)))
	data := pattern(size*len(batch), 1)
	for i := range batch {
		batch[i].Data = data[i*size : (i+1)*size]
	}
	window := int64(max(2*len(batch), min(1500, 3<<20/(size+1024))))
	b.SetBytes(int64(size))
	cpu := cpuMicros()
	b.ResetTimer()
	var sent int64
	for sent < int64(b.N) {
		from.Send(batch)
		sent += int64(len(batch))
		for _, c := range to {
			for spins := 0; sent-c.n.Load() > window; spins++ {
				if spins > 10_000_000 {
					b.Fatalf("%d of %d came: %+v", c.n.Load(), sent, from.Counters())
				}
				runtime.Gosched()
			}
		}
	}
	for _, c := range to {
		for spins := 0; c.n.Load() < sent; spins++ {
			if spins > 10_000_000 {
				b.Fatalf("%d of %d came: %+v", c.n.Load(), sent, from.Counters())
			}
			runtime.Gosched()
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "datagrams/s")
	b.ReportMetric((cpuMicros()-cpu)/float64(sent)/float64(len(to)), "cpu-us/delivery")
}

// BenchmarkMulticast is one sender and two receivers, each on a host of its own.
func BenchmarkMulticast(b *testing.B) {
	for _, c := range []struct {
		name    string
		without Feature
	}{
		{"offload", 0}, {"send offload", Coalescing}, {"receive offload", Segmentation},
		{"batches", Segmentation | Coalescing}, {"single", Segmentation | Coalescing | Batching}, {"portable", Native},
	} {
		for _, size := range []int{200, 1400} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				hosts := newLAN(b, 3, 1500)
				peers := peersOf(lanPort, lanAddrs("4", 3)...)
				var to []*counting
				var from *Link
				for i, h := range hosts {
					k := &counting{}
					l := openIn(b, h, Config{Self: uint32(i + 1), Peers: peers, Segment: addrs("239.77.3.1"), Without: c.without}, k)
					if i == 0 {
						from = l
					} else {
						to = append(to, k)
					}
				}
				flood(b, from, to, size)
			})
		}
	}
}

// BenchmarkLoopback is one sender and two receivers on one host, by datagram size.
func BenchmarkLoopback(b *testing.B) {
	ips := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	for _, segment := range []string{"239.77.3.2", "127.0.0.255"} {
		for _, size := range []int{1400, 4000, 8000, 16000, 32000, 60000} {
			b.Run(fmt.Sprintf("%s/%d", segment, size), func(b *testing.B) {
				peers := peersOf(freePort(b, ips...), ips...)
				var to []*counting
				var from *Link
				for i := range ips {
					k := &counting{}
					l := openIn(b, nil, Config{Self: uint32(i + 1), Peers: peers, Segment: addrs(segment)}, k)
					if i == 0 {
						from = l
					} else {
						to = append(to, k)
					}
				}
				flood(b, from, to, size)
			})
		}
	}
}

// bouncer sends back what comes to the token port.
type bouncer struct {
	l    *Link
	left int // counts down; 0 at first: without end
	end  chan struct{}
	out  [1]Datagram
}

func (p *bouncer) Receive([]Received) {
	if p.left--; p.left == 0 {
		close(p.end)
		return
	}
	p.l.Send(p.out[:])
}
func (*bouncer) Refused(uint32) {}
func (*bouncer) Resized(int)    {}
func (*bouncer) Noted(string)   {}

// bounceEnv makes the test's program one side of BenchmarkPingPong: addresses of the
// two daemons, the port, features to do without.
const bounceEnv = "GOSPREAD_TEST_BOUNCE"

func TestMain(m *testing.M) {
	var a, b string
	var port uint16
	var without Feature
	if _, err := fmt.Sscan(os.Getenv(bounceEnv), &a, &b, &port, &without); err != nil {
		os.Exit(m.Run())
	}
	p := &bouncer{out: [1]Datagram{{To: 1, Data: pattern(100, 1)}}}
	l, err := Open(Config{Self: 2, Peers: apart(peersOf(port, a, b)), Without: without})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p.l = l
	l.Start(p)
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the other side closes it
	_ = l.Close()
}

// BenchmarkPingPong is the time for one datagram to go and one to come back, between
// two processes.
func BenchmarkPingPong(b *testing.B) {
	for _, where := range []string{"loopback", "LAN"} {
		for _, without := range []Feature{0, Native} {
			b.Run(fmt.Sprintf("%s without %d", where, without), func(b *testing.B) {
				hosts := []*netns{nil, nil}
				ips := []string{"127.0.0.1", "127.0.0.2"}
				port := uint16(lanPort)
				if where == "LAN" {
					hosts = newLAN(b, 2, 1500)
					ips = lanAddrs("4", 2)
				} else {
					port = freePort(b, ips...)
				}
				p := &bouncer{left: b.N, end: make(chan struct{}), out: [1]Datagram{{To: 2, Data: pattern(100, 0)}}}
				hosts[0].do(b, func() (err error) {
					p.l, err = Open(Config{Self: 1, Peers: apart(peersOf(port, ips...)), Without: without})
					return err
				})
				defer p.l.Close()
				p.l.Start(p)
				stop := otherSide(b, hosts[1], fmt.Sprint(ips[0], " ", ips[1], " ", port, " ", without))
				defer stop()
				b.ReportAllocs()
				cpu := cpuMicros()
				b.ResetTimer()
				p.l.Send(p.out[:])
				<-p.end
				b.StopTimer()
				b.ReportMetric((cpuMicros()-cpu)/float64(b.N), "cpu-us/datagram")
			})
		}
	}
}

// otherSide runs this program again, in a namespace.
func otherSide(b *testing.B, ns *netns, env string) (stop func()) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), bounceEnv+"="+env)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	ns.do(b, cmd.Start)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		b.Fatalf("other side: %q, %v", line, err)
	}
	return func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
}
