package compat

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
)

// spoil changes bytes of a good message.
type spoil func(b []byte) []byte

// word overwrites the integer at an offset of the header with a little-endian one.
func word(offset int, v uint32) spoil {
	return func(b []byte) []byte {
		binary.LittleEndian.PutUint32(b[offset:], v)
		return b
	}
}

// kind overwrites the type word, byte-order marker included.
func kind(v uint32) spoil { return word(0, v|orderMark) }

// sender overwrites the sender field.
func sender(name string) spoil {
	return func(b []byte) []byte {
		copy(b[4:36], pad(name, nameLen))
		return b
	}
}

const (
	numGroups = 36
	hintWord  = 40
	dataLen   = 44
)

// TestHeaders checks what makes the daemon drop a session (client protocol
// 4.1): it closes without a word and the others see a disconnect.
func TestHeaders(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	watcher := d.connect(t, "watcher")
	watcher.join("watch")
	d.connect(t, "other")
	for _, c := range []struct {
		what string
		do   spoil
	}{
		{"no service bit", kind(0)},
		{"SELF_DISCARD alone", kind(selfDiscard)},
		{"membership bits alone", kind(regMemb | byJoin)},
		{"two service bits", kind(fifo | safe)},
		{"all service bits", kind(0x3f)},
		{"a service bit and JOIN", kind(fifo | joinReq)},
		{"a service bit and LEAVE", kind(agreed | leaveReq)},
		{"a service bit and KILL", kind(safe | killReq)},
		{"JOIN and LEAVE", kind(joinReq | leaveReq)},
		{"JOIN and KILL", kind(joinReq | killReq)},
		{"the low marker alone", word(0, fifo|0x80)},
		{"the high marker alone", word(0, fifo|0x80000000)},
		{"no marker on a little-endian message", word(0, fifo)},
		{"sender: another session", sender("#other#localhost")},
		{"sender: nobody", sender("#nobody#localhost")},
		{"sender: another daemon", sender("#bad#elsewhere")},
		{"sender: no daemon", sender("#bad#")},
		{"sender: no second hash", sender("#bad")},
		{"sender: no hash", sender("bad")},
		{"sender: a group", sender("watch")},
		{"sender: empty", sender("")},
		{"sender: empty user", sender("##localhost")},
		{"sender: longer daemon name", sender("#bad#localhostx")},
		{"sender: shorter daemon name", sender("#bad#localhos")},
		{"sender: longer user name", sender("#badx#localhost")},
		{"sender: other case", sender("#BAD#localhost")},
		{"sender: without end", sender("#bad#localhost" + strings.Repeat("x", 18))},
		{"num_groups 101", word(numGroups, 101)},
		{"num_groups 256", word(numGroups, 256)},
		{"num_groups -1", word(numGroups, 0xffffffff)},
		{"num_groups at its least", word(numGroups, 1<<31)},
		{"num_groups at its greatest", word(numGroups, math.MaxInt32)},
		{"num_groups byte-swapped", word(numGroups, 1<<24)},
		{"data_len 144001", word(dataLen, 144001)},
		{"data_len -1", word(dataLen, 0xffffffff)},
		{"data_len at its least", word(dataLen, 1<<31)},
		{"data_len at its greatest", word(dataLen, math.MaxInt32)},
		{"body 143953", word(dataLen, 143953-nameLen)},
		{"body 144000", word(dataLen, 144000-nameLen)},
		{"data_len 144000 with a name", word(dataLen, 144000)},
	} {
		rule(t, "4.1", "dropped for: "+c.what, func(t *testing.T) { dropped(t, d, watcher, c.do) })
	}
	for bit := range 32 {
		if m := uint32(1) << bit; m&(0x00ffff00|orderMark) == 0 {
			rule(t, "4.1", fmt.Sprintf("dropped for: hint bit %d", bit), func(t *testing.T) {
				dropped(t, d, watcher, word(hintWord, orderMark|m))
			})
		}
	}
	rule(t, "3.3", "dropped for GROUPS_MESS", func(t *testing.T) {
		differs(t, "12.1 GROUPS_MESS")
		for _, k := range []uint32{fifo, agreed, safe, joinReq, leaveReq, killReq} {
			dropped(t, d, watcher, kind(k|groupsMess))
		}
	})
	rule(t, "3.3", "dropped for REJECT_MESS", func(t *testing.T) {
		differs(t, "12.2 REJECT_MESS")
		for _, k := range []uint32{fifo, agreed, safe, fifo | selfDiscard, joinReq, leaveReq} {
			dropped(t, d, watcher, kind(k|rejectMess))
		}
	})
	rule(t, "4.1", "the same from a big-endian client", func(t *testing.T) {
		watcher := watcher.in(t)
		for _, k := range []uint32{0, fifo | safe, joinReq | fifo} {
			bad := d.login(t, "bad", login{flags: 1, order: beOrder})
			bad.join("watch")
			watcher.notice(byJoin, "watch", bad.group)
			bad.send(k, "x", "watch")
			bad.closed()
			watcher.notice(byDisconnect, "watch", bad.group)
		}
	})
	rule(t, "4.1", "none of it hurts anybody else", func(t *testing.T) { watcher.in(t).alive() })
}

// dropped sends one spoilt header, nothing behind it, and checks that this ends
// the session: the header is judged before names and data are there.
func dropped(t *testing.T, d *daemon, watcher *client, do spoil) {
	t.Helper()
	watcher = watcher.in(t)
	bad := d.connect(t, "bad")
	bad.join("watch")
	watcher.notice(byJoin, "watch", bad.group)
	bad.write(do(bad.frame(fifo, []string{"watch"}, []byte("x")))[:headerLen])
	bad.closed()
	watcher.notice(byDisconnect, "watch", bad.group)
	watcher.alive()
}

// TestOddHeaders checks what looks odd and is accepted all the same.
func TestOddHeaders(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "4.1", "the header limits themselves are legal", func(t *testing.T) {
		c := d.connect(t, "limits")
		c.write(word(numGroups, 0)(c.frame(fifo, nil, nil)))
		c.write(c.frame(fifo, manyNames(100, "none"), nil))
		c.write(c.frame(fifo, nil, make([]byte, 143151)))
		c.alive()
	})
	rule(t, "4.1", "junk behind the sender's name passes, its last byte is forced to zero", func(t *testing.T) {
		c := d.connect(t, "junk")
		c.join("odd")
		b := c.frame(agreed, []string{"odd"}, []byte("data"))
		for i := 4 + len(c.group) + 1; i < 36; i++ {
			b[i] = byte(i)
		}
		c.write(b)
		b[35] = 0
		c.expect(b)
		b = c.frame(joinReq, []string{"odd too"}, nil)
		copy(b[30:36], "junk!!")
		c.write(b)
		c.notice(byJoin, "odd too", c.group)
		c.alive()
	})
	rule(t, "3.1", "the 16 bits of the message type, both signs", func(t *testing.T) {
		c := d.connect(t, "types")
		for _, mt := range []int16{math.MinInt16, -2, -1, 0, 1, 0x1234, 0x0100, math.MaxInt16} {
			b := frame(leOrder, fifo, c.group, uint32(uint16(mt))<<8, []string{c.group}, []byte("typed"))
			c.write(b)
			c.expect(b)
		}
		for _, hint := range []uint32{0, 0x00123400, orderMark, 0x80, 0x80000000, 0x00ffff00, 0x80ffff80} {
			b := word(hintWord, hint)(c.frame(fifo, []string{c.group}, []byte("hinted")))
			c.write(b)
			c.expect(b)
		}
		c.alive()
	})
	rule(t, "3.3", "unused type bits pass", func(t *testing.T) {
		c := d.connect(t, "bits")
		for bit := range 32 {
			m := uint32(1) << bit
			if m&(0x3f|selfDiscard|orderMark|joinReq|leaveReq|killReq|groupsMess|rejectMess) != 0 {
				continue
			}
			for _, service := range []uint32{unreliable, fifo, agreed, safe} {
				b := c.frame(service|m, []string{c.group}, []byte("bit"))
				c.write(b)
				c.expect(b)
			}
		}
		c.alive()
	})
	rule(t, "3.3", "a forged membership message is delivered as data", func(t *testing.T) {
		c, v := d.connect(t, "forger"), d.login(t, "victim", login{})
		c.send(fifo|regMemb|byDisconnect, "forged", v.group)
		v.receive(fifo|regMemb|byDisconnect, c.group, "forged", v.group)
		mark(c, c, v)
	})
}

// manyNames makes n different names.
func manyNames(n int, stem string) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%03d", stem, i)
	}
	return names
}
