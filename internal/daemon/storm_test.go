package daemon

import (
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"sync"
	"testing"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/session"
)

// crowd is n sessions without connections that ask for no views.
func (r *running) crowd(n int) []*session.Session {
	r.t.Helper()
	all := make([]*session.Session, n)
	for i := range all {
		s := session.Detached(fmt.Sprintf("m%d", i), "d")
		if err := r.engine.Claim(s.Private); err != nil {
			r.t.Fatal(err)
		}
		r.engine.Attach(s)
		all[i] = s
	}
	return all
}

// submit sends a request of s for a group.
func (r *running) submit(s *session.Session, typ clientproto.Type, group string) {
	c := rawClient{private: s.Private}
	for _, t := range r.engine.Submit(s, [][]byte{c.message(typ, nil, group)}, nil) {
		t.Flush()
	}
}

// TestStormOfJoins: 1,500 clients join a group, and a quarter of them leaves it again,
// while none of those who ask for views reads. All of them get every view
// afterwards, some 50 MB each, though no more than 4 MB may wait for a client.
func TestStormOfJoins(t *testing.T) {
	const viewers, members = 20, 1500
	d := startDaemon(t, "MaxSessionBytes = 4000000", Options{})
	all := make([]*rawClient, viewers)
	for i := range all {
		all[i] = d.connect(fmt.Sprintf("v%d", i), true)
		all[i].join("g")
	}
	for i, v := range all { // the joins of those behind it
		for range viewers - 1 - i {
			v.next()
		}
	}
	crowd := d.crowd(members)
	for _, s := range crowd {
		d.submit(s, clientproto.Join, "g")
	}
	for _, s := range crowd[:members/4] {
		d.submit(s, clientproto.Leave, "g")
	}
	if n := d.server.Count(); n != viewers {
		t.Fatalf("%d of %d viewers are left:\n%s", n, viewers, d.log)
	}

	// The first checks each view by the one before; the others must get the same bytes.
	seed := maphash.MakeSeed()
	want, size := all[0].follow(members, seed)
	var wg sync.WaitGroup
	for _, v := range all[1:] {
		wg.Go(func() {
			var h maphash.Hash
			h.SetSeed(seed)
			if n, err := io.CopyN(&h, v, size); err != nil || h.Sum64() != want {
				t.Errorf("%s got other views: %d bytes of %d, %v", v.private, n, size, err)
			}
		})
	}
	wg.Wait()
}

// follow reads the views of n joins and of a quarter as many leaves. It returns the hash
// and number of their bytes.
func (c *rawClient) follow(n int, seed maphash.Seed) (hash uint64, size int64) {
	c.t.Helper()
	var sum maphash.Hash
	sum.SetSeed(seed)
	var last []clientproto.Name
	for i := range n + n/4 {
		h, m := c.next()
		sum.Write(m)
		size += int64(len(m))
		v, err := clientproto.ParseView(m, &h, false)
		if err != nil {
			c.t.Fatal(err)
		}
		changed := v.Sets[0][0]
		at, in := slices.BinarySearchFunc(v.Members, changed, func(a, b clientproto.Name) int { return a.Compare(&b) })
		switch joined := i < n; {
		case in != joined || joined != (v.Cause == clientproto.CausedByJoin):
			c.t.Fatalf("view %d: %s, a member: %v, by %x", i, changed, in, uint32(v.Cause))
		case i == 0:
		case joined && !slices.Equal(last, slices.Concat(v.Members[:at], v.Members[at+1:])),
			!joined && !slices.Equal(v.Members, slices.DeleteFunc(last, func(n clientproto.Name) bool { return n == changed })):
			c.t.Fatalf("view %d of %d members does not follow that of %d", i, len(v.Members), len(last))
		}
		last = v.Members
	}
	return sum.Sum64(), size
}
