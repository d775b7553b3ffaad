package spuser

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread"
	"gospread/spread/internal/fakedaemon"
)

// What has arrived is shown before the next command is carried out.
func TestArrivedBeforeCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("machine1")
		via := spread.WithDialer(d.Dial)
		other, err := spread.Dial(t.Context(), "", spread.WithName("other"), via)
		if err != nil {
			t.Fatal(err)
		}
		stdin, typing := io.Pipe()
		var out bytes.Buffer
		done := make(chan error, 1)
		o := Options{User: "user", Interactive: true, dial: []spread.Option{via}}
		go func() { done <- Run(t.Context(), o, stdin, &out) }()
		typed := func(text string) {
			if _, err := io.WriteString(typing, text); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		typed("s nobody\n")
		if err := other.Multicast(t.Context(), spread.Agreed, "#user#machine1", []byte("early")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		out.Reset() // nobody writes: the session waits for the message
		typed("text\np\nq\n")
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := "\nUser> \n" + ruler + "received AGREED message from #other#machine1, of type 0, (endian 0) to 1 groups \n" +
			"(5 bytes): early\n\nUser> Polling sais: 0\n\nUser> \nBye.\n"
		if got := out.String(); got != want {
			t.Errorf("output\n%q\nwant\n%q", got, want)
		}
		_ = typing.Close()
		_ = other.Close()
	})
}

// swallow is a connection whose other side hears nothing any more once it is on.
type swallow struct {
	net.Conn
	on *atomic.Bool
}

func (s swallow) Write(b []byte) (int, error) {
	if s.on.Load() {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

// A script waits for a daemon that does not answer, for some time; who types
// does not.
func TestDaemonDoesNotAnswer(t *testing.T) {
	for _, interactive := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d := fakedaemon.New("machine1")
			var on atomic.Bool
			o := Options{User: "user", Interactive: interactive, dial: []spread.Option{
				spread.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
					nc, err := d.Dial(ctx, network, address)
					return swallow{nc, &on}, err
				})}}
			stdin, typing := io.Pipe()
			var out strings.Builder
			done := make(chan error, 1)
			begin := time.Now()
			go func() { done <- Run(t.Context(), o, stdin, &out) }()
			synctest.Wait()
			on.Store(true)
			_, _ = io.WriteString(typing, "j test\nq\n")
			err := <-done
			took := time.Since(begin)
			_ = typing.Close()
			switch {
			case interactive && (err != nil || took >= settleTimeout):
				t.Errorf("q took %v, %v", took, err)
			case !interactive && (!errors.Is(err, context.DeadlineExceeded) || took < settleTimeout || took > settleTimeout+5*time.Second):
				t.Errorf("the script ended after %v with %v", took, err)
			case !interactive && !strings.Contains(out.String(), "SP_error: the daemon has not delivered everything within 5s"):
				t.Errorf("output %q", out.String())
			}
			if !strings.HasSuffix(out.String(), "\nBye.\n") {
				t.Errorf("output %q", out.String())
			}
		})
	}
}
