// Package flushuser is the interactive client of the flush layer: a menu of
// commands, one of which receives (configuration and tools 12.2).
package flushuser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gospread/spread"
	"gospread/spread/flush"
	"gospread/spread/internal/tool"
)

const (
	connectTimeout = 5 * time.Second
	// lastTimeout bounds how long the command r waits once the input has ended.
	lastTimeout = 5 * time.Second
)

// The limits of the classic programs: what is longer than a line of its kind is the
// next line.
const (
	maxCommand   = 129
	maxLine      = 199
	maxMessage   = 102400
	maxReceivers = 9
	burst        = 10
	// noGroup is where a burst without a group goes.
	noGroup = "dummy_group_name"
)

// The message types by which receivers can tell the commands apart.
const (
	typedMessage    = 1
	burstMessage    = 2
	subgroupMessage = 0
)

// Options say whom to connect as.
type Options struct {
	Address string // of the daemon, as for spread.Dial
	User    string // private name, of which 10 bytes count
	// Interactive: somebody types, so that nothing is waited for at the end.
	Interactive bool

	dial []spread.Option // for tests
}

// Defaults are those of the original.
func Defaults() Options { return Options{Address: "4803", User: "user"} }

// Run carries out the commands that come from stdin. It returns nil after q and at
// the end of the input; otherwise the reason, which has been shown.
//
// The goroutine that reads stdin ends when its Read has returned.
func Run(ctx context.Context, o Options, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &tool.StickyWriter{W: stdout}
	s := &session{o: &o, w: w}
	err := s.run(ctx, stdin)
	if err == nil {
		err = w.Err
	}
	return err
}

// session is a connection and the one who uses it, in one goroutine.
type session struct {
	o     *Options
	w     io.Writer
	below *spread.Conn
	conn  *flush.Conn
	in    *tool.Input
	sent  int // messages sent by s, g and b
	size  int // of the last burst
	// patience is until when r waits once the input has ended; zero before it does.
	patience time.Time
}

// errQuit ends a session well.
var errQuit = errors.New("quit")

func (s *session) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.w, format, args...) // the writer keeps the error
}

func (s *session) run(ctx context.Context, stdin io.Reader) error {
	s.printf("Flush library version is 2.0.0\n")
	connections := 0
	defer func() { s.printf("\nBye.\nCalling FL_disconnect(mbox = %d)\n", connections) }()
	if err := s.connect(ctx); err != nil {
		s.printf("%s", errorLine(err))
		return err
	}
	defer func() { _ = s.conn.Close() }()
	connections = 1 // the place of the original's socket number
	s.printf("User: connected to %s with private group %s\n%s", s.o.Address, s.conn.PrivateGroup(), menu)
	s.in = tool.NewInput(ctx, stdin)
	err := s.interact(ctx)
	if errors.Is(err, errQuit) || errors.Is(err, tool.ErrEnd) {
		return nil
	}
	s.printf("%s", errorLine(err))
	return err
}

func (s *session) connect(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	opts := append([]spread.Option{spread.WithName(tool.UserName(s.o.User, ""))}, s.o.dial...)
	if s.below, err = spread.Dial(ctx, s.o.Address, opts...); err != nil {
		return err
	}
	s.conn, err = flush.New(s.below)
	return err
}

// interact carries out commands until the first that fails.
func (s *session) interact(ctx context.Context) error {
	for {
		s.printf("\nUser> ")
		line, err := s.in.Await(ctx, maxCommand)
		if err != nil {
			return err
		}
		if err := s.execute(ctx, line); err != nil {
			return err
		}
	}
}

// execute carries out a line of input. Its error ends the session.
func (s *session) execute(ctx context.Context, line []byte) error {
	group := ""
	if words := bytes.Fields(line[min(len(line), 2):]); len(words) > 0 {
		group = string(words[0])
	}
	switch line[0] {
	case 'j':
		return s.membership(ctx, s.conn.Join, group)
	case 'l':
		return s.membership(ctx, s.conn.Leave, group)
	case 's':
		return s.message(ctx, group)
	case 'g':
		return s.subgroup(ctx, group)
	case 'b':
		return s.burst(ctx, group)
	case 'f':
		return s.flush(ctx, group)
	case 'r':
		return s.receive(ctx)
	case 'p':
		_, n := s.below.Pending()
		s.printf("Polling says: %d\n", n)
	case 'q':
		return errQuit
	default:
		s.printf("\nUnknown commnad\n%s", menu)
	}
	return nil
}

const invalidGroup = " invalid group \n"

// membership joins or leaves. A wrong request is shown and is no more than that.
func (s *session) membership(ctx context.Context, request func(context.Context, string) error, group string) error {
	if group == "" {
		s.printf(invalidGroup)
		return nil
	}
	err := request(ctx, group)
	if errors.Is(err, spread.ErrIllegalGroup) {
		s.printf("%s", errorLine(err))
		return nil
	}
	return err
}

func (s *session) flush(ctx context.Context, group string) error {
	if group == "" {
		s.printf(invalidGroup)
		return nil
	}
	s.printf("Sent a FLUSH_OK message to group '%s'\n", group)
	return s.conn.Flush(ctx, group)
}

// receive shows the next message. While more input may come it waits as long as it
// takes; all that is left of it when the input has ended has a time together.
func (s *session) receive(ctx context.Context) error {
	ended, full := s.in.Stands()
	for !ended && !full {
		changed, cancel := s.in.Changed(ctx)
		ev, err := s.conn.Receive(changed)
		cancel()
		if err == nil {
			s.show(ev)
			return nil
		}
		if !errors.Is(err, spread.ErrWouldBlock) || ctx.Err() != nil {
			return err
		}
		ended, full = s.in.Stands()
	}
	if s.o.Interactive && ended {
		return tool.ErrEnd
	}
	if s.patience.IsZero() || !ended {
		s.patience = time.Now().Add(lastTimeout)
	}
	limited, cancel := context.WithDeadline(ctx, s.patience)
	defer cancel()
	ev, err := s.conn.Receive(limited)
	switch {
	case err == nil:
		s.show(ev)
	case errors.Is(err, spread.ErrWouldBlock) && ctx.Err() == nil:
		s.printf("SP_error: no message has come within %v\n", lastTimeout)
	default:
		return err
	}
	return nil
}

// errorLine words an error as the C libraries do; that of the flush layer has codes
// of its own.
func errorLine(err error) string {
	e, ok := errors.AsType[*spread.Error](err)
	if !ok {
		return tool.ErrorLine(err)
	}
	text := e.Code.Error()
	switch e.Code {
	case spread.ErrIllegalParam, spread.ErrIllegalMessageType:
	case spread.ErrIllegalState:
		text = "Function call peformed in a prohibited state." //nolint:misspell // so the original has it
	case spread.ErrIllegalReceivers:
		text = "Illegal receivers specified."
	default:
		return tool.ErrorLine(err)
	}
	return fmt.Sprintf("FL_error: (%d) %s\n", int(e.Code), text)
}
