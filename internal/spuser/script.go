package spuser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gospread/spread"
)

// Step is a command of a script.
type Step struct {
	key  byte
	rest string // without blanks around it
}

// ParseSteps reads commands parted by semicolons; `\;` is a semicolon in one and
// `\\` a backslash. They are those of the menu, with two differences: what s
// sends follows its group, as in "s test hello", and so does the size of b.
func ParseSteps(script string) ([]Step, error) {
	var steps []Step
	for _, part := range split(script) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		st := Step{key: part[0], rest: strings.TrimSpace(part[1:])}
		if err := st.check(part); err != nil {
			return nil, err
		}
		steps = append(steps, st)
	}
	return steps, nil
}

// split parts a script at its semicolons.
func split(script string) []string {
	var parts []string
	var part []byte
	for i := 0; i < len(script); i++ {
		c := script[i]
		switch {
		case c == '\\' && i+1 < len(script) && (script[i+1] == ';' || script[i+1] == '\\'):
			i++
			part = append(part, script[i])
		case c == ';':
			parts = append(parts, string(part))
			part = part[:0]
		default:
			part = append(part, c)
		}
	}
	return append(parts, string(part))
}

// check tells what is wrong with a step, of which part is the text.
func (st Step) check(part string) error {
	words := len(strings.Fields(st.rest))
	want, ok := map[byte]string{
		'j': "j GROUP", 'l': "l GROUP", 's': "s GROUP TEXT", 'b': "b GROUP SIZE",
		'r': "r", 'p': "p", 'e': "e", 'd': "d", 'q': "q",
	}[st.key]
	if !ok {
		return fmt.Errorf("unknown command %q: there are j, l, s, b, r, p, e, d and q", part)
	}
	if n := len(strings.Fields(want)) - 1; words != n && (st.key != 's' || words < 1) {
		return fmt.Errorf("command %q is not of the form %q", part, want)
	}
	if len(part) > 1 && part[1] != ' ' && part[1] != '\t' {
		return fmt.Errorf("command %q is not of the form %q", part, want)
	}
	if st.key == 'b' {
		if n, err := strconv.Atoi(strings.Fields(st.rest)[1]); err != nil || n < 0 || n > maxMessage {
			return fmt.Errorf("command %q: the size is not a number from 0 to %d", part, maxMessage)
		}
	}
	return nil
}

// script carries out steps, and shows after each what it has caused.
func (s *session) script(ctx context.Context, steps []Step) error {
	for _, st := range steps {
		err := s.step(ctx, st)
		if errors.Is(err, errQuit) {
			return nil
		}
		if err == nil && s.async && s.unsettled {
			err = s.settle(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *session) step(ctx context.Context, st Step) error {
	switch st.key {
	case 's':
		group, data := st.rest, ""
		if i := strings.IndexAny(st.rest, " \t\n"); i >= 0 {
			group, data = st.rest[:i], strings.TrimLeft(st.rest[i:], " \t\n")
		}
		return s.send(ctx, &spread.Outgoing{
			Service: spread.Safe, Type: typedMessage, Groups: []string{group}, Data: []byte(data),
		})
	case 'b':
		words := strings.Fields(st.rest)
		s.size, _ = strconv.Atoi(words[1]) // checked by ParseSteps
		return s.sendBurst(ctx, words[0])
	}
	return s.execute(ctx, bytes.Join([][]byte{{st.key}, []byte(st.rest)}, []byte{' '}))
}
