package spread

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"gospread/spread/internal/clientproto"
)

// maxMethods is the number of slots in the authentication choice.
const maxMethods = clientproto.ChoiceSize / clientproto.AuthSlot

func checkUser(name string) error { return clientproto.CheckUser(name) }

// handshake is the client's side of client protocol 2, over a new connection.
type handshake struct {
	conn   net.Conn
	buf    []byte // read and not yet used; at the end, what belongs to messages
	accept clientproto.Accept
}

// shake runs the handshake. Ending ctx closes the connection; so does the caller
// on error.
func shake(ctx context.Context, nc net.Conn, o *options) (*handshake, error) {
	h := &handshake{conn: nc}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	err := h.run(ctx, o)
	if !stop() {
		return nil, &Error{Code: ErrConnectionClosed, Err: fmt.Errorf("gave up in the handshake: %w", ctx.Err())}
	}
	return h, err
}

func (h *handshake) run(ctx context.Context, o *options) error {
	hello := clientproto.Hello{
		Version:    clientproto.ThisVersion,
		Membership: o.membership,
		Priority:   o.priority > 0,
		Name:       o.name,
	}
	// A daemon that refuses at once may have closed by now; its reason is worth
	// more than the failure to write.
	writeErr := h.write(clientproto.AppendHello(nil, &hello))
	offered, err := read(h, clientproto.ParseAuthList)
	if err != nil {
		return h.failure(err, writeErr, o)
	}
	methods := o.methods
	if len(methods) == 0 {
		methods = []authMethod{{name: "NULL"}}
	}
	var names []string
	for _, m := range methods {
		names = append(names, m.name)
		if !slices.Contains(offered, m.name) {
			return &Error{Code: ErrAuth, Err: fmt.Errorf("the daemon does not offer authentication method %q, only %q", m.name, strings.Join(offered, " "))}
		}
	}
	choice, err := clientproto.AppendChoice(nil, names)
	if err != nil {
		return &Error{Code: ErrAuth, Err: err}
	}
	writeErr = h.write(choice)
	for _, m := range methods {
		if m.run == nil || writeErr != nil {
			continue
		}
		if err := m.run(ctx, h); err != nil {
			return &Error{Code: ErrAuth, Err: fmt.Errorf("authentication method %q: %w", m.name, err)}
		}
	}
	h.accept, err = read(h, clientproto.ParseAccept)
	if err != nil {
		return h.failure(err, writeErr, o)
	}
	if v := h.accept.Version; o.priority > 0 && v.Major == 3 && v.Minor < 8 {
		return &Error{Code: ErrVersion, Err: fmt.Errorf("the daemon is %s, priorities need 3.8 or later", versionOf(v))}
	}
	return nil
}

func (h *handshake) write(b []byte) error {
	_, err := h.conn.Write(b)
	return err
}

// Read gives authentication methods what the daemon sent behind its list, too.
func (h *handshake) Read(b []byte) (int, error) {
	if len(h.buf) > 0 {
		n := copy(b, h.buf)
		h.buf = h.buf[n:]
		return n, nil
	}
	return h.conn.Read(b)
}

func (h *handshake) Write(b []byte) (int, error) { return h.conn.Write(b) }

// read takes one piece of the handshake from the daemon, however fragmented.
// Pieces have at most 128 bytes.
func read[T any](h *handshake, parse func([]byte) (T, int, error)) (T, error) {
	for {
		v, n, err := parse(h.buf)
		if !errors.Is(err, clientproto.ErrShort) {
			h.buf = h.buf[n:]
			return v, err
		}
		var more [512]byte
		n, err = h.conn.Read(more[:])
		h.buf = append(h.buf, more[:n]...)
		if n == 0 && err != nil {
			return v, err
		}
	}
}

// failure explains why there was no answer, or a refusal.
func (h *handshake) failure(err, writeErr error, o *options) error {
	var code clientproto.Code
	if errors.As(err, &code) {
		return &Error{Code: refusalCode(code), Err: refusal(code, o)}
	}
	if writeErr != nil {
		err = writeErr
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &Error{Code: ErrConnectionClosed, Err: fmt.Errorf("the daemon broke off the handshake: %w; its log may tell why", err)}
}

// refusalCode keeps the codes that a daemon has reason to send.
func refusalCode(c clientproto.Code) Code {
	if c <= clientproto.RejectQuota && c >= clientproto.RejectAuth {
		return Code(c)
	}
	return ErrConnectionClosed
}

func refusal(c clientproto.Code, o *options) error {
	switch Code(c) {
	case ErrQuota:
		return errors.New("refused: the daemon has as many clients as it takes")
	case ErrNoName:
		return errors.New("refused: the daemon did not get the private name")
	case ErrIllegalName:
		return fmt.Errorf("refused: the daemon does not allow the private name %q", o.name)
	case ErrNotUnique:
		return fmt.Errorf("refused: another client of this daemon has the private name %q; choose another, or none to be given one", o.name)
	case ErrVersion:
		return fmt.Errorf("refused: the versions of the daemon and of this library (%s) do not fit", LibraryVersion())
	case ErrConnectionClosed:
		return errors.New("the daemon's answer makes no sense; is it a Spread daemon?")
	case ErrAuth:
		return errors.New("refused: authentication failed, or this client may not connect; the daemon's log may tell why")
	}
	return fmt.Errorf("the daemon answered with the unknown code %d; is it a Spread daemon?", int(c))
}
