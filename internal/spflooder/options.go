// Package spflooder measures: it floods a group with messages and reads them back
// (configuration and tools 11). What it prints first is what the program of that
// name has always printed; rates and latencies follow.
package spflooder

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"gospread/spread"
	"gospread/spread/internal/tool"
)

// MaxMembers is the largest group that can be waited for.
const MaxMembers = 100

// Options say what to do; Defaults are what to start from.
type Options struct {
	// Address names the daemon, as for spread.Dial.
	Address string
	// User is the private name, of which 10 bytes count. With several clients the
	// second has a 2 at its end, and so on.
	User string
	// Group is where the messages go.
	Group string
	// Messages is how many each client sends, or reads if ReadOnly; negative: no
	// limit but Duration.
	Messages int
	// Bytes is the size of a message.
	Bytes int
	// Members, if not 0, is how many members the group must have before anything
	// is sent; then nobody gets far ahead of another sender.
	Members int
	// ReadOnly only receives, WriteOnly only sends.
	ReadOnly, WriteOnly bool
	// Service is the delivery guarantee; 0: Reliable, with Members FIFO.
	Service spread.Service
	// Clients is how many connections do all this at the same time.
	Clients int
	// Window is how many of its own messages a client has under way at most.
	Window int
	// Rate, if not 0, is how many messages each client sends in a second.
	Rate int
	// Duration, if not 0, is when sending and receiving ends.
	Duration time.Duration

	// JSON prints one object at the end instead of text.
	JSON bool
	// NoSummary leaves out what the original does not print.
	NoSummary bool
	// Progress, if not nil, is a terminal that gets a line that is overwritten;
	// then there is none for each 1000 messages.
	Progress io.Writer

	dial []spread.Option // for tests
}

// Defaults returns what the original does.
func Defaults() Options {
	return Options{
		Address:  "4803",
		User:     "flooder",
		Group:    "flooder",
		Messages: 10000,
		Bytes:    1000,
		Clients:  1,
		Window:   200,
	}
}

// Check tells what does not go together.
func (o *Options) Check() error {
	switch {
	case o.WriteOnly && o.Members > 0:
		return errors.New("a client that is no member (-wo) cannot wait for members (-n)")
	case o.Messages < 0 && o.Duration == 0:
		return errors.New("without a limit for messages there must be one for time")
	case o.Clients < 1 || o.Window < 1:
		return fmt.Errorf("%d clients with a window of %d messages make no sense", o.Clients, o.Window)
	}
	return nil
}

// service is the service that messages are sent with.
func (o *Options) service() spread.Service {
	switch {
	case o.Service != 0:
		return o.Service
	case o.Members > 0:
		return spread.FIFO
	}
	return spread.Reliable
}

// name is the private name of a client, from 0.
func (o *Options) name(client int) string {
	if client == 0 {
		return tool.UserName(o.User, "")
	}
	return tool.UserName(o.User, strconv.Itoa(client+1))
}
