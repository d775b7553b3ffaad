package spcheck

import (
	"bytes"
	"fmt"
	"strings"

	"gospread/spread/internal/clientproto"
	check "gospread/spread/internal/evscheck"
)

// dump writes traces as text: the violations, then each connection with an event a
// line.
func dump(run *check.Run, violations []check.Violation) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "daemons %v, interrupted %v, quiet %v\n", run.Daemons, run.Interrupted, run.Quiet)
	for _, v := range violations {
		fmt.Fprintln(&b, v)
	}
	for i, c := range run.Conns {
		fmt.Fprintf(&b, "\nconnection %d %v, views %v, ended %v\n", i, c.Name, c.Views, c.Ended)
		for n := range c.Events {
			fmt.Fprintf(&b, "%d\t%s\n", n, line(&c.Events[n]))
		}
	}
	return b.Bytes()
}

func line(e *check.Event) string {
	switch e.Kind {
	case check.Send:
		return "send    " + message(e.Payload)
	case check.Join:
		return "join    " + e.Group.String()
	case check.Leave:
		return "leave   " + e.Group.String()
	case check.Message:
		return "message " + message(e.Payload)
	case check.View:
		v := e.View
		return fmt.Sprintf("VIEW    %v %v cause 0x%x members %v sets %v own %d", v.Group, v.ID, uint32(v.Cause), v.Members, v.Sets, v.Own)
	case check.Transition:
		return fmt.Sprintf("SIGNAL  %v %v", e.Group, e.ID)
	case check.SelfLeave:
		return "left    " + e.Group.String()
	}
	return "?"
}

func message(p []byte) string {
	h, err := clientproto.ParseHeader(p)
	if err != nil {
		return err.Error()
	}
	var groups []string
	for _, g := range clientproto.ParseNames(p[h.Names():h.Data()]) {
		groups = append(groups, g.String())
	}
	sender := clientproto.NameOf(clientproto.Sender(p))
	return fmt.Sprintf("%s %s of %v, %d bytes to %s", p[h.Data():], serviceName(h.Type), sender, h.DataLen, strings.Join(groups, " "))
}

func serviceName(t clientproto.Type) string {
	names := [...]string{"UNRELIABLE", "RELIABLE", "FIFO", "CAUSAL", "AGREED", "SAFE"}
	name := "?"
	for i, n := range names {
		if t&(1<<i) != 0 {
			name = n
		}
	}
	if t&clientproto.SelfDiscard != 0 {
		name += "-"
	}
	return name
}
