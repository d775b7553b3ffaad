package replica

import (
	"context"

	"gospread/spread/internal/replog"
)

// Future is an update that was submitted.
type Future struct {
	id     string
	done   chan struct{}
	result []byte
	err    error
}

// ID names the update.
func (f *Future) ID() string { return f.id }

// Done is closed when it is known what became of the update.
func (f *Future) Done() <-chan struct{} { return f.done }

// Wait waits for the end and returns the result of Apply. Its error is an
// [*UpdateError], or that of ctx, after which Wait can be called again.
func (f *Future) Wait(ctx context.Context) ([]byte, error) {
	select {
	case <-f.done:
		return f.result, f.err
	default:
	}
	select {
	case <-f.done:
		return f.result, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// resolve ends it.
func (f *Future) resolve(e replog.Resolve) {
	switch {
	case e.Outcome == replog.Refused:
		f.err = &UpdateError{ID: f.id, Kind: ErrRefused, Text: e.Reason}
	case e.Outcome == replog.Unknown:
		f.err = &UpdateError{ID: f.id, Kind: ErrUnknown, Text: e.Reason}
	case !e.Kept:
		f.err = &UpdateError{ID: f.id, Kind: ErrResultGone}
	default:
		f.result = e.Result
	}
	close(f.done)
}

// withdrawn ends it because of ctx.
func (f *Future) withdrawn(sent bool, text string, err error) {
	e := &UpdateError{ID: f.id, Kind: ErrRefused, Text: text, Err: err}
	if sent {
		e.Kind = ErrUnknown
	}
	f.err = e
	close(f.done)
}

// UpdateOption changes how an update is submitted.
type UpdateOption func(*Future)

// WithID names the update, by 1 to 64 letters, digits, and ". _ -". An update that is
// submitted again under the same ID, at any replica, is applied once: the IDs of the
// last 10,000 updates are remembered, with results up to 1 KiB. Without this option
// the ID is random.
func WithID(id string) UpdateOption { return func(f *Future) { f.id = id } }
