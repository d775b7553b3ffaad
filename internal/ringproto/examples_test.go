package ringproto

import (
	"math"
	"slices"

	"gospread/spread/internal/seqset"
)

// body is what every kind of body can do.
type body interface {
	Append(b []byte) []byte
	Parse(b []byte) error
}

// ackAll and attemptBody give AckBody and Attempt the form of the others.
type ackAll struct{ AckBody }

func (a *ackAll) Append(b []byte) []byte { return a.AckBody.Append(b, allRanges) }

type attemptBody struct{ Attempt }

func (a *attemptBody) Append(b []byte) []byte { return AppendAttempt(b, a.Attempt) }

func (a *attemptBody) Parse(b []byte) (err error) {
	a.Attempt, err = ParseAttempt(b)
	return err
}

// codec makes empty bodies of one kind, and has examples of it.
type codec struct {
	name     string
	fresh    func() body
	examples []body
}

var (
	someLife    = Life{ID: 0xfeedbeef, Incarnation: 1_700_000_000}
	someAttempt = Attempt{Coordinator: someLife, Number: math.MaxUint64}
	someConfig  = Config{Leader: math.MaxUint32, Time: 1}
	someLives   = []Life{someLife, {}, {ID: 1, Incarnation: math.MaxUint32}}
	someIDs     = []uint32{3, 0, math.MaxUint32}
	candidates  = []Candidate{{someLife, someConfig, math.MaxUint64}, {}, {Joined: 127}, {Joined: 128}}
)

// allNumbers is the largest set there is.
func allNumbers() seqset.Set { return *seqset.Of(seqset.Range{Lo: 0, Hi: math.MaxUint64}) }

func manyHoles(n int) seqset.Set {
	var s seqset.Set
	for i := range uint64(n) {
		s.Add(1000+3*i, 1000+3*i+i%2)
	}
	return s
}

func codecs() []codec {
	return []codec{
		{"Token", func() body { return new(TokenBody) }, []body{&TokenBody{}, &TokenBody{Wanted: []uint64{1, math.MaxUint64}}}},
		{"Wake", func() body { return new(WakeBody) }, []body{&WakeBody{}, &WakeBody{Member: 127, Left: 3}, &WakeBody{Member: 255, Left: 255}}},
		{"Ack", func() body { return new(ackAll) }, []body{&ackAll{}, &ackAll{AckBody{manyHoles(200), 255}}, &ackAll{AckBody{allNumbers(), 1}}}},
		{"Join", func() body { return new(JoinBody) }, []body{&JoinBody{}, &JoinBody{Number: 1},
			&JoinBody{Number: math.MaxUint64, Operational: true, Members: someIDs, Heard: someLives, Dead: someLives[:1], Offer: 7}}},
		{"Attempt", func() body { return new(attemptBody) }, []body{&attemptBody{}, &attemptBody{someAttempt}}},
		{"Propose", func() body { return new(ProposeBody) }, []body{&ProposeBody{}, &ProposeBody{someAttempt, candidates}}},
		{"State", func() body { return new(StateBody) }, []body{&StateBody{}, &StateBody{Attempt: someAttempt, Old: someConfig, Stable: 1 << 40,
			High: math.MaxUint64, Missing: manyHoles(50), Commit: someIDs, Time: math.MaxUint32, Joined: 300, In: 1, Offer: 2}}},
		{"Plan", func() body { return new(PlanBody) }, []body{&PlanBody{}, &PlanBody{Attempt: someAttempt, New: someConfig, Epoch: 5,
			Members: candidates, Rings: []OldRing{{Sources: []Source{}}, {Old: someConfig, Time: 9, Members: someIDs, Stable: 5, High: math.MaxUint64,
				Holes: manyHoles(20), Commit: someIDs, Sources: []Source{{seqset.Range{Lo: 6, Hi: 6}, 0},
					{seqset.Range{Lo: 7, Hi: math.MaxUint64}, 2}}}}}}},
		{"Piece", func() body { return new(PieceBody) }, []body{&PieceBody{Number: 1, Total: 1, Bytes: []byte{0}},
			&PieceBody{Number: math.MaxUint64, Total: MaxWhole, Offset: MaxWhole - 3, Bytes: []byte("end")}}},
	}
}

// meaning is the canonical encoding of a body; it is what a round trip keeps.
func meaning(b body) []byte { return b.Append(nil) }

// cut has all proper beginnings of b.
func cut(b []byte) (list [][]byte) {
	for i := range b {
		list = append(list, slices.Clone(b[:i]))
	}
	return list
}
