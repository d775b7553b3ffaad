package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// object is a JSON object.
type object = map[string]any

// driver is a running driver of a language.
type driver struct {
	language string
	features []string
	big      bool // its library writes big-endian

	cmd     *exec.Cmd
	in      io.WriteCloser
	lines   chan []byte // of its output; closed at the end
	stderr  output
	waiting bool // an answer is outstanding
	// spoil, if it is set, changes the answers, for the tests of the runner. Without a
	// process it makes them.
	spoil func(request, answer object) object
	asked object // what spoil will get
}

// startDriver starts a driver and greets it.
func startDriver(t testing.TB, l *language, where *place) (*driver, error) {
	argv := slices.Clone(l.Driver)
	if strings.Contains(argv[0], "/") {
		argv[0] = filepath.Join(l.dir, argv[0])
	}
	argv = where.command(l.dir, argv)
	d := &driver{language: l.Language, lines: make(chan []byte, 16), cmd: exec.Command(argv[0], argv[1:]...)}
	d.cmd.Dir, d.cmd.Stderr = l.dir, &d.stderr
	d.cmd.WaitDelay = time.Second
	in, err := d.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.in = in
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the driver of %s: %w", l.Language, err)
	}
	go d.read(out)
	hello, err := d.call(t, object{"op": "hello"})
	if err != nil {
		d.kill()
		return nil, err
	}
	if hello["ok"] != true || hello["language"] != l.Language {
		d.kill()
		return nil, fmt.Errorf("the driver of %s answers to hello %v", l.Language, hello)
	}
	d.big = hello["byte_order"] == "big"
	features, _ := hello["features"].([]any)
	for _, f := range features {
		name, _ := f.(string)
		d.features = append(d.features, name)
	}
	return d, nil
}

func (d *driver) read(out io.Reader) {
	defer close(d.lines)
	r := bufio.NewReaderSize(out, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		d.lines <- line
	}
}

// call sends a request and waits for the answer.
func (d *driver) call(t testing.TB, request object) (object, error) {
	if err := d.send(t, request); err != nil {
		return nil, err
	}
	return d.answer(t, limitOf(request))
}

// limitOf is how long a driver may take: what the request says, and more.
func limitOf(request object) time.Duration {
	ms, _ := request["timeout_ms"].(float64)
	return time.Duration(ms)*time.Millisecond + patience
}

func (d *driver) send(t testing.TB, request object) error {
	if d.waiting {
		return fmt.Errorf("the scenario asks the driver of %s for more before it awaits an answer", d.language)
	}
	d.asked = request
	if d.cmd == nil {
		return nil
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if *traceFlag {
		t.Logf("%s <- %s", d.language, shorten(line))
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		return d.gone(err)
	}
	d.waiting = true
	return nil
}

func (d *driver) answer(t testing.TB, limit time.Duration) (object, error) {
	d.waiting = false
	if d.cmd == nil {
		return d.spoil(d.asked, nil), nil
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case line, ok := <-d.lines:
		if !ok {
			return nil, d.gone(io.EOF)
		}
		if *traceFlag {
			t.Logf("%s -> %s", d.language, shorten(line))
		}
		var answer object
		if err := json.Unmarshal(line, &answer); err != nil {
			return nil, fmt.Errorf("the driver of %s answers with what is no JSON object: %w: %s", d.language, err, shorten(line))
		}
		if d.spoil != nil {
			answer = d.spoil(d.asked, answer)
		}
		return answer, nil
	case <-timer.C:
		d.kill()
		return nil, fmt.Errorf("the driver of %s does not answer for %v%s", d.language, limit, d.said())
	}
}

func (d *driver) gone(err error) error {
	return fmt.Errorf("the driver of %s has ended: %w%s", d.language, err, d.said())
}

func (d *driver) said() string {
	if text := d.stderr.String(); text != "" {
		return "; on its standard error:\n" + text
	}
	return ""
}

// kill ends the process.
func (d *driver) kill() {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	for range d.lines { // until its end, which Wait must not come before
	}
	_ = d.cmd.Wait()
}

// exit asks the driver to end, which it must do with success.
func (d *driver) exit(t testing.TB) error {
	if d.cmd == nil {
		return nil
	}
	if _, err := d.call(t, object{"op": "exit"}); err != nil {
		d.kill()
		return err
	}
	_ = d.in.Close()
	timer := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer timer.Stop()
	for range d.lines {
	}
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("the driver of %s after exit: %w%s", d.language, err, d.said())
	}
	return nil
}

// shorten makes a line fit for a log.
func shorten(line []byte) string {
	line = bytes.TrimSpace(line)
	if len(line) > 400 {
		return fmt.Sprintf("%s... (%d bytes)", line[:400], len(line))
	}
	return string(line)
}

// output keeps the end of what a process prints.
type output struct {
	mu  sync.Mutex
	buf []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, b...)
	if n := len(o.buf) - 1<<16; n > 1<<16 {
		o.buf = append(o.buf[:0], o.buf[n:]...)
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf)
}

// crew keeps the drivers of one test, and starts them when they are needed.
type crew struct {
	t       testing.TB
	drivers map[string]*driver
}

func newCrew(t testing.TB) *crew {
	c := &crew{t: t, drivers: map[string]*driver{}}
	t.Cleanup(func() {
		for _, d := range c.drivers {
			if err := d.exit(t); err != nil {
				t.Error(err)
			}
		}
	})
	return c
}

// seat is a part in a scenario: "" for the language in question, "peer" for the
// other.
func (c *crew) get(seat string, l *language) (*driver, error) {
	key := seat + "/" + l.Language
	if d := c.drivers[key]; d != nil {
		return d, nil
	}
	d, err := startDriver(c.t, l, nil)
	if err == nil {
		c.drivers[key] = d
	}
	return d, err
}

// drop ends a driver of which nothing good is to be expected any more.
func (c *crew) drop(d *driver) {
	for key, have := range c.drivers {
		if have == d {
			delete(c.drivers, key)
			d.kill()
		}
	}
}

// unsupported is a request that a language's library cannot do.
type unsupported struct{ reason string }

func (u unsupported) Error() string { return u.reason }

// refusalOf finds an unsupported request in an answer.
func refusalOf(answer object) error {
	if answer["ok"] == false && answer["error"] == "unsupported" {
		reason, _ := answer["reason"].(string)
		if reason == "" {
			return errors.New("an unsupported request needs a reason")
		}
		return unsupported{reason}
	}
	return nil
}
