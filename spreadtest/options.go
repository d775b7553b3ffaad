package spreadtest

import (
	"fmt"
	"strings"

	"gospread/spread/internal/conf"
)

// Option changes what New starts.
type Option func(*options)

type options struct {
	names    []string
	segments []int
	lines    []string
	seed     uint64
}

// WithNames names the daemons; there must be as many names as daemons. A name has 1
// to 19 bytes, each from $ to ~ in ASCII. Without this option they are a, b, c and
// so on; behind z comes aa.
func WithNames(names ...string) Option { return func(o *options) { o.names = names } }

// WithSegments puts the daemons into several segments: the first so many into the
// first one, and so on. A segment stands for a local network; daemons in several
// are patient with each other, as on a wide area network, unless the configuration
// has WideAreaNetwork = no. Without this option there is one segment.
func WithSegments(sizes ...int) Option { return func(o *options) { o.segments = sizes } }

// WithConfig adds lines to the configuration, such as "Window = 40". The segments are written by
// New.
func WithConfig(lines ...string) Option {
	return func(o *options) { o.lines = append(o.lines, lines...) }
}

// WithSeed seeds the choice of what is lost (see [Cluster.Loss]). The same seed
// loses the same datagrams only as far as the daemons send the same, and that depends on
// time.
func WithSeed(seed uint64) Option { return func(o *options) { o.seed = seed } }

// layout fills in what n daemons have by default, or tells what does not fit.
func (o *options) layout(n int) error {
	if n < 1 {
		return fmt.Errorf("%d daemons: must be at least 1", n)
	}
	if o.names == nil {
		for i := range n {
			o.names = append(o.names, defaultName(i))
		}
	}
	if o.segments == nil {
		o.segments = []int{n}
	}
	sum := 0
	for _, size := range o.segments {
		if size < 1 {
			return fmt.Errorf("a segment of %d daemons: must be at least 1", size)
		}
		sum += size
	}
	switch {
	case len(o.names) != n:
		return fmt.Errorf("%d names for %d daemons", len(o.names), n)
	case sum != n:
		return fmt.Errorf("segments of together %d daemons for %d daemons", sum, n)
	}
	return nil
}

func defaultName(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return defaultName(i/26-1) + defaultName(i%26)
}

// text is the configuration. Its addresses are used by nobody: clients and other
// daemons come in another way. They are of the loopback network, since a daemon
// insists that its address is one of this machine.
func (o *options) text() string {
	var b strings.Builder
	names := o.names
	for s, size := range o.segments {
		fmt.Fprintf(&b, "Spread_Segment 127.1.%d.255:%d {\n", s, conf.DefaultPort)
		for i, name := range names[:size] {
			fmt.Fprintf(&b, "\t%s 127.1.%d.%d\n", name, s, i+1)
		}
		b.WriteString("}\n")
		names = names[size:]
	}
	for _, l := range o.lines {
		b.WriteString(l + "\n")
	}
	return b.String()
}
