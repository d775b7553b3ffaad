package evscheck

// bits is a set of small numbers.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) has(i int32) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bits) add(i int32)      { b[i>>6] |= 1 << (i & 63) }

// lacks tells whether something of o is not in b. Both have the same length.
func (b bits) lacks(o bits) bool {
	for i, w := range o {
		if w&^b[i] != 0 {
			return true
		}
	}
	return false
}
