package daemon

import (
	"fmt"
	"slices"
	"testing"

	"gospread/spread/internal/link"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seal"
)

// carrierLog notes what a carrier is told.
type carrierLog struct {
	Carrier
	calls []string
}

func (c *carrierLog) SetMembers(ids []uint32) { c.calls = append(c.calls, fmt.Sprint("members ", ids)) }

func (c *carrierLog) Send(batch []link.Datagram) {
	for _, d := range batch {
		h, _ := ringproto.ParseHeader(d.Data)
		c.calls = append(c.calls, fmt.Sprint(h.Kind, " members only: ", d.Members))
	}
}

// TestMembersComeBeforeTheirData: packets of a turn that installs a configuration may
// be for its new members, and data for nobody else.
func TestMembersComeBeforeTheirData(t *testing.T) {
	packet := func(k ringproto.Kind) ring.Packet {
		b := make([]byte, ringproto.HeaderSize)
		(&ringproto.Header{Kind: k}).Put(b)
		return ring.Packet{Data: b}
	}
	n := &network{}
	n.sealer.Store(seal.Plain())
	l := &carrierLog{}
	n.use(l)
	n.send(&ring.Output{
		Packets: []ring.Packet{packet(ringproto.Data), packet(ringproto.Join), packet(ringproto.Beat)},
		Events: []ring.Event{{Kind: ring.TransitionalConfiguration, Config: &ring.Configuration{Members: []ring.DaemonID{1}}},
			{Kind: ring.RegularConfiguration, Config: &ring.Configuration{Members: []ring.DaemonID{1, 3}}}},
	})
	n.send(&ring.Output{Events: []ring.Event{{Kind: ring.RegularConfiguration, Config: &ring.Configuration{Members: []ring.DaemonID{1}}}}})
	want := []string{"members [1 3]", "DATA members only: true", "JOIN members only: false", "BEAT members only: true", "members [1]"}
	if !slices.Equal(l.calls, want) {
		t.Errorf("the link was told %q", l.calls)
	}
	other := &carrierLog{} // sockets that a reload has opened
	n.use(other)
	if !slices.Equal(other.calls, []string{"members [1]"}) {
		t.Errorf("another link was told %q", other.calls)
	}
}
