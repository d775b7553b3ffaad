package spcheck

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
)

// headSize is the length of what every message begins with.
const headSize = 24

// magic begins every message, and tells it from those of others.
const magic = 0x7370636b

// head tells which message this is. No two messages have the same.
type head struct {
	run    uint32 // of this process
	round  uint32
	serial uint32 // of the sending connection
	count  uint32 // of its messages in the round, from 0
	// marker is the number of the attempt to come to rest that the message belongs
	// to; 0 for all others.
	marker uint32
}

func (h *head) append(b []byte) []byte {
	for _, w := range [...]uint32{magic, h.run, h.round, h.serial, h.count, h.marker} {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// id is what stands for the message in a trace of its run and round.
func (h *head) id() []byte {
	b := strconv.AppendUint(nil, uint64(h.serial), 10)
	b = strconv.AppendUint(append(b, '.'), uint64(h.count), 10)
	if h.marker > 0 {
		b = strconv.AppendUint(append(b, " marker "...), uint64(h.marker), 10)
	}
	return b
}

// parseHead reads the head of data. ok is false if it cannot be a message of ours.
func parseHead(data []byte) (h head, ok bool) {
	if len(data) < headSize || binary.BigEndian.Uint32(data) != magic {
		return h, false
	}
	for i, p := range [...]*uint32{&h.run, &h.round, &h.serial, &h.count, &h.marker} {
		*p = binary.BigEndian.Uint32(data[4*(i+1):])
	}
	return h, true
}

// fillers is where the rest of each message is cut from, so that it can be
// compared without having been kept.
var fillers = func() []byte {
	b := make([]byte, 2*MaxBytes)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i+8 <= len(b); i += 8 {
		binary.NativeEndian.PutUint64(b[i:], r.Uint64())
	}
	return b
}()

// filler is what follows the head in a message of size bytes.
func (h *head) filler(size int) []byte {
	n := max(size-headSize, 0)
	at := int((h.serial*0x9e3779b1 + h.count*0x85ebca6b + h.round) % uint32(len(fillers)-n+1))
	return fillers[at : at+n]
}

// data makes the whole message.
func (h *head) data(size int) []byte {
	b := make([]byte, 0, max(size, headSize))
	return append(h.append(b), h.filler(size)...)
}

// intact tells whether data is what data(len(data)) made.
func (h *head) intact(data []byte) bool {
	return bytes.Equal(data[headSize:], h.filler(len(data)))
}
