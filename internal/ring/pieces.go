package ring

import (
	"slices"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// assembly is a datagram of which pieces have come.
type assembly struct {
	number uint64
	bytes  []byte // nil: it was whole, and has been handed on
	have   seqset.Set
}

// assemblies are those of one peer. Pieces of several datagrams may come mixed.
type assemblies struct {
	list []*assembly
	done uint64 // everything up to here is complete, or has been given up
}

// mostAssemblies is how many datagrams of a peer are remembered.
const mostAssemblies = 32

// mostRangesOfPieces is how many parts of a datagram may have come that do not adjoin:
// more than when every other piece of the largest is missing.
const mostRangesOfPieces = ringproto.MaxWhole / 256

// add takes a piece and returns the datagram when it is whole.
func (s *assemblies) add(p *ringproto.PieceBody) []byte {
	if p.Number <= s.done {
		return nil
	}
	i := slices.IndexFunc(s.list, func(a *assembly) bool { return a.number >= p.Number })
	if i < 0 {
		i = len(s.list)
	}
	if i == len(s.list) || s.list[i].number != p.Number {
		s.list = slices.Insert(s.list, i, &assembly{number: p.Number, bytes: make([]byte, p.Total)})
	}
	a := s.list[i]
	if p.Total != len(a.bytes) {
		return nil
	}
	copy(a.bytes[p.Offset:], p.Bytes)
	a.have.Add(uint64(p.Offset), uint64(p.Offset+len(p.Bytes)-1))
	if len(a.have.Ranges()) > mostRangesOfPieces {
		s.list = slices.Delete(s.list, i, i+1) // nobody cuts a datagram so
		return nil
	}
	whole := a.have.Len() == uint64(p.Total)
	b := a.bytes
	if whole {
		a.bytes = nil
	}
	for len(s.list) > mostAssemblies || s.size() > ringproto.MaxWhole && len(s.list) > 1 {
		s.done = s.list[0].number
		s.list = slices.Delete(s.list, 0, 1)
	}
	if !whole {
		return nil
	}
	return b
}

// size is the memory in use, in bytes.
func (s *assemblies) size() (n int) {
	for _, a := range s.list {
		n += len(a.bytes)
	}
	return n
}

// sendPieces sends a datagram that is too large for the path, or that did not
// arrive whole.
func (m *Machine) sendPieces(to DaemonID, whole []byte) {
	m.pieces++
	room := min(m.o.Datagram, safeDatagram) - ringproto.PieceHead
	for at := 0; at < len(whole); at += room {
		body := ringproto.PieceBody{Number: m.pieces, Total: len(whole), Offset: at,
			Bytes: whole[at:min(at+room, len(whole))]}
		b := m.scratch(ringproto.PieceHead + len(body.Bytes))
		m.putHeader(b, ringproto.Piece, 0, ringproto.Config{})
		b = body.Append(b[:ringproto.HeaderSize])
		m.packets = append(m.packets, Packet{To: to, Data: b})
	}
}
