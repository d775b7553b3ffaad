package spcheck

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	check "gospread/spread/internal/evscheck"
)

// maxShown is how many violations a summary keeps.
const maxShown = 100

// Summary is what a run has found.
type Summary struct {
	Daemons []string `json:"daemons"`
	Clients int      `json:"clients"`
	Groups  int      `json:"groups"`
	// Seconds are those of the whole run, with the rests between rounds.
	Seconds float64 `json:"seconds"`
	Rounds  int     `json:"rounds"`
	// Connections are those of the clients and those that they made again.
	Connections int `json:"connections"`
	Counts
	// Compared tells how much was held against something else.
	Compared Compared `json:"compared"`
	// Rejected counts requests that the daemons' policy refused.
	Rejected int `json:"rejected"`
	// Violations are the first ones, ViolationCount is all.
	Violations     []Finding `json:"violations"`
	ViolationCount int       `json:"violation_count"`
	// Incomplete says what could not be checked; empty if all was.
	Incomplete []string `json:"incomplete"`
	// Notes say what was checked less than it may seem.
	Notes []string `json:"notes"`

	// Trace are the traces of the first round with violations, as text.
	Trace []byte `json:"-"`
}

// Compared counts the comparisons of a check.
type Compared struct {
	OrderPairs int `json:"order_pairs"` // pairs of connections whose order was compared
	Survivors  int `json:"survivors"`   // pairs that went on together from a view into the next
	SafeBefore int `json:"safe_before"` // SAFE messages before a signal, with another member each
	SafeAfter  int `json:"safe_after"`  // SAFE messages behind a signal, with another member each
}

// Finding is a violation.
type Finding struct {
	Round int    `json:"round"`
	Rule  string `json:"rule"` // of semantics 1.4
	At    string `json:"at"`
	Text  string `json:"text"`
}

func newSummary(o *Options) *Summary {
	return &Summary{
		Daemons: o.Daemons, Clients: o.Clients * len(o.Daemons), Groups: o.Groups,
		Violations: []Finding{}, Incomplete: []string{}, Notes: []string{},
	}
}

// add takes in a round.
func (s *Summary) add(l *Load, r *Result, settling error) {
	s.Rounds++
	s.Connections += r.Connections - s.Clients // those that were made again
	if s.Rounds == 1 {
		s.Connections += s.Clients
	}
	s.Counts.add(&r.Counts)
	s.Compared.add(&r.Compared)
	for _, v := range r.Violations {
		if len(s.Violations) < maxShown {
			s.Violations = append(s.Violations, Finding{s.Rounds, v.Rule, v.At, v.Text})
		}
	}
	s.ViolationCount += len(r.Violations) + r.More
	if s.Trace == nil {
		s.Trace = r.Trace
	}
	if settling != nil {
		s.incomplete(settling)
	}
	s.Notes = append([]string{}, l.twice()...)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Rejected = l.counts.rejected
	if s.Rejected > 0 && len(s.Incomplete) == 0 {
		s.Incomplete = append(s.Incomplete, l.last)
	}
}

func (s *Summary) incomplete(err error) { s.Incomplete = append(s.Incomplete, err.Error()) }

func (c *Compared) add(o *check.Counts) {
	c.OrderPairs += o.OrderPairs
	c.Survivors += o.ClientSurvivors
	c.SafeBefore += o.ClientSafeBefore
	c.SafeAfter += o.ClientSafeAfter
}

func (s *Summary) verdict() error {
	switch {
	case s.ViolationCount > 0:
		return ErrViolations
	case len(s.Incomplete) > 0:
		return ErrIncomplete
	}
	return nil
}

// Text is the summary for people.
func (s *Summary) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("daemons      %d: %s", len(s.Daemons), strings.Join(s.Daemons, " "))
	line("clients      %d, with %d connections, in %d groups", s.Clients, s.Connections, s.Groups)
	line("time         %.1f s in %d rounds", s.Seconds, s.Rounds)
	line("sent         %d messages, %d bytes", s.Sent, s.SentBytes)
	line("delivered    %d messages, %d bytes", s.Delivered, s.DeliveredBytes)
	line("views        %d, of which the network caused %d; %d signals, %d leaves", s.Views, s.NetworkViews, s.Signals, s.SelfLeaves)
	line("compared     order of %d pairs, %d pairs that went on together, SAFE %d times before and %d times behind a signal",
		s.Compared.OrderPairs, s.Compared.Survivors, s.Compared.SafeBefore, s.Compared.SafeAfter)
	if s.Rejected > 0 {
		line("rejected     %d requests", s.Rejected)
	}
	for _, text := range s.Notes {
		line("NOTE         %s", text)
	}
	for _, text := range s.Incomplete {
		line("INCOMPLETE   %s", text)
	}
	for _, v := range s.Violations {
		line("VIOLATION    round %d, %s at %s: %s", v.Round, v.Rule, v.At, v.Text)
	}
	if more := s.ViolationCount - len(s.Violations); more > 0 {
		line("VIOLATION    %d more", more)
	}
	line("violations   %d", s.ViolationCount)
	return b.String()
}

// WriteJSON writes the summary as one object.
func (s *Summary) WriteJSON(w io.Writer) error {
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// printer shows how a run goes on, a line a round. A nil writer gets nothing.
type printer struct{ w io.Writer }

func (p *printer) round(s *Summary, r *Result, settling error) {
	if p.w == nil {
		return
	}
	rest := "at rest"
	if settling != nil {
		rest = "not at rest"
	}
	_, _ = fmt.Fprintf(p.w, "round %d: %d messages, %d deliveries, %d views, %d signals, %d violations, %s\n",
		s.Rounds, r.Sent, r.Delivered, r.Views, r.Signals, len(r.Violations)+r.More, rest)
}
