package spreadtest

import "sync"

// maxLog is how many bytes of a log are kept.
const maxLog = 256 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
	cut  bool
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if n := len(t.text) - maxLog; n > maxLog/4 {
		t.text = append(t.text[:0], t.text[n:]...)
		t.cut = true
	}
	return len(b), nil
}

// String returns what there is.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut {
		return "[...]" + string(t.text)
	}
	return string(t.text)
}
