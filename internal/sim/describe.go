package sim

import (
	"fmt"
	"strings"

	"gospread/spread/internal/ringproto"
)

// body is what follows the header of a control datagram.
type body interface{ Parse([]byte) error }

// describe tells a datagram in a line.
func describe(b []byte) string {
	h, err := ringproto.ParseHeader(b)
	if err != nil {
		return fmt.Sprintf("%d bytes: %v", len(b), err)
	}
	s := h.Kind.String()
	if h.Config.Time != 0 {
		s += fmt.Sprintf(" in %d/%d", int32(h.Config.Leader), h.Config.Time)
	}
	if h.Flags != 0 {
		s += " " + flags(h.Flags)
	}
	rest := b[ringproto.HeaderSize:]
	var parsed body
	switch h.Kind {
	case ringproto.Data, ringproto.Token, ringproto.Beat, ringproto.Ack, ringproto.Wake, ringproto.Ping:
		r, err := ringproto.ParseRing(b)
		if err != nil {
			return fmt.Sprintf("%s: %v", s, err)
		}
		if rest = b[ringproto.RingSize:]; h.Kind == ringproto.Ack && len(rest) > 8 {
			rest, parsed = rest[8:], new(ringproto.AckBody) // behind a time
		}
		s += fmt.Sprintf(" hop %d aru %d stable %d high %d", r.Hop, r.Aru, r.Stable, r.High)
	case ringproto.Join:
		parsed = new(ringproto.JoinBody)
	case ringproto.Propose:
		parsed = new(ringproto.ProposeBody)
	case ringproto.State:
		parsed = new(ringproto.StateBody)
	case ringproto.Plan:
		parsed = new(ringproto.PlanBody)
	}
	if parsed != nil {
		if err := parsed.Parse(rest); err != nil {
			return fmt.Sprintf("%s: %v", s, err)
		}
		s += " " + strings.TrimPrefix(fmt.Sprintf("%+v", parsed), "&")
	}
	return fmt.Sprintf("%.600s, %d bytes", s, len(b))
}

func flags(f ringproto.Flags) string {
	var set []string
	for _, x := range []struct {
		flag ringproto.Flags
		name string
	}{
		{ringproto.AckMe, "ack-me"}, {ringproto.Again, "again"}, {ringproto.Loose, "loose"}, {ringproto.Resting, "resting"},
	} {
		if f&x.flag != 0 {
			set = append(set, x.name)
		}
	}
	return strings.Join(set, " ")
}
