package spreadtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"gospread/spread/internal/clientproto"
)

// crowdEnv has the addresses of the daemons for a process that is a crowd.
const crowdEnv = "SPREADTEST_CROWD"

func TestMain(m *testing.M) {
	if addrs := os.Getenv(crowdEnv); addrs != "" {
		if err := beCrowd(strings.Fields(addrs), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "crowd:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// crowd is many clients that ask for no views. They are in a process of their own: one process has
// not enough descriptors for both ends of 10,000 connections.
type crowd struct {
	t     testing.TB
	cmd   *exec.Cmd
	ask   io.WriteCloser
	told  *bufio.Reader
	names []clientproto.Name
	in    bool // members of the group
	due   int  // data messages that each should have got
}

// newCrowd connects n clients, in turn to the daemons a, b and so on at addrs.
func newCrowd(ctx context.Context, t testing.TB, n int, addrs []string) *crowd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &crowd{t: t, cmd: exec.CommandContext(ctx, self)}
	p.cmd.Env = append(os.Environ(), crowdEnv+"="+strings.Join(addrs, " "))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.ask, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.leave)
	p.told = bufio.NewReader(out)
	for i := range n {
		p.names = append(p.names, clientproto.Private(crowdUser(i), string(rune('a'+i%len(addrs)))))
	}
	p.do("connect %d", n)
	return p
}

func crowdUser(i int) string { return fmt.Sprintf("s%d", i) }

// do has the crowd do something, and waits until it is done.
func (p *crowd) do(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.ask, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
	if answer, err := p.told.ReadString('\n'); err != nil || answer != "ok\n" {
		p.t.Fatalf("crowd: "+format+": %q, %v", append(args, answer, err)...)
	}
}

// leave ends the process, and so all its connections.
func (p *crowd) leave() {
	_ = p.ask.Close()
	if err := p.cmd.Wait(); err != nil && p.cmd.ProcessState == nil {
		p.t.Error(err)
	}
}

// beCrowd does what it is told: connect N; join FROM TO; got N, which is to wait until each client has
// got N messages of the group; quit FROM TO.
func beCrowd(addrs []string, in io.Reader, out io.Writer) error {
	var all []*silent
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var verb string
		var n, to int
		_, _ = fmt.Sscan(lines.Text(), &verb, &n, &to) // as many as there are
		var err error
		switch verb {
		case "connect":
			all = make([]*silent, n)
			err = each(n, func(i int) (err error) {
				all[i], err = newSilent(addrs[i%len(addrs)], crowdUser(i))
				return err
			})
		case "join":
			err = each(to-n, func(i int) error { return all[n+i].join() })
		case "got":
			err = each(len(all), func(i int) error { return all[i].got(n) })
		case "quit":
			for _, s := range all[n:to] {
				_ = s.Close()
			}
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "ok")
	}
	return nil
}

// each calls f for 0 to n-1, some at a time, and returns an error of one of them.
func each(n int, f func(i int) error) error {
	const atOnce = 64
	errs := make(chan error, atOnce)
	for from := range atOnce {
		go func() {
			var err error
			for i := from; i < n && err == nil; i += atOnce {
				err = f(i)
			}
			errs <- err
		}()
	}
	var err error
	for range atOnce {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return err
}

// silent is a client that asks for no views, and counts what it gets.
type silent struct {
	net.Conn
	private clientproto.Name

	mu    sync.Mutex
	moved sync.Cond
	echo  bool // its own message has come back
	data  int
	err   error // why it has ended
	wrong error // what it should not have got
}

func newSilent(addr, user string) (*silent, error) {
	conn, private, err := connect(addr, user, false)
	if err != nil {
		return nil, err
	}
	s := &silent{Conn: conn, private: private}
	s.moved.L = &s.mu
	go s.read()
	return s, nil
}

func (s *silent) read() {
	b := make([]byte, 512)
	for {
		h, m, err := readMessage(s.Conn, b)
		s.mu.Lock()
		switch {
		case err != nil:
			s.err = err
		case h.Type&clientproto.Membership != 0:
			s.wrong = fmt.Errorf("%s got a notice of type %x", s.private, uint32(h.Type))
		case clientproto.NameOf(m[h.Names():]) == s.private:
			s.echo = true
		default:
			s.data++
		}
		s.mu.Unlock()
		s.moved.Broadcast()
		if err != nil {
			return
		}
	}
}

// join joins, and waits until that has its place in the order.
func (s *silent) join() error {
	b := append(request(clientproto.Join, s.private, bigGroup, ""), request(clientproto.Agreed, s.private, s.private, "")...)
	if _, err := s.Write(b); err != nil {
		return err
	}
	return s.wait(func() bool { return s.echo })
}

func (s *silent) got(n int) error {
	if err := s.wait(func() bool { return s.data >= n || s.err != nil }); err != nil {
		return err
	}
	if s.err == nil && s.data > n {
		return fmt.Errorf("%s got %d messages, must be %d", s.private, s.data, n)
	}
	return nil
}

func (s *silent) wait(done func() bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !done() && s.wrong == nil {
		if s.err != nil {
			return fmt.Errorf("%s: %w", s.private, s.err)
		}
		s.moved.Wait()
	}
	return s.wrong
}

// connect shakes hands with the daemon at addr.
func connect(addr, user string, views bool) (net.Conn, clientproto.Name, error) {
	port, host, _ := strings.Cut(addr, "@")
	conn, err := net.Dial("tcp", host+":"+port)
	if err != nil {
		return nil, clientproto.Name{}, err
	}
	hello := clientproto.AppendHello(nil, &clientproto.Hello{Version: clientproto.ThisVersion, Membership: views, Name: user})
	hello, _ = clientproto.AppendChoice(hello, []string{"NULL"})
	if _, err = conn.Write(hello); err != nil {
		return nil, clientproto.Name{}, err
	}
	var got []byte
	for one := make([]byte, 1); ; got = append(got, one[0]) {
		list, n, err := clientproto.ParseAuthList(got)
		if err == nil && len(list) > 0 {
			var a clientproto.Accept
			if a, _, err = clientproto.ParseAccept(got[n:]); err == nil {
				return conn, a.Private, nil
			}
		}
		if !errors.Is(err, clientproto.ErrShort) {
			return nil, clientproto.Name{}, fmt.Errorf("%s at %s: %w", user, addr, err)
		}
		if _, err = io.ReadFull(conn, one); err != nil {
			return nil, clientproto.Name{}, fmt.Errorf("%s at %s: %w", user, addr, err)
		}
	}
}

// request is a message of a client.
func request(t clientproto.Type, sender, group clientproto.Name, data string) []byte {
	h := clientproto.Header{Type: t, NumGroups: 1, DataLen: len(data)}
	b := clientproto.AppendHeader(nil, &h, &sender, 0)
	b = append(b, group[:]...)
	return append(b, data...)
}

// readMessage reads a message into b, or into memory of its own if that is too short.
func readMessage(r io.Reader, b []byte) (clientproto.Header, []byte, error) {
	h, err := readHeader(r, b[:clientproto.HeaderSize])
	if err != nil {
		return h, nil, err
	}
	b = room(b, h.Size())
	_, err = io.ReadFull(r, b[clientproto.HeaderSize:])
	return h, b, err
}

func readHeader(r io.Reader, b []byte) (clientproto.Header, error) {
	if _, err := io.ReadFull(r, b); err != nil {
		return clientproto.Header{}, err
	}
	h, err := clientproto.ParseHeader(b)
	if err == nil {
		err = clientproto.CheckReply(&h)
	}
	return h, err
}

// room is b with n bytes, or a longer one that begins with the same header.
func room(b []byte, n int) []byte {
	if n > cap(b) {
		longer := make([]byte, n, n+n/4)
		copy(longer, b[:clientproto.HeaderSize])
		return longer
	}
	return b[:n]
}
