package spread

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gospread/spread/internal/clientproto"
)

// TestCodes checks each code of client protocol 8.1 and 9.1: its number, that it
// has a text, and that errors.Is finds it and its cause.
func TestCodes(t *testing.T) {
	for code, n := range map[Code]int{
		ErrIllegalSpread: -1, ErrCouldNotConnect: -2, ErrQuota: -3, ErrNoName: -4, ErrIllegalName: -5, ErrNotUnique: -6,
		ErrVersion: -7, ErrConnectionClosed: -8, ErrAuth: -9, ErrIllegalSession: -11, ErrIllegalService: -12,
		ErrIllegalMessage: -13, ErrIllegalGroup: -14, ErrBufferTooShort: -15, ErrGroupsTooShort: -16, ErrMessageTooLong: -17,
		ErrNetError: -18, ErrBug: -19, ErrIllegalTime: -20, ErrIllegalParam: -24, ErrWouldBlock: -25,
		ErrIllegalMessageType: -26, ErrIllegalState: -27, ErrIllegalReceivers: -28,
	} {
		if int(code) != n {
			t.Errorf("code %d has the number %d", n, int(code))
		}
		if code.Error() == "" || strings.Contains(code.Error(), "Unrecognized") {
			t.Errorf("code %d: %q", n, code.Error())
		}
		for _, cause := range []error{nil, fmt.Errorf("reading: %w", io.ErrUnexpectedEOF)} {
			var err error = &Error{Op: "try", Code: code, Err: cause}
			err = fmt.Errorf("outside: %w", err)
			var e *Error
			if !errors.Is(err, code) || !errors.As(err, &e) || e.Code != code || errors.Is(err, Code(1)) {
				t.Errorf("code %d is not found in %v", n, err)
			}
			if cause != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("code %d: the cause is not found", n)
			}
			if !strings.Contains(err.Error(), "spread: try: ") || !strings.HasSuffix(err.Error(), fmt.Sprintf("(code %d)", n)) {
				t.Errorf("%v", err)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	for want, got := range map[string]any{
		"UNRELIABLE": Unreliable, "RELIABLE": Reliable, "FIFO": FIFO, "CAUSAL": Causal, "AGREED": Agreed, "SAFE": Safe,
		"Service(0x3)": Unreliable | Reliable, "Service(0x0)": Service(0),
		"JOIN": CausedByJoin, "LEAVE": CausedByLeave, "DISCONNECT": CausedByDisconnect, "NETWORK": CausedByNetwork, "Cause(0x1)": Cause(1),
		"multicast": MulticastRequest, "join": JoinRequest, "leave": LeaveRequest,
		"1 -2 3": ViewID{1, -2, 3}, "5.0.1": LibraryVersion(),
	} {
		if s := fmt.Sprint(got); s != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
	for i, name := range serviceNames {
		if s, err := ParseService(strings.ToLower(name)); err != nil || s != 1<<i || !s.Valid() {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if _, err := ParseService("none"); !errors.Is(err, ErrIllegalService) || !strings.Contains(err.Error(), "agreed") {
		t.Errorf("%v", err)
	}
}

// TestMethodReadsWhatCameEarly: bytes of an authentication method may come right
// behind the daemon's list.
func TestMethodReadsWhatCameEarly(t *testing.T) {
	method := func(_ context.Context, rw io.ReadWriter) error {
		b := make([]byte, 9)
		if _, err := io.ReadFull(rw, b); err != nil {
			return err
		}
		if string(b) != "challenge" {
			return fmt.Errorf("read %q", b)
		}
		return nil
	}
	private := clientproto.MakeName("#alice#fake")
	c, err := shakeWith(t, func(p *peer) {
		p.read(10)
		p.write(append(clientproto.AppendAuthList(nil, []string{"CR"}), "chall"...))
		p.read(clientproto.ChoiceSize)
		p.write([]byte("enge"))
		// The first message may come right behind the accept.
		p.write(append(clientproto.AppendAccept(nil, clientproto.ThisVersion, &private), data(clientproto.Agreed, "#a#b", []string{"#alice#fake"}, 0, "early")...))
	}, WithAuth("CR", method))
	if err != nil {
		t.Fatal(err)
	}
	ev, err := c.Receive(context.Background())
	if m, ok := ev.(*Message); err != nil || !ok || string(m.Data) != "early" {
		t.Errorf("%v, %v", ev, err)
	}
}
