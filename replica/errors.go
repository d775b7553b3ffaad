package replica

import (
	"errors"
	"fmt"
)

// What can become of an update that was not applied for certain. Each error of
// Update, Sync and a Future wraps one of these.
var (
	// ErrRefused: it was not applied, and will not be.
	ErrRefused = errors.New("refused")
	// ErrUnknown: it may have been applied, or may yet be. To submit it again under
	// its ID is safe (see [WithID]).
	ErrUnknown = errors.New("it is not known whether it was applied")
	// ErrResultGone: it was applied, by an earlier submission under its ID or while
	// this replica was away, and its result was too large to be kept.
	ErrResultGone = errors.New("it was applied, but its result was not kept")
)

// UpdateError tells what became of an update.
type UpdateError struct {
	ID   string
	Text string
	Kind error // one of the errors above
	Err  error // the cause if there is one, such as that of a context
}

// Error says which update, and why.
func (e *UpdateError) Error() string {
	s := fmt.Sprintf("replica: %s: %v", e.ID, e.Kind)
	if e.Text != "" {
		s += ": " + e.Text
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives errors.Is the kind and the cause.
func (e *UpdateError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
