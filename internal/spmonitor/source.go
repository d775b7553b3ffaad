package spmonitor

import (
	"context"
	"errors"

	"gospread/spread/internal/monitor"
	"gospread/spread/internal/status"
)

// Sample is what a daemon says in a round.
type Sample struct {
	Daemon  string
	Summary *status.Summary
	Err     error
}

// Source asks all daemons of a configuration, round after round, for a live view.
type Source struct {
	client *monitor.Client
}

// Connect makes a Source.
func Connect(ctx context.Context, o Options) (*Source, error) {
	_, client, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Source{client}, nil
}

// Status asks all daemons, and returns when all have answered or ctx ends.
func (s *Source) Status(ctx context.Context) []Sample {
	answers := s.client.Status(ctx, s.client.Daemons())
	samples := make([]Sample, 0, len(answers))
	for _, a := range answers {
		if errors.Is(a.Err, monitor.ErrNoAnswer) {
			a.Err = monitor.ErrNoAnswer // why that may be is too much for a row
		}
		samples = append(samples, Sample{a.Daemon, a.Summary, a.Err})
	}
	return samples
}

// Close ends it.
func (s *Source) Close() { s.client.Close() }
