package flush

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"gospread/spread"
	"gospread/spread/internal/clientproto"
)

// vector is what the flush layer of the original was seen to exchange.
type vector struct{ Session, Direction, Hex, Notes string }

// TestVectors replays the recording for each of its clients: ours sends the same
// bytes.
func TestVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, session := range []string{"fla", "flb"} {
		t.Run(session, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReplay(t, session)
				defer r.end()
				for _, v := range all {
					if v.Session != session || strings.HasPrefix(v.Notes, "KILL") {
						continue
					}
					raw, err := hex.DecodeString(v.Hex)
					if err != nil {
						t.Fatal(err)
					}
					if v.Direction == "D>C" {
						if _, err := r.daemon.Write(raw); err != nil {
							t.Fatal(err)
						}
					} else {
						r.act(raw, v.Notes)
						r.want = append(r.want, raw...)
					}
					synctest.Wait()
				}
			})
		})
	}
}

// replay is a client, and the daemon that plays the recording to it.
type replay struct {
	*testing.T
	c       *Conn
	daemon  net.Conn
	written chan []byte
	want    []byte
}

// stalled is a daemon that reads only when the test does.
type stalled struct {
	*testing.T
	name string
	nc   net.Conn
}

func newStalled(t *testing.T, name string) *stalled { return &stalled{T: t, name: name} }

func (s *stalled) read(b []byte) {
	if _, err := io.ReadFull(s.nc, b); err != nil {
		s.Error(err)
	}
}

func (s *stalled) write(b []byte) {
	if _, err := s.nc.Write(b); err != nil {
		s.Error(err)
	}
}

// dial connects a client and sees it through the handshake.
func (s *stalled) dial(context.Context, string, string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	s.nc = theirs
	go func() {
		private := clientproto.Private(s.name, "localhost")
		s.read(make([]byte, 5+len(s.name)))
		s.write(clientproto.AppendAuthList(nil, []string{"NULL"}))
		s.read(make([]byte, clientproto.ChoiceSize))
		s.write(clientproto.AppendAccept(nil, clientproto.ThisVersion, &private))
	}()
	return mine, nil
}

func newReplay(t *testing.T, name string) *replay {
	d := newStalled(t, name)
	c, err := Dial(t.Context(), "", spread.WithName(name), spread.WithLinger(0), spread.WithDialer(d.dial))
	if err != nil {
		t.Fatal(err)
	}
	r := &replay{T: t, c: c, daemon: d.nc, written: make(chan []byte, 1)}
	go func() {
		all, _ := io.ReadAll(d.nc)
		r.written <- all
	}()
	go func() {
		for range c.Events(context.Background()) {
		}
	}()
	return r
}

func (r *replay) end() {
	synctest.Wait()
	_ = r.c.Close()
	if got := <-r.written; !bytes.Equal(got, r.want) {
		r.Errorf("sent\n%x, the original\n%x", got, r.want)
	}
	_ = r.daemon.Close()
}

// act does what the user of the original had done to send b.
func (r *replay) act(b []byte, notes string) {
	ctx := context.Background()
	m := &spread.Message{}
	m.Type, _ = clientproto.MessType(b)
	h, err := clientproto.ParseHeader(b)
	if err != nil {
		r.Fatal(err)
	}
	for _, n := range clientproto.ParseNames(b[h.Names():h.Data()]) {
		m.Groups = append(m.Groups, n.String())
	}
	m.Data = b[h.Data():]
	m.Flags = spread.Flags(h.Type & clientproto.SubgroupCast)
	switch {
	case h.Type == clientproto.Join:
		err = r.c.Join(ctx, m.Groups[0])
	case h.Type == clientproto.Leave:
		err = r.c.Leave(ctx, m.Groups[0])
	case strings.HasSuffix(notes, "FLUSH_RECV"):
		// By itself.
	case strings.HasSuffix(notes, "FLUSH_OK"):
		r.c.mu.Lock()
		g := r.c.m.groups[m.Groups[0]]
		asked := g != nil && g.phase == authorize
		r.c.mu.Unlock()
		if asked {
			err = r.c.Flush(ctx, m.Groups[0])
		}
	default:
		var in *incoming
		if in, err = parse(m); err != nil {
			break
		}
		o := &Outgoing{Service: spread.Service(h.Type & clientproto.Services), Type: in.msg.Type, Group: in.group, Data: in.msg.Data}
		if in.subgroup {
			o.Receivers = m.Groups
		}
		err = r.c.Send(ctx, o)
	}
	if err != nil {
		r.Errorf("%s: %v", notes, err)
	}
}

// TestTrailers takes apart what stands behind the data, in both byte orders.
func TestTrailers(t *testing.T) {
	group := append([]byte("grp"), make([]byte, 29)...)
	little := []byte{0x34, 0x12, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff}
	big := []byte{0x12, 0x34, 4, 3, 2, 1, 8, 7, 6, 5, 0xff, 0xff, 0xff, 0xff}
	id := spread.ViewID{Daemon: 0x04030201, Time: 0x08070605, Index: -1}
	for _, tt := range []struct {
		name string
		m    spread.Message
		want trailer
		data string
	}{
		{"plain", spread.Message{Type: 5, Data: []byte("abc")}, trailer{group: "a", messType: 5}, "abc"},
		{"vulnerable", spread.Message{Type: typeVulnerable, Data: append([]byte("abc"), little...)},
			trailer{group: "a", vulnerable: true, id: id, messType: 0x1234}, "abc"},
		{"vulnerable, foreign", spread.Message{Type: typeVulnerable, BigEndian: true, Data: append([]byte("abc"), big...)},
			trailer{group: "a", vulnerable: true, id: id, messType: 0x1234}, "abc"},
		{"subgroup", spread.Message{Type: -5, Flags: spread.SubgroupCast, Data: append([]byte("abc"), group...)},
			trailer{group: "grp", subgroup: true, messType: -5}, "abc"},
		{"both", spread.Message{Type: typeVulnerable, Flags: spread.SubgroupCast, Data: slices.Concat([]byte("abc"), little, group)},
			trailer{group: "grp", subgroup: true, vulnerable: true, id: id, messType: 0x1234}, "abc"},
		{"both, foreign, no data", spread.Message{Type: typeVulnerable, BigEndian: true, Flags: spread.SubgroupCast, Data: slices.Concat(big, group)},
			trailer{group: "grp", subgroup: true, vulnerable: true, id: id, messType: 0x1234}, ""},
		{"flush ok, foreign", spread.Message{Type: typeOK, BigEndian: true, Data: big[2:]}, trailer{group: "a", id: id, messType: typeOK}, ""},
	} {
		tt.m.Groups = []string{"a", "b"}
		in, err := parse(&tt.m)
		if err != nil || in.trailer != tt.want || string(in.msg.Data) != tt.data {
			t.Errorf("%s: %+v, %v", tt.name, in, err)
			continue
		}
		groups := []string{"a", "b"}
		if tt.want.subgroup {
			groups = append(groups, "grp")
		}
		if !slices.Equal(in.msg.Groups, groups) {
			t.Errorf("%s: groups %q", tt.name, in.msg.Groups)
		}
		if !tt.m.BigEndian && tt.m.Type != typeOK && !bytes.Equal(append([]byte(tt.data), in.append(nil)...), tt.m.Data) {
			t.Errorf("%s: written as %x", tt.name, in.append(nil))
		}
		// Nothing shorter passes for it.
		for n := range len(tt.m.Data) - len(tt.data) {
			short := tt.m
			short.Data = short.Data[:n]
			if in, err := parse(&short); err == nil && in.trailer == tt.want {
				t.Errorf("%s: %d bytes pass for it", tt.name, n)
			}
		}
	}
}

func TestEarly(t *testing.T) {
	var e earlyChanges
	id := func(i int) spread.ViewID { return spread.ViewID{Index: int32(i)} }
	e.add(id(1), "a")
	e.add(id(1), "a")
	e.add(id(1), "b")
	for range maxAge {
		e.grow()
	}
	e.add(id(2), "a")
	if e.size != 3 {
		t.Errorf("%d are kept after %d memberships", e.size, maxAge)
	}
	e.grow()
	if len(e.list) != 1 || e.size != 1 || e.take(id(1)) != nil {
		t.Errorf("%d are kept after %d memberships", e.size, maxAge+1)
	}
	if from := e.take(id(2)); !from.has("a") || len(from) != 1 || e.size != 0 {
		t.Errorf("took %v, %d are kept", from, e.size)
	}
	// A flood of ids that are of no change, or of senders.
	for i := range 3 * maxEarlyID {
		e.add(id(i), "a")
	}
	for i := range 2 * maxEarly {
		e.add(id(3*maxEarlyID-1-i%2), fmt.Sprint(i))
	}
	if e.size > maxEarly || len(e.list) > maxEarlyID {
		t.Errorf("%d of %d memberships are kept", e.size, len(e.list))
	}
}
