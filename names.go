package spread

import "gospread/spread/internal/clientproto"

// maxNames bounds a nameCache; when it is full it starts afresh.
const maxNames = 16 << 10

// wireName is a name as it came, with whatever stands behind its end.
type wireName = [clientproto.NameSize]byte

// cachedName is a name as a string, and as the list of groups of a message that
// was sent to it alone.
type cachedName struct {
	raw wireName
	s   string
	one []string
}

// nameCache makes each name a string once: the same few senders and groups come
// again and again.
type nameCache struct {
	known              map[wireName]*cachedName
	lastName, lastList *cachedName
}

// get returns the name in the first 32 bytes of b.
func (c *nameCache) get(b []byte) *cachedName {
	if n := c.lastName; n != nil && n.raw == wireName(b) {
		return n
	}
	c.lastName = c.find(b)
	return c.lastName
}

func (c *nameCache) find(b []byte) *cachedName {
	raw := wireName(b)
	if n := c.known[raw]; n != nil {
		return n
	}
	if len(c.known) >= maxNames || c.known == nil {
		c.known = make(map[wireName]*cachedName)
	}
	s := clientproto.NameOf(b).String()
	n := &cachedName{raw: raw, s: s, one: []string{s}}
	c.known[raw] = n
	return n
}

// list returns the names of b, a multiple of 32 bytes. Lists are shared and have
// no spare capacity.
func (c *nameCache) list(b []byte) []string {
	const size = clientproto.NameSize
	switch len(b) {
	case 0:
		return nil
	case size:
		if n := c.lastList; n != nil && n.raw == wireName(b) {
			return n.one
		}
		c.lastList = c.find(b)
		return c.lastList.one
	}
	l := make([]string, len(b)/size)
	for i := range l {
		l[i] = c.find(b[i*size:]).s
	}
	return l
}
