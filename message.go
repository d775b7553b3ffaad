package spread

import (
	"errors"
	"fmt"
	"strings"

	"gospread/spread/internal/clientproto"
)

// outMessage is a message on its way out.
type outMessage struct {
	service  Service
	flags    Flags
	discard  bool
	request  clientproto.Type // instead of these three
	sender   *clientproto.Name
	messType int16
	group    string   // the only one
	groups   []string // or else these
	data     []byte
	pieces   [][]byte // behind data
	dataLen  int      // of both
	size     int      // on the wire
}

// outgoing takes over what a user wants to send.
func (c *Conn) outgoing(m *Outgoing) outMessage {
	p := outMessage{
		service:  m.Service,
		flags:    m.Flags,
		discard:  m.SelfDiscard,
		sender:   &c.private,
		messType: m.Type,
		groups:   m.Groups,
		data:     m.Data,
		pieces:   m.Pieces,
	}
	switch len(m.Groups) {
	case 1:
		p.group = m.Groups[0]
		fallthrough
	case 0:
		p.groups = nil
	}
	return p
}

// requestMessage makes a join, leave or kill.
func (c *Conn) requestMessage(t clientproto.Type, group string) outMessage {
	p := outMessage{request: t, sender: &c.private, group: group}
	p.measure()
	return p
}

func (p *outMessage) numGroups() int {
	if p.groups == nil {
		return 1
	}
	return len(p.groups)
}

// measure sets the lengths, and returns that of data and names.
func (p *outMessage) measure() (body int) {
	p.dataLen = len(p.data)
	for _, piece := range p.pieces {
		p.dataLen += len(piece)
	}
	body = p.dataLen + p.numGroups()*clientproto.NameSize
	p.size = clientproto.HeaderSize + body
	return body
}

// check refuses what would cost the session at the daemon, or go nowhere.
func (p *outMessage) check() error {
	if !p.service.Valid() {
		return &Error{Op: p.op(), Code: ErrIllegalService,
			Err: fmt.Errorf("service 0x%x, must be exactly one of the six", uint32(p.service))}
	}
	if bad := p.flags & reservedFlags; bad != 0 {
		return &Error{Op: p.op(), Code: ErrIllegalService, Err: fmt.Errorf("flags 0x%x are reserved", uint32(bad))}
	}
	if err := p.checkGroups(); err != nil {
		return &Error{Op: "send", Code: ErrIllegalGroup, Err: err}
	}
	if body := p.measure(); body > clientproto.MaxBody {
		return &Error{Op: p.op(), Code: ErrMessageTooLong,
			Err: fmt.Errorf("%d bytes of data and %d groups make %d bytes, a daemon takes at most %d", p.dataLen, p.numGroups(), body, clientproto.MaxBody)}
	}
	return nil
}

func (p *outMessage) checkGroups() error {
	if p.groups == nil {
		return checkGroup(p.group)
	}
	if n := len(p.groups); n > clientproto.MaxGroups {
		return fmt.Errorf("%d groups, must be at most %d", n, clientproto.MaxGroups)
	}
	for _, g := range p.groups {
		if err := checkGroup(g); err != nil {
			return err
		}
	}
	return nil
}

// checkGroup allows any bytes: other clients may have joined such groups.
func checkGroup(g string) error {
	if g == "" {
		return errors.New("no group is named")
	}
	if len(g) > clientproto.MaxGroupName || strings.IndexByte(g, 0) >= 0 {
		return fmt.Errorf("group %q of %d bytes, must have 1 to %d and no zero byte", g, len(g), clientproto.MaxGroupName)
	}
	return nil
}

// op names the sending for an error.
func (p *outMessage) op() string {
	if p.groups == nil {
		return fmt.Sprintf("send to %q", p.group)
	}
	return fmt.Sprintf("send to %q and %d other groups", p.groups[0], len(p.groups)-1)
}

func (p *outMessage) typeWord() clientproto.Type {
	t := p.request | clientproto.Type(p.service) | clientproto.Type(p.flags)
	if p.discard {
		t |= clientproto.SelfDiscard
	}
	return t
}

// append appends the whole message.
func (p *outMessage) append(b []byte) []byte {
	b = p.appendHead(b)
	b = append(b, p.data...)
	for _, piece := range p.pieces {
		b = append(b, piece...)
	}
	return b
}

// appendHead appends what stands before the data.
func (p *outMessage) appendHead(b []byte) []byte {
	h := clientproto.Header{Type: p.typeWord(), NumGroups: p.numGroups(), DataLen: p.dataLen}
	b = clientproto.AppendHeader(b, &h, p.sender, p.messType)
	if p.groups == nil {
		return appendName(b, p.group)
	}
	for _, g := range p.groups {
		b = appendName(b, g)
	}
	return b
}

func appendName(b []byte, s string) []byte {
	var name clientproto.Name
	copy(name[:], s)
	return append(b, name[:]...)
}

// appendPieces appends the data, uncopied.
func (p *outMessage) appendPieces(v [][]byte) [][]byte {
	if len(p.data) > 0 {
		v = append(v, p.data)
	}
	for _, piece := range p.pieces {
		if len(piece) > 0 {
			v = append(v, piece)
		}
	}
	return v
}
