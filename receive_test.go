package spread

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/clientproto"
)

func TestReceiveEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Receive(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrWouldBlock) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		// Nothing is lost by that.
		p.write(data(clientproto.Agreed, "#a#b", []string{"g"}, 7, "body"))
		synctest.Wait()
		if n, size := c.Pending(); n != 1 || size != 84 {
			t.Errorf("%d events of %d bytes are pending", n, size)
		}
		if _, err := c.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v with a context that has ended", err)
		}
		ev, err := c.Receive(context.Background())
		if m, ok := ev.(*Message); err != nil || !ok || string(m.Data) != "body" || m.Type != 7 {
			t.Errorf("%v, %v", ev, err)
		}
		if n, size := c.Pending(); n != 0 || size != 0 {
			t.Errorf("%d events of %d bytes are pending", n, size)
		}
		_ = p.Close()
		_ = c.Close()
	})
}

// TestLostConnection: what arrived is received, then the loss, each time.
func TestLostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{})
		m := data(clientproto.Agreed, "#a#b", []string{"g"}, 7, "body")
		p.write(append(append(m, m...), m[:60]...))
		_ = p.Close()
		synctest.Wait()
		var got []string
		for ev, err := range c.Events(context.Background()) {
			if err != nil {
				if !errors.Is(err, ErrConnectionClosed) || !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "daemon closed the connection") {
					t.Error(err)
				}
				got = append(got, "lost")
				continue
			}
			got = append(got, string(ev.(*Message).Data))
		}
		if s := strings.Join(got, " "); s != "body body lost" {
			t.Errorf("received %s", s)
		}
		if _, err := c.Receive(context.Background()); !errors.Is(err, ErrConnectionClosed) {
			t.Errorf("the second time: %v", err)
		}
		_ = c.Close()
	})
}

// TestReceiveQueueIsBounded: a client that does not receive stops reading.
func TestReceiveQueueIsBounded(t *testing.T) {
	for _, limit := range []int{-1, 1, 5000} {
		synctest.Test(t, func(t *testing.T) {
			c, p := pair(t, [2]connection{}, WithReceiveQueue(limit))
			const total = 1000
			written := 0
			go func() {
				for i := range total {
					p.write(data(clientproto.Agreed, "#a#b", []string{"g"}, 0, fmt.Sprintf("%04d", i)))
					written++
				}
			}()
			synctest.Wait()
			bound := max(limit, 1) + 2*84 // one that has room, one in the reader's hands
			if written*84 > bound {
				t.Errorf("%d bytes were read ahead, want at most %d", written*84, bound)
			}
			for i := range total {
				ev, err := c.Receive(context.Background())
				if err != nil || string(ev.(*Message).Data) != fmt.Sprintf("%04d", i) {
					t.Fatalf("message %d: %v, %v", i, ev, err)
				}
			}
			_ = p.Close()
			_ = c.Close()
		})
	}
}

// TestManyReceivers: each event goes to one, and all are woken.
func TestManyReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{})
		var mu sync.Mutex
		got := map[string]int{}
		ended := 0
		for range 10 {
			go func() {
				for ev, err := range c.Events(context.Background()) {
					mu.Lock()
					if err != nil {
						ended++
					} else {
						got[string(ev.(*Message).Data)]++
					}
					mu.Unlock()
				}
			}()
		}
		synctest.Wait()
		var all []byte
		for i := range 500 {
			m := data(clientproto.Agreed, "#a#b", []string{"g"}, 0, fmt.Sprint(i))
			all = append(all, m...)
			if i%100 == 99 {
				p.write(all)
				all = nil
				synctest.Wait()
				if len(got) != i+1 {
					t.Fatalf("%d of %d messages were received", len(got), i+1)
				}
			}
		}
		_ = p.Close()
		synctest.Wait()
		if ended != 10 {
			t.Errorf("%d of 10 receivers heard of the end", ended)
		}
		_ = c.Close()
	})
}

// TestDataIsTheReceiversOwn keeps every message, and writes into and behind the
// data of each: no other message changes.
func TestDataIsTheReceiversOwn(t *testing.T) {
	c, p := pair(t, sockets(t, "tcp"))
	sizes := []int{0, 1, 10, 100, 5000, 20000, 60000, 100000, 143920}
	body := func(i int) string {
		return strings.Repeat(string(rune('a'+i%26)), sizes[i%len(sizes)])
	}
	const total = 300
	go func() {
		for i := range total {
			p.write(data(clientproto.Agreed, "#a#b", []string{"g"}, int16(i), body(i)))
		}
	}()
	var kept []*Message
	for i := range total {
		ev, err := c.Receive(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		m := ev.(*Message)
		if string(m.Data) != body(i) {
			t.Fatalf("message %d of %d bytes is wrong", i, len(m.Data))
		}
		for j := range m.Data {
			m.Data[j] = '!'
		}
		_ = append(m.Data, "!!!!!!!!"...)
		kept = append(kept, m)
	}
	for i, m := range kept {
		if int(m.Type) != i || len(m.Data) != len(body(i)) || bytes.Trim(m.Data, "!") != nil && len(bytes.Trim(m.Data, "!")) > 0 {
			t.Errorf("message %d was changed", i)
		}
	}
	_ = p.Close()
	_ = c.Close()
}

// TestHostileDaemon sends what cannot be right: an error, no crash and no memory.
func TestHostileDaemon(t *testing.T) {
	header := func(typ clientproto.Type, groups, size int) []byte {
		n := clientproto.MakeName("g")
		return clientproto.AppendHeader(nil, &clientproto.Header{Type: typ, NumGroups: groups, DataLen: size}, &n, 0)
	}
	halfMarker := header(clientproto.Agreed, 0, 0)
	halfMarker[0] &^= 0x80
	view := header(clientproto.RegularMembership|clientproto.CausedByJoin, 0, 20)
	for _, tt := range []struct {
		name string
		b    []byte
	}{
		{"half a marker", halfMarker},
		{"negative groups", header(clientproto.Agreed, -1, 0)},
		{"negative data", header(clientproto.Agreed, 0, -1)},
		{"101 groups", header(clientproto.Agreed, 101, 0)},
		{"too much data", header(clientproto.Agreed, 0, clientproto.MaxData+1)},
		{"a gigabyte", header(clientproto.RegularMembership, 0, 1<<30)},
		{"2^31-1 groups", header(clientproto.RegularMembership, 1<<31-1, 0)},
		{"more than a view can be", header(clientproto.RegularMembership, 1<<20, 1<<27)},
		{"view without body", header(clientproto.RegularMembership|clientproto.CausedByJoin, 0, 0)},
		{"view of two causes", append(header(clientproto.RegularMembership|clientproto.Causes, 0, 20), make([]byte, 20)...)},
		{"view without the own set", append(view, make([]byte, 20)...)},
		{"view of many sets", append(view, "0123456789ab\xff\xff\xff\x7f\x00\x00\x00\x00"...)},
		{"short transition", append(header(clientproto.Transition, 0, 11), make([]byte, 11)...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := pair(t, [2]connection{})
				good := data(clientproto.Agreed, "#a#b", []string{"g"}, 7, "good")
				p.write(append(good, tt.b...))
				if ev, err := c.Receive(context.Background()); err != nil {
					t.Errorf("before: %v, %v", ev, err)
				}
				_, err := c.Receive(context.Background())
				if !errors.Is(err, ErrIllegalMessage) {
					t.Errorf("%v, want ErrIllegalMessage", err)
				}
				if _, err := p.Conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("the connection goes on: %v", err)
				}
				if err := c.Multicast(context.Background(), Agreed, "g", nil); !errors.Is(err, ErrIllegalMessage) {
					t.Errorf("sending: %v", err)
				}
				_ = c.Close()
			})
		})
	}
}

// TestForgedMembership: a message with a service bit is data, whatever else its
// sender set (client protocol 3.3).
func TestForgedMembership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{})
		forged := clientproto.FIFO | clientproto.RegularMembership | clientproto.CausedByLeave | clientproto.Transition
		p.write(data(forged, "#evil#d", []string{"g"}, 0, "x"))
		// Of a kind that nobody knows: not lost, and no crash either.
		p.write(data(0x200000, "#new#d", []string{"g"}, 3, "y"))
		ev, err := c.Receive(context.Background())
		if m, ok := ev.(*Message); err != nil || !ok || m.Service != FIFO || m.Flags != Flags(forged&^clientproto.FIFO) || m.Sender != "#evil#d" {
			t.Errorf("%+v, %v", ev, err)
		}
		ev, err = c.Receive(context.Background())
		if m, ok := ev.(*Message); err != nil || !ok || m.Service != 0 || m.Flags != 0x200000 || string(m.Data) != "y" {
			t.Errorf("%+v, %v", ev, err)
		}
		_ = p.Close()
		_ = c.Close()
	})
}

// TestBigEndianDaemon: everything that is the daemon's comes in its order.
func TestBigEndianDaemon(t *testing.T) {
	be := func(words ...uint32) (b []byte) {
		for _, w := range words {
			b = append(b, byte(w>>24), byte(w>>16), byte(w>>8), byte(w))
		}
		return b
	}
	name := func(s string) []byte { n := clientproto.MakeName(s); return n[:] }
	message := func(typ uint32, sender string, groups uint32, hint uint32, parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		return bytes.Join([][]byte{be(typ), name(sender), be(groups, hint, uint32(len(body))-32*groups), body}, nil)
	}
	private := clientproto.MakeName("#me#fake")
	d := &decoder{private: private}
	stream := bytes.Join([][]byte{
		message(0x10, "#a#b", 1, 0x00fffe00, name("g"), []byte("x")),
		message(0x2000, "g", 0, 0, be(0x01020304, 5, 0xffffffff)),
		message(0x1800, "g", 2, 0, name("#a#b"), name("#me#fake"), be(1, 2, 3, 2, 36), be(1), name("#a#b"), be(1), name("#me#fake")),
	}, nil)
	rejected := message(0x400000, "#me#fake", 2, 0, be(0x100), name("g"), name("#me#fake"))
	rejected[47] = 0 // data_len does not count the old type
	f := newFramer(bytes.NewReader(append(stream, rejected...)), nil)
	if err := f.read(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 4 {
		fr, ok, err := f.next()
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		ev, err := d.decode(&fr)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, describe(ev))
		switch ev := ev.(type) {
		case *Message:
			if !ev.BigEndian {
				t.Error("not marked as big-endian")
			}
		case *View:
			if ev.Index != 1 || ev.Changed != "" {
				t.Errorf("index %d, changed %q", ev.Index, ev.Changed)
			}
		case *Rejected:
			if ev.Request != JoinRequest || ev.Message.Groups[0] != "g" {
				t.Errorf("%+v", ev)
			}
		}
	}
	want := []string{
		"AGREED from '#a#b' mess_type=-2 groups=['g'] len=1",
		"TRANSITION from 'g' mess_type=0 groups=[] gid=(16909060, 5, -1)",
		"CAUSED_BY_NETWORK|REG_MEMB from 'g' mess_type=0 groups=['#a#b', '#me#fake'] gid=(1, 2, 3) sets=[['#a#b'], ['#me#fake']] mine=1",
		"CAUSED_BY_JOIN|REJECT from '#me#fake' mess_type=0 groups=['g', '#me#fake'] len=0",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("\n got %s\nwant %s", got[i], want[i])
		}
	}
}

// TestNamesWithJunk: names end at their first zero byte.
func TestNamesWithJunk(t *testing.T) {
	m := data(clientproto.Agreed, "#a#b", []string{"g", "h"}, 0, "")
	copy(m[4+6:], "junk")
	m[4+4] = 0
	copy(m[48+2:], "junk")
	d := &decoder{}
	for range 2 {
		f := newFramer(bytes.NewReader(m), nil)
		if err := f.read(); err != nil {
			t.Fatal(err)
		}
		fr, _, err := f.next()
		if err != nil {
			t.Fatal(err)
		}
		ev, err := d.decode(&fr)
		if err != nil {
			t.Fatal(err)
		}
		if got := ev.(*Message); got.Sender != "#a#b" || list(got.Groups) != "['g', 'h']" {
			t.Errorf("%q, %q", got.Sender, got.Groups)
		}
	}
}

func TestNameCacheIsBounded(t *testing.T) {
	var c nameCache
	for i := range 3 * maxNames {
		n := clientproto.MakeName(fmt.Sprint(i))
		if got := c.get(n[:]).s; got != n.String() {
			t.Fatalf("%q", got)
		}
	}
	if len(c.known) > maxNames {
		t.Errorf("%d names are kept", len(c.known))
	}
}
