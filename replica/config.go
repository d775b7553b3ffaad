package replica

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"gospread/spread"
	"gospread/spread/internal/replog"
)

// State is what is replicated. Its methods are called by one goroutine at a time, and
// must not call the Replica.
type State interface {
	// Apply changes the state and returns a result for whoever submitted the update.
	// It must do the same at every replica: its outcome may depend on nothing but the
	// state and the update. An update that cannot be done is one whose result says so.
	Apply(u *Update) (result []byte)
	// Snapshot returns the whole state, and Restore replaces it by such a one, or by
	// the first state if it is empty. An error ends the replica.
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}

// Merger is a State for the policy Everywhere.
type Merger interface {
	State
	// Merge replaces the state by what is to become of several, in the same way at
	// every replica. They are the snapshots of parts that were separated, in the same
	// order everywhere, the own one among them. They have a common past, unless their replicas
	// started apart.
	Merge(snapshots [][]byte) error
}

// Update is a change of the state.
type Update struct {
	// Index is the place in the order of all, from 1. Places of updates that were
	// submitted twice are left out. With Everywhere there are no places, and it is 0.
	Index  uint64
	ID     string
	Origin string // name of the replica that it was submitted to
	Data   []byte
}

// MaxUpdate is the most data in bytes that one update carries.
const MaxUpdate = replog.MaxUpdate

// Policy says what happens when the network parts.
type Policy uint8

// The policies.
const (
	// Majority: only where more than half of the configured replicas are together
	// updates are applied. One order of updates, nothing acknowledged is lost.
	Majority Policy = iota
	// Everywhere: each part goes on by itself. Parts that meet merge their states.
	Everywhere
)

// Config is what a replica is told.
type Config struct {
	// Daemon is where to connect, as for [spread.Dial]. It may be another one at each
	// start.
	Daemon string
	// State names what is replicated: 1 to 28 characters from $ to ~. Its replicas are
	// the members of the group "rp-" + State.
	State string
	// Name is this replica's own, 1 to 10 characters from $ to ~: its private name.
	Name string
	// Replicas are the names of all, in any order but the same everywhere
	// (Majority). What majority means follows from it; it cannot be changed while
	// replicas run.
	Replicas []string
	Policy   Policy
	// Store is the path of a file in which the replica keeps what it must not forget
	// (Majority); its directory must exist. Without it a replica that was restarted has
	// nothing: it counts towards a majority again once it has got the state, and acknowledged
	// updates are lost when a majority restarts at a time.
	Store string

	// Pending bounds the updates that are under way from here; 0 means 1,000. More are
	// refused.
	Pending int
	// PendingBytes bounds their data; 0 means 16 MiB.
	PendingBytes int
	// Log is how many applied updates are kept in memory, so that a replica that was
	// away for a short time need not get the whole state; 0 means 10,000, and less
	// than 0 none. LogBytes bounds their data; 0 means 16 MiB.
	Log, LogBytes int
	// Held bounds in bytes the updates that wait while this replica gets the state; 0
	// means 64 MiB. With more it starts over.
	Held int
	// Compact is how many bytes, beyond twice the size of the last snapshot, the Store grows before
	// a new snapshot replaces all; 0 means 4 MiB.
	Compact int
	// Patience is how long the members of a new view are waited for before the others
	// go on without them; 0 means 5 seconds.
	Patience time.Duration
	// Dial are options for the connection.
	Dial []spread.Option
	// Logger gets what an operator wants to know; nil: nobody.
	Logger *slog.Logger
}

// check fills in the defaults, or tells what is wrong.
func (c Config) check(s State) (Config, error) {
	for _, n := range []struct {
		p   *int
		def int
	}{{&c.Pending, 1000}, {&c.PendingBytes, 16 << 20}, {&c.Log, 10_000}, {&c.LogBytes, 16 << 20}, {&c.Held, 64 << 20}, {&c.Compact, 4 << 20}} {
		if *n.p == 0 {
			*n.p = n.def
		}
		*n.p = max(*n.p, 0)
	}
	if c.Patience <= 0 {
		c.Patience = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case s == nil:
		return c, errors.New("replica: there is no State")
	case !replog.ValidState(c.State):
		return c, fmt.Errorf("replica: %q cannot name a state: 1 to 28 characters from $ to ~, without blanks", c.State)
	case !replog.ValidName(c.Name):
		return c, fmt.Errorf("replica: %q cannot name a replica: 1 to 10 characters from $ to ~, without blanks or #", c.Name)
	case c.Policy == Majority:
		return c, c.checkReplicas()
	case c.Policy != Everywhere:
		return c, fmt.Errorf("replica: there is no policy %d", c.Policy)
	case c.Store != "":
		return c, errors.New("replica: there is no Store for the policy Everywhere")
	}
	if _, ok := s.(Merger); !ok {
		return c, errors.New("replica: the policy Everywhere needs a State with the method Merge")
	}
	return c, nil
}

func (c *Config) checkReplicas() error {
	for i, n := range c.Replicas {
		if !replog.ValidName(n) {
			return fmt.Errorf("replica: %q cannot name a replica: 1 to 10 characters from $ to ~, without blanks or #", n)
		}
		if slices.Contains(c.Replicas[:i], n) {
			return fmt.Errorf("replica: two replicas have the name %q", n)
		}
	}
	if !slices.Contains(c.Replicas, c.Name) {
		return fmt.Errorf("replica: %q is none of the replicas %v", c.Name, c.Replicas)
	}
	return nil
}

func (c *Config) core() replog.Config {
	return replog.Config{
		Name: c.Name, Group: replog.GroupPrefix + c.State, Replicas: c.Replicas, Durable: c.Store != "",
		Pending: c.Pending, PendingBytes: c.PendingBytes, LogEntries: c.Log, LogBytes: c.LogBytes,
		HeldBytes: c.Held, CompactBytes: c.Compact,
	}
}

// machine is a State as the core sees it.
type machine struct{ s State }

func (m machine) Apply(u *replog.Update) []byte {
	return m.s.Apply(&Update{Index: u.Index, ID: u.ID, Origin: u.Origin, Data: u.Data})
}
func (m machine) Snapshot() ([]byte, error)  { return m.s.Snapshot() }
func (m machine) Restore(b []byte) error     { return m.s.Restore(b) }
func (m machine) Merge(parts [][]byte) error { return m.s.(Merger).Merge(parts) }
