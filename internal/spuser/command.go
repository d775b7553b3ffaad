package spuser

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"gospread/spread"
	"gospread/spread/internal/tool"
)

// The limits of the classic programs; scripts may know them. What is longer than
// a line of its kind is the next line (configuration and tools 10.3).
const (
	maxCommand = 129
	maxLine    = 199
	maxMessage = 102400
	maxWords   = 10
	burst      = 10
	// noGroup is where a burst without a group goes.
	noGroup = "dummy_group_name"
)

// The message types by which receivers can tell the commands apart.
const (
	typedMessage = 1
	burstMessage = 2
)

// execute carries out a line of input. Its errors end the session and have been
// shown.
func (s *session) execute(ctx context.Context, line []byte) error {
	words := bytes.Fields(line[min(len(line), 2):])
	words = words[:min(len(words), maxWords)]
	key := line[0]
	if s.o.Threaded && bytes.IndexByte([]byte("rped"), key) >= 0 {
		key = 0
	}
	switch key {
	case 'j':
		return s.membership(ctx, s.conn.Join, words)
	case 'l':
		return s.membership(ctx, s.conn.Leave, words)
	case 's', 'm':
		return s.message(ctx, key, words)
	case 'b':
		return s.burst(ctx, words)
	case 'r':
		return s.next(ctx)
	case 'p':
		_, n := s.conn.Pending()
		s.show.pending(n)
	case 'e':
		s.async = true
	case 'd':
		s.async = false
	case 'q':
		return errQuit
	default:
		s.show.unknown()
	}
	return nil
}

// membership joins or leaves. If the connection is lost, receiving will tell.
func (s *session) membership(ctx context.Context, request func(context.Context, string) error, words [][]byte) error {
	if len(words) == 0 {
		return s.noGroup()
	}
	s.unsettled = true
	if err := request(ctx, string(words[0])); err != nil {
		s.show.failed(err)
		return s.inScript(err)
	}
	return nil
}

// noGroup complains about a command without its group.
func (s *session) noGroup() error {
	s.show.invalidGroup()
	return s.inScript(errors.New("the command needs a group"))
}

// inScript returns an error if steps are carried out, which end with the first.
func (s *session) inScript(err error) error {
	if s.o.Exec != nil {
		return err
	}
	return nil
}

// message asks for a message and sends it.
func (s *session) message(ctx context.Context, key byte, words [][]byte) error {
	if len(words) == 0 {
		return s.noGroup()
	}
	s.show.ask("enter message: ")
	var data []byte
	var err error
	if key == 's' {
		data, err = s.in.Await(ctx, maxLine)
	} else {
		data, err = s.lines(ctx)
	}
	if err != nil {
		return err
	}
	groups := make([]string, len(words))
	for i, w := range words {
		groups[i] = string(w)
	}
	return s.send(ctx, &spread.Outgoing{Service: spread.Safe, Type: typedMessage, Groups: groups, Data: data})
}

// lines reads until an empty line, which it drops, or until the message is full.
func (s *session) lines(ctx context.Context) (data []byte, err error) {
	start := true // of a line
	for len(data) < maxMessage {
		piece, err := s.in.Await(ctx, min(maxMessage-len(data), maxLine))
		if err != nil {
			return nil, err
		}
		if start && piece[0] == '\n' {
			break
		}
		data = append(data, piece...)
		start = piece[len(piece)-1] == '\n'
	}
	return data, nil
}

// burst asks for a size and sends ten messages.
func (s *session) burst(ctx context.Context, words [][]byte) error {
	s.show.ask("enter size of each message: ")
	line, err := s.in.Await(ctx, maxLine)
	if err != nil {
		return err
	}
	if n, ok := tool.Number(line); ok {
		s.size = n
	}
	group := noGroup
	if len(words) > 0 {
		group = string(words[0])
	}
	return s.sendBurst(ctx, group)
}

func (s *session) sendBurst(ctx context.Context, group string) error {
	if s.size < 0 || s.size > maxMessage {
		s.size = maxMessage
	}
	s.show.sending(burst, s.size)
	data := make([]byte, s.size)
	for i := range burst {
		clear(data)
		copy(data, fmt.Sprintf("mess num %d ", s.sent+1))
		before := s.sent
		err := s.send(ctx, &spread.Outgoing{Service: spread.FIFO, Type: burstMessage, Groups: []string{group}, Data: data})
		if err != nil || s.sent == before {
			return err
		}
		s.show.sentOne(i+1, s.sent)
	}
	return nil
}

// send sends a message. A wrong request is shown and is no more than that; when
// the connection is lost, the session ends.
func (s *session) send(ctx context.Context, m *spread.Outgoing) error {
	s.unsettled = true
	err := s.conn.Send(ctx, m)
	if err == nil {
		s.sent++
		return nil
	}
	s.show.failed(err)
	if errors.Is(err, spread.ErrIllegalGroup) || errors.Is(err, spread.ErrMessageTooLong) {
		return s.inScript(err)
	}
	return err
}
