package ring

import (
	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// assembly puts a datagram together that was sent in pieces. Of each peer there
// is one at a time, that with the highest number.
type assembly struct {
	number uint64
	bytes  []byte
	have   seqset.Set
}

// add takes a piece and returns the datagram when it is whole.
func (a *assembly) add(p *ringproto.PieceBody) []byte {
	if p.Number < a.number || p.Number == a.number && a.bytes == nil {
		return nil
	}
	if p.Number > a.number || p.Total != len(a.bytes) {
		a.number, a.bytes = p.Number, make([]byte, p.Total)
		a.have.Reset()
	}
	copy(a.bytes[p.Offset:], p.Bytes)
	a.have.Add(uint64(p.Offset), uint64(p.Offset+len(p.Bytes)-1))
	if a.have.Len() < uint64(p.Total) {
		return nil
	}
	whole := a.bytes
	a.bytes = nil
	return whole
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
