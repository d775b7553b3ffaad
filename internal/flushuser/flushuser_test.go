package flushuser

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread"
	"gospread/spread/internal/fakedaemon"
)

// typist is a session whose lines are typed one by one, in a bubble.
type typist struct {
	t    *testing.T
	in   *io.PipeWriter
	mu   sync.Mutex
	out  bytes.Buffer
	err  error
	done sync.WaitGroup
}

func (u *typist) Write(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.out.Write(b)
}

func newTypist(t *testing.T, d *fakedaemon.Daemon, name string) *typist {
	o := Defaults()
	o.User, o.dial = name, []spread.Option{spread.WithDialer(d.Dial)}
	r, w := io.Pipe()
	u := &typist{t: t, in: w}
	u.done.Go(func() { u.err = Run(t.Context(), o, r, u) })
	synctest.Wait()
	u.take()
	return u
}

var ids = regexp.MustCompile(`grp id is -?\d+ \d+ \d+`)

// take returns what has been shown since the last call.
func (u *typist) take() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	defer u.out.Reset()
	return ids.ReplaceAllString(u.out.String(), "grp id is N")
}

// says types lines and compares what is shown then.
func (u *typist) says(lines, want string) {
	u.t.Helper()
	if _, err := io.WriteString(u.in, lines); err != nil {
		u.t.Fatal(err)
	}
	synctest.Wait()
	if got := u.take(); got != want {
		u.t.Errorf("after %q\n%q\nwant\n%q", lines, got, want)
	}
}

func (u *typist) end() error {
	_ = u.in.Close()
	u.done.Wait()
	return u.err
}

const (
	prompt   = "\nUser> "
	buffered = "There are 0 buffered messages waiting to be delivered\n" + prompt
	bye      = "\nBye.\nCalling FL_disconnect(mbox = 1)\n"
)

func joined(members string, where int, n int, who string) string {
	return "\n" + ruler + "Received REGULAR membership for group g with " + string(rune('0'+n)) + " members, where I am member " +
		string(rune('0'+where)) + ":\n" + members + "grp id is N\nDue to the JOIN of " + who + "\n" + buffered
}

// The dialogue is that which the original had with a real daemon.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newTypist(t, fakedaemon.New("mars"), "user")
		u.says("j g\n", prompt)
		u.says("r\n", joined("\t#user#mars\n", 0, 1, "#user#mars")+prompt)
		u.says("s g\nhello\n", "enter message: user.c : multicasting message of size 6:\n'hello\n'\n"+prompt)
		u.says("r\n", "\n"+ruler+"received SAFE message from #user#mars, of type 1, (endian 0) to 1 groups \n(6 bytes): hello\n\n"+
			"Message is:\n'hello\n'\n"+buffered+prompt)
		u.says("g g\n1\n#user#mars\nsub text\n", "enter number of receivers: enter recvr 1: enter message: "+
			"user.c: subgroupcasting message of size 9 to group g with receivers:\n#user#mars\n"+prompt)
		u.says("r\n", "\n"+ruler+"received SAFE message from #user#mars, of type 0, (endian 0) to 2 groups \n(9 bytes): sub text\n\n"+
			"Message is:\n'sub text\n'\nReceived a subgroupcast message to group g: receivers:\n\t#user#mars\n"+buffered+prompt)
		u.says("g\n", "invalid group\n"+prompt)
		for _, c := range []string{"s", "j", "l", "f"} {
			u.says(c+"\n", invalidGroup+prompt)
		}
		const range9 = "enter number of receivers: invalid number of receivers, must be an integer in the range [1, 9]\n" + prompt
		u.says("g g\n12\n", range9)
		u.says("g g\nabc\n", range9)
		u.says("p\n", "Polling says: 0\n"+prompt)
		u.says("l nojoin\n", "SP_error: (-14) Illegal group.\n"+prompt)
		u.says("x\n", "\nUnknown commnad\n"+menu+prompt)
		u.says("f g\n", "Sent a FLUSH_OK message to group 'g'\nFL_error: (-27) Function call peformed in a prohibited state.\n"+bye) //nolint:misspell // so the original has it
		if err := u.end(); !errors.Is(err, spread.ErrIllegalState) {
			t.Error(err)
		}
	})
}

func TestTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("mars")
		a, b := newTypist(t, d, "a"), newTypist(t, d, "b")
		a.says("j g\nr\n", prompt+joined("\t#a#mars\n", 0, 1, "#a#mars")+prompt)
		b.says("j g\nr\n", prompt)
		a.says("r\n", "\n"+ruler+"received a FLUSH_REQ message for group g\n"+buffered+prompt)
		a.says("f g\n", "Sent a FLUSH_OK message to group 'g'\n"+prompt)
		both := "\t#a#mars\n\t#b#mars\n"
		if got := b.take(); got != joined(both, 1, 2, "#b#mars")+prompt {
			t.Errorf("b was shown %q", got)
		}
		a.says("r\n", joined(both, 0, 2, "#b#mars")+prompt)
		b.says("b g\n12\n", "enter size of each message: sending 10 messages of 12 bytes\n"+tenSent+prompt)
		a.says("r\n", "\n"+ruler+"received FIFO message from #b#mars, of type 2, (endian 0) to 1 groups \n(12 bytes): mess num 1\n"+
			"Message is:\n'mess num 1'\n"+buffered+prompt)
		b.says("g g\n1\n#c#mars\nx\n", "enter number of receivers: enter recvr 1: enter message: "+
			"user.c: subgroupcasting message of size 2 to group g with receivers:\n#c#mars\n"+
			"FL_error: (-28) Illegal receivers specified.\n"+bye)
		if err := b.end(); !errors.Is(err, spread.ErrIllegalReceivers) {
			t.Error(err)
		}
		a.says("q\n", bye)
		if err := a.end(); err != nil {
			t.Error(err)
		}
	})
}

var tenSent = func() string {
	var b strings.Builder
	for i := 1; i <= 10; i++ {
		n := string(rune('0' + i%10))
		if i == 10 {
			n = "10"
		}
		b.WriteString("sent message " + n + " (total " + n + ")\n")
	}
	return b.String()
}()

// With a pipe that has ended, r waits for what may come, and not for ever.
func TestScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Defaults()
		o.dial = []spread.Option{spread.WithDialer(fakedaemon.New("mars").Dial)}
		var out strings.Builder
		began := time.Now()
		err := Run(t.Context(), o, strings.NewReader("j g\nr\nr\nr\n"), &out)
		if took := time.Since(began); err != nil || took < lastTimeout || took > lastTimeout+time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if !strings.HasSuffix(out.String(), buffered+prompt+strings.Repeat("SP_error: no message has come within 5s\n"+prompt, 2)+bye) {
			t.Error(out.String())
		}
	})
}

func TestNoConnection(t *testing.T) {
	var out strings.Builder
	o := Defaults()
	o.Address = "nonsense"
	err := Run(t.Context(), o, strings.NewReader("q\n"), &out)
	if !errors.Is(err, spread.ErrIllegalSpread) ||
		out.String() != "Flush library version is 2.0.0\nSP_error: (-1) Illegal spread name provided.\n\nBye.\nCalling FL_disconnect(mbox = 0)\n" {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestConnectionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("mars")
		u := newTypist(t, d, "user")
		u.says("r\n", "")
		d.Cut()
		if err := u.end(); !errors.Is(err, spread.ErrConnectionClosed) {
			t.Error(err)
		}
		if got := u.take(); got != "SP_error: (-8) Connection closed by Spread.\n"+bye {
			t.Errorf("%q", got)
		}
	})
}
