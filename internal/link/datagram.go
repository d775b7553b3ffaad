package link

import "net/netip"

// Datagram is to be sent. Its bytes are not used after Send has returned.
type Datagram struct {
	To uint32 // ID of a daemon, 0: everybody but this one, unless Near
	// Near, with To 0: the other daemons of the own segment, and those of Via, which are
	// in others. Via is not changed.
	Near bool
	Via  []uint32
	// Members, with To 0: of the daemons that are sent a copy each, only those of
	// SetMembers. Whom a multicast or broadcast address reaches is not ours to choose.
	Members bool
	Bulk    bool   // data as against token and control: to one daemon's data port, not its token port
	Data    []byte // 1 to MaxDatagram bytes
}

// Received is a datagram that has come.
type Received struct {
	From   uint32         // ID of the daemon that has the source address; 0: none has (Config.Strangers)
	Source netip.AddrPort // without zone
	Token  bool           // it came to the token port
	Data   []byte         // valid during the call
}

// Handler is told what comes in. Receive is called by several goroutines at a
// time, one for each socket; the others by one more. None is called from
// within a method of Link other than by these goroutines, so a handler may hold a
// lock that is also held around Send.
type Handler interface {
	// Receive gets at least one datagram. Slice and bytes are valid during the call.
	Receive(batch []Received)
	// Refused: the host of that daemon has said that nobody is bound to the port.
	Refused(peer uint32)
	// Resized: MaxDatagram has changed, to so many bytes.
	Resized(limit int)
	// Noted: something has changed on this host that the operator should know of.
	Noted(text string)
}

const (
	maxSegments  = 64    // of a segmented message (UDP_MAX_SEGMENTS of older kernels)
	maxSegmented = 65000 // bytes of a segmented message, below 64 KB less all headers
)

// sameWay tells whether two datagrams go to the same daemons; false may be wrong.
func (d *Datagram) sameWay(e *Datagram) bool {
	return d.To == e.To && d.Near == e.Near && d.Members == e.Members && len(d.Via) == len(e.Via) && (len(d.Via) == 0 || &d.Via[0] == &e.Via[0])
}

// chunk counts the datagrams at the start of batch that may go in one segmented
// message: one destination and one size, the last may be shorter. At least 1.
func chunk(batch []Datagram) int {
	first := batch[0]
	size := len(first.Data)
	total := size
	n := 1
	for ; n < len(batch) && n < maxSegments; n++ {
		d := batch[n]
		total += len(d.Data)
		if !d.sameWay(&first) || d.Bulk != first.Bulk || len(d.Data) > size || len(d.Data) == 0 || total > maxSegmented {
			break
		}
		if len(d.Data) < size {
			n++
			break
		}
	}
	return n
}
