package spread

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"gospread/spread/internal/clientproto"
)

// vector is bytes that the original daemons and clients were seen to exchange.
type vector struct {
	Scenario, Session, Direction, Hex, Notes string

	bytes []byte
}

func (v *vector) fromDaemon() bool { return v.Direction == "D>C" }

// note is what the notes say before the remark.
func (v *vector) note() string {
	s, _, _ := strings.Cut(v.Notes, ";")
	return s
}

// sessions returns the vectors by scenario and session, in order.
func sessions(t testing.TB) map[string][]vector {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	m := map[string][]vector{}
	for _, v := range all {
		if v.bytes, err = hex.DecodeString(v.Hex); err != nil {
			t.Fatal(err)
		}
		key := v.Scenario + "/" + v.Session
		m[key] = append(m[key], v)
	}
	return m
}

// isMessage tells messages from pieces of the handshake.
func (v *vector) isMessage() bool { return strings.Contains(v.Notes, "groups=") }

// describe writes an event as the notes of the vectors do.
func describe(ev Event) string {
	switch ev := ev.(type) {
	case *Message:
		return describeMessage(ev, "")
	case *Rejected:
		m := ev.Message
		m.Groups = append(m.Groups[:len(m.Groups):len(m.Groups)], m.Sender)
		kind := map[Request]string{JoinRequest: "CAUSED_BY_JOIN|REJECT", LeaveRequest: "CAUSED_BY_LEAVE|REJECT"}[ev.Request]
		if kind == "" {
			kind = m.Service.String() + "|REJECT"
		}
		return describeMessage(&m, kind)
	case *View:
		return fmt.Sprintf("CAUSED_BY_%v|REG_MEMB from '%s' mess_type=0 groups=%s gid=%s sets=%s mine=%d",
			ev.Cause, ev.Group, list(ev.Members), triple(ev.ID), sets(ev.Sets), ev.OwnSet)
	case *Transition:
		return fmt.Sprintf("TRANSITION from '%s' mess_type=0 groups=[] gid=%s", ev.Group, triple(ev.ID))
	case *SelfLeave:
		return fmt.Sprintf("CAUSED_BY_LEAVE from '%s' mess_type=0 groups=[]", ev.Group)
	}
	return fmt.Sprint(ev)
}

func describeMessage(m *Message, kind string) string {
	if kind == "" {
		kind = m.Service.String()
		if m.SelfDiscard {
			kind += "|SELF_DISCARD"
		}
		if m.Flags != 0 {
			kind += fmt.Sprintf("|0x%x", uint32(m.Flags))
		}
	}
	return fmt.Sprintf("%s from '%s' mess_type=%d groups=%s len=%d", kind, m.Sender, m.Type, list(m.Groups), len(m.Data))
}

func triple(id ViewID) string { return fmt.Sprintf("(%d, %d, %d)", id.Daemon, id.Time, id.Index) }

func list(s []string) string {
	if len(s) == 0 {
		return "[]"
	}
	return "['" + strings.Join(s, "', '") + "']"
}

func sets(s [][]string) string {
	var l []string
	for _, set := range s {
		l = append(l, list(set))
	}
	return "[" + strings.Join(l, ", ") + "]"
}

// withoutLength drops the length of membership bodies, which events do not show.
func withoutLength(note string) string {
	i := strings.Index(note, " len=")
	if i < 0 || !(strings.Contains(note, "gid=") || strings.HasPrefix(note, "CAUSED_BY_LEAVE from")) {
		return note
	}
	rest := note[i+1:]
	if j := strings.IndexByte(rest, ' '); j >= 0 {
		return note[:i] + rest[j:]
	}
	return note[:i]
}

// TestVectorsReceived plays the original daemon to our library: its events say
// what the notes of the recording say.
func TestVectorsReceived(t *testing.T) {
	seen := 0
	for name, vs := range sessions(t) {
		t.Run(name, func(t *testing.T) {
			var stream []byte
			var want []string
			for _, v := range vs {
				if v.fromDaemon() && v.isMessage() {
					stream = append(stream, v.bytes...)
					want = append(want, withoutLength(v.note()))
				}
			}
			version, private := clientproto.ThisVersion, ""
			for _, v := range vs {
				if v.fromDaemon() && v.bytes[0] == byte(clientproto.Accepted) {
					a, _, err := clientproto.ParseAccept(v.bytes)
					if err != nil {
						t.Fatal(err)
					}
					version, private = a.Version, a.Private.String()
				}
			}
			if strings.HasPrefix(name, "v3-") {
				version.Major = 3
			}
			if private == "" && len(want) > 0 {
				_, session, _ := strings.Cut(name, "/")
				private = "#" + session + "#localhost"
			}
			d := &decoder{oldViews: version.OldViews(), private: clientproto.MakeName(private)}
			f := newFramer(bytes.NewReader(stream), nil)
			for i, w := range want {
				fr, ok, err := f.next()
				if !ok && err == nil {
					if err = f.read(); err == nil {
						fr, ok, err = f.next()
					}
				}
				if err != nil || !ok {
					t.Fatalf("message %d: %v", i, err)
				}
				ev, err := d.decode(&fr)
				if err != nil {
					t.Fatal(err)
				}
				if got := describe(ev); got != w {
					t.Errorf("message %d\n got %s\nwant %s", i, got, w)
				}
				seen++
			}
		})
	}
	if seen < 100 {
		t.Errorf("only %d messages were seen", seen)
	}
}

// TestVectorsSent has our library send what the original clients sent: the bytes
// are the same.
func TestVectorsSent(t *testing.T) {
	ctx := context.Background()
	seen := 0
	for name, vs := range sessions(t) {
		t.Run(name, func(t *testing.T) {
			for _, v := range vs {
				if v.fromDaemon() || !v.isMessage() || v.bytes[0]&0x80 == 0 || strings.Contains(v.Notes, "groups=[]") {
					continue // our library is not big-endian, and does not send to nobody
				}
				var out bytes.Buffer
				c := &Conn{private: clientproto.NameOf(v.bytes[4:]), out: newOutbox(connTo(&out), 1<<20)}
				if err := resend(ctx, c, v.bytes); err != nil {
					t.Fatalf("%s: %v", v.note(), err)
				}
				if err := c.Flush(ctx); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(out.Bytes(), v.bytes) {
					t.Errorf("%s\n got %x\nwant %x", v.note(), out.Bytes(), v.bytes)
				}
				seen++
			}
		})
	}
	if seen < 30 {
		t.Errorf("only %d messages were seen", seen)
	}
}

// resend sends through c what message b asks for.
func resend(ctx context.Context, c *Conn, b []byte) error {
	word := binary.LittleEndian.Uint32(b) &^ 0x80000080
	var groups []string
	end := 48 + 32*int(binary.LittleEndian.Uint32(b[36:]))
	for i := 48; i < end; i += 32 {
		groups = append(groups, string(bytes.TrimRight(b[i:i+32], "\x00")))
	}
	switch {
	case word == 0x10000:
		return c.Join(ctx, groups[0])
	case word == 0x20000:
		return c.Leave(ctx, groups[0])
	case word == 0x40000:
		kill := c.requestMessage(clientproto.Kill, c.PrivateGroup())
		return c.out.trySend(&kill)
	}
	return c.Send(ctx, &Outgoing{
		Service:     Service(word & 0x3f),
		SelfDiscard: word&0x40 != 0,
		Flags:       Flags(word &^ 0x7f),
		Type:        int16(binary.LittleEndian.Uint32(b[40:]) >> 8),
		Groups:      groups,
		Data:        b[end:],
	})
}
