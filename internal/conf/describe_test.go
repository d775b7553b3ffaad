package conf

import (
	"bytes"
	"testing"
)

func TestDescribe(t *testing.T) {
	c := parse(t, `
		EventLogFile = "a
b.log"
		Window = 50
		RuntimeDir = /srv/spread
		MaxSessionStall = 30000
		DebugFlags = { PRINT EXIT }
		Spread_Segment 10.0.0.255:6000 10.0.1.255 {
			a 10.0.0.1 { D 10.0.0.1 C M 0.0.0.0 }
			b 10.0.0.2 VirtualID = 7
		}
		Spread_Segment 10.2.0.255 { c 10.2.0.1 }
		DangerousMonitor = yes
		LinkProtocol = Hop`)
	var b bytes.Buffer
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	const want = `file: t.conf
hash: 1449618930
protocol: Original Ring
segments: 2
daemons: 3
segment 0: port=6000 addresses=10.0.0.255,10.0.1.255 daemons=2
daemon a: segment=0 address=10.0.0.1 port=6000 id=2489203003 from=name
interface a: address=10.0.0.1 for=daemon
interface a: address=0.0.0.0 for=client,monitor
daemon b: segment=0 address=10.0.0.2 port=6000 id=7 from=VirtualID
segment 1: port=4803 addresses=10.2.0.255 daemons=1
daemon c: segment=1 address=10.2.0.1 port=4803 id=2466198569 from=name
option DebugFlags = { EXIT PRINT }
option EventLogFile = "a\nb.log"
option DangerousMonitor = true
option MaxSessionStall = 30000
option RuntimeDir = /srv/spread
option Window = 50
warning: t.conf:14:3: LinkProtocol has no effect, near "LinkProtocol"; release 5 dropped it; it may be deleted
`
	if b.String() != want {
		t.Errorf("got:\n%s", b.String())
	}
}
