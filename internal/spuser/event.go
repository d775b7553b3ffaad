package spuser

import (
	"bytes"
	"fmt"

	"gospread/spread"
	"gospread/spread/internal/tool"
)

// maxGroups is how many groups of a message the classic programs have room for.
const maxGroups = 100

func writeMessage(b *bytes.Buffer, m *spread.Message) {
	data := writeTooShort(b, m)
	if m.Service == 0 {
		fmt.Fprintf(b, "received message of unknown message type 0x%x with ret %d\n", uint32(m.Flags), len(m.Data))
		return
	}
	fmt.Fprintf(b, "received %s message from %s, of type %d, (endian %d) to %d groups \n(%d bytes): %s\n",
		m.Service, m.Sender, m.Type, tool.Endian(m), len(m.Groups), len(m.Data), data)
}

// writeTooShort says if a message is more than the classic programs have room
// for, and returns what is to be shown of it: up to the first zero byte.
func writeTooShort(b *bytes.Buffer, m *spread.Message) []byte {
	data := m.Data
	if len(data) > maxMessage || len(m.Groups) > maxGroups {
		b.WriteString("\n========Buffers or Groups too Short=======\n")
		data = data[:min(len(data), maxMessage)]
	}
	data, _, _ = bytes.Cut(data, []byte{0})
	return data
}

func writeView(b *bytes.Buffer, v *spread.View) {
	fmt.Fprintf(b, "Received REGULAR membership for group %s with %d members, where I am member %d:\n",
		v.Group, len(v.Members), v.Index)
	writeMembers(b, v.Members)
	fmt.Fprintf(b, "grp id is %v\n", v.ID)
	if v.Cause != spread.CausedByNetwork {
		fmt.Fprintf(b, "Due to the %s of %s\n", v.Cause, v.Changed)
		return
	}
	fmt.Fprintf(b, "Due to NETWORK change with %d VS sets\n", len(v.Sets))
	for i, set := range v.Sets {
		whose := "OTHER"
		if i == v.OwnSet {
			whose = "LOCAL"
		}
		fmt.Fprintf(b, "%s VS set %d has %d members:\n", whose, i, len(set))
		writeMembers(b, set)
	}
}

func writeMembers(b *bytes.Buffer, members []string) {
	for _, m := range members {
		fmt.Fprintf(b, "\t%s\n", m)
	}
}

func writeRejected(b *bytes.Buffer, r *spread.Rejected) {
	m := &r.Message
	data := writeTooShort(b, m)
	fmt.Fprintf(b, "REJECTED message from %s, of servicetype 0x%x messtype %d, (endian %d) to %d groups \n(%d bytes): %s\n",
		m.Sender, serviceType(r), m.Type, tool.Endian(m), len(m.Groups), len(m.Data), data)
}

// serviceType is the type word of a rejected request as the C library reports it
// (client protocol 5.6).
func serviceType(r *spread.Rejected) uint32 {
	const reject = 0x00400000
	const selfDiscard = 0x40
	switch r.Request {
	case spread.JoinRequest:
		return reject | uint32(spread.CausedByJoin)
	case spread.LeaveRequest:
		return reject | uint32(spread.CausedByLeave)
	}
	t := reject | uint32(r.Message.Service) | uint32(r.Message.Flags)
	if r.Message.SelfDiscard {
		t |= selfDiscard
	}
	return t
}
