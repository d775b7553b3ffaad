package spflooder

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"gospread/spread/internal/hist"
)

// summary is what is said at the end, and as it is the object of --json.
type summary struct {
	Address  string   `json:"address"`
	Group    string   `json:"group"`
	Service  string   `json:"service"`
	Clients  int      `json:"clients"`
	Bytes    int      `json:"message_bytes"`
	Seconds  float64  `json:"seconds"`
	Sent     rate     `json:"sent"`
	Received rate     `json:"received"`
	Latency  *latency `json:"latency_us,omitempty"`
	Errors   []string `json:"errors"`

	hist hist.Histogram
}

// rate is one direction, of all clients together.
type rate struct {
	Messages          int64   `json:"messages"`
	Bytes             int64   `json:"bytes"`
	Seconds           float64 `json:"seconds"`
	MessagesPerSecond float64 `json:"messages_per_second"`
	BytesPerSecond    float64 `json:"bytes_per_second"`
}

// latency is from sending a message until it came back, in microseconds.
type latency struct {
	Messages uint64  `json:"messages"`
	Min      float64 `json:"min"`
	Mean     float64 `json:"mean"`
	P50      float64 `json:"p50"`
	P90      float64 `json:"p90"`
	P99      float64 `json:"p99"`
	P999     float64 `json:"p99_9"`
	Max      float64 `json:"max"`
}

func summarize(o *Options, clients []*client, seconds time.Duration, errs []error) *summary {
	s := &summary{
		Address: o.Address, Group: o.Group, Service: strings.ToLower(o.service().String()), Clients: o.Clients,
		Bytes: o.Bytes, Seconds: seconds.Seconds(), Errors: []string{},
	}
	for _, err := range errs {
		s.Errors = append(s.Errors, err.Error())
	}
	var sent, received flow
	for _, c := range clients {
		sent.join(&c.sent)
		received.join(&c.received)
		s.hist.Add(&c.latency)
	}
	if received.messages > 0 && sent.messages > 0 {
		received.first = min(received.first, sent.first)
	}
	s.Sent, s.Received = sent.rate(), received.rate()
	if s.hist.Count() > 0 {
		s.Latency = &latency{
			Messages: s.hist.Count(), Min: micro(s.hist.Min()), Mean: micro(s.hist.Mean()),
			P50: micro(s.hist.Quantile(0.5)), P90: micro(s.hist.Quantile(0.9)), P99: micro(s.hist.Quantile(0.99)),
			P999: micro(s.hist.Quantile(0.999)), Max: micro(s.hist.Max()),
		}
	}
	return s
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// join adds what another client has counted.
func (f *flow) join(o *flow) {
	if o.messages == 0 {
		return
	}
	if f.messages == 0 || o.first < f.first {
		f.first = o.first
	}
	f.last = max(f.last, o.last)
	f.messages += o.messages
	f.bytes += o.bytes
}

func (f *flow) rate() rate {
	r := rate{Messages: f.messages, Bytes: f.bytes, Seconds: (f.last - f.first).Seconds()}
	if r.Seconds > 0 {
		r.MessagesPerSecond = float64(r.Messages) / r.Seconds
		r.BytesPerSecond = float64(r.Bytes) / r.Seconds
	}
	return r
}

func (s *summary) writeJSON(w io.Writer) error {
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// text is the summary for people.
func (s *summary) text() string {
	var b strings.Builder
	s.Sent.write(&b, "sent")
	s.Received.write(&b, "received")
	if l := s.Latency; l != nil {
		fmt.Fprintf(&b, "flooder: latency of own messages: min %s, mean %s, median %s, 90%% %s, 99%% %s, 99.9%% %s, max %s\n",
			ms(l.Min), ms(l.Mean), ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max))
		s.writeHistogram(&b)
	}
	return b.String()
}

func ms(us float64) string { return fmt.Sprintf("%.3f ms", us/1000) }

func (r *rate) write(b *strings.Builder, what string) {
	if r.Messages > 0 {
		fmt.Fprintf(b, "flooder: %-8s %d messages, %d bytes in %.3f s: %.0f messages/s, %.3f MB/s\n",
			what, r.Messages, r.Bytes, r.Seconds, r.MessagesPerSecond, r.BytesPerSecond/1e6)
	}
}

// writeHistogram draws a bar for each power of two.
func (s *summary) writeHistogram(b *strings.Builder) {
	const width = 50
	for limit, n := range s.hist.Powers() {
		share := float64(n) / float64(s.hist.Count())
		bar := strings.Repeat("#", int(share*width+0.5))
		line := fmt.Sprintf("flooder: %13s %10d %5.1f%% %s", "< "+ms(micro(limit)), n, share*100, bar)
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
}
