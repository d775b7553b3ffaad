package tool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"gospread/spread"
)

// Number reads a decimal number at the start of a line, and tells whether there
// is one. One that is too large for an int reads as -1.
func Number(line []byte) (n int, ok bool) {
	line = bytes.TrimLeft(line, " \t\v\f\r")
	end := 0
	if end < len(line) && (line[0] == '-' || line[0] == '+') {
		end++
	}
	first := end
	for end < len(line) && line[end] >= '0' && line[end] <= '9' {
		end++
	}
	if end == first {
		return 0, false
	}
	n, err := strconv.Atoi(string(line[:end]))
	if err != nil {
		n = -1
	}
	return n, true
}

// Endian is 1 if the sender's byte order is not that of this machine.
func Endian(m *spread.Message) int {
	if m.BigEndian != bigEndianHost {
		return 1
	}
	return 0
}

var bigEndianHost = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// StickyWriter remembers that writing has failed.
type StickyWriter struct {
	W   io.Writer
	Err error
}

func (w *StickyWriter) Write(b []byte) (int, error) {
	if w.Err != nil {
		return 0, w.Err
	}
	n, err := w.W.Write(b)
	if err != nil {
		w.Err = fmt.Errorf("write output: %w", err)
	}
	return n, err
}
