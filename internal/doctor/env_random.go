package doctor

import (
	"crypto/rand"
	"encoding/binary"
)

func random() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return binary.BigEndian.Uint64(b[:])
}
