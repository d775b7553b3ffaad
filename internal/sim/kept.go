package sim

import "gospread/spread/internal/evscheck"

// kept are some payloads that were delivered: they must stay as they are, however
// long they are kept.
type kept struct {
	count int
	list  [128]struct {
		payload []byte
		digest  uint64
	}
}

// keep takes some of the payloads in the place of others, and looks at these.
func (k *kept) keep(w *World, payload []byte, digest uint64) {
	if k.count++; k.count%8 == 0 {
		k.look(w, k.count/8%len(k.list))
		k.list[k.count/8%len(k.list)].payload, k.list[k.count/8%len(k.list)].digest = payload, digest
	}
}

func (k *kept) look(w *World, i int) {
	if x := &k.list[i]; x.payload != nil && evscheck.Digest(x.payload) != x.digest {
		w.fail("payload", "one of %d bytes that was delivered has changed since", len(x.payload))
	}
}

func (k *kept) all(w *World) {
	for i := range k.list {
		k.look(w, i)
	}
}
