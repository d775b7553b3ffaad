package link

import (
	"fmt"
	"testing"
)

// TestHostsDown: hosts of a unicast segment that are down do not cost the others what
// they are sent, even where the kernel gives little room (as much as it gives to a daemon
// that is not privileged on a system where nobody has raised net.core.wmem_max).
func TestHostsDown(t *testing.T) {
	hosts := newLAN(t, 2, 1500)
	ips := lanAddrs("4", 2)
	const down = 3
	for i := range down {
		ips = append(ips, fmt.Sprintf("10.77.0.%d", 100+i))
	}
	all := startLAN(t, hosts, peersOf(lanPort, ips...), Config{Buffer: 2 * 212992})
	all[0].SetMembers([]uint32{1, 2})
	var batch []Datagram
	for i := range 16 {
		batch = append(batch, Datagram{Members: true, Bulk: true, Data: pattern(1400, i)})
	}
	const rounds, every = 200, 20
	for i := range rounds {
		all[0].Send(batch)
		all[1].take(t, len(batch))
		if i%every == 0 {
			all[0].Send([]Datagram{{Data: []byte("are you there")}})
			all[1].take(t, 1)
		}
	}
	want := uint64(rounds*len(batch) + rounds/every*(1+down))
	if c := all[0].Counters(); c.DropFull != 0 || c.DatagramsOut+c.DropUnreachable != want {
		t.Errorf("%d datagrams instead of %d: %+v", c.DatagramsOut, want, c)
	}
}
