package flushuser

import (
	"bytes"
	"context"
	"fmt"

	"gospread/spread"
	"gospread/spread/flush"
	"gospread/spread/internal/tool"
)

// ask asks a question and waits for a line.
func (s *session) ask(ctx context.Context, format string, args ...any) ([]byte, error) {
	s.printf(format, args...)
	return s.in.Await(ctx, maxLine)
}

// message asks for a message and sends it to a group.
func (s *session) message(ctx context.Context, group string) error {
	if group == "" {
		s.printf(invalidGroup)
		return nil
	}
	data, err := s.ask(ctx, "enter message: ")
	if err != nil {
		return err
	}
	s.printf("user.c : multicasting message of size %d:\n'%s'\n", len(data), data)
	return s.send(ctx, &flush.Outgoing{Service: spread.Safe, Type: typedMessage, Group: group, Data: data})
}

// subgroup asks for receivers and a message, and sends it to these members of a
// group.
func (s *session) subgroup(ctx context.Context, group string) error {
	if group == "" {
		s.printf("invalid group\n")
		return nil
	}
	line, err := s.ask(ctx, "enter number of receivers: ")
	if err != nil {
		return err
	}
	n, ok := tool.Number(line)
	if !ok || n < 1 || n > maxReceivers {
		s.printf("invalid number of receivers, must be an integer in the range [1, %d]\n", maxReceivers)
		return nil
	}
	receivers := make([]string, n)
	for i := range receivers {
		if line, err = s.ask(ctx, "enter recvr %d: ", i+1); err != nil {
			return err
		}
		receivers[i] = string(bytes.TrimSpace(line))
	}
	data, err := s.ask(ctx, "enter message: ")
	if err != nil {
		return err
	}
	s.printf("user.c: subgroupcasting message of size %d to group %s with receivers:\n", len(data), group)
	for _, r := range receivers {
		s.printf("%s\n", r)
	}
	return s.send(ctx, &flush.Outgoing{
		Service: spread.Safe, Type: subgroupMessage, Group: group, Receivers: receivers, Data: data,
	})
}

// burst asks for a size and sends ten messages.
func (s *session) burst(ctx context.Context, group string) error {
	line, err := s.ask(ctx, "enter size of each message: ")
	if err != nil {
		return err
	}
	if n, ok := tool.Number(line); ok {
		s.size = min(max(n, 0), maxMessage)
	}
	if group == "" {
		group = noGroup
	}
	s.printf("sending %d messages of %d bytes\n", burst, s.size)
	data := make([]byte, s.size)
	for i := range burst {
		clear(data)
		copy(data, fmt.Sprintf("mess num %d", s.sent+1))
		m := &flush.Outgoing{Service: spread.FIFO, Type: burstMessage, Group: group, Data: data}
		if err := s.send(ctx, m); err != nil {
			return err
		}
		s.printf("sent message %d (total %d)\n", i+1, s.sent)
	}
	return nil
}

func (s *session) send(ctx context.Context, m *flush.Outgoing) error {
	err := s.conn.Send(ctx, m)
	if err == nil {
		s.sent++
	}
	return err
}
