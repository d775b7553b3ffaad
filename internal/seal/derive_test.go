package seal

import (
	"bytes"
	"strings"
	"testing"
)

func TestDerive(t *testing.T) {
	text := strings.Repeat("01", 31) + "02\n" + strings.Repeat("03", 31) + "04\n"
	keys, err := ParseKeys([]byte(text), "keys")
	if err != nil {
		t.Fatal(err)
	}
	a, err := keys.Derive("a")
	if err != nil || len(a) != 2 || len(a[0]) != KeySize {
		t.Fatalf("%d secrets: %v", len(a), err)
	}
	again, _ := keys.Derive("a")
	b, _ := keys.Derive("b")
	if !bytes.Equal(a[0], again[0]) || bytes.Equal(a[0], a[1]) || bytes.Equal(a[0], b[0]) {
		t.Error("secrets are not those of a key and a purpose")
	}
}
