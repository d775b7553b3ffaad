package spmonitor

import (
	"fmt"
	"strconv"
	"strings"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/status"
)

// report is the block of 9.4 for a status, of which the one before of the same daemon
// may be nil. What our daemons do not have is 0: they retransmit to one daemon at a
// time, so never to a segment or to all.
func report(s, before *status.Summary, protocol string) string {
	messages, packets, seconds := s.Ring.Messages, s.Ring.Packets, uint64(s.Daemon.Uptime)
	if before != nil && sameLife(s, before) {
		messages -= before.Ring.Messages
		packets -= before.Ring.Packets
		seconds -= uint64(before.Daemon.Uptime)
	}
	major, minor, patch := versionOf(s.Daemon.Version)
	leader := s.Membership.Leader
	if leader == "" {
		leader = "0"
	}
	r, m := &s.Ring, &s.Membership
	var b strings.Builder
	fmt.Fprintf(&b, "\n============================\n")
	fmt.Fprintf(&b, "Status at %s V%2d.%02d.%2d (state %d, gstate %d) after %d seconds :\n",
		s.Daemon.Name, major, minor, patch, m.Code, m.GroupCode, uint64(s.Daemon.Uptime))
	fmt.Fprintf(&b, "Membership  :  %d  procs in %d segments, leader is %s, %s protocol\n", len(m.Members), m.Segments, leader, protocol)
	fmt.Fprintf(&b, "rounds   : %7d\ttok_hurry : %7d\tmemb change: %7d\n", r.Tokens, r.Wakes, m.Changes)
	fmt.Fprintf(&b, "sent pack: %7d\trecv pack : %7d\tretrans    : %7d\n", r.PacketsSent, r.PacketsReceived, r.Retransmissions)
	fmt.Fprintf(&b, "u retrans: %7d\ts retrans : %7d\tb retrans  : %7d\n", r.Retransmissions, 0, 0)
	fmt.Fprintf(&b, "My_aru   : %7d\tAru       : %7d\tHighest seq: %7d\n", r.Aru, r.Stable, r.High)
	fmt.Fprintf(&b, "Sessions : %7d\tGroups    : %7d\tWindow     : %7d\n", s.Clients.Sessions, s.Clients.Groups, r.Window)
	fmt.Fprintf(&b, "Deliver M: %7d\tDeliver Pk: %7d\tP/A Window : %7d/%d\n", r.Messages, r.Packets, r.PersonalWindow, r.AcceleratedWindow)
	fmt.Fprintf(&b, "Delta Mes: %7d\tDelta Pk  : %7d\tDelta sec  : %7d\n", messages, packets, seconds)
	fmt.Fprintf(&b, "==================================\n")
	return b.String()
}

// sameLife: both are of one life of the daemon, the second the earlier.
func sameLife(s, before *status.Summary) bool {
	return s.Daemon.Started.Equal(before.Daemon.Started) && s.Daemon.Uptime >= before.Daemon.Uptime &&
		s.Ring.Messages >= before.Ring.Messages && s.Ring.Packets >= before.Ring.Packets
}

// protocol is the word that the report has for the protocol of the configuration.
func protocol(cfg *conf.Config) string {
	if cfg.Options.AcceleratedRing {
		return "accelerated"
	}
	return "regular"
}

// versionOf reads the numbers of a version such as v1.2.3; what is none is 0.
func versionOf(text string) (major, minor, patch int) {
	text = strings.TrimPrefix(text, "v")
	if i := strings.IndexAny(text, "-+ "); i >= 0 {
		text = text[:i]
	}
	var n [3]int
	for i, part := range strings.SplitN(text, ".", 3) {
		v, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return 0, 0, 0
		}
		n[i] = int(v)
	}
	return n[0], n[1], n[2]
}
