package flush

import (
	"encoding/binary"
	"fmt"
	"math"

	"gospread/spread"
	"gospread/spread/internal/clientproto"
)

// Application types that the layer has for itself (client protocol 9.1).
const (
	typeOK         int16 = math.MinInt16
	typeReceived   int16 = math.MinInt16 + 1
	typeVulnerable int16 = math.MinInt16 + 2

	// MinType is the smallest application type that a user may send.
	MinType int16 = math.MinInt16 + 3
)

// Sizes of what is appended to the data, in bytes.
const (
	idSize   = clientproto.GroupIDSize
	typeSize = 2
	nameSize = clientproto.NameSize
)

// control is a message of the layer itself: that this client agrees to a Spread
// view, or that it has installed a flush view.
type control struct {
	group string
	typ   int16 // typeOK or typeReceived
	id    spread.ViewID
}

// outgoing makes the message for the daemon.
func (c *control) outgoing() *spread.Outgoing {
	return &spread.Outgoing{Service: spread.FIFO, Type: c.typ, Groups: []string{c.group}, Data: appendID(nil, c.id)}
}

func appendID(b []byte, id spread.ViewID) []byte {
	for _, w := range []int32{id.Daemon, id.Time, id.Index} {
		b = binary.LittleEndian.AppendUint32(b, uint32(w))
	}
	return b
}

// trailer is what stands behind the user's data.
type trailer struct {
	subgroup   bool
	group      string // the reference group
	vulnerable bool
	id         spread.ViewID
	messType   int16
}

// append appends the trailer as a little-endian writer does (client protocol
// 9.2).
func (t *trailer) append(b []byte) []byte {
	if t.vulnerable {
		b = binary.LittleEndian.AppendUint16(b, uint16(t.messType))
		b = appendID(b, t.id)
	}
	if t.subgroup {
		name := clientproto.MakeName(t.group)
		b = append(b, name[:]...)
	}
	return b
}

// incoming is a data message of the Spread layer, taken apart.
type incoming struct {
	trailer
	msg spread.Message
}

// parse takes the trailer off a message. Numbers in it are in the sender's
// order.
func parse(m *spread.Message) (*incoming, error) {
	in := &incoming{msg: *m}
	var order binary.ByteOrder = binary.LittleEndian
	if m.BigEndian {
		order = binary.BigEndian
	}
	short := func(n int) bool { return len(in.msg.Data) < n }
	pop := func(n int) []byte {
		i := len(in.msg.Data) - n
		tail := in.msg.Data[i:]
		in.msg.Data = in.msg.Data[:i:i]
		return tail
	}
	if len(m.Groups) > 0 {
		in.group = m.Groups[0]
	}
	in.messType = m.Type
	if m.Flags&spread.SubgroupCast != 0 {
		if short(nameSize) {
			return nil, fmt.Errorf("subgroup message of %d bytes without its group", len(m.Data))
		}
		in.subgroup = true
		name := clientproto.NameOf(pop(nameSize))
		in.group = name.String()
		in.msg.Groups = append(m.Groups[:len(m.Groups):len(m.Groups)], in.group)
	}
	if m.Type >= MinType {
		return in, nil
	}
	need := idSize
	if m.Type == typeVulnerable {
		need += typeSize
	}
	if short(need) {
		return nil, fmt.Errorf("message of type %d with %d bytes, too few", m.Type, len(m.Data))
	}
	b := pop(idSize)
	in.id = spread.ViewID{
		Daemon: int32(order.Uint32(b)),
		Time:   int32(order.Uint32(b[4:])),
		Index:  int32(order.Uint32(b[8:])),
	}
	if m.Type == typeVulnerable {
		in.vulnerable = true
		in.messType = int16(order.Uint16(pop(typeSize)))
		in.msg.Type = in.messType
	}
	return in, nil
}
