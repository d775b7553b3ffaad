package spmonitor

import (
	"fmt"
	"math"
	"testing"
	"time"

	"gospread/spread/internal/status"
)

func example() *status.Summary {
	s := &status.Summary{}
	s.Daemon = status.Daemon{Name: "machine1", Version: "v1.2.3", Started: time.Unix(1000, 0), Uptime: 100.9}
	s.Membership = status.Membership{Code: 1, GroupCode: 2, Leader: "machine2", Members: []string{"machine1", "machine2"}, Segments: 1, Changes: 3}
	s.Ring = status.Ring{Tokens: 4, Wakes: 5, PacketsSent: 6, PacketsReceived: 7, Retransmissions: 8, Aru: 9, Stable: 10, High: 11,
		Window: 12, PersonalWindow: 13, AcceleratedWindow: 14, Messages: 15, Packets: 16}
	s.Clients.Sessions, s.Clients.Groups = 17, 18
	return s
}

func TestReport(t *testing.T) {
	const head = `
============================
Status at machine1 V 1.02. 3 (state 1, gstate 2) after 100 seconds :
Membership  :  2  procs in 1 segments, leader is machine2, regular protocol
rounds   :       4	tok_hurry :       5	memb change:       3
sent pack:       6	recv pack :       7	retrans    :       8
u retrans:       8	s retrans :       0	b retrans  :       0
My_aru   :       9	Aru       :      10	Highest seq:      11
Sessions :      17	Groups    :      18	Window     :      12
Deliver M:      15	Deliver Pk:      16	P/A Window :      13/14
`
	const end = "==================================\n"
	s := example()
	is(t, report(s, nil, "regular"), head+"Delta Mes:      15\tDelta Pk  :      16\tDelta sec  :     100\n"+end)

	before := example()
	before.Daemon.Uptime, before.Ring.Messages, before.Ring.Packets = 90.2, 10, 2
	is(t, report(s, before, "regular"), head+"Delta Mes:       5\tDelta Pk  :      14\tDelta sec  :      10\n"+end)

	// A daemon that was started anew begins with totals.
	before.Daemon.Started = time.Unix(1, 0)
	is(t, report(s, before, "regular"), head+"Delta Mes:      15\tDelta Pk  :      16\tDelta sec  :     100\n"+end)
	before = example()
	before.Ring.Messages = 99
	is(t, report(s, before, "regular"), head+"Delta Mes:      15\tDelta Pk  :      16\tDelta sec  :     100\n"+end)
}

// TestWideNumbers: counters of 64 bits, and nothing where nothing is yet.
func TestWideNumbers(t *testing.T) {
	s := &status.Summary{}
	s.Daemon.Name, s.Ring.Messages = "a", math.MaxUint64
	is(t, report(s, nil, "accelerated"), `
============================
Status at a V 0.00. 0 (state 0, gstate 0) after 0 seconds :
Membership  :  0  procs in 0 segments, leader is 0, accelerated protocol
rounds   :       0	tok_hurry :       0	memb change:       0
sent pack:       0	recv pack :       0	retrans    :       0
u retrans:       0	s retrans :       0	b retrans  :       0
My_aru   :       0	Aru       :       0	Highest seq:       0
Sessions :       0	Groups    :       0	Window     :       0
Deliver M: 18446744073709551615	Deliver Pk:       0	P/A Window :       0/0
Delta Mes: 18446744073709551615	Delta Pk  :       0	Delta sec  :       0
==================================
`)
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]string{
		"v1.2.3": "1 2 3", "1.22.333": "1 22 333", "v0.3.1-12-gabcdef": "0 3 1", "v2.0.0+dirty": "2 0 0", "v1.2": "1 2 0",
		"(devel)": "0 0 0", "": "0 0 0", "v1.x.3": "0 0 0", "v99999.1.1": "0 0 0",
	} {
		a, b, c := versionOf(text)
		if got := fmt.Sprint(a, b, c); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
