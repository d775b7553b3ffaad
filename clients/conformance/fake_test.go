package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// fakeSetup tells how the runner plays a daemon.
type fakeSetup struct {
	Version []int  `json:"version"` // 5.0.1 if it is not said
	Name    string `json:"name"`
	// Refuse is the byte in place of the list of methods.
	Refuse int `json:"refuse"`
	// List and Accept, in hexadecimal, are sent in place of the proper ones; with
	// Cut, the connection ends behind the list.
	List   string `json:"list"`
	Accept string `json:"accept"`
	Cut    bool   `json:"cut"`
	// Silent: the connection is taken, and nothing is said.
	Silent bool `json:"silent"`
	// Bytes: all goes out one byte at a time.
	Bytes bool `json:"bytes"`
	// PauseMS is how long it waits before each of them.
	PauseMS int `json:"pause_ms"`
}

// fake is a daemon that the runner plays. It has one client at a time.
type fake struct {
	set   *fakeSetup
	limit time.Duration // of waits
	where string        // for clients
	ready chan *raw

	mu      sync.Mutex
	clients []net.Conn
	current *raw
}

func newFake(t testing.TB, set *fakeSetup, limit time.Duration) (*fake, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &fake{set: set, limit: limit, where: fmt.Sprintf("%d@127.0.0.1", l.Addr().(*net.TCPAddr).Port), ready: make(chan *raw, 16)}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.clients = append(f.clients, c)
			f.mu.Unlock()
			wait.Go(func() { f.welcome(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.hangUp()
		wait.Wait()
	})
	return f, nil
}

// hangUp closes all connections.
func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.clients {
		_ = c.Close()
	}
}

// welcome plays the handshake; a client that has passed it is handed over.
func (f *fake) welcome(c net.Conn) {
	r := &raw{conn: c, slow: f.set.Bytes, pause: time.Duration(f.set.PauseMS) * time.Millisecond, limit: f.limit}
	if f.set.Silent {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	if err := f.shake(r); err != nil {
		_ = c.Close()
		return
	}
	f.ready <- r
}

func (f *fake) shake(r *raw) error {
	hello, err := r.take(5)
	if err != nil {
		return err
	}
	user, err := r.take(int(hello[4]))
	if err != nil {
		return err
	}
	if f.set.Refuse != 0 {
		_ = r.write([]byte{byte(f.set.Refuse)})
		return errors.New("refused")
	}
	list, err := unhex(f.set.List)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		list = []byte("\x05NULL ")
	}
	if err := r.write(list); err != nil {
		return err
	}
	if f.set.Cut {
		return errors.New("cut")
	}
	if _, err := r.take(90); err != nil {
		return err
	}
	r.private = fmt.Sprintf("#%s#%s", user, f.set.Name)
	accept, err := unhex(f.set.Accept)
	if err != nil {
		return err
	}
	if len(accept) == 0 {
		accept = []byte{1, 5, 0, 1}
		for i, n := range f.set.Version {
			accept[1+i] = byte(n)
		}
		accept = append(append(accept, byte(len(r.private))), r.private...)
	}
	return r.write(accept)
}

// meet waits for the client that has just connected.
func (f *fake) meet() error {
	select {
	case f.current = <-f.ready:
		return nil
	case <-time.After(f.limit):
		return errors.New("no client has come")
	}
}

func (st *stage) fakeSend(step object) (object, error) {
	r, err := st.fakeClient()
	if err != nil {
		return nil, err
	}
	return st.rawWrite(r, step)
}

func (st *stage) fakeExpect(object) (object, error) {
	r, err := st.fakeClient()
	if err != nil {
		return nil, err
	}
	return r.receive()
}

func (st *stage) fakeClose(object) (object, error) {
	r, err := st.fakeClient()
	if err != nil {
		return nil, err
	}
	return object{"ok": true}, r.conn.Close()
}

func (st *stage) fakeClient() (*raw, error) {
	if st.fake == nil {
		return nil, errors.New("the scenario has no fake daemon")
	}
	if st.fake.current == nil {
		return nil, errors.New("no client has connected")
	}
	return st.fake.current, nil
}

// raw is a connection of which the runner writes the bytes: as a client, or as a
// daemon.
type raw struct {
	conn    net.Conn
	private string
	slow    bool // one byte at a time
	pause   time.Duration
	limit   time.Duration
	buf     []byte
}

// take reads n bytes.
func (r *raw) take(n int) ([]byte, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(r.limit))
	for len(r.buf) < n {
		var more [4096]byte
		k, err := r.conn.Read(more[:])
		if err != nil {
			return nil, err
		}
		r.buf = append(r.buf, more[:k]...)
	}
	out := r.buf[:n]
	r.buf = r.buf[n:]
	return out, nil
}

func (r *raw) write(b []byte) error {
	_ = r.conn.SetWriteDeadline(time.Now().Add(r.limit))
	if !r.slow {
		_, err := r.conn.Write(b)
		return err
	}
	pace := time.NewTicker(max(r.pause, time.Nanosecond))
	defer pace.Stop()
	for i := range b {
		<-pace.C
		if _, err := r.conn.Write(b[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// receive reads a message, or tells that the other side has closed.
func (r *raw) receive() (object, error) {
	for {
		o, size, err := parse(r.buf)
		if err != nil {
			return nil, err
		}
		if size > 0 {
			r.buf = r.buf[size:]
			o["ok"] = true
			return o, nil
		}
		have := len(r.buf)
		b, err := r.take(have + 1)
		if errors.Is(err, io.EOF) {
			return object{"ok": true, "closed": true}, nil
		}
		if err != nil {
			return nil, err
		}
		r.buf = append(b, r.buf...)
	}
}

// rawConnect makes a connection to a real daemon as a client of which the runner
// chooses the bytes.
func (st *stage) rawConnect(step object) (object, error) {
	name, _ := step["name"].(string)
	host := st.daemons[0].address()
	c, err := net.DialTimeout("tcp", host, patience)
	if err != nil {
		return nil, err
	}
	st.t.Cleanup(func() { _ = c.Close() })
	r := &raw{conn: c, limit: st.limit}
	flags := byte(0)
	if step["membership"] == true {
		flags = 1
	}
	if err := r.write(append([]byte{5, 0, 1, flags, byte(len(name))}, name...)); err != nil {
		return nil, err
	}
	list, err := r.take(1)
	if err == nil {
		_, err = r.take(int(list[0]))
	}
	if err == nil {
		err = r.write(append([]byte("NULL"), make([]byte, 86)...))
	}
	if err != nil {
		return nil, err
	}
	accept, err := r.take(5)
	if err != nil {
		return nil, err
	}
	private, err := r.take(int(accept[4]))
	if err != nil {
		return nil, err
	}
	key, _ := step["c"].(string)
	r.private = string(private)
	st.raw[key], st.vars[key] = r, r.private
	return object{"ok": true, "private_group": r.private}, nil
}

func (st *stage) rawOf(step object) (*raw, error) {
	key, _ := step["c"].(string)
	r := st.raw[key]
	if r == nil {
		return nil, fmt.Errorf("there is no raw connection %q", key)
	}
	return r, nil
}

func (st *stage) rawSend(step object) (object, error) {
	r, err := st.rawOf(step)
	if err != nil {
		return nil, err
	}
	return st.rawWrite(r, step)
}

func (st *stage) rawWrite(r *raw, step object) (object, error) {
	if f, ok := step["frame"].(object); ok && f["sender"] == nil {
		f["sender"] = r.private
	}
	b, err := bytesOf(step, st.subject.big)
	if err != nil {
		return nil, err
	}
	if err := r.write(b); err != nil {
		return nil, err
	}
	return object{"ok": true}, nil
}

func (st *stage) rawReceive(step object) (object, error) {
	r, err := st.rawOf(step)
	if err != nil {
		return nil, err
	}
	return r.receive()
}

func (st *stage) rawClose(step object) (object, error) {
	r, err := st.rawOf(step)
	if err != nil {
		return nil, err
	}
	return object{"ok": true}, r.conn.Close()
}

// newProxy passes everything on one byte at a time. It returns the daemon's name for
// clients.
func newProxy(t testing.TB, to string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			mu.Lock()
			open = append(open, c, d)
			mu.Unlock()
			wait.Go(func() { passOn(d, c) })
			wait.Go(func() { passOn(c, d) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
	return fmt.Sprintf("%d@127.0.0.1", l.Addr().(*net.TCPAddr).Port), nil
}

func passOn(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	var buf [4096]byte
	for {
		n, err := from.Read(buf[:])
		for i := range n {
			if _, err := to.Write(buf[i : i+1]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
