package evscheck

import (
	"fmt"
	"strings"

	"gospread/spread/internal/clientproto"
)

// Context writes down what stands around a violation in all traces that show it:
// up to n events before and behind each place, the place itself marked.
func (r *Run) Context(v Violation, n int) string {
	var b strings.Builder
	fmt.Fprintln(&b, v)
	for _, p := range v.Places {
		switch {
		case p.Conn >= 0:
			c := r.Conns[p.Conn]
			fmt.Fprintf(&b, "connection %d, %s:\n", p.Conn, c.Name)
			around(&b, p.Event, n, len(c.Events), func(i int) string { return c.Events[i].String() })
		case p.Trace >= 0:
			t := r.Traces[p.Trace]
			fmt.Fprintf(&b, "daemon %s, life %d:\n", strings.TrimSpace(fmt.Sprint(t.Daemon, " ", t.Name)), t.Life)
			around(&b, p.Event, n, len(t.Events), func(i int) string { return t.Events[i].String() })
		}
	}
	return b.String()
}

func around(b *strings.Builder, at, n, total int, text func(i int) string) {
	for i := max(0, at-n); i < min(total, at+n+1); i++ {
		mark := ' '
		if i == at {
			mark = '>'
		}
		fmt.Fprintf(b, "  %c %6d %s\n", mark, i, text(i))
	}
	if at >= total {
		fmt.Fprintf(b, "  > %6d (end of the trace)\n", total)
	}
}

func (e *DaemonEvent) String() string {
	switch e.Kind {
	case Installed:
		return fmt.Sprintf("installed %v with %v", e.Config.ID, e.Config.Members)
	case Signalled:
		return fmt.Sprintf("signal of %v with %v", e.Config.ID, e.Config.Members)
	case Sequenced:
		return "sequenced " + e.Message.String()
	case Delivered:
		return "delivered " + e.Message.String()
	case Stable:
		return fmt.Sprintf("stable up to %#x", e.Message.Seq)
	}
	return fmt.Sprintf("event %d", e.Kind)
}

func (e *Event) String() string {
	switch e.Kind {
	case Send:
		return "sent " + describe(e.Payload)
	case Join:
		return "asked to join " + e.Group.String()
	case Leave:
		return "asked to leave " + e.Group.String()
	case Message:
		return "received " + describe(e.Payload)
	case View:
		v := e.View
		return fmt.Sprintf("view %v of %s, cause 0x%x: %v in sets %v, own %d", v.ID, v.Group, uint32(v.Cause), v.Members, v.Sets, v.Own)
	case Transition:
		return fmt.Sprintf("signal for view %v of %s", e.ID, e.Group)
	case SelfLeave:
		return "has left " + e.Group.String()
	}
	return fmt.Sprintf("event %d", e.Kind)
}

// describe puts a message in a few words, however broken it is.
func describe(b []byte) string {
	if len(b) < clientproto.HeaderSize {
		return fmt.Sprintf("%d bytes", len(b))
	}
	h, err := clientproto.ParseHeader(b)
	if err != nil || h.NumGroups < 0 || h.NumGroups > len(b) || h.Data() > len(b) {
		return fmt.Sprintf("damaged message %.40x", b)
	}
	sender := clientproto.NameOf(clientproto.Sender(b))
	return fmt.Sprintf("%s %.40q of %s to %v", serviceName(h.Type), b[h.Data():], sender, clientproto.ParseNames(b[h.Names():h.Data()]))
}

func serviceName(t clientproto.Type) string {
	for i, bit := range [...]clientproto.Type{clientproto.Unreliable, clientproto.Reliable, clientproto.FIFO,
		clientproto.Causal, clientproto.Agreed, clientproto.Safe} {
		if t&bit != 0 {
			if t&clientproto.SelfDiscard != 0 {
				return Service(i).String() + " (not to itself)"
			}
			return Service(i).String()
		}
	}
	return fmt.Sprintf("type 0x%x", uint32(t))
}
