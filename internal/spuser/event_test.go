package spuser

import (
	"bytes"
	"strings"
	"testing"

	"gospread/spread"
	"gospread/spread/internal/tool"
)

func show(ev spread.Event) string {
	var b bytes.Buffer
	(&text{w: &b}).event(ev)
	s := strings.TrimPrefix(b.String(), "\n"+ruler)
	return strings.TrimSuffix(s, "\nUser> ")
}

// The expected texts are what the original printed.
func TestEvents(t *testing.T) {
	view := &spread.View{
		Group: "g", ID: spread.ViewID{Daemon: -289601580, Time: 1795622621, Index: 1}, Cause: spread.CausedByNetwork,
		Members: []string{"#user#machine1", "#other#machine2"}, Index: 0,
		Sets: [][]string{{"#other#machine2"}, {"#user#machine1"}}, OwnSet: 1,
	}
	join := *view
	join.Cause, join.Changed, join.Index, join.ID.Index = spread.CausedByJoin, "#other#machine2", 1, 2
	for _, c := range []struct {
		ev   spread.Event
		want string
	}{
		{&spread.Message{Sender: "#raw#machine1", Groups: []string{"g", "h"}, Service: spread.Unreliable, Type: -3, Data: []byte("svc0")},
			"received UNRELIABLE message from #raw#machine1, of type -3, (endian 0) to 2 groups \n(4 bytes): svc0\n"},
		{&spread.Message{Sender: "#raw#machine1", Groups: []string{"g"}, Service: spread.Agreed, Type: 4660, BigEndian: true, Data: []byte("x\x00y")},
			"received AGREED message from #raw#machine1, of type 4660, (endian 1) to 1 groups \n(3 bytes): x\n"},
		{&spread.Message{Sender: "#raw#machine1", Groups: []string{"g"}, Service: spread.Causal},
			"received CAUSAL message from #raw#machine1, of type 0, (endian 0) to 1 groups \n(0 bytes): \n"},
		{&spread.Message{Sender: "#raw#machine1", Flags: 0x100000, Data: []byte("x")},
			"received message of unknown message type 0x100000 with ret 1\n"},
		{&spread.Message{Sender: "#a#b", Groups: make([]string, 101), Service: spread.FIFO, Data: []byte("x")},
			"\n========Buffers or Groups too Short=======\n" +
				"received FIFO message from #a#b, of type 0, (endian 0) to 101 groups \n(1 bytes): x\n"},
		{&spread.Message{Sender: "#a#b", Groups: []string{"g"}, Service: spread.FIFO, Data: bytes.Repeat([]byte("A"), 102401)},
			"\n========Buffers or Groups too Short=======\n" +
				"received FIFO message from #a#b, of type 0, (endian 0) to 1 groups \n(102401 bytes): " + strings.Repeat("A", 102400) + "\n"},
		{&join, "Received REGULAR membership for group g with 2 members, where I am member 1:\n" +
			"\t#user#machine1\n\t#other#machine2\ngrp id is -289601580 1795622621 2\nDue to the JOIN of #other#machine2\n"},
		{view, "Received REGULAR membership for group g with 2 members, where I am member 0:\n" +
			"\t#user#machine1\n\t#other#machine2\ngrp id is -289601580 1795622621 1\nDue to NETWORK change with 2 VS sets\n" +
			"OTHER VS set 0 has 1 members:\n\t#other#machine2\nLOCAL VS set 1 has 1 members:\n\t#user#machine1\n"},
		{&spread.Transition{Group: "g"}, "received TRANSITIONAL membership for group g\n"},
		{&spread.SelfLeave{Group: "g"}, "received membership message that left group g\n"},
		{&spread.Rejected{Request: spread.JoinRequest, Message: spread.Message{Sender: "#user#machine1", Groups: []string{"g", "#user#machine1"}}},
			"REJECTED message from #user#machine1, of servicetype 0x400100 messtype 0, (endian 0) to 2 groups \n(0 bytes): \n"},
		{&spread.Rejected{Request: spread.LeaveRequest, Message: spread.Message{Sender: "#u#m", Groups: []string{"g"}}},
			"REJECTED message from #u#m, of servicetype 0x400200 messtype 0, (endian 0) to 1 groups \n(0 bytes): \n"},
		{&spread.Rejected{Message: spread.Message{Sender: "#u#m", Groups: []string{"g"}, Service: spread.Safe, Type: 1, Data: []byte("no\n")}},
			"REJECTED message from #u#m, of servicetype 0x400020 messtype 1, (endian 0) to 1 groups \n(3 bytes): no\n\n"},
	} {
		if tool.Endian(&spread.Message{}) != 0 {
			t.Skip("the expected texts are those of a little-endian machine")
		}
		if got := show(c.ev); got != c.want {
			t.Errorf("%T:\n%.300q\nwant\n%.300q", c.ev, got, c.want)
		}
	}
}
