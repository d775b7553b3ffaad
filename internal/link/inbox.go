package link

import "net/netip"

// maxBatch is the most datagrams in one call of the handler.
const maxBatch = 1024

// inbox gathers what one socket has received, and passes it on.
type inbox struct {
	l     *Link
	token bool
	batch []Received

	// The last source and what it resolved to: a burst has one source.
	table  *table
	source netip.AddrPort
	from   uint32
	own    bool
}

func newInbox(l *Link, token bool) *inbox {
	return &inbox{l: l, token: token, batch: make([]Received, 0, maxBatch)}
}

// add takes datagrams of one source: all of size bytes, the last may be shorter.
func (in *inbox) add(source netip.AddrPort, data []byte, size int) {
	in.resolve(source)
	n := uint64((len(data) + size - 1) / size)
	switch {
	case in.own:
		in.l.stats.own.Add(n)
		return
	case in.from == 0:
		in.l.stats.strangers.Add(n)
		if !in.l.cfg.Strangers {
			return
		}
	}
	in.l.stats.datagramsIn.Add(n)
	in.l.stats.bytesIn.Add(uint64(len(data)))
	for len(data) > 0 {
		d := data[:min(size, len(data)):min(size, len(data))]
		data = data[len(d):]
		if len(in.batch) == maxBatch {
			in.deliver()
		}
		in.batch = append(in.batch, Received{From: in.from, Source: source, Token: in.token, Data: d})
	}
}

// resolve finds the daemon that has an address.
func (in *inbox) resolve(source netip.AddrPort) {
	t := in.l.table.Load()
	if t == in.table && source == in.source {
		return
	}
	in.table, in.source = t, source
	in.from = t.source[source]
	in.own = in.from == t.self
}

// deliver calls the handler, if there is anything.
func (in *inbox) deliver() {
	if len(in.batch) > 0 {
		in.l.handler.Receive(in.batch)
		in.batch = in.batch[:0]
	}
}
