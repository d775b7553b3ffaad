package seal

import (
	"crypto/cipher"
	"encoding/binary"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// maxSenders bounds what those who have the key can make us remember. It is eight
// times what a configuration can have.
const maxSenders = 1024

// incoming opens.
type incoming struct {
	own     *prefix // of our own life; its epoch does not matter
	streams atomic.Pointer[map[prefix]*stream]
	keys    atomic.Pointer[Keys]

	mu      sync.Mutex // around changes
	senders map[uint32]*sender
	tools   tools
	pending *stream // derived last; admitted or not
}

// stream is what one sender seals in one epoch.
type stream struct {
	prefix prefix
	key    *ringKey
	aead   cipher.AEAD
	after  atomic.Pointer[stream] // of the same life, once there is one

	mu     sync.Mutex
	window window
}

// sender is what is known of one. Of its lives the one with the highest
// incarnation counts, of those with the same the first that came.
type sender struct {
	last, before *stream // of that life, the latest epochs that came; before may be nil
}

func newIncoming(keys *Keys, own *prefix) *incoming {
	in := &incoming{own: own, senders: make(map[uint32]*sender), tools: newTools(time.Now)}
	in.keys.Store(keys)
	in.streams.Store(new(map[prefix]*stream))
	return in
}

func (in *incoming) open(b []byte) ([]byte, error) {
	switch {
	case len(b) == 0:
		return nil, ErrCorrupt
	case b[0] != mark:
		return nil, ErrUnsealed
	case len(b) < headerSize+tagSize:
		return nil, ErrCorrupt
	}
	p := prefix(b)
	st, known := (*in.streams.Load())[p]
	if !known {
		var err error
		if st, err = in.meet(p); err != nil {
			return nil, err
		}
	}
	datagram, err := st.aead.Open(b[headerSize:headerSize], b[nonceOffset:headerSize], b[headerSize:], nil)
	if err != nil {
		return nil, ErrAuth
	}
	if !known {
		if st, err = in.admit(st); err != nil {
			return nil, err
		}
	}
	if !st.take(binary.BigEndian.Uint32(b[prefixSize:])) {
		return nil, ErrReplay
	}
	return datagram[:len(datagram):len(datagram)], nil
}

// take notes the counter of an authentic datagram. It reports false for a replay.
// A stream ends when the next one has gone on for a window.
func (st *stream) take(c uint32) bool {
	if after := st.after.Load(); after != nil && after.reached() > windowSize {
		return false
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.window.take(c)
}

func (st *stream) reached() uint64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.window.next
}

// meet derives the stream of a prefix that is not known, if it can be a new one.
// The prefix is proven; that its datagram is authentic is still to be seen.
func (in *incoming) meet(p prefix) (*stream, error) {
	if p.ofLife(in.own) {
		return nil, ErrOwn
	}
	key := in.keys.Load().find(p.keyID())
	switch {
	case key == nil:
		return nil, ErrUnknownKey
	case !key.proven(&p):
		return nil, ErrAuth
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if st := (*in.streams.Load())[p]; st != nil {
		return st, nil // begun by another goroutine meanwhile
	}
	if err := in.check(&p); err != nil {
		return nil, err
	}
	if st := in.pending; st != nil && st.prefix == p && st.key == key {
		return st, nil
	}
	aead, err := key.subkey(&p)
	if err != nil {
		return nil, ErrAuth
	}
	in.pending = &stream{prefix: p, key: key, aead: aead}
	return in.pending, nil
}

// check says whether a new stream may begin. The caller holds in.mu.
func (in *incoming) check(p *prefix) error {
	if p.sender() == toolID {
		return in.tools.check(p)
	}
	s := in.senders[p.sender()]
	if s == nil {
		return nil
	}
	is, was := p.life(), s.last.prefix.life()
	switch {
	case is.incarnation > was.incarnation:
		return nil
	case is != was:
		return ErrStale
	case p.epoch() <= s.last.prefix.epoch():
		return ErrReplay
	}
	return nil
}

// admit lets a stream begin, of which a datagram was authentic. It returns the one
// that another goroutine has begun, if so.
func (in *incoming) admit(st *stream) (*stream, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if known := (*in.streams.Load())[st.prefix]; known != nil {
		return known, nil
	}
	if !in.keys.Load().has(st.key) {
		return nil, ErrUnknownKey
	}
	if err := in.check(&st.prefix); err != nil {
		return nil, err
	}
	id := st.prefix.sender()
	switch s := in.senders[id]; {
	case id == toolID:
		in.tools.admit(st)
	case s == nil:
		in.makeRoom()
		in.senders[id] = &sender{last: st}
	case s.last.prefix.ofLife(&st.prefix):
		s.last.after.Store(st)
		s.last, s.before = st, s.last
	default:
		s.last, s.before = st, nil
	}
	in.index()
	return st, nil
}

// makeRoom forgets any one sender if there are too many.
func (in *incoming) makeRoom() {
	if len(in.senders) < maxSenders {
		return
	}
	for id := range maps.Keys(in.senders) {
		delete(in.senders, id)
		return
	}
}

// setKeys replaces the keys. Streams of keys that are gone are kept aside with
// their windows, in case that these come back.
func (in *incoming) setKeys(keys *Keys) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.keys.Store(keys)
	in.index()
}

// index makes streams anew from senders and keys. The caller holds in.mu.
func (in *incoming) index() {
	keys := in.keys.Load()
	m := make(map[prefix]*stream, 2*len(in.senders)+len(in.tools.streams))
	for _, st := range in.tools.streams {
		if keys.has(st.key) {
			m[st.prefix] = st
		}
	}
	for _, s := range in.senders {
		for _, st := range []*stream{s.last, s.before} {
			if st != nil && keys.has(st.key) {
				m[st.prefix] = st
			}
		}
	}
	in.streams.Store(&m)
}
