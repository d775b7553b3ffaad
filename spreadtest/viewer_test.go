package spreadtest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"sync"
	"testing"

	"gospread/spread/internal/clientproto"
)

// book knows every view that any viewer has got, by its id. All who get it must get the same bytes,
// but for the place of their own set, and each of them once.
type book struct {
	seed maphash.Seed
	bufs chan []byte // for large messages, so that not every viewer needs its own

	mu    sync.Mutex
	views map[clientproto.GroupID]*bigView
	bytes int64 // of all views at all viewers
}

// sums are how many views there have been, and their bytes at all viewers.
func (k *book) sums() (views int, bytes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.views), k.bytes
}

// bigView is what there is to know of a view: sets of names are known by the sum (xor) of their hashes.
type bigView struct {
	id    clientproto.GroupID
	cause clientproto.Type
	whole uint64 // hash of the message
	all   sum
	sets  map[int]sum              // by offset
	where map[clientproto.Name]int // offset of a member's set, in views caused by the network
	seen  []uint64                 // by whom: a bit for each viewer
}

// sum stands for a set of names.
type sum struct {
	hash uint64
	n    int
}

func (s sum) with(o sum) sum    { return sum{s.hash ^ o.hash, s.n + o.n} }
func (s sum) without(o sum) sum { return sum{s.hash ^ o.hash, s.n - o.n} }

func newBook() *book {
	const atOnce = 64
	k := &book{seed: maphash.MakeSeed(), bufs: make(chan []byte, atOnce), views: make(map[clientproto.GroupID]*bigView)}
	for range atOnce {
		k.bufs <- make([]byte, clientproto.HeaderSize)
	}
	return k
}

func (k *book) sum(names ...clientproto.Name) (s sum) {
	for i := range names {
		s = s.with(sum{maphash.Bytes(k.seed, names[i][:]), 1})
	}
	return s
}

// enter looks a view up, or enters it. It returns where the own set of the receiver begins.
func (k *book) enter(m []byte, h *clientproto.Header, viewer int) (v *bigView, own int, err error) {
	word := m[h.Data()+clientproto.GroupIDSize+4:][:4]
	own = int(binary.LittleEndian.Uint32(word))
	clear(word)
	id, err := clientproto.ParseGroupID(m[h.Data():], false)
	if err != nil {
		return nil, 0, err
	}
	whole := maphash.Bytes(k.seed, m)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes += int64(len(m))
	if v = k.views[id]; v == nil {
		if v, err = k.parse(m, h); err != nil {
			return nil, 0, err
		}
		v.whole = whole
		k.views[id] = v
	}
	for len(v.seen) <= viewer/64 {
		v.seen = append(v.seen, 0)
	}
	bit := uint64(1) << (viewer % 64)
	switch {
	case v.whole != whole:
		return nil, 0, fmt.Errorf("two views with the id %v", id)
	case v.seen[viewer/64]&bit != 0:
		return nil, 0, fmt.Errorf("the id %v comes twice", id)
	}
	v.seen[viewer/64] |= bit
	return v, own, nil
}

// parse checks what a view must be whoever gets it.
func (k *book) parse(m []byte, h *clientproto.Header) (*bigView, error) {
	p, err := clientproto.ParseView(m, h, false)
	if err != nil {
		return nil, err
	}
	v := &bigView{id: p.ID, cause: p.Cause, all: k.sum(p.Members...), sets: make(map[int]sum)}
	for i := 1; i < len(p.Members); i++ {
		if !before(&p.Members[i-1], &p.Members[i]) {
			return nil, fmt.Errorf("view %v: %s stands before %s", p.ID, p.Members[i-1], p.Members[i])
		}
	}
	network := p.Cause == clientproto.CausedByNetwork
	if network {
		v.where = make(map[clientproto.Name]int)
	}
	var union sum
	at := 0
	for _, set := range p.Sets {
		s := k.sum(set...)
		if s.n == 0 {
			return nil, fmt.Errorf("view %v with an empty set", p.ID)
		}
		v.sets[at], union = s, union.with(s)
		for _, n := range set {
			if network {
				v.where[n] = at
			}
		}
		at += 4 + len(set)*clientproto.NameSize
	}
	switch {
	case network && (union != v.all || len(v.where) != v.all.n):
		err = fmt.Errorf("view %v: its sets of %d members are not the members, %d", p.ID, union.n, v.all.n)
	case !network && union.n != 1:
		err = fmt.Errorf("view %v: %d changed members", p.ID, union.n)
	}
	return v, err
}

// before tells whether a stands before b in views: the daemons of the test have names in the order of the
// configuration.
func before(a, b *clientproto.Name) bool {
	_, da, _ := a.SplitPrivate()
	_, db, _ := b.SplitPrivate()
	if c := bytes.Compare(da, db); c != 0 {
		return c < 0
	}
	return a.Compare(b) < 0
}

// viewer is a client that asks for views, and checks each by the one before.
type viewer struct {
	net.Conn
	number  int
	at      string // its daemon
	private clientproto.Name
	book    *book
	self    sum
	due     int // data messages that it should have got

	mu     sync.Mutex
	moved  chan struct{} // closed at the next change
	view   *bigView      // nil: not in the group
	signal bool
	data   int
	ended  error
	wrong  error
}

func newViewer(k *book, number int, daemon, addr string) (*viewer, error) {
	conn, private, err := connect(addr, fmt.Sprintf("v%d", number), true)
	if err != nil {
		return nil, err
	}
	v := &viewer{Conn: conn, number: number, at: daemon, private: private, book: k, self: k.sum(private), moved: make(chan struct{})}
	go v.read()
	return v, nil
}

func (v *viewer) send(t clientproto.Type) error {
	_, err := v.Write(request(t, v.private, bigGroup, ""))
	return err
}

func (v *viewer) read() {
	b := make([]byte, clientproto.HeaderSize)
	for {
		h, err := readHeader(v.Conn, b)
		if err == nil {
			err = v.body(&h, b)
		} else {
			v.change(func() { v.ended = err })
		}
		if err != nil {
			return
		}
	}
}

// body reads what follows a header and takes it in.
func (v *viewer) body(h *clientproto.Header, header []byte) error {
	buf := <-v.book.bufs
	copy(buf, header)
	buf = room(buf, h.Size())
	defer func() { v.book.bufs <- buf }()
	if _, err := io.ReadFull(v.Conn, buf[clientproto.HeaderSize:]); err != nil {
		v.change(func() { v.ended = err })
		return err
	}
	var view *bigView
	var own int
	var err error
	if h.Type&clientproto.RegularMembership != 0 {
		view, own, err = v.book.enter(buf, h, v.number)
	}
	v.change(func() {
		if err == nil {
			err = v.take(h, buf, view, own)
		}
		if err != nil {
			v.wrong = fmt.Errorf("%s: %w", v.private, err)
		}
	})
	return err
}

func (v *viewer) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
	close(v.moved)
	v.moved = make(chan struct{})
}

// take checks a message by what came before.
func (v *viewer) take(h *clientproto.Header, m []byte, view *bigView, own int) error {
	last := v.view
	switch {
	case view != nil:
		err := v.follow(last, view, own)
		v.view, v.signal = view, false
		return err
	case h.Type&clientproto.Transition != 0:
		id, err := clientproto.ParseGroupID(m[h.Data():], false)
		if err != nil || last == nil || id != last.id {
			return fmt.Errorf("a signal for %v in %v (%v)", id, last, err)
		}
		v.signal = true
	case h.Type == clientproto.CausedByLeave:
		v.view, v.signal = nil, false
	case last == nil:
		return fmt.Errorf("a message of type %x outside the group", uint32(h.Type))
	default:
		v.data++
	}
	return nil
}

// follow tells whether a view can follow the last one.
func (v *viewer) follow(last, view *bigView, own int) error {
	set, ok := view.sets[own]
	if !ok {
		return fmt.Errorf("view %v: no set begins at %d", view.id, own)
	}
	switch {
	case view.cause == clientproto.CausedByNetwork:
		ok = view.where[v.private] == own && (last == nil && set == v.self || last != nil &&
			(set == last.all || v.signal && set.n < last.all.n))
	case v.signal:
		ok = false
	case last == nil:
		ok = view.cause == clientproto.CausedByJoin && set == v.self
	case view.cause == clientproto.CausedByJoin:
		ok = view.all == last.all.with(set)
	default:
		ok = view.all == last.all.without(set)
	}
	if !ok {
		return fmt.Errorf("view %v of %d members, by %x with a set of %d, after %v", view.id, view.all.n, uint32(view.cause), set.n, last)
	}
	return nil
}

func (b *bigView) String() string {
	if b == nil {
		return "none"
	}
	return fmt.Sprintf("%v of %d members by %x", b.id, b.all.n, uint32(b.cause))
}

// await waits until done, which is called with the viewer locked.
func (v *viewer) await(ctx context.Context, t testing.TB, what string, done func() bool) {
	t.Helper()
	for {
		v.mu.Lock()
		ok, moved, err, last := done(), v.moved, v.wrong, v.view
		if err == nil && !ok && v.ended != nil {
			err = fmt.Errorf("%s: %w", v.private, v.ended)
		}
		v.mu.Unlock()
		switch {
		case err != nil:
			t.Fatalf("waiting for %s: %v", what, err)
		case ok:
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %s has %v (%v)", what, v.private, last, ctx.Err())
		}
	}
}
