// Package spuser is the interactive client: a menu of commands, and messages
// shown as they arrive (configuration and tools 10). What it prints is what the
// programs of that name have always printed; scripts read it.
package spuser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"gospread/spread"
	"gospread/spread/internal/tool"
)

const (
	connectTimeout = 5 * time.Second
	// settleTimeout bounds how long the end of a script waits for the daemon, and
	// for messages that it asks for.
	settleTimeout = 5 * time.Second
)

// Options say what to do. The zero value is not useful; see DefaultAddress and
// DefaultUser.
type Options struct {
	// Address names the daemon, as for spread.Dial.
	Address string
	// User is the private name, of which 10 bytes count; if it is empty, the
	// daemon invents one.
	User string
	// Threaded leaves out the commands r, p, e and d, as sptuser does.
	Threaded bool
	// Interactive: somebody types. Otherwise the input is a script, and before it
	// ends, what it has caused is shown.
	Interactive bool
	// Exec, if not nil, is run instead of reading commands.
	Exec []Step
	// JSON shows one JSON object a line instead of text, without menu and prompts.
	JSON bool

	dial []spread.Option // for tests
}

// What the command line starts from.
const (
	DefaultAddress = "4803"
	DefaultUser    = "user"
)

// Run connects, carries out the commands that come from stdin, shows on stdout
// what arrives, and disconnects. It returns nil after q, at the end of input and
// after the last step; otherwise the reason, which has been shown.
//
// The goroutine that reads stdin ends when its Read has returned.
func Run(ctx context.Context, o Options, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &tool.StickyWriter{W: stdout}
	var show display = &text{w: w, threaded: o.Threaded, bare: o.Exec != nil}
	if o.JSON {
		show = newJSONLines(w)
	}
	err := run(ctx, &o, show, stdin)
	if err == nil {
		err = w.Err
	}
	return err
}

func run(ctx context.Context, o *Options, show display, stdin io.Reader) error {
	show.version(spread.LibraryVersion())
	defer show.bye()
	conn, err := connect(ctx, o)
	if err != nil {
		show.failed(err)
		return err
	}
	defer func() { _ = conn.Close() }()
	show.connected(o.Address, conn)
	s := &session{o: o, conn: conn, show: show, async: true}
	if o.Exec != nil {
		return s.script(ctx, o.Exec)
	}
	s.in = tool.NewInput(ctx, stdin)
	return s.interact(ctx)
}

func connect(ctx context.Context, o *Options) (*spread.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	opts := o.dial
	if o.User != "" {
		opts = append(slices.Clip(opts), spread.WithName(tool.UserName(o.User, "")))
	}
	return spread.Dial(ctx, o.Address, opts...)
}

// session is a connection and the one who uses it. All output is made by the
// goroutine that runs it, so that nothing is torn apart.
type session struct {
	o     *Options
	conn  *spread.Conn
	in    *tool.Input
	show  display
	async bool // messages are received as they come
	sent  int  // messages sent by s, m and b
	size  int  // of the last burst
	// unsettled: something was asked of the daemon since the last settle.
	unsettled bool
	// patience is until when r waits once the input has ended; zero before it does.
	patience time.Time
}

// errQuit ends a session well.
var errQuit = errors.New("quit")

// interact carries out commands until the end.
func (s *session) interact(ctx context.Context) error {
	for {
		line, err := s.command(ctx)
		if err == nil {
			if err = s.execute(ctx, line); err == nil {
				s.show.prompt()
				continue
			}
		}
		if errors.Is(err, errQuit) || errors.Is(err, tool.ErrEnd) {
			return s.finish(ctx)
		}
		return err
	}
}

// finish shows what a script has caused. Who types has seen it.
func (s *session) finish(ctx context.Context) error {
	if s.o.Interactive || !s.unsettled || !s.async {
		return nil
	}
	return s.settle(ctx)
}

// command returns the next line of input and shows what arrives until it is
// there; tool.ErrEnd at the end.
func (s *session) command(ctx context.Context) ([]byte, error) {
	for {
		line, err := s.in.Line(maxCommand)
		if line != nil {
			return line, s.arrived(ctx)
		}
		if err != nil {
			return nil, err
		}
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// wait returns when there is more input, or a message has been shown.
func (s *session) wait(ctx context.Context) error {
	changed, cancel := s.in.Changed(ctx)
	defer cancel()
	if !s.async {
		<-changed.Done()
		return ctx.Err()
	}
	err := s.receive(changed)
	if errors.Is(err, spread.ErrWouldBlock) {
		return ctx.Err()
	}
	return err
}

// arrived shows what is there already, before a command is carried out.
func (s *session) arrived(ctx context.Context) error {
	if !s.async {
		return nil
	}
	n, _ := s.conn.Pending()
	for range n {
		if err := s.receive(ctx); err != nil {
			return err
		}
	}
	return nil
}

// receive shows the next message, or the loss of the connection.
func (s *session) receive(ctx context.Context) error {
	ev, err := s.conn.Receive(ctx)
	switch {
	case err == nil:
		s.show.event(ev)
	case !errors.Is(err, spread.ErrWouldBlock):
		s.show.lost(err)
	}
	return err
}

// settle shows messages until those that this session has caused at its daemon
// must have come: it sends itself one behind them and waits for it.
func (s *session) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	me := s.conn.PrivateGroup()
	mark := fmt.Appendf(nil, "spuser has come to %d", s.sent)
	if err := s.conn.Multicast(ctx, spread.Safe, me, mark); err != nil {
		s.show.lost(err)
		return err
	}
	s.unsettled = false
	for {
		ev, err := s.conn.Receive(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			err = fmt.Errorf("the daemon has not delivered everything within %v: %w", settleTimeout, err)
			s.show.failed(err)
			return err
		case err != nil:
			s.show.lost(err)
			return err
		case isMark(ev, me, mark):
			return nil
		}
		s.show.event(ev)
	}
}

func isMark(ev spread.Event, me string, mark []byte) bool {
	m, ok := ev.(*spread.Message)
	return ok && m.Sender == me && len(m.Groups) == 1 && m.Groups[0] == me && string(m.Data) == string(mark)
}
