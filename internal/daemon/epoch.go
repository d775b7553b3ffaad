package daemon

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/group"
	"gospread/spread/internal/link"
	"gospread/spread/internal/ring"
)

// epochs are the configurations of daemons that may be in force: the present one,
// and those that have been offered to the other daemons since (see [ring.Epoch]).
type epochs struct {
	mu      sync.Mutex
	current *conf.Config
	offered []*conf.Config
}

// set makes cfg the one in force.
func (e *epochs) set(cfg *conf.Config) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current, e.offered = cfg, []*conf.Config{cfg}
}

// mostOffered is how many offers are remembered. Only the last can come into force,
// but one before it may already have its place in the order.
const mostOffered = 16

// offer notes that cfg is offered. It returns the one in force.
func (e *epochs) offer(cfg *conf.Config) (current *conf.Config) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.offered = append(e.offered, cfg)
	e.offered = e.offered[max(0, len(e.offered)-mostOffered):]
	return e.current
}

// now is the one in force.
func (e *epochs) now() *conf.Config {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current
}

// begin finds the configuration of that digest, which is now in force.
func (e *epochs) begin(digest uint32) *conf.Config {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, cfg := range slices.Backward(e.offered) {
		if cfg.Hash() == digest {
			e.current = cfg
			return cfg
		}
	}
	return nil
}

// offerEpoch offers the daemons of a configuration that was read anew to the other
// daemons. It comes into force when all of them offer it. Until then datagrams of
// the daemons of both are taken.
func (d *Daemon) offerEpoch(cfg *conf.Config) error {
	current := d.epochs.offer(cfg)
	epoch := ring.Epoch{Digest: cfg.Hash(), Peers: ringPeers(cfg), Describe: cfg.Text()}
	if cfg.Hash() == current.Hash() {
		d.engine.offerEpoch(epoch) // takes another offer back
		return nil
	}
	if err := d.setLinkPeers(cfg, bothPeers(current, cfg)); err != nil {
		return err
	}
	d.engine.offerEpoch(epoch)
	return nil
}

// offerPatience is how long other daemons may take to offer a new configuration
// before the log names them, and offerEvery how often it does so then.
const (
	offerPatience = 3 * time.Second
	offerEvery    = time.Minute
)

// reportWaiting names those that a new configuration waits for, if there are any, and
// tells those that have another new one from those that have none.
func (d *Daemon) reportWaiting() (waiting bool) {
	members, waiting := d.engine.lacking()
	current, ours := d.epochs.now().Hash(), d.config.Load().Hash()
	var without []string
	for _, m := range members {
		name := d.daemonName(m.Daemon)
		if m.Offers == 0 || m.Offers == current {
			without = append(without, name)
			continue
		}
		d.log.print("Spread: the new configuration of daemons, with hash value %d, waits: daemon %s has been reloaded with another file, with hash value %d; "+
			"give both the same file and reload them", ours, name, m.Offers)
	}
	if len(without) > 0 {
		d.log.print("Spread: the new configuration of daemons waits: reload the daemons %s, with the same file", strings.Join(without, ", "))
	}
	return waiting
}

// bothPeers are the daemons of two configurations; of one that is in both, the
// entry of the first.
func bothPeers(a, b *conf.Config) []link.Peer {
	peers := linkPeers(a)
	for _, p := range linkPeers(b) {
		if !slices.ContainsFunc(peers, func(q link.Peer) bool { return q.ID == p.ID || q.Addr == p.Addr }) {
			peers = append(peers, p)
		}
	}
	return peers
}

// setLinkPeers lets datagrams of these daemons come in. A daemon that could do without
// its sockets opens them now.
func (d *Daemon) setLinkPeers(cfg *conf.Config, peers []link.Peer) error {
	if d.network.link != nil {
		if err := d.network.link.SetPeers(peers); err != nil {
			return fmt.Errorf("reach the daemons of the new configuration: %w", err)
		}
		if d.network.lone && len(peers) > 1 {
			d.engine.turn(func() {
				d.network.lone = false
				d.engine.ring.SetDatagram(d.network.datagram())
			})
			d.reportNetwork()
		}
		return nil
	}
	n, err := openNetwork(cfg, &d.self, d.opts.Carrier)
	if err != nil || n.link == nil {
		return err
	}
	d.engine.turn(func() {
		d.network.use(n.link)
		d.network.lone = false
		d.engine.ring.SetDatagram(d.network.datagram())
	})
	d.network.link.Start(inlet{d.engine, d.network})
	d.reportNetwork()
	return nil
}

// epochBegins is called in the turn in which another configuration of daemons
// comes into force. It returns its daemons.
func (d *Daemon) epochBegins(digest uint32) []group.Daemon {
	cfg := d.epochs.begin(digest)
	if cfg == nil {
		return nil // not reached: it was offered
	}
	if d.network.link != nil {
		if err := d.network.link.SetPeers(linkPeers(cfg)); err != nil {
			d.log.kept("Spread: %v", err)
		}
	}
	d.membership.epochBegins()
	d.log.print("Spread: the configuration with hash value %d is in force", digest)
	return groupDaemons(cfg)
}

// difference names the first lines in which another daemon's configuration differs
// from ours.
func difference(ours, theirs string) string {
	if theirs == "" {
		return "it does not tell what differs; perhaps this daemon is not in it"
	}
	a, b := strings.Split(ours, "\n"), strings.Split(theirs, "\n")
	only := func(x, y []string) string {
		for _, l := range x {
			if !slices.Contains(y, l) {
				return l
			}
		}
		return ""
	}
	has, lacks := only(b, a), only(a, b)
	switch {
	case has != "" && lacks != "":
		return fmt.Sprintf("it has %q, here is %q", has, lacks)
	case has != "":
		return fmt.Sprintf("it has %q, which is not here", has)
	case lacks != "":
		return fmt.Sprintf("it does not have %q", lacks)
	}
	return "the same entries in another order"
}
