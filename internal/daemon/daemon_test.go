package daemon

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
)

// logBuffer is a log that tests can read and wait for.
type logBuffer struct {
	mu   sync.Mutex
	cond *sync.Cond
	text bytes.Buffer
}

func newLogBuffer() *logBuffer {
	l := &logBuffer{}
	l.cond = sync.NewCond(&l.mu)
	return l
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cond.Broadcast()
	return l.text.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait returns once the log holds the text.
func (l *logBuffer) wait(t *testing.T, text string) {
	t.Helper()
	stop := time.AfterFunc(20*time.Second, l.cond.Broadcast)
	defer stop.Stop()
	deadline := time.Now().Add(20 * time.Second)
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.text.String(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q:\n%s", text, l.text.String())
		}
		l.cond.Wait()
	}
}

// running is a daemon in this process.
type running struct {
	*Daemon
	t    *testing.T
	dir  string
	file string
	port int
	log  *logBuffer
	stop func() error
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startDaemon runs a daemon named d on a free port, with more lines in its
// configuration.
func startDaemon(t *testing.T, more string, opts Options) *running {
	t.Helper()
	dir := t.TempDir()
	r := &running{t: t, dir: dir, file: filepath.Join(dir, "spread.conf"), port: freePort(t), log: newLogBuffer()}
	r.configure(more)
	if err := r.start(opts); err != nil {
		t.Fatalf("%v\n%s", err, r.log)
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *running) configure(more string) {
	text := fmt.Sprintf("Spread_Segment 127.0.0.255:%d {\n\td 127.0.0.1\n}\n%s\n", r.port, more)
	if err := os.WriteFile(r.file, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// start runs the daemon as Run does, and keeps hold of it.
func (r *running) start(opts Options) error {
	opts.ConfigFile, opts.Name, opts.Out, opts.SocketDir = r.file, "d", r.log, r.dir
	d := &Daemon{opts: opts, log: newLogger(opts.Out, time.Now)}
	ctx, cancel := context.WithCancel(context.Background())
	if err := d.start(ctx); err != nil {
		cancel()
		d.log.close()
		return err
	}
	r.Daemon = d
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx, &signals{}) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		defer d.log.close()
		return <-ended
	})
	return nil
}

// rawClient speaks the protocol by hand.
type rawClient struct {
	net.Conn
	t       *testing.T
	private clientproto.Name
}

func (r *running) connect(name string, views bool) *rawClient {
	r.t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		r.t.Fatal(err)
	}
	return handshake(r.t, conn, name, views)
}

func handshake(t *testing.T, conn net.Conn, name string, views bool) *rawClient {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	b := clientproto.AppendHello(nil, &clientproto.Hello{Version: clientproto.ThisVersion, Name: name, Membership: views})
	b, _ = clientproto.AppendChoice(b, []string{"NULL"})
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	c := &rawClient{Conn: conn, t: t, private: clientproto.Private(name, "d")}
	want := "\x05NULL \x01\x05\x00\x01" + string(byte(c.private.Len())) + c.private.String()
	if got := c.read(len(want)); string(got) != want {
		t.Fatalf("handshake of %s: %q", name, got)
	}
	return c
}

func (c *rawClient) read(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatalf("%s: read %d bytes: %v", c.private, n, err)
	}
	return b
}

func (c *rawClient) message(typ clientproto.Type, body []byte, groups ...string) []byte {
	h := clientproto.Header{Type: typ, NumGroups: len(groups), DataLen: len(body)}
	b := clientproto.AppendHeader(nil, &h, &c.private, 0)
	for _, g := range groups {
		n := clientproto.MakeName(g)
		b = append(b, n[:]...)
	}
	return append(b, body...)
}

func (c *rawClient) send(typ clientproto.Type, body string, groups ...string) {
	c.t.Helper()
	if _, err := c.Write(c.message(typ, []byte(body), groups...)); err != nil {
		c.t.Fatalf("%s: send: %v", c.private, err)
	}
}

// next reads one message.
func (c *rawClient) next() (clientproto.Header, []byte) {
	c.t.Helper()
	b := c.read(clientproto.HeaderSize)
	h, err := clientproto.ParseHeader(b)
	if err != nil {
		c.t.Fatal(err)
	}
	return h, append(b, c.read(h.Size()-clientproto.HeaderSize)...)
}

// join joins with views and reads up to the own join.
func (c *rawClient) join(group string) {
	c.t.Helper()
	c.send(clientproto.Join, "", group)
	for {
		h, m := c.next()
		if h.Type&clientproto.CausedByJoin == 0 {
			continue
		}
		if v, err := clientproto.ParseView(m, &h, false); err != nil || v.Sets[0][0] == c.private {
			return
		}
	}
}

// sync returns when everything the client sent before has been ordered.
func (c *rawClient) sync() {
	c.t.Helper()
	c.send(clientproto.Agreed, "sync", c.private.String())
	for {
		if h, m := c.next(); h.Type == clientproto.Agreed && string(m[h.Data():]) == "sync" {
			return
		}
	}
}

func TestRefusedRequestsComeBack(t *testing.T) {
	d := startDaemon(t, "", Options{Policy: refuseNamed("denyme")})
	a := d.connect("alice", true)
	a.send(clientproto.Join, "", "denyme")
	h, m := a.next()
	if h.Type != clientproto.Reject || h.NumGroups != 2 || clientproto.OldType(m) != clientproto.CausedByJoin {
		t.Fatalf("refused join: %+v", h)
	}
	want := append(clientproto.ParseNames(m[h.Names():h.Data()])[:0:0], clientproto.MakeName("denyme"), a.private)
	if got := clientproto.ParseNames(m[h.Names():h.Data()]); got[0] != want[0] || got[1] != want[1] {
		t.Fatalf("names %v", got)
	}
	a.send(clientproto.FIFO, "payload", "g", "denyme")
	if h, m = a.next(); clientproto.OldType(m) != clientproto.FIFO || h.NumGroups != 3 || string(m[h.Data():]) != "payload" {
		t.Fatalf("refused send: %+v", h)
	}
	a.send(clientproto.FIFO|clientproto.SelfDiscard, "silence", "denyme")
	a.send(clientproto.FIFO|clientproto.DropReceive, "unasked", a.private.String())
	a.sync()
	a.send(clientproto.FIFO, "x", manyNames(100)...)
	if h, m = a.next(); h.NumGroups != 100 {
		t.Fatalf("100 names refused come back as %d", h.NumGroups)
	}
	if names := clientproto.ParseNames(m[h.Names():h.Data()]); names[99] != a.private || names[0].String() != "denyme" {
		t.Fatal("the last of 100 names is not replaced by the sender")
	}
}

func manyNames(n int) []string {
	names := []string{"denyme"}
	for i := len(names); i < n; i++ {
		names = append(names, fmt.Sprintf("g%d", i))
	}
	return names
}

// refuseNamed refuses what concerns the group of its name.
type refuseNamed string

func (p refuseNamed) Connect(string, string) bool                           { return true }
func (p refuseNamed) Join(_, g clientproto.Name) bool                       { return g.String() != string(p) }
func (p refuseNamed) Leave(_, g clientproto.Name) bool                      { return g.String() != string(p) }
func (p refuseNamed) SendPrivate(clientproto.Name, []clientproto.Name) bool { return true }

func (p refuseNamed) SendGroups(_ clientproto.Name, to []clientproto.Name) bool {
	for _, g := range to {
		if g.String() == string(p) {
			return false
		}
	}
	return true
}

func TestRestartAtOnceWithNewIDs(t *testing.T) {
	d := startDaemon(t, "", Options{})
	seen := make(map[string]bool)
	for i := range 5 {
		a := d.connect("a", true)
		a.send(clientproto.Join, "", "g")
		h, m := a.next()
		v, err := clientproto.ParseView(m, &h, false)
		if err != nil {
			t.Fatal(err)
		}
		if id := fmt.Sprint(v.ID); seen[id] {
			t.Fatalf("start %d: id %s again", i, id)
		} else {
			seen[id] = true
		}
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		if err := d.start(Options{}); err != nil {
			t.Fatalf("restart with a client connected: %v", err)
		}
	}
}

func TestUnixSocketIsSharedByNobody(t *testing.T) {
	d := startDaemon(t, "", Options{})
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("Spread_Segment 127.0.0.255:%d {\n\td 127.0.0.1 { 127.0.0.1 }\n}\n", d.port)
	if err := os.WriteFile(d.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := d.start(Options{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.dir, fmt.Sprint(d.port))
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	handshake(t, conn, "local", false).sync()

	other := &running{t: t, dir: d.dir, file: filepath.Join(d.dir, "other.conf"), port: d.port, log: newLogBuffer()}
	text = fmt.Sprintf("Spread_Segment 127.0.0.255:%d {\n\td 127.0.0.2 { 127.0.0.2 }\n}\n", d.port)
	if err := os.WriteFile(other.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	// On another address TCP is free, but not the Unix socket.
	if err := other.start(Options{}); err != nil {
		t.Skipf("no second loopback address here: %v", err)
	}
	other.log.wait(t, "no Unix socket")
	if err := other.stop(); err != nil {
		t.Fatal(err)
	}
	again, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first daemon's socket is gone: %v", err)
	}
	handshake(t, again, "again", false)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestStaleUnixSocketIsReplaced(t *testing.T) {
	d := startDaemon(t, "", Options{})
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.dir, fmt.Sprint(d.port))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := d.start(Options{}); err != nil {
		t.Fatal(err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.start(Options{}); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Fatalf("a file in the place of the socket: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file was removed")
	}
	if os.Geteuid() == 0 { // another user must not be able to keep it from starting
		if err := os.Chown(path, 12345, -1); err != nil {
			t.Fatal(err)
		}
		if err := d.start(Options{}); err != nil {
			t.Fatalf("a file of another user in the place of the socket: %v", err)
		}
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(path)
	if err := d.start(Options{}); err != nil {
		t.Fatal(err)
	}
}

func TestReloadAppliesOrKeeps(t *testing.T) {
	d := startDaemon(t, "MaxSessions = 2", Options{})
	a := d.connect("a", false)
	d.connect("b", false)
	full := func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.port))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte{5, 0, 1, 0, 1, 'x'})
		var one [1]byte
		io.ReadFull(conn, one[:])
		return one[0] == 0xfd
	}
	if !full() {
		t.Fatal("the third client is not refused")
	}
	for _, bad := range []string{"MaxSessions = many", "Nonsense = 1"} {
		d.configure(bad)
		d.reload(t.Context())
		d.log.wait(t, "the configuration stays as it was")
		if !full() {
			t.Fatalf("%q changed the running daemon", bad)
		}
	}
	os.WriteFile(d.file, []byte("Spread_Segment 127.0.0.255:4803 { other 127.0.0.1 }"), 0o644)
	d.reload(t.Context())
	if !full() {
		t.Fatal("a file without the daemon's own entry changed it")
	}
	d.configure("MaxSessions = 3\nDaemonUser = elsewhere")
	d.reload(t.Context())
	d.log.wait(t, "Spread: changed: MaxSessions")
	d.log.wait(t, "Spread: not changed: DaemonUser")
	if full() {
		t.Fatal("the new limit is not applied")
	}
	d.reload(t.Context())
	// A second reload does not forget what needs a restart.
	waitFor(t, "the second report", func() bool { return strings.Count(d.log.String(), "Spread: not changed: DaemonUser") == 2 })
	a.sync()
}

// TestSessionLogRecords reads back the file of -l y.
func TestSessionLogRecords(t *testing.T) {
	t.Chdir(t.TempDir())
	d := startDaemon(t, "", Options{SessionLog: true})
	c := d.connect("alice", false)
	c.Close()
	d.log.wait(t, "#alice#d")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("d")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	var kinds string
	for _, l := range lines {
		if l != "" {
			kinds += l[:1]
		}
	}
	if kinds != "BMCD" {
		t.Fatalf("records %q:\n%s", kinds, text)
	}
	if f := strings.Fields(lines[3]); f[4] != "127.0.0.1" || f[5] != "alice" || f[6] != "0" {
		t.Errorf("disconnect record %q", lines[3])
	}
}

func TestLogGoesToItsFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "log")
	d := startDaemon(t, fmt.Sprintf("EventTimeStamp = \"%%Y\"\nEventLogFile = %q", file), Options{})
	waitFor(t, "the start to be logged", func() bool {
		b, _ := os.ReadFile(file)
		return strings.Contains(string(b), "Membership id is") && strings.HasSuffix(string(b), " \n")
	})
	moved := file + ".1"
	if err := os.Rename(file, moved); err != nil {
		t.Fatal(err)
	}
	if err := d.Daemon.log.reopen(); err != nil {
		t.Fatal(err)
	}
	d.connect("a", false)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(moved)
	second, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(second), "exiting normally") || !strings.Contains(string(first), "Membership id is") {
		t.Fatalf("first file:\n%s\nsecond:\n%s", first, second)
	}
	year := fmt.Sprint(time.Now().Year())
	_, stamped, _ := strings.Cut(string(first), "Finished configuration file.\n")
	for l := range strings.Lines(stamped) {
		if !strings.HasPrefix(l, year+" ") {
			t.Errorf("no stamp: %q", l)
		}
	}
	bad := &running{t: t, dir: dir, file: d.file, port: d.port, log: newLogBuffer()}
	bad.configure(fmt.Sprintf("EventLogFile = %q", filepath.Join(dir, "missing", "log")))
	if err := bad.start(Options{}); err == nil || !strings.Contains(err.Error(), "EventLogFile") {
		t.Fatalf("a log file that cannot be opened: %v", err)
	}
}

func TestOldClientsGetTheirLayout(t *testing.T) {
	d := startDaemon(t, "", Options{})
	a := d.connect("new", true)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	b := clientproto.AppendHello(nil, &clientproto.Hello{Version: clientproto.Version{Major: 3, Minor: 17, Patch: 3}, Name: "old", Membership: true})
	b, _ = clientproto.AppendChoice(b, []string{"NULL"})
	conn.Write(b)
	old := &rawClient{Conn: conn, t: t, private: clientproto.Private("old", "d")}
	old.read(6 + 5 + old.private.Len())
	old.send(clientproto.Join, "", "g")
	old.next()
	a.send(clientproto.Join, "", "g")
	h, m := old.next()
	if h.DataLen != 48 || binary.LittleEndian.Uint32(m[h.Data()+12:]) != 1 || clientproto.NameOf(m[h.Data()+16:]) != a.private {
		t.Fatalf("layout for 3.17.3: data length %d", h.DataLen)
	}
	if h, _ := a.next(); h.DataLen != 56 {
		t.Fatalf("layout for 5.0.1: data length %d", h.DataLen)
	}
}

// stuckWriter is a log that nobody reads.
type stuckWriter struct{ release chan struct{} }

func (w stuckWriter) Write(b []byte) (int, error) {
	<-w.release
	return len(b), nil
}

// TestUnreadLogHoldsNobodyUp: those who log go on, what does not fit is counted,
// and the end waits for a bounded time.
func TestUnreadLogHoldsNobodyUp(t *testing.T) {
	w := stuckWriter{make(chan struct{})}
	l := newLogger(w, time.Now)
	line := strings.Repeat("x", 1000)
	for range 3 * logBacklog / 1000 {
		l.print("%s", line)
	}
	l.mu.Lock()
	lost, held := l.lost, l.size
	l.mu.Unlock()
	if lost < 1000 || held > logBacklog {
		t.Errorf("%d lines lost, %d bytes held", lost, held)
	}
	l.close() // returns although the writer is stuck
	close(w.release)
	<-l.ended

	out := newLogBuffer()
	l = newLogger(out, time.Now)
	l.mu.Lock()
	l.lost = 5
	l.mu.Unlock()
	l.print("again")
	l.close()
	if got := out.String(); got != "again\n5 lines of the log were lost: it was not read fast enough\n" {
		t.Errorf("%q", got)
	}
}

// TestStopDuringHandshakes: clients without a name that connect while the daemon
// stops do not keep it from stopping.
func TestStopDuringHandshakes(t *testing.T) {
	for range 20 {
		d := startDaemon(t, "", Options{})
		var stop atomic.Bool
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for !stop.Load() {
					conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.port))
					if err != nil {
						return
					}
					hello, _ := clientproto.AppendChoice([]byte{5, 0, 1, 0, 0}, []string{"NULL"})
					conn.Write(hello)
					conn.Read(make([]byte, 10))
					conn.Close()
				}
			})
		}
		waitFor(t, "some sessions", func() bool { return strings.Contains(d.log.String(), "Session #r") })
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		stop.Store(true)
		wg.Wait()
	}
}

// TestTimeOfTheLastMembershipIsKept: also without /proc, as in another root, and
// not if it cannot be one of ours.
func TestTimeOfTheLastMembershipIsKept(t *testing.T) {
	dir := t.TempDir()
	open := func() *unixSocket {
		t.Helper()
		u, err := listenUnix(dir, 1234)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	u := open()
	if u.lastTime() != 0 {
		t.Errorf("a new lock file has the time %d", u.lastTime())
	}
	now := uint32(time.Now().Unix())
	if err := u.keepTime(now + 3); err != nil {
		t.Fatal(err)
	}
	u.Close()
	if u = open(); u.lastTime() != now+3 {
		t.Errorf("time %d, not %d", u.lastTime(), now+3)
	}
	if err := u.keepTime(now + 100000); err != nil {
		t.Fatal(err)
	}
	u.Close()
	if u = open(); u.lastTime() != 0 {
		t.Errorf("a time a day ahead is believed: %d", u.lastTime())
	}
	u.Close()
}

func TestRulesSurviveALostFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(accessFile, []byte("local\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, `RequiredAuthMethods = "IP"
AllowedAuthMethods = "NULL"`, Options{})
	d.connect("a", false)
	if err := os.Remove(accessFile); err != nil {
		t.Fatal(err)
	}
	d.reload(t.Context())
	d.log.wait(t, "its rules stay")
	d.connect("b", false)
}

// TestTimeInOwnDirectoryIsBelieved also if the clock was set back since, but not in
// a directory where everybody may write.
func TestTimeInOwnDirectoryIsBelieved(t *testing.T) {
	for _, own := range []bool{true, false} {
		dir := t.TempDir()
		kept := uint32(time.Now().Unix()) + 100000
		for i := range 2 {
			f, err := openTimeFile(dir, own, 4803, "d1")
			if err != nil {
				t.Fatal(err)
			}
			if want := kept * uint32(i); own && f.lastTime() != want || !own && f.lastTime() != 0 {
				t.Errorf("own directory %v: time %d", own, f.lastTime())
			}
			if err := f.keepTime(kept); err != nil {
				t.Fatal(err)
			}
			f.close()
		}
	}
}
