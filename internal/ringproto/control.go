package ringproto

import (
	"encoding/binary"
	"math"

	"gospread/spread/internal/seqset"
)

// allRanges is no limit.
const allRanges = math.MaxInt

// TokenBody is the token: who is known to want it, by place in the configuration.
type TokenBody struct{ Wanted []uint64 }

// Append appends the bytes of the body.
func (t *TokenBody) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(t.Wanted)))
	for _, w := range t.Wanted {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

// Parse reads a body, all of b. It reuses the memory of t.
func (t *TokenBody) Parse(b []byte) error {
	r := reader{b: b}
	n := r.count(8)
	t.Wanted = t.Wanted[:0]
	for range n {
		t.Wanted = append(t.Wanted, uint64(r.u32())<<32|uint64(r.u32()))
	}
	return r.end()
}

// WakeBody is a member's wish for the token.
type WakeBody struct {
	Member int // by place in the configuration
	Left   int // how often it may still be passed on
}

// Append appends the bytes of the body.
func (w *WakeBody) Append(b []byte) []byte { return append(b, byte(w.Member), byte(w.Left)) }

// Parse reads a body, all of b.
func (w *WakeBody) Parse(b []byte) error {
	if len(b) != 2 {
		return ErrInvalid
	}
	w.Member, w.Left = int(b[0]), int(b[1])
	return nil
}

// AckBody asks for packets.
type AckBody struct {
	Missing seqset.Set
	// Tries is 0, or 2 when large datagrams seem not to reach the sender: then it
	// wants them in pieces.
	Tries uint8
}

// Append appends the bytes of the body, with at most limit ranges.
func (a *AckBody) Append(b []byte, limit int) []byte {
	return a.Missing.Append(append(b, a.Tries), limit)
}

// Parse reads a body, all of b. It reuses the memory of a.
func (a *AckBody) Parse(b []byte) error {
	if len(b) == 0 {
		return ErrShort
	}
	a.Tries = b[0]
	r := reader{b: b[1:]}
	r.set(&a.Missing)
	return r.end()
}

// Life is one life of a daemon.
type Life struct{ ID, Incarnation uint32 }

// JoinBody tells where a daemon stands and whom it hears.
type JoinBody struct {
	// Number grows with every Join of a life.
	Number uint64
	// Operational: the sender's ring, with these Members, is alive.
	Operational bool
	Members     []uint32
	// Heard are those whose datagrams have arrived lately; Dead those that are
	// known to have ended.
	Heard, Dead []Life
	// Offer is the digest of the configuration that it offers, 0 for none.
	Offer uint32
}

func appendLives(b []byte, lives []Life) []byte {
	b = binary.AppendUvarint(b, uint64(len(lives)))
	for _, l := range lives {
		b = appendU32(appendU32(b, l.ID), l.Incarnation)
	}
	return b
}

func (r *reader) lives() []Life {
	n := r.count(8)
	if n == 0 {
		return nil
	}
	lives := make([]Life, n)
	for i := range lives {
		lives[i] = Life{r.u32(), r.u32()}
	}
	return lives
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func (r *reader) bool() bool {
	if len(r.b) == 0 || r.b[0] > 1 {
		r.fail()
		return false
	}
	v := r.b[0] == 1
	r.b = r.b[1:]
	return v
}

// Append appends the bytes of the body.
func (j *JoinBody) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, j.Number)
	b = appendBool(b, j.Operational)
	b = appendIDs(b, j.Members)
	b = appendLives(appendLives(b, j.Heard), j.Dead)
	return appendU32(b, j.Offer)
}

// Parse reads a body, all of b.
func (j *JoinBody) Parse(b []byte) error {
	r := reader{b: b}
	*j = JoinBody{Number: r.uint(), Operational: r.bool(), Members: r.ids(), Heard: r.lives(), Dead: r.lives(), Offer: r.u32()}
	return r.end()
}

// Attempt names an attempt to form a configuration: the life of its coordinator
// and a number of his that grows.
type Attempt struct {
	Coordinator Life
	Number      uint64
}

func (a Attempt) append(b []byte) []byte {
	b = appendU32(appendU32(b, a.Coordinator.ID), a.Coordinator.Incarnation)
	return binary.AppendUvarint(b, a.Number)
}

func (r *reader) attempt() Attempt { return Attempt{Life{r.u32(), r.u32()}, r.uint()} }

// ParseAttempt reads a body that is nothing but an attempt.
func ParseAttempt(b []byte) (Attempt, error) {
	r := reader{b: b}
	a := r.attempt()
	return a, r.end()
}

// AppendAttempt appends the bytes of such a body.
func AppendAttempt(b []byte, a Attempt) []byte { return a.append(b) }

// Candidate is a member of a configuration to be.
type Candidate struct {
	Life
	// Basis is the configuration that the coordinator believes it to be in.
	Basis Config
	// Joined is the number of its last Join: older ones that are still on their
	// way mean nothing any more.
	Joined uint64
}

// ProposeBody proposes a configuration.
type ProposeBody struct {
	Attempt Attempt
	Members []Candidate // in configuration order
}

// Append appends the bytes of the body.
func (p *ProposeBody) Append(b []byte) []byte {
	return appendCandidates(p.Attempt.append(b), p.Members)
}

func appendCandidates(b []byte, list []Candidate) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, c := range list {
		b = appendConfig(appendU32(appendU32(b, c.ID), c.Incarnation), c.Basis)
		b = binary.AppendUvarint(b, c.Joined)
	}
	return b
}

func (r *reader) candidates() []Candidate {
	n := r.count(17)
	list := make([]Candidate, n)
	for i := range list {
		list[i] = Candidate{Life{r.u32(), r.u32()}, r.config(), r.uint()}
	}
	return list
}

// Parse reads a body, all of b.
func (p *ProposeBody) Parse(b []byte) error {
	r := reader{b: b}
	*p = ProposeBody{r.attempt(), r.candidates()}
	return r.end()
}

// StateBody is what a member brings from its old configuration. It holds
// everything up to High but Missing.
type StateBody struct {
	Attempt Attempt
	Old     Config
	Stable  uint64
	High    uint64
	Missing seqset.Set
	// Commit are the daemons whose messages it must deliver also behind a gap.
	Commit []uint32
	// Time is the highest time of any configuration it knows of.
	Time uint32
	// Joined is the number of its last Join.
	Joined uint64
	// In and Offer are the digests of the configuration of daemons that it is in,
	// and of the one that it offers, 0 for none.
	In, Offer uint32
}

// Append appends the bytes of the body.
func (s *StateBody) Append(b []byte) []byte {
	b = appendConfig(s.Attempt.append(b), s.Old)
	b = binary.AppendUvarint(b, s.Stable)
	b = binary.AppendUvarint(b, s.High)
	b = s.Missing.Append(b, allRanges)
	b = appendU32(appendIDs(b, s.Commit), s.Time)
	b = binary.AppendUvarint(b, s.Joined)
	return appendU32(appendU32(b, s.In), s.Offer)
}

// Parse reads a body, all of b.
func (s *StateBody) Parse(b []byte) error {
	r := reader{b: b}
	*s = StateBody{Attempt: r.attempt(), Old: r.config(), Stable: r.uint(), High: r.uint()}
	r.set(&s.Missing)
	s.Commit = r.ids()
	s.Time = r.u32()
	s.Joined = r.uint()
	s.In, s.Offer = r.u32(), r.u32()
	return r.end()
}

// OldRing is what a plan says of one old configuration.
type OldRing struct {
	Old Config
	// Time and the coordinator name the transitional configuration.
	Time    uint32
	Members []uint32 // in configuration order
	Stable  uint64   // the most that any of them knows to be held by all of Old
	High    uint64
	// Holes are the numbers up to High that none of them holds.
	Holes  seqset.Set
	Commit []uint32
	// Sources tell who sends what others lack.
	Sources []Source
}

// A Source is who sends the numbers of a range: member By, by place in Members.
type Source struct {
	seqset.Range
	By int
}

// PlanBody tells the members what to recover, and what they install then.
type PlanBody struct {
	Attempt Attempt
	New     Config
	// Epoch is the digest of the configuration of daemons that holds then.
	Epoch   uint32
	Members []Candidate // in the order of that
	Rings   []OldRing
}

// Append appends the bytes of the body.
func (p *PlanBody) Append(b []byte) []byte {
	b = appendU32(appendConfig(p.Attempt.append(b), p.New), p.Epoch)
	b = appendCandidates(b, p.Members)
	b = binary.AppendUvarint(b, uint64(len(p.Rings)))
	for i := range p.Rings {
		b = p.Rings[i].append(b)
	}
	return b
}

func (o *OldRing) append(b []byte) []byte {
	b = appendU32(appendConfig(b, o.Old), o.Time)
	b = appendIDs(b, o.Members)
	b = binary.AppendUvarint(b, o.Stable)
	b = binary.AppendUvarint(b, o.High)
	b = o.Holes.Append(b, allRanges)
	b = appendIDs(b, o.Commit)
	b = binary.AppendUvarint(b, uint64(len(o.Sources)))
	for _, s := range o.Sources {
		b = binary.AppendUvarint(b, s.Lo)
		b = binary.AppendUvarint(b, s.Hi-s.Lo)
		b = binary.AppendUvarint(b, uint64(s.By))
	}
	return b
}

// Parse reads a body, all of b.
func (p *PlanBody) Parse(b []byte) error {
	r := reader{b: b}
	*p = PlanBody{Attempt: r.attempt(), New: r.config(), Epoch: r.u32(), Members: r.candidates()}
	n := r.count(18)
	p.Rings = make([]OldRing, n)
	for i := range p.Rings {
		p.Rings[i].parse(&r)
	}
	return r.end()
}

func (o *OldRing) parse(r *reader) {
	o.Old, o.Time, o.Members = r.config(), r.u32(), r.ids()
	o.Stable, o.High = r.uint(), r.uint()
	r.set(&o.Holes)
	o.Commit = r.ids()
	n := r.count(3)
	o.Sources = make([]Source, n)
	for i := range o.Sources {
		s := &o.Sources[i]
		s.Lo = r.uint()
		s.Hi = s.Lo + r.uint()
		by := r.uint()
		if s.Hi < s.Lo || by >= uint64(len(o.Members)) || s.Hi > o.High || s.Lo <= o.Stable || i > 0 && s.Lo <= o.Sources[i-1].Hi {
			r.fail()
			return
		}
		s.By = int(by)
	}
}

// PieceBody is a part of a datagram.
type PieceBody struct {
	Number uint64 // of the datagram, growing
	Total  int    // bytes of the whole
	Offset int
	Bytes  []byte
}

// MaxWhole is the most bytes that a datagram sent in pieces may have.
const MaxWhole = 1 << 20

// PieceHead is the most bytes that a piece needs beyond what it carries, its
// header included.
const PieceHead = HeaderSize + 10 + 3 + 3

// Append appends the bytes of the body.
func (p *PieceBody) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, p.Number)
	b = binary.AppendUvarint(b, uint64(p.Total))
	b = binary.AppendUvarint(b, uint64(p.Offset))
	return append(b, p.Bytes...)
}

// Parse reads a body, all of b; Bytes is part of it.
func (p *PieceBody) Parse(b []byte) error {
	r := reader{b: b}
	number, total, offset := r.uint(), r.uint(), r.uint()
	if r.bad || total > MaxWhole || offset > total || uint64(len(r.b)) > total-offset || len(r.b) == 0 {
		return ErrInvalid
	}
	*p = PieceBody{number, int(total), int(offset), r.b}
	return nil
}
