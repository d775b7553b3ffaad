package ring

import (
	"time"

	"gospread/spread/internal/ringproto"
)

const (
	// mismatchEvery is how often a daemon of another configuration is told so, and
	// mismatchNoted how often the operator is told of one that is shut out.
	mismatchEvery = 5 * time.Second
	mismatchNoted = time.Minute
	// mostDescribed is the most of a configuration's text that is sent, in bytes.
	mostDescribed = 16 << 10
)

// onMismatch meets a daemon that has another configuration. Both sides tell each
// other what theirs is, so that both can tell their operators what differs.
func (m *Machine) onMismatch(p *peer, h *ringproto.Header, body []byte) {
	if h.Incarnation < p.incarnation {
		return
	}
	switch h.Kind {
	case ringproto.Differ:
		m.noteMismatch(p, string(body))
	case ringproto.Piece:
		var piece ringproto.PieceBody
		if piece.Parse(body) != nil {
			return
		}
		b := p.pieces.add(&piece)
		if whole, err := ringproto.ParseHeader(b); err == nil && whole.Kind == ringproto.Differ && whole.Sender == h.Sender {
			m.onMismatch(p, &whole, b[ringproto.HeaderSize:])
		}
	case ringproto.Join:
		if p.mismatch == never || m.now-p.mismatch >= mismatchEvery {
			if p.mismatch != never {
				m.noteMismatch(p, "") // it has not told; perhaps we are not in its configuration
			}
			p.mismatch = m.now
			m.emit(p.id, ringproto.Differ, 0, []byte(m.epoch.Describe[:min(len(m.epoch.Describe), mostDescribed)]))
		}
	}
}

// noteMismatch tells the operator, once in a while.
func (m *Machine) noteMismatch(p *peer, theirs string) {
	if m.mayNote(p) {
		m.note(Note{Kind: NoteMismatch, Daemon: p.id, Theirs: theirs[:min(len(theirs), mostDescribed)]})
	}
}

// mayNote tells whether it is time to tell the operator of p again.
func (m *Machine) mayNote(p *peer) bool {
	if p.noted != never && m.now-p.noted < mismatchNoted {
		return false
	}
	p.noted = m.now
	return true
}
