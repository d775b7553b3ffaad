package main

import (
	"context"

	"gospread/spread/internal/spmonitor"
	"gospread/spread/internal/top"
)

// commandTop is the live view, which has the terminal for itself.
const commandTop = "top"

// source asks the daemons for the live view.
type source struct{ *spmonitor.Source }

// Status implements top.Source.
func (s source) Status(ctx context.Context) []top.Sample {
	var samples []top.Sample
	for _, a := range s.Source.Status(ctx) {
		samples = append(samples, top.Sample{Daemon: a.Daemon, Summary: a.Summary, Err: a.Err})
	}
	return samples
}

// watch shows the live view until the user quits. A signal that ends it is an error.
func watch(o spmonitor.Options) error {
	s, err := spmonitor.Connect(context.Background(), o)
	if err != nil {
		return err
	}
	defer s.Close()
	return top.Run(context.Background(), top.Options{Source: source{s}, Every: o.Every})
}
