package monproto

import (
	"encoding/binary"
	"math"
)

// Exit in the place of a part number ends the daemon that it is for.
const Exit = -1

// Place puts a daemon into a part.
type Place struct {
	Daemon uint32 // not 0
	Part   int16
}

const placeSize = 6

// AppendPartition appends the body of Partition: where each daemon is. Those with the
// same number hear each other.
func AppendPartition(b []byte, places []Place) []byte {
	for _, p := range places {
		b = appendU16(appendU32(b, p.Daemon), uint16(p.Part))
	}
	return b
}

// ParsePartition reads the body of Partition.
func ParsePartition(b []byte) ([]Place, error) {
	if len(b)%placeSize != 0 || len(b) > MaxDaemons*placeSize {
		return nil, ErrInvalid
	}
	places := make([]Place, 0, len(b)/placeSize)
	for ; len(b) > 0; b = b[placeSize:] {
		p := Place{binary.BigEndian.Uint32(b), int16(binary.BigEndian.Uint16(b[4:]))}
		if p.Daemon == 0 {
			return nil, ErrInvalid
		}
		places = append(places, p)
	}
	return places, nil
}

// Windows that are no numbers of packets.
const (
	// Keep leaves a window as it is.
	Keep = -1
	// Adapt lets it follow network and load, as without a value in the file.
	Adapt = -2
)

// Flow is the body of SetFlow, for one daemon. Windows are in packets.
type Flow struct {
	// Window is for the whole ring, Personal for one visit of the token at this
	// daemon, and Accelerated how many of these follow the token.
	Window, Personal, Accelerated int32
}

const flowSize = 12

// Append appends the body.
func (f *Flow) Append(b []byte) []byte {
	for _, w := range []int32{f.Window, f.Personal, f.Accelerated} {
		b = appendU32(b, uint32(w))
	}
	return b
}

// Parse reads the body.
func (f *Flow) Parse(b []byte) error {
	if len(b) != flowSize {
		return ErrInvalid
	}
	f.Window = int32(binary.BigEndian.Uint32(b))
	f.Personal = int32(binary.BigEndian.Uint32(b[4:]))
	f.Accelerated = int32(binary.BigEndian.Uint32(b[8:]))
	return nil
}

// Code is how a request went.
type Code uint8

// The codes.
const (
	// OK: it is done.
	OK Code = iota
	// Refused: it is not done, and will not be if it is repeated.
	Refused
	// Unlike: the daemon has another configuration than the monitor.
	Unlike
	// Busy: there are too many requests; later it may work.
	Busy
	// Failed: it was tried, and nothing has changed.
	Failed
)

// Ack is the body of Done: how it went, and what is to be said of it.
type Ack struct {
	Code Code
	Text string // at most MaxText bytes are sent
}

// Append appends the body.
func (a *Ack) Append(b []byte) []byte {
	return append(append(b, byte(a.Code)), a.Text[:min(len(a.Text), MaxText)]...)
}

// Parse reads the body.
func (a *Ack) Parse(b []byte) error {
	if len(b) < 1 || len(b) > 1+MaxText {
		return ErrInvalid
	}
	a.Code, a.Text = Code(b[0]), string(b[1:])
	return nil
}

// MakeFlow makes a Flow of numbers of packets, [Keep] and [Adapt].
func MakeFlow(window, personal, accelerated int) Flow {
	fit := func(n int) int32 { return int32(max(math.MinInt32, min(n, math.MaxInt32))) }
	return Flow{fit(window), fit(personal), fit(accelerated)}
}
