// Package spcheck checks the guarantees of a running system: it connects clients
// to daemons, lets them send, join and leave at random, notes what each of them
// did and received, and has the traces checked (semantics 1.4). Whatever happens
// to the daemons meanwhile is somebody else's doing.
package spcheck

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gospread/spread"
)

// Bounds of what can be asked for.
const (
	MaxClients = 1000 // on one daemon
	MaxRate    = 10_000
	MaxGroups  = 90 // of those that messages go to
	MaxBytes   = 143_000
	minBytes   = headSize
)

// Options say what to do; Defaults are what to start from.
type Options struct {
	// Daemons are addresses as for spread.Dial. To check one daemon is possible.
	Daemons []string
	// Clients is how many clients each daemon gets.
	Clients int
	// Rate is how many things each client does in a second; nearly all of them are
	// messages.
	Rate int
	// Groups is how many groups the messages go to.
	Groups int
	// Bytes is the size of the longest message.
	Bytes int
	// Services are those that messages are sent with, at random; one that stands
	// there twice comes twice as often.
	Services []spread.Service
	// Duration is how long the traffic goes on, all rounds together.
	Duration time.Duration
	// Round is the length of a round: traffic, rest, check, and all is forgotten.
	Round time.Duration
	// Events bounds what is remembered: a round ends early when its traces have so
	// many events.
	Events int
	// Limit is how long it may take until all clients see each other, and until
	// they have received everything.
	Limit time.Duration
	// Seed makes the choices. The same one makes the same choices in each client,
	// but not the same run.
	Seed uint64
	// ReusedIDs tolerates what the original daemon is known for: ids of views that
	// come again, and empty virtual-synchrony sets (semantics C7, C10).
	ReusedIDs bool

	// Dial, if not nil, gives more options for connecting to Daemons[i].
	Dial func(i int) []spread.Option
}

// Defaults returns options that only lack the daemons.
func Defaults() Options {
	return Options{
		Clients: 2,
		Rate:    100,
		Groups:  3,
		Bytes:   100_000,
		Services: []spread.Service{
			spread.Unreliable, spread.Reliable, spread.FIFO, spread.Causal,
			spread.Agreed, spread.Agreed, spread.Safe, spread.Safe,
		},
		Duration: 30 * time.Second,
		Round:    10 * time.Second,
		Events:   1_000_000,
		Limit:    30 * time.Second,
	}
}

// Check tells what makes no sense.
func (o *Options) Check() error {
	switch {
	case len(o.Daemons) == 0:
		return errors.New("no daemon is named")
	case o.Clients < 1 || o.Clients > MaxClients:
		return fmt.Errorf("%d clients on a daemon, must be 1 to %d", o.Clients, MaxClients)
	case o.Rate < 1 || o.Rate > MaxRate:
		return fmt.Errorf("a rate of %d, must be 1 to %d", o.Rate, MaxRate)
	case o.Groups < 1 || o.Groups > MaxGroups:
		return fmt.Errorf("%d groups, must be 1 to %d", o.Groups, MaxGroups)
	case o.Bytes < minBytes || o.Bytes > MaxBytes:
		return fmt.Errorf("messages of %d bytes, must be %d to %d", o.Bytes, minBytes, MaxBytes)
	case len(o.Services) == 0:
		return errors.New("no service is named")
	case slices.ContainsFunc(o.Services, func(s spread.Service) bool { return !s.Valid() }):
		return errors.New("there are six services, no others")
	case o.Duration <= 0 || o.Round <= 0 || o.Limit <= 0:
		return errors.New("a time of 0 makes no sense")
	case o.Events < 1000:
		return fmt.Errorf("a bound of %d events, must be at least 1000", o.Events)
	}
	return nil
}
