package flushuser

import (
	"bytes"
	"fmt"

	"gospread/spread"
	"gospread/spread/flush"
	"gospread/spread/internal/tool"
)

const (
	ruler = "============================\n"
	menu  = `
==========
User Menu:
----------

	j <group> -- join a group
	l <group> -- leave a group

	s <group> -- send a message
	g <group> -- send a subgroup message
	b <group> -- send a burst of messages

	r -- receive a message (stuck) 
	p -- poll for a message 
	f <group> -- send a FLUSH_OK message

	q -- quit
`
)

// show shows an event as the original does, to the byte.
func (s *session) show(ev flush.Event) {
	var b bytes.Buffer
	b.WriteString("\n" + ruler)
	switch ev := ev.(type) {
	case *flush.Message:
		writeMessage(&b, ev)
	case *flush.View:
		writeView(&b, ev)
	case *flush.FlushRequest:
		fmt.Fprintf(&b, "received a FLUSH_REQ message for group %s\n", ev.Group)
	case *flush.Transition:
		fmt.Fprintf(&b, "received TRANSITIONAL membership for group %s\n", ev.Group)
	case *flush.SelfLeave:
		fmt.Fprintf(&b, "received membership message that left group %s\n", ev.Group)
	case *flush.Rejected:
		fmt.Fprintf(&b, "REJECTED %v of group %s\n", ev.Request, groupOf(ev))
	}
	fmt.Fprintf(&b, "There are %d buffered messages waiting to be delivered\n\nUser> ", s.conn.Ready())
	_, _ = s.w.Write(b.Bytes()) // the writer keeps the error
}

func groupOf(r *flush.Rejected) string {
	if len(r.Message.Groups) == 0 {
		return ""
	}
	return r.Message.Groups[0]
}

func writeMessage(b *bytes.Buffer, m *flush.Message) {
	data, _, _ := bytes.Cut(m.Data, []byte{0})
	fmt.Fprintf(b, "received %s message from %s, of type %d, (endian %d) to %d groups \n(%d bytes): %s\nMessage is:\n'%s'\n",
		m.Service, m.Sender, m.Type, tool.Endian(&m.Message), len(m.Groups), len(m.Data), data, data)
	if m.Subgroup {
		fmt.Fprintf(b, "Received a subgroupcast message to group %s: receivers:\n", m.Group)
		writeMembers(b, m.Groups[:max(len(m.Groups)-1, 0)]) // behind them stands the group
	}
}

func writeView(b *bytes.Buffer, v *flush.View) {
	fmt.Fprintf(b, "Received REGULAR membership for group %s with %d members, where I am member %d:\n",
		v.Group, len(v.Members), v.Index)
	writeMembers(b, v.Members)
	fmt.Fprintf(b, "grp id is %v\n", v.ID)
	if v.Cause != spread.CausedByNetwork {
		fmt.Fprintf(b, "Due to the %s of %s\n", v.Cause, v.Changed)
		return
	}
	fmt.Fprintf(b, "Due to NETWORK change. VS set has %d members:\n", len(v.Together))
	writeMembers(b, v.Together)
}

func writeMembers(b *bytes.Buffer, members []string) {
	for _, m := range members {
		fmt.Fprintf(b, "\t%s\n", m)
	}
}
