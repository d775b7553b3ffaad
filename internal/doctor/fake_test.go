package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/link"
	"gospread/spread/internal/seal"
)

// three is a configuration of three machines in one segment.
const three = `Spread_Segment 225.0.0.1:4803 {
	earth 10.0.0.1
	mars 10.0.0.2
	venus 10.0.0.3
}
`

// wire is the network between machines, in a bubble.
type wire struct {
	mu    sync.Mutex
	ends  map[netip.AddrPort]*carrier
	drops func(from, to netip.Addr, toAll bool, size int) bool
}

// carrier is a link in memory: datagrams go where the configuration of its owner says.
type carrier struct {
	w     *wire
	c     link.Config
	at    netip.AddrPort
	size  int
	h     link.Handler
	warns []string
}

func (c *carrier) Start(h link.Handler) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.h = h
	c.w.ends[c.at] = c
}

func (c *carrier) Close() error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	delete(c.w.ends, c.at)
	return nil
}

func (c *carrier) MaxDatagram() int { return c.size }
func (c *carrier) Report() link.Report {
	return link.Report{Groups: []string{"225.0.0.1"}, ReceiveBuffer: 8 << 20, Warnings: c.warns}
}

func (c *carrier) Send(batch []link.Datagram) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	for i := range batch {
		d := batch[i]
		for _, p := range c.c.Peers {
			to := c.w.ends[p.Addr]
			if p.ID == c.c.Self || d.To != 0 && d.To != p.ID || to == nil {
				continue
			}
			if c.w.drops != nil && c.w.drops(c.at.Addr(), p.Addr.Addr(), d.To == 0, len(d.Data)) {
				continue
			}
			r := link.Received{Source: c.at, Token: !d.Bulk, Data: append([]byte{}, d.Data...)}
			for _, known := range to.c.Peers {
				if known.Addr == c.at {
					r.From = known.ID
				}
			}
			time.AfterFunc(time.Millisecond, func() { to.h.Receive([]link.Received{r}) })
		}
	}
}

var errTaken = fmt.Errorf("bind: %w", syscall.EADDRINUSE)

// machine is the fake world of one machine at an address, where all is well.
func (w *wire) machine(addr, config string) *Env {
	at := netip.MustParseAddr(addr)
	return &Env{
		Hostname: "host", Now: time.Now,
		ReadFile: func(path string) ([]byte, error) {
			switch path {
			case "spread.conf":
				return []byte(config), nil
			case "/proc/sys/net/core/rmem_max", "/proc/sys/net/core/wmem_max":
				return []byte("8388608\n"), nil
			}
			return nil, fs.ErrNotExist
		},
		Lookup: func(_ context.Context, name string) ([]netip.Addr, error) {
			return nil, errors.New("no such host: " + name)
		},
		Interfaces: func() ([]Interface, error) {
			return []Interface{
				{Name: "lo", MTU: 65536, Up: true, Loopback: true, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
				{Name: "eth0", MTU: 1500, Up: true, Multicast: true, Addrs: []netip.Prefix{netip.PrefixFrom(at, 24)}},
			}, nil
		},
		Bind:   func(context.Context, string, netip.AddrPort) error { return nil },
		Holder: func(string, uint16) string { return "" },
		Dial:   func(context.Context, netip.AddrPort) Dialed { return Dialed{State: Closed, Err: errors.New("refused")} },
		OpenLink: func(c link.Config) (Carrier, error) {
			l := &carrier{w: w, c: c, size: 1472}
			for _, p := range c.Peers {
				if p.ID == c.Self {
					l.at = p.Addr
				}
			}
			return l, nil
		},
		Files:      func() uint64 { return 65536 },
		ReadKeys:   func(path string) (*seal.Keys, error) { return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist) },
		IsDir:      func(string) error { return nil },
		Unreadable: func(string, *conf.Options) string { return "" },
		Random:     func() uint64 { return uint64(at.As4()[3]) },
	}
}

func newWire() *wire { return &wire{ends: map[netip.AddrPort]*carrier{}} }

// examine runs doctors on machines with these worlds at once, and returns their
// reports.
func examine(t *testing.T, envs ...*Env) []*Report {
	t.Helper()
	reports := make([]*Report, len(envs))
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		for i, env := range envs {
			wg.Go(func() { reports[i] = Run(t.Context(), Options{File: "spread.conf", Wait: 10 * time.Second}, env) })
		}
		wg.Wait()
	})
	return reports
}

// find returns the finding of a check of that level about a daemon, or "" for none.
func find(r *Report, check, daemon string, level Level) *Finding {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Check == check && f.Daemon == daemon && f.Level == level {
			return f
		}
	}
	return nil
}
