package conformance

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// stage is a scenario being played.
type stage struct {
	t       testing.TB
	s       *scenario
	crew    *crew
	subject *driver
	other   *driver // nil without peers
	vars    object
	place   *place // nil: here
	daemons []*daemon
	fake    *fake
	raw     map[string]*raw
	open    map[string]bool // connections of drivers
	pending map[string]*driver
	limit   time.Duration // of waits for which the scenario says nothing
	memory  int           // of the subject at the beginning, in KiB
	files   int           // descriptors that it had open then
}

// actions are what the runner does itself, by the name in "do".
var actions map[string]func(*stage, object) (object, error)

// play plays a scenario. An unsupported error tells why the language cannot.
func play(t testing.TB, c *crew, s *scenario, subject, other *language) error {
	return playWithin(t, c, s, subject, other, patience)
}

func playWithin(t testing.TB, c *crew, s *scenario, subject, other *language, limit time.Duration) (err error) {
	st := &stage{t: t, s: s, crew: c, limit: limit, vars: object{}, raw: map[string]*raw{}, open: map[string]bool{}, pending: map[string]*driver{}}
	if s.Port != 0 { // with the machine for itself
		if st.place, err = newPlace(t); err != nil {
			return err
		}
		st.crew = newCrew(t)
		if st.crew.drivers["/"+subject.Language], err = startDriver(t, subject, st.place); err != nil {
			return err
		}
		c = st.crew
	}
	if st.subject, err = c.get("", subject); err != nil {
		return err
	}
	for _, need := range s.Needs {
		if !slices.Contains(st.subject.features, need) {
			return unsupported{"its driver has no feature " + need}
		}
	}
	if len(s.Peers) > 0 {
		if st.other, err = c.get("peer", other); err != nil {
			return err
		}
	}
	st.vars["crowd"] = crowd
	st.vars["foreign"] = st.other != nil && st.subject.big != st.other.big
	if err := st.scenery(); err != nil {
		return err
	}
	defer func() {
		if err != nil && !errors.As(err, new(unsupported)) {
			c.drop(st.subject)
			if st.other != nil {
				c.drop(st.other)
			}
			return
		}
		err = errors.Join(err, st.clear())
	}()
	forgetPeak(st.subject)
	st.memory, st.files = residentMemory(st.subject), openFiles(st.subject)
	for i, step := range s.Steps {
		if err := st.step(step); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, describe(step), err)
		}
	}
	if len(st.pending) > 0 {
		return fmt.Errorf("the scenario does not await %v", slices.Collect(maps.Keys(st.pending)))
	}
	return nil
}

// describe is a step in a few words.
func describe(step object) string {
	text := fmt.Sprintf("%v", step["do"])
	if op, ok := step["op"]; ok {
		text = fmt.Sprintf("%v", op)
	}
	if c, ok := step["c"]; ok {
		text += fmt.Sprintf(" of %v", c)
	}
	if note, ok := step["note"]; ok {
		text += fmt.Sprintf(" (%v)", note)
	}
	return text
}

// scenery starts the daemons, or what stands for them.
func (st *stage) scenery() error {
	if st.s.Fake != nil {
		f, err := newFake(st.t, st.s.Fake, st.limit)
		if err != nil {
			return err
		}
		st.fake, st.vars["d1"] = f, f.where
		return nil
	}
	st.daemons = startDaemons(st.t, st.s, st.place)
	for _, d := range st.daemons {
		st.vars[d.name] = d.tcp()
	}
	d1 := st.daemons[0]
	st.vars["port"], st.vars["socket"] = fmt.Sprint(d1.port), d1.socket()
	if st.s.Proxy != "" {
		where, err := newProxy(st.t, d1.address())
		if err != nil {
			return err
		}
		st.vars["d1"] = where
	}
	return nil
}

// clear closes what is still open.
func (st *stage) clear() error {
	if st.fake != nil {
		st.fake.hangUp() // or libraries wait for it to confirm that they leave
	}
	for key := range st.open {
		if _, err := st.of(key).call(st.t, object{"op": "disconnect", "c": key}); err != nil {
			return err
		}
	}
	return nil
}

// of returns the driver that has a connection.
func (st *stage) of(key string) *driver {
	if slices.Contains(st.s.Peers, key) {
		return st.other
	}
	return st.subject
}

// runnerFields are the fields of a step that drivers do not see.
var runnerFields = []string{"do", "want", "message", "error", "as", "async", "until", "note", "data", "data_hex", "data_size"}

// step does one step.
func (st *stage) step(raw object) error {
	v, err := expand(raw, st.vars)
	if err != nil {
		return err
	}
	step := v.(object)
	want, err := wanted(step)
	if err != nil {
		return err
	}
	var answer object
	if do, ok := step["do"].(string); ok {
		answer, err = actions[do](st, step)
		if err != nil {
			return err
		}
	} else {
		request, err := requestOf(step)
		if err != nil {
			return err
		}
		if _, ok := step["timeout_ms"]; !ok && request["timeout_ms"] != nil {
			request["timeout_ms"] = float64(st.limit.Milliseconds())
		}
		d := st.of(fmt.Sprint(step["c"]))
		if tag, ok := step["async"].(string); ok {
			st.pending[tag] = d
			return d.send(st.t, request)
		}
		if answer, err = st.ask(d, request, want, step["until"] == true); err != nil {
			return err
		}
		if err := st.note(request, answer); err != nil {
			return err
		}
	}
	if err := match(want, answer); err != nil {
		return fmt.Errorf("%w\nthe whole answer: %s", err, brief(answer))
	}
	if name, ok := step["as"].(string); ok {
		st.vars[name] = answer
	}
	return nil
}

// maxUntil bounds how often a step is repeated until it brings what is wanted.
const maxUntil = 100_000

// ask makes a request; with until, again until the answer is the wanted one.
func (st *stage) ask(d *driver, request, want object, until bool) (object, error) {
	for range maxUntil {
		answer, err := d.call(st.t, request)
		if err == nil {
			err = refusalOf(answer)
		}
		if err != nil || !until || match(want, answer) == nil {
			return answer, err
		}
		if answer["ok"] != true {
			return answer, nil // there will be no other
		}
	}
	return nil, fmt.Errorf("not in %d answers", maxUntil)
}

// note remembers which connections are open.
func (st *stage) note(request, answer object) error {
	key, _ := request["c"].(string)
	switch request["op"] {
	case "connect":
		if answer["ok"] == true {
			st.open[key] = true
			st.vars[key] = answer["private_group"]
			if st.fake != nil {
				return st.fake.meet()
			}
		}
	case "disconnect", "abort", "close_wakes":
		delete(st.open, key)
	}
	return nil
}

// wanted is the answer that a step wants: ok if it does not say. Its "message" and
// "error" are short for what most steps want.
func wanted(step object) (object, error) {
	if want, ok := step["want"].(object); ok {
		return want, nil
	}
	if code, ok := step["error"]; ok {
		if code == "timeout" {
			return object{"ok": false, "error": "timeout"}, nil
		}
		return object{"ok": false, "error": code, "text": "~."}, nil
	}
	message, ok := step["message"].(object)
	if !ok {
		return object{"ok": true}, nil
	}
	message = maps.Clone(message)
	data, has, err := dataOf(message)
	if err != nil {
		return nil, err
	}
	if has {
		message["data_b64"] = base64.StdEncoding.EncodeToString(data)
	}
	for _, field := range []string{"data", "data_hex", "data_size"} {
		delete(message, field)
	}
	return object{"ok": true, "message": message}, nil
}

// requestOf is what the driver gets of a step.
func requestOf(step object) (object, error) {
	request := maps.Clone(step)
	for _, field := range runnerFields {
		delete(request, field)
	}
	defaults := object{}
	switch step["op"] {
	case "connect":
		defaults = object{"membership": true, "priority": false, "timeout_ms": 10_000.0}
	case "receive", "receive_into", "drain":
		defaults = object{"timeout_ms": 15_000.0}
	case "multicast":
		defaults = object{"service": "agreed", "type": 0.0, "self_discard": false, "repeat": 1.0}
		data, _, err := dataOf(step)
		if err != nil {
			return nil, err
		}
		request["data_b64"] = base64.StdEncoding.EncodeToString(data)
	}
	for field, value := range defaults {
		if _, ok := request[field]; !ok {
			request[field] = value
		}
	}
	return request, nil
}

// dataOf reads the data of a step or message: text (its characters are the bytes),
// hexadecimal, or a number of bytes that are made up.
func dataOf(o object) (data []byte, has bool, err error) {
	if text, ok := o["data"].(string); ok {
		data, err = latin(text)
		return data, true, err
	}
	if digits, ok := o["data_hex"].(string); ok {
		data, err = unhex(digits)
		return data, true, err
	}
	if size, ok := o["data_size"].(float64); ok {
		data = make([]byte, int(size))
		for i := range data {
			data[i] = byte(i * 7 >> 3)
		}
		return data, true, nil
	}
	return nil, false, nil
}

func init() {
	actions = map[string]func(*stage, object) (object, error){
		"await":          (*stage).await,
		"kill":           onDaemon((*daemon).kill),
		"stop":           onDaemon((*daemon).stop),
		"start":          (*stage).start,
		"halt":           onDaemon((*daemon).halt),
		"continue":       onDaemon((*daemon).goOn),
		"remove_sockets": onDaemon((*daemon).removeSockets),
		"memory":         (*stage).checkMemory,
		"descriptors":    (*stage).checkFiles,
		"raw_connect":    (*stage).rawConnect,
		"raw_send":       (*stage).rawSend,
		"raw_receive":    (*stage).rawReceive,
		"raw_close":      (*stage).rawClose,
		"fake_send":      (*stage).fakeSend,
		"fake_expect":    (*stage).fakeExpect,
		"fake_close":     (*stage).fakeClose,
	}
}

func onDaemon(f func(*daemon) error) func(*stage, object) (object, error) {
	return func(st *stage, step object) (object, error) {
		d, err := st.daemon(step)
		if err != nil {
			return nil, err
		}
		return object{"ok": true}, f(d)
	}
}

func (st *stage) daemon(step object) (*daemon, error) {
	name, _ := step["daemon"].(string)
	i := slices.IndexFunc(st.daemons, func(d *daemon) bool { return d.name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no daemon %q", name)
	}
	return st.daemons[i], nil
}

func (st *stage) start(step object) (object, error) {
	d, err := st.daemon(step)
	if err != nil {
		return nil, err
	}
	return object{"ok": true}, d.start(st.t)
}

// await takes the answer of an earlier step with "async".
func (st *stage) await(step object) (object, error) {
	tag, _ := step["tag"].(string)
	d := st.pending[tag]
	if d == nil {
		return nil, fmt.Errorf("no step has the async %q", tag)
	}
	delete(st.pending, tag)
	answer, err := d.answer(st.t, patience)
	if err == nil {
		err = refusalOf(answer)
	}
	return answer, err
}

// checkMemory holds the memory of the subject's driver against what it was at the
// beginning.
func (st *stage) checkMemory(step object) (object, error) {
	most, _ := step["max_growth_mb"].(float64)
	if grown := (residentMemory(st.subject) - st.memory) >> 10; grown > int(most) {
		return nil, fmt.Errorf("the driver has grown by %d MiB, at most %v are in order", grown, most)
	}
	return object{"ok": true}, nil
}

// checkFiles does the same for its open descriptors. Those that were closed may be about
// to go.
func (st *stage) checkFiles(step object) (object, error) {
	most, _ := step["max_growth"].(float64)
	var grown int
	look := time.NewTicker(10 * time.Millisecond) // another process tells nobody when it closes something
	defer look.Stop()
	for deadline := time.Now().Add(st.limit); ; <-look.C {
		if grown = openFiles(st.subject) - st.files; grown <= int(most) {
			return object{"ok": true}, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the driver has %d more descriptors open, at most %v are in order", grown, most)
		}
	}
}
