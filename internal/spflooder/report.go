package spflooder

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"gospread/spread"
)

// each is after how many messages the original prints a line.
const each = 1000

// report prints the lines of the original while the flood is on.
type report struct {
	o    *Options
	mu   sync.Mutex
	w    io.Writer
	err  error        // of writing
	done atomic.Int64 // messages sent, or read
}

func newReport(o *Options, w io.Writer) *report {
	if o.JSON {
		w = io.Discard
	}
	return &report{o: o, w: w}
}

func (r *report) printf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := fmt.Fprintf(r.w, format, args...); err != nil && r.err == nil {
		r.err = fmt.Errorf("write output: %w", err)
	}
}

func (r *report) connecting() {
	with := ""
	if r.o.Members > 0 {
		with = " with group membership"
	}
	r.printf("flooder: connecting to %s%s\n", r.o.Address, with)
}

func (r *report) starting() {
	switch {
	case r.o.WriteOnly:
		r.printf("flooder: starting  multicast of %s, %d bytes each (self discarding).\n", r.amount(), r.o.Bytes)
	case r.o.ReadOnly:
		r.printf("flooder: Only receiving messages\n")
	default:
		r.printf("flooder: starting  multicast of %s, %d bytes each.\n", r.amount(), r.o.Bytes)
	}
}

// amount is what is going to be sent by all clients.
func (r *report) amount() string {
	if r.o.Messages < 0 {
		return fmt.Sprintf("messages for %v", r.o.Duration)
	}
	return fmt.Sprintf("%d messages", int64(r.o.Messages)*int64(r.o.Clients))
}

func (r *report) view(v *spread.View) {
	text := fmt.Appendf(nil, "Received REGULAR membership for group %s with %d members, where I am member %d:\n",
		v.Group, len(v.Members), v.Index)
	for _, m := range v.Members {
		text = fmt.Appendf(text, "\t%s\n", m)
	}
	r.printf("%s", text)
}

// step counts a message, of which there may be millions a second.
func (r *report) step(bytes int) {
	if n := r.done.Add(1); n%each == 0 && r.o.Progress == nil {
		r.printf("flooder: completed %6d messages of %d bytes\n", n, bytes)
	}
}

func (r *report) completed() {
	n := r.done.Load()
	if r.o.Duration == 0 {
		n = int64(r.o.Messages) * int64(r.o.Clients)
	}
	r.printf("flooder: completed multicast of %d messages, %d bytes each.\n", n, r.o.Bytes)
}

// progress overwrites a line on the terminal once a second until stop is called.
func (r *report) progress() (stop func()) {
	if r.o.Progress == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for before := int64(0); ; {
			select {
			case <-quit:
				_, _ = io.WriteString(r.o.Progress, "\r\x1b[K") // it is only for the eye
				return
			case <-tick.C:
			}
			n := r.done.Load()
			_, _ = fmt.Fprintf(r.o.Progress, "\rflooder: %d messages, %d/s\x1b[K", n, n-before)
			before = n
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}
