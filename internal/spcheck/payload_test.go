package spcheck

import (
	"testing"
)

func TestData(t *testing.T) {
	h := head{run: 1, round: 2, serial: 3, count: 4, marker: 5}
	for _, size := range []int{headSize, headSize + 1, 1000, MaxBytes} {
		data := h.data(size)
		if len(data) != size {
			t.Fatalf("%d bytes, want %d", len(data), size)
		}
		got, ok := parseHead(data)
		if !ok || got != h || !got.intact(data) {
			t.Fatalf("%d bytes: %v, %v", size, got, ok)
		}
		if size > headSize {
			data[size-1] ^= 1
			if got.intact(data) {
				t.Errorf("%d bytes: a changed byte is not noticed", size)
			}
		}
	}
	for _, bad := range [][]byte{nil, []byte("spck"), make([]byte, headSize)} {
		if _, ok := parseHead(bad); ok {
			t.Errorf("%q has a head", bad)
		}
	}
}

// Another message of the same size has other bytes, and a part of a message is
// not the message.
func TestDataDiffers(t *testing.T) {
	a, b := head{serial: 1, count: 1}, head{serial: 1, count: 2}
	mixed := append(a.append(nil), b.data(1000)[headSize:]...)
	if a.intact(mixed) {
		t.Error("the bytes of another message pass")
	}
	if data := a.data(1000); a.intact(append(data, 0)) {
		t.Error("a byte too many passes")
	}
}
