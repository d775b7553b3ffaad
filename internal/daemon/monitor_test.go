package daemon

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/monproto"
	"gospread/spread/internal/seal"
)

// asker is a monitor that speaks the protocol by hand.
type asker struct {
	t      *testing.T
	conn   *net.UDPConn
	to     netip.AddrPort
	sealer *seal.Sealer
	h      monproto.Header // right for the daemon
}

func (r *running) asker(from string) *asker {
	r.t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from+":0")))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	id := r.self.ID
	return &asker{r.t, conn, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(r.port)), seal.Plain(),
		monproto.Header{Digest: r.config.Load().Hash(), From: id, To: id}}
}

func (a *asker) raw(b []byte) {
	a.t.Helper()
	if _, err := a.conn.WriteToUDPAddrPort(b, a.to); err != nil {
		a.t.Fatal(err)
	}
}

// ask sends a request that differs from a right one by change.
func (a *asker) ask(kind monproto.Kind, id uint64, body []byte, change func(*monproto.Header)) {
	a.t.Helper()
	h := a.h
	h.Kind, h.ID = kind, id
	if change != nil {
		change(&h)
	}
	a.raw(a.sealer.Seal(nil, append(h.Append(nil), body...)))
}

// next is the next answer.
func (a *asker) next() (monproto.Header, []byte) {
	a.t.Helper()
	b := make([]byte, 2000)
	_ = a.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, _, err := a.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		a.t.Fatal(err)
	}
	b, err = a.sealer.Open(b[:n])
	if err != nil {
		a.t.Fatal(err)
	}
	h, body, err := monproto.Parse(b)
	if err != nil {
		a.t.Fatal(err)
	}
	return h, body
}

// expect is the next answer, which must be to that id.
func (a *asker) expect(id uint64) monproto.Ack {
	a.t.Helper()
	h, body := a.next()
	var ack monproto.Ack
	if h.ID != id {
		a.t.Fatalf("an answer to %d, want %d", h.ID, id)
	}
	if h.Kind == monproto.Done {
		if err := ack.Parse(body); err != nil {
			a.t.Fatal(err)
		}
	}
	return ack
}

// status asks for the status, and puts it together.
func (a *asker) status(id uint64) string {
	a.t.Helper()
	a.ask(monproto.Status, id, nil, nil)
	var all monproto.Assembly
	for {
		_, body := a.next()
		var p monproto.Part
		if err := p.Parse(body); err != nil {
			a.t.Fatal(err)
		}
		if doc, complete := all.Add(&p); complete {
			return string(doc)
		}
	}
}

// unheard checks that what was sent before has had no answer: the next is that to a
// right request.
func (a *asker) unheard() {
	a.t.Helper()
	id := uint64(time.Now().UnixNano())
	a.ask(monproto.Terminate, id, nil, nil)
	if ack := a.expect(id); ack.Code != monproto.Refused {
		a.t.Errorf("%+v", ack)
	}
}

// TestMonitorStrangers: what is not from whom it says, not for this daemon, or no
// request at all, gets no answer and does nothing.
func TestMonitorStrangers(t *testing.T) {
	r := startDaemon(t, "", Options{})
	a := r.asker("127.0.0.1")
	for name, change := range map[string]func(*monproto.Header){
		"unknown sender":        func(h *monproto.Header) { h.From++ },
		"no sender":             func(h *monproto.Header) { h.From = 0 },
		"another daemon":        func(h *monproto.Header) { h.To++ },
		"an answer":             func(h *monproto.Header) { h.Kind = monproto.Done },
		"an answer to a status": func(h *monproto.Header) { h.Kind = monproto.Doc },
	} {
		a.ask(monproto.Reload, 1, nil, change)
		a.unheard()
		if t.Failed() {
			t.Fatal(name)
		}
	}
	good := a.sealer.Seal(nil, (&monproto.Header{Kind: monproto.Reload, Digest: a.h.Digest, From: a.h.From, To: a.h.To}).Append(nil))
	for n := range len(good) {
		a.raw(good[:n])
	}
	a.raw(make([]byte, 1200))
	a.raw(a.sealer.Seal(nil, append((&monproto.Header{}).Append(nil), make([]byte, 60000)...)))
	a.unheard()
	a.raw(original(a.h.Digest, a.h.From))
	a.unheard()
	if runtime.GOOS == "linux" { // elsewhere the loopback network has one address
		other := r.asker("127.0.0.9")
		other.ask(monproto.Reload, 1, nil, nil)
		other.raw(good)
		a.unheard()
		if err := other.conn.SetReadDeadline(time.Now()); err != nil {
			t.Fatal(err)
		}
		if n, _, err := other.conn.ReadFromUDPAddrPort(make([]byte, 100)); err == nil {
			t.Errorf("another address gets %d bytes", n)
		}
	}
	if strings.Contains(r.log.String(), "reload") {
		t.Errorf("the daemon says\n%s", r.log)
	}
}

// original is a status query of the original's monitor (configuration and tools 9.5).
func original(hash, id uint32) []byte {
	b := make([]byte, 40)
	binary.LittleEndian.PutUint32(b, 0x01000000|0x80000080)
	binary.LittleEndian.PutUint32(b[4:], id)
	binary.LittleEndian.PutUint32(b[8:], id)
	binary.LittleEndian.PutUint32(b[20:], 6543)
	binary.LittleEndian.PutUint32(b[28:], hash)
	return b
}

// TestMonitorOnce: a request that is repeated is answered again and obeyed once.
func TestMonitorOnce(t *testing.T) {
	r := startDaemon(t, "DangerousMonitor = yes", Options{})
	a := r.asker("127.0.0.1")
	for range 3 {
		a.ask(monproto.Reload, 5, nil, nil)
		if ack := a.expect(5); ack.Code != monproto.OK {
			t.Errorf("%+v", ack)
		}
	}
	if first := a.status(6); a.status(6) != first {
		t.Error("the answer to a repeated query is another one, which would not fit the parts of the first")
	}
	a.ask(99, 7, nil, nil)
	if ack := a.expect(7); ack.Code != monproto.Refused || !strings.Contains(ack.Text, "does not know") {
		t.Errorf("%+v", ack)
	}
	if err := r.stop(); err != nil { // its log is whole then
		t.Fatal(err)
	}
	if n := strings.Count(r.log.String(), "reloading the configuration"); n != 1 {
		t.Errorf("%d reloads", n)
	}
}

// TestMonitorBodies: bodies that make no sense are refused.
func TestMonitorBodies(t *testing.T) {
	r := startDaemon(t, "DangerousMonitor = yes", Options{})
	a := r.asker("127.0.0.1")
	flow := monproto.MakeFlow(1, 2, 3)
	id := uint64(0)
	for kind, bodies := range map[monproto.Kind][][]byte{
		monproto.Partition: {{1}, monproto.AppendPartition(nil, []monproto.Place{{Daemon: 0, Part: 1}}), monproto.AppendPartition(nil, []monproto.Place{{Daemon: a.h.To + 1, Part: 1}}), nil},
		monproto.SetFlow:   {nil, flow.Append(nil)[:11], flow.Append(nil)},
	} {
		for _, body := range bodies {
			id++
			a.ask(kind, id, body, nil)
			if ack := a.expect(id); ack.Code != monproto.Refused || ack.Text == "" {
				t.Errorf("kind %d with %x: %+v", kind, body, ack)
			}
		}
	}
	if r.network.parts.Load() != nil {
		t.Error("parted")
	}
}

// TestMonitorFlood: what a monitor can make the daemon do is bounded, and what is too
// much is said to be.
func TestMonitorFlood(t *testing.T) {
	r := startDaemon(t, "DangerousMonitor = yes", Options{})
	a := r.asker("127.0.0.1")
	refused := 0
	for i := range uint64(4 * reloadBurst) {
		a.ask(monproto.Reload, 100+i, nil, nil)
		if ack := a.expect(100 + i); ack.Code == monproto.Busy {
			refused++
		}
	}
	if n := strings.Count(r.log.String(), "reloading the configuration"); refused == 0 || n > 2*reloadBurst {
		t.Errorf("%d refused, %d made", refused, n)
	}
	// Behind a flood of rubbish and queries the queue takes no more, and the daemon
	// goes on serving.
	for i := range uint64(1000) {
		a.ask(monproto.Status, 1000+i, nil, nil)
	}
	c := r.connect("x", false)
	c.Close()
}

// TestMonitorSealed: with a key every request is authentic, new, and for this daemon.
func TestMonitorSealed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.ReadKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	r := startDaemon(t, "RingKeyFile = "+file, Options{})
	a := r.asker("127.0.0.1")
	plain := r.asker("127.0.0.1")
	if a.sealer, err = seal.NewTool(keys); err != nil {
		t.Fatal(err)
	}
	// Not sealed: nothing.
	plain.ask(monproto.Reload, 1, nil, nil)
	// Replayed: obeyed once, and not answered again.
	h := a.h
	h.Kind, h.ID = monproto.Reload, 2
	sealed := a.sealer.Seal(nil, h.Append(nil))
	a.raw(sealed)
	if ack := a.expect(2); ack.Code != monproto.OK {
		t.Errorf("%+v", ack)
	}
	a.raw(sealed)
	a.unheard()
	// A copy of what was for another daemon.
	h.ID, h.To = 3, h.To+1
	a.raw(a.sealer.Seal(nil, h.Append(nil)))
	a.unheard()
	// Damaged.
	h.ID, h.To = 4, h.To-1
	sealed = a.sealer.Seal(nil, h.Append(nil))
	sealed[len(sealed)-20] ^= 1
	a.raw(sealed)
	a.unheard()
	// A monitor that is no daemon may ask.
	a.h.From = 0
	a.unheard()
	if err := r.stop(); err != nil { // its log is whole then
		t.Fatal(err)
	}
	if n := strings.Count(r.log.String(), "reloading the configuration"); n != 1 {
		t.Errorf("%d reloads", n)
	}
}

// TestPartitionIsForgotten: a minute after the last word of it.
func TestPartitionIsForgotten(t *testing.T) {
	if partitionLife != 60*time.Second {
		t.Errorf("it lasts %v", partitionLife)
	}
	r := startDaemon(t, "DangerousMonitor = yes", Options{})
	a := r.asker("127.0.0.1")
	a.ask(monproto.Partition, 1, monproto.AppendPartition(nil, []monproto.Place{{Daemon: a.h.To, Part: 3}, {Daemon: 77, Part: 4}}), nil)
	a.expect(1)
	p := r.network.parts.Load()
	if p == nil || p.part != 3 || !p.others[77] || p.others[a.h.To] {
		t.Fatalf("%+v", p)
	}
	r.monitors.parted.Reset(0) // the minute is over
	r.log.wait(t, "Net_handle_monitor: the partition is over")
	if r.network.parts.Load() != nil {
		t.Error("it is not forgotten")
	}
}

// TestMonitorsOfLoneDaemon: a daemon without others does not need its data port.
func TestMonitorsOfLoneDaemon(t *testing.T) {
	r := &running{t: t, dir: t.TempDir(), port: freePort(t), log: newLogBuffer()}
	r.file = filepath.Join(r.dir, "spread.conf")
	taken, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		t.Skip(err)
	}
	defer taken.Close()
	r.configure("")
	if err := r.start(Options{}); err != nil {
		t.Fatal(err)
	}
	r.log.wait(t, "Network: monitors cannot reach this daemon: ")
	r.connect("x", false).Close()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestBucket(t *testing.T) {
	now := time.Now()
	b := newBucket(2, 3, now)
	for i, want := range []bool{true, true, true, false} {
		if b.take(now) != want {
			t.Errorf("%d: %v", i, !want)
		}
	}
	if b.take(now.Add(499*time.Millisecond)) || !b.take(now.Add(501*time.Millisecond)) || b.take(now) {
		t.Error("two a second")
	}
	for range 3 {
		if !b.take(now.Add(time.Hour)) {
			t.Error("not three after a while")
		}
	}
	if b.take(now.Add(time.Hour)) {
		t.Error("more than three")
	}
}

func TestAnswered(t *testing.T) {
	from := netip.MustParseAddrPort("127.0.0.1:1")
	r := answered{most: 3}
	for id := range uint64(5) {
		r.keep(answer{to: from, id: id})
		r.keep(answer{to: from, id: id, kind: monproto.Done})
	}
	for id := range uint64(5) {
		if a, known := r.find(from, id); known != (id >= 2) || known && a.kind != monproto.Done {
			t.Errorf("%d: %v %+v", id, known, a)
		}
	}
	if _, known := r.find(netip.MustParseAddrPort("127.0.0.1:2"), 4); known || len(r.list) != 3 {
		t.Error("of somebody else")
	}
}
