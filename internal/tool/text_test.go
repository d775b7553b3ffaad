package tool

import "testing"

func TestNumber(t *testing.T) {
	for line, want := range map[string]int{
		"5\n": 5, " 7": 7, "+9\n": 9, "-3\n": -3, "12abc": 12, "3 4\n": 3, "0x10": 0, "99999999999999999999": -1,
	} {
		if n, ok := Number([]byte(line)); !ok || n != want {
			t.Errorf("Number(%q) = %d, %t", line, n, ok)
		}
	}
	for _, line := range []string{"", "\n", "x", "-", "+\n", "- 3", "  "} {
		if n, ok := Number([]byte(line)); ok {
			t.Errorf("Number(%q) = %d", line, n)
		}
	}
}
