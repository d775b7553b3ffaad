package daemon

import "sync"

// mostReloads is how many may wait for the result of a reload.
const mostReloads = 16

// reloads are those that are wanted. Any number that come while one is made are one.
type reloads struct {
	wanted chan struct{} // holds one

	mu     sync.Mutex
	askers []func(text string, err error)
}

// ask wants a reload, and is told of its result in the goroutine that makes it, unless
// done is nil. It reports false if too many are waiting.
func (r *reloads) ask(done func(text string, err error)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done != nil {
		if len(r.askers) >= mostReloads {
			return false
		}
		r.askers = append(r.askers, done)
	}
	select {
	case r.wanted <- struct{}{}:
	default: // one is waiting already
	}
	return true
}

// take returns who waits for the reload that is made now.
func (r *reloads) take() []func(string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	askers := r.askers
	r.askers = nil
	return askers
}
