package clientproto

import (
	"bytes"
	"testing"
)

func FuzzHello(f *testing.F) {
	f.Add([]byte("\x05\x00\x01\x01\x05alice"))
	f.Add([]byte("\x03\x0e\x01\x03old"))
	f.Add([]byte{0x83, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, _, err := ParseHello(b)
		if n > len(b) {
			t.Fatalf("%d bytes used of %d", n, len(b))
		}
		if err == nil && len(h.Name) > MaxUser {
			t.Fatalf("name of %d bytes", len(h.Name))
		}
	})
}

func FuzzChoice(f *testing.F) {
	b, _ := AppendChoice(nil, []string{"NULL", "IP"})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ParseChoice(b); err == nil && len(m) > 3 {
			t.Fatalf("%d methods", len(m))
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("\x05NULL "))
	private := Private("a", "d")
	f.Add(AppendAccept(nil, ThisVersion, &private))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, n, _ := ParseAuthList(b); n > len(b) {
			t.Fatalf("list: %d bytes used of %d", n, len(b))
		}
		if a, n, err := ParseAccept(b); n > len(b) || err == nil && a.Private.Len() > MaxGroupName {
			t.Fatalf("accept: %d bytes used of %d", n, len(b))
		}
	})
}

// FuzzMessage takes any bytes as a message, on both sides.
func FuzzMessage(f *testing.F) {
	alice := Private("alice", "d")
	f.Add(AppendView(nil, sampleView()), false)
	f.Add(AppendOldView(nil, sampleView()), true)
	f.Add(AppendTransition(nil, &alice, GroupID{1, 2, 3}), false)
	f.Add(AppendSelfLeave(nil, &alice), false)
	name := MakeName("g")
	m := append(AppendHeader(nil, &Header{Type: Safe, NumGroups: 1, DataLen: 2}, &alice, 5), name[:]...)
	m = append(m, "hi"...)
	f.Add(m, false)
	f.Add(AppendReject(nil, m, &alice), false)
	f.Fuzz(func(t *testing.T, b []byte, old bool) {
		if len(b) < HeaderSize {
			return
		}
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		if CheckRequest(&h, b) == nil && len(b) >= h.Size() {
			checkRequest(t, h, b[:h.Size()])
		}
		if CheckReply(&h) != nil || len(b) < h.Size() {
			return
		}
		b = b[:h.Size()]
		MessType(b)
		if h.Type&Reject != 0 {
			OldType(b)
		}
		ParseNames(b[h.Names():h.Data()])
		_, _ = ParseGroupID(b[h.Data():], h.Foreign)
		v, err := ParseView(b, &h, old)
		if err != nil || old {
			return
		}
		again := AppendView(nil, v)
		h2, _ := ParseHeader(again)
		v2, err := ParseView(again, &h2, false)
		if err != nil || v2.ID != v.ID || len(v2.Sets) != len(v.Sets) || v2.Own != v.Own {
			t.Fatalf("a view written again: %v", err)
		}
	})
}

// checkRequest turns a legal request into our order and back out.
func checkRequest(t *testing.T, h Header, b []byte) {
	m := bytes.Clone(b)
	PutHeader(m, &h)
	again, err := ParseHeader(m)
	h.Foreign = false
	if err != nil || again != h {
		t.Fatalf("in our order: %+v, %v; it was %+v", again, err, h)
	}
	if !bytes.Equal(m[HeaderSize:], b[HeaderSize:]) || !bytes.Equal(Sender(m), Sender(b)) {
		t.Fatal("more than the header's integers changed")
	}
	r := AppendReject(nil, m, new(Name))
	if rh, err := ParseHeader(r); err != nil || rh.Size() != len(r) {
		t.Fatalf("its refusal: %+v of %d bytes, %v", rh, len(r), err)
	}
}
