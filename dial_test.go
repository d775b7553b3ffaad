package spread

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/clientproto"
)

// shakeWith dials a daemon that plays the given script, and ends with it.
func shakeWith(t *testing.T, script func(p *peer), opts ...Option) (*Conn, error) {
	t.Helper()
	mine, theirs := net.Pipe()
	p := &peer{TB: t, Conn: theirs}
	done := make(chan struct{})
	go func() {
		defer close(done)
		script(p)
	}()
	c, err := Dial(context.Background(), "4803", append([]Option{WithName("alice"), dialTo(mine)}, opts...)...)
	<-done
	t.Cleanup(func() {
		_ = theirs.Close()
		if c != nil {
			_ = c.Close()
		}
	})
	return c, err
}

func TestHandshakeVectors(t *testing.T) {
	all := sessions(t)
	for _, tt := range []struct {
		name string
		opts []Option
		code Code // 0: accepted
	}{
		{name: "handshake-named/alice", opts: []Option{WithName("alice")}},
		{name: "handshake-anonymous/anon", opts: []Option{WithName("")}},
		{name: "handshake-priority-no-membership/prio", opts: []Option{WithName("prio"), WithMembership(false), WithPriority(3)}},
		{name: "auth-both/ipuser", opts: []Option{WithName("ipuser"), WithAuth("NULL", nil), WithAuth("IP", nil)}},
		{name: "v3-handshake/alice", opts: []Option{WithName("alice")}},
		{name: "reject-not-unique/second", opts: []Option{WithName("twin")}, code: ErrNotUnique},
		{name: "reject-quota/late", opts: []Option{WithName("late")}, code: ErrQuota},
	} {
		for _, piece := range []int{1, 3, 1000} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, piece), func(t *testing.T) {
				vs := all[tt.name]
				if len(vs) == 0 {
					t.Fatal("no such vector")
				}
				c, err := shakeWith(t, func(p *peer) {
					defer func() {
						if tt.code != 0 {
							_ = p.Close()
						}
					}()
					if tt.code == ErrQuota {
						p.read(9) // the pipe takes nothing without a reader
					}
					for _, v := range vs {
						if v.fromDaemon() {
							for b := v.bytes; len(b) > 0; b = b[min(piece, len(b)):] {
								p.write(b[:min(piece, len(b))])
							}
						} else if got := p.read(len(v.bytes)); string(got) != string(v.bytes) && tt.name != "v3-handshake/alice" {
							t.Errorf("sent %x, the original client %x", got, v.bytes)
						}
					}
				}, tt.opts...)
				if tt.code != 0 {
					if !errors.Is(err, tt.code) {
						t.Errorf("%v, want code %d", err, int(tt.code))
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				accept, _, err := clientproto.ParseAccept(vs[len(vs)-1].bytes)
				if err != nil {
					t.Fatal(err)
				}
				if c.PrivateGroup() != accept.Private.String() || c.DaemonVersion() != versionOf(accept.Version) {
					t.Errorf("connected as %s to %s", c.PrivateGroup(), c.DaemonVersion())
				}
				if "#"+c.Name()+"#"+c.Daemon() != c.PrivateGroup() {
					t.Errorf("name %q, daemon %q", c.Name(), c.Daemon())
				}
			})
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, code := range []Code{ErrQuota, ErrNoName, ErrIllegalName, ErrNotUnique, ErrVersion, ErrConnectionClosed, ErrAuth} {
		for _, late := range []bool{false, true} {
			_, err := shakeWith(t, func(p *peer) {
				p.read(10)
				if late {
					p.write(clientproto.AppendAuthList(nil, []string{"NULL"}))
					p.read(clientproto.ChoiceSize)
				}
				p.write([]byte{byte(int8(code))})
				_ = p.Close()
			})
			var e *Error
			if !errors.Is(err, code) || !errors.As(err, &e) || e.Code != code {
				t.Errorf("late %v: %v, want code %d", late, err, int(code))
			}
			if err != nil && !strings.Contains(err.Error(), "connect to daemon at /run/spread/4803: ") {
				t.Errorf("%v does not tell what was tried", err)
			}
		}
	}
}

func TestHandshakeNonsense(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer []byte // to the hello
		accept []byte // to the choice
		code   Code
	}{
		{name: "closed", code: ErrConnectionClosed},
		{name: "unknown refusal", answer: []byte{0x80}, code: ErrConnectionClosed},
		{name: "list cut off", answer: []byte{9, 'N'}, code: ErrConnectionClosed},
		{name: "no method", answer: []byte{0}, code: ErrAuth},
		{name: "other methods", answer: []byte("\x03IP "), code: ErrAuth},
		{name: "another protocol", answer: []byte(fmt.Sprintf("%c%072d", 72, 0)), code: ErrAuth},
		{name: "accept cut off", answer: []byte("\x05NULL "), accept: []byte{1, 5, 0}, code: ErrConnectionClosed},
		{name: "version 2", answer: []byte("\x05NULL "), accept: []byte{1, 2, 0, 0, 1, 'x'}, code: ErrVersion},
		{name: "negative version", answer: []byte("\x05NULL "), accept: []byte{1, 0x85, 0, 0, 1, 'x'}, code: ErrVersion},
		{name: "long name", answer: []byte("\x05NULL "), accept: []byte{1, 5, 0, 1, 32}, code: ErrConnectionClosed},
		{name: "neither yes nor no", answer: []byte("\x05NULL "), accept: []byte{7}, code: ErrConnectionClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := shakeWith(t, func(p *peer) {
				p.read(10)
				p.write(tt.answer)
				if tt.accept != nil {
					p.read(clientproto.ChoiceSize)
					p.write(tt.accept)
				}
				_ = p.Close()
			})
			if !errors.Is(err, tt.code) {
				t.Errorf("%v, want code %d", err, int(tt.code))
			}
		})
	}
}

func TestAuthenticationMethods(t *testing.T) {
	pword := func(ctx context.Context, rw io.ReadWriter) error {
		if _, err := rw.Write([]byte("secret")); err != nil {
			return err
		}
		var yes [1]byte
		if _, err := io.ReadFull(rw, yes[:]); err != nil {
			return err
		}
		if yes[0] != 1 {
			return errors.New("wrong password")
		}
		return nil
	}
	play := func(answer string) func(*peer) {
		return func(p *peer) {
			p.read(10)
			p.write(clientproto.AppendAuthList(nil, []string{"NULL", "PWORD"}))
			if got := p.read(clientproto.ChoiceSize); string(got[:30]) != "PWORD"+strings.Repeat("\x00", 25) || string(got[30:34]) != "NULL" {
				t.Errorf("choice %q", got)
			}
			if got := p.read(6); string(got) != "secret" {
				t.Errorf("password %q", got)
			}
			// In one piece: what follows is not the method's to read.
			p.write([]byte(answer))
			_ = p.Close()
		}
	}
	opts := []Option{WithAuth("PWORD", pword), WithAuth("NULL", nil)}
	c, err := shakeWith(t, play("\x01\x01\x05\x00\x01\x04#a#b"), opts...)
	if err != nil || c.PrivateGroup() != "#a#b" {
		t.Errorf("%v, %v", c, err)
	}
	_, err = shakeWith(t, play("\x00"), opts...)
	if !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "wrong password") {
		t.Errorf("%v, want the method's error", err)
	}
}

func TestBadOptions(t *testing.T) {
	reject := WithDialer(func(context.Context, string, string) (net.Conn, error) {
		t.Error("connected with bad options")
		return nil, io.EOF
	})
	four := []Option{reject, WithAuth("A", nil), WithAuth("B", nil), WithAuth("C", nil), WithAuth("D", nil)}
	for _, tt := range []struct {
		daemon string
		opts   []Option
		code   Code
	}{
		{"", []Option{reject, WithName("elevenbytes")}, ErrIllegalName},
		{"", []Option{reject, WithName("a b")}, ErrIllegalName},
		{"", []Option{reject, WithName("a#b")}, ErrIllegalName},
		{"nonsense", []Option{reject}, ErrIllegalSpread},
		{"", four, ErrAuth},
	} {
		if _, err := Dial(context.Background(), tt.daemon, tt.opts...); !errors.Is(err, tt.code) {
			t.Errorf("%v, want code %d", err, int(tt.code))
		}
	}
}

func TestPriorityNeedsDaemon38(t *testing.T) {
	for _, tt := range []struct {
		version clientproto.Version
		ok      bool
	}{{clientproto.Version{Major: 3, Minor: 7, Patch: 9}, false}, {clientproto.Version{Major: 3, Minor: 8}, true}, {clientproto.Version{Major: 5}, true}} {
		_, err := shakeWith(t, func(p *peer) { p.welcome(tt.version) }, WithPriority(5))
		if ok := err == nil; ok != tt.ok || (!ok && !errors.Is(err, ErrVersion)) {
			t.Errorf("daemon %v: %v", tt.version, err)
		}
	}
}

// TestWhereItConnects checks the transports and the fall-back of client
// protocol 1.4, and what the errors tell.
func TestWhereItConnects(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	missing := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ENOENT)}
	stale := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	usual := defaults().socketDirs
	notFound := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: true}}
	broken := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "nowhere", IsTemporary: true}}
	for _, tt := range []struct {
		daemon  string
		windows bool
		dirs    []string // nil: /dir
		answers []error  // nil: connected, and that is an end
		tried   string
		code    Code
		says    []string
	}{
		{daemon: "", answers: []error{nil}, tried: "unix /dir/4803"},
		{daemon: "77", answers: []error{missing, nil}, tried: "unix /dir/77, tcp localhost:77"},
		{daemon: "77", windows: true, answers: []error{nil}, tried: "tcp localhost:77"},
		{daemon: "77", dirs: usual, answers: []error{nil}, tried: "unix /run/spread/77"},
		{daemon: "77", dirs: usual, answers: []error{missing, nil}, tried: "unix /run/spread/77, unix /tmp/77"},
		{daemon: "77", dirs: usual, answers: []error{stale, nil}, tried: "unix /run/spread/77, unix /tmp/77"},
		{daemon: "77", dirs: usual, answers: []error{missing, missing, nil}, tried: "unix /run/spread/77, unix /tmp/77, tcp localhost:77"},
		{daemon: "77", dirs: usual, answers: []error{missing, missing, refused}, tried: "unix /run/spread/77, unix /tmp/77, tcp localhost:77",
			code: ErrCouldNotConnect, says: []string{"at /tmp/77 and localhost:77"}},
		{daemon: "77", dirs: usual, answers: []error{stale, missing, refused}, tried: "unix /run/spread/77, unix /tmp/77, tcp localhost:77",
			code: ErrCouldNotConnect, says: []string{"at /run/spread/77, /tmp/77 and localhost:77", "no such file", "refused"}},
		{daemon: "77@h", answers: []error{nil}, tried: "tcp h:77"},
		{daemon: "77@::1", answers: []error{nil}, tried: "tcp [::1]:77"},
		{daemon: "77", answers: []error{missing, refused}, tried: "unix /dir/77, tcp localhost:77", code: ErrCouldNotConnect,
			says: []string{"/dir/77 and localhost:77", "no such file", "refused", "is a daemon with port 77 running on this machine?"}},
		{daemon: "77", windows: true, answers: []error{refused}, tried: "tcp localhost:77", code: ErrCouldNotConnect, says: []string{"localhost:77", "refused"}},
		{daemon: "77@h", answers: []error{refused}, tried: "tcp h:77", code: ErrCouldNotConnect, says: []string{"h:77", "refused", "is the daemon running there"}},
		{daemon: "unix:/x/y", windows: true, answers: []error{nil}, tried: "unix /x/y"},
		{daemon: "unix:/x/y", answers: []error{missing}, tried: "unix /x/y", code: ErrCouldNotConnect,
			says: []string{"daemon at /x/y", "no such file", "is this its socket?"}},
		{daemon: "77@nowhere", answers: []error{notFound}, tried: "tcp nowhere:77", code: ErrIllegalSpread, says: []string{"no such host", "check the host"}},
		{daemon: "77@nowhere", answers: []error{broken}, tried: "tcp nowhere:77", code: ErrCouldNotConnect, says: []string{"misbehaving"}},
	} {
		var tried []string
		stop := errors.New("enough")
		if tt.dirs == nil {
			tt.dirs = []string{"/dir"}
		}
		_, err := Dial(context.Background(), tt.daemon, func(o *options) { o.noSockets, o.socketDirs = tt.windows, tt.dirs },
			WithDialer(func(_ context.Context, network, address string) (net.Conn, error) {
				tried = append(tried, network+" "+address)
				if a := tt.answers[len(tried)-1]; a != nil {
					return nil, a
				}
				mine, theirs := net.Pipe()
				_ = theirs.Close()
				return mine, nil
			}))
		if got := strings.Join(tried, ", "); got != tt.tried {
			t.Errorf("%q tried %s, want %s", tt.daemon, got, tt.tried)
		}
		if tt.code == 0 {
			tt.code = ErrConnectionClosed // by our end of the pipe
		}
		if !errors.Is(err, tt.code) || errors.Is(err, stop) {
			t.Errorf("%q: %v, want code %d", tt.daemon, err, int(tt.code))
		}
		for _, s := range tt.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%q: %v does not say %q", tt.daemon, err, s)
			}
		}
	}
}

// TestRealSockets connects over a Unix socket and, where that is missing, over
// TCP.
func TestRealSockets(t *testing.T) {
	for _, where := range []string{"unix", "tcp", "path"} {
		t.Run(where, func(t *testing.T) {
			network := strings.Replace(where, "path", "unix", 1)
			dir := t.TempDir()
			l, err := net.Listen("tcp", "localhost:0")
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			if network == "unix" {
				_ = l.Close()
				if l, err = net.Listen("unix", filepath.Join(dir, port)); err != nil {
					t.Skip(err)
				}
			}
			defer func() { _ = l.Close() }()
			done := make(chan struct{})
			go func() {
				defer close(done)
				nc, err := l.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				p := &peer{TB: t, Conn: nc}
				p.welcome(clientproto.ThisVersion)
				_, _ = io.Copy(io.Discard, nc)
				_ = nc.Close()
			}()
			daemon := port
			if where == "path" {
				daemon = "unix:" + filepath.Join(dir, port)
			}
			c, err := Dial(context.Background(), daemon, WithSocketDir(dir), WithLinger(0))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.RemoteAddr().Network(); got != network {
				t.Errorf("connected over %s", got)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			<-done
		})
	}
}

func TestDialEndsWithContext(t *testing.T) {
	stages := map[string]func(p *peer){
		"silent":          func(*peer) {},
		"after the hello": func(p *peer) { p.read(10) },
		"after the list": func(p *peer) {
			p.read(10)
			p.write(clientproto.AppendAuthList(nil, []string{"NULL"}))
			p.read(clientproto.ChoiceSize)
		},
	}
	for name, play := range stages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, limit := range []time.Duration{time.Minute, 0} {
					mine, theirs := net.Pipe()
					ctx := context.Background()
					want := DefaultDialTimeout
					if limit > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, limit)
						defer cancel()
						want = limit
					}
					go play(&peer{TB: t, Conn: theirs})
					start := time.Now()
					_, err := Dial(ctx, "4803", WithName("alice"), dialTo(mine))
					if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrConnectionClosed) {
						t.Errorf("%v, want the end of the context", err)
					}
					if took := time.Since(start); took != want {
						t.Errorf("gave up after %v, want %v", took, want)
					}
					if _, err := theirs.Read(make([]byte, 100)); name != "silent" && !errors.Is(err, io.EOF) {
						t.Errorf("the connection was not closed: %v", err)
					}
				}
			})
		})
	}
}
