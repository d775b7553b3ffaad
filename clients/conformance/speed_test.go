package conformance

import (
	"fmt"
	"testing"
)

// Speed is measured with small messages: so many, of so many bytes.
const (
	speedCount = 40_000
	speedBytes = 100
)

// TestSpeed measures how many small messages per second each language receives from
// a sender in Go, and sends to a receiver in Go.
func TestSpeed(t *testing.T) {
	if !*speedFlag {
		t.Skip("give -speed to measure")
	}
	for _, l := range suite.languages {
		t.Run(l.Language, func(t *testing.T) {
			l.ready(t)
			suite.reference.ready(t)
			crew := newCrew(t)
			in, err := speed(t, crew, "peer", suite.reference, "", l)
			if err != nil {
				t.Fatal(err)
			}
			out, err := speed(t, crew, "", l, "peer", suite.reference)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: receives %.0f and sends %.0f messages a second", l.Language, in, out)
			suite.results.rate(l.Language, in, out)
		})
	}
}

// speed lets one side send to the other, and returns the rate at which that receives.
func speed(t *testing.T, crew *crew, fromSeat string, from *language, toSeat string, to *language) (float64, error) {
	d := startDaemons(t, &scenario{Daemons: 1}, nil)[0]
	sender, err := crew.get(fromSeat, from)
	if err != nil {
		return 0, err
	}
	receiver, err := crew.get(toSeat, to)
	if err != nil {
		return 0, err
	}
	for _, c := range []struct {
		d   *driver
		key string
	}{{sender, "speed-s"}, {receiver, "speed-r"}} {
		step := object{"op": "connect", "c": c.key, "daemon": d.tcp(), "name": c.key, "membership": false}
		if _, err := mustOK(t, c.d, step); err != nil {
			return 0, err
		}
	}
	group := "#speed-r#d1"
	if err := receiver.send(t, object{"op": "drain", "c": "speed-r", "count": speedCount, "timeout_ms": 60_000.0}); err != nil {
		return 0, err
	}
	step := object{"op": "multicast", "c": "speed-s", "service": "fifo", "groups": []any{group}, "data_size": float64(speedBytes), "repeat": speedCount}
	if _, err := mustOK(t, sender, step); err != nil {
		return 0, err
	}
	answer, err := receiver.answer(t, 2*patience)
	if err != nil {
		return 0, err
	}
	seconds, _ := answer["seconds"].(float64)
	if answer["ok"] != true || seconds <= 0 {
		return 0, fmt.Errorf("the driver of %s answers %v", to.Language, answer)
	}
	for _, c := range []struct {
		d   *driver
		key string
	}{{sender, "speed-s"}, {receiver, "speed-r"}} {
		if _, err := mustOK(t, c.d, object{"op": "disconnect", "c": c.key}); err != nil {
			return 0, err
		}
	}
	return speedCount / seconds, nil
}

// mustOK makes the request of a step, to which the answer must be ok.
func mustOK(t testing.TB, d *driver, step object) (object, error) {
	request, err := requestOf(step)
	if err != nil {
		return nil, err
	}
	answer, err := d.call(t, request)
	if err != nil {
		return nil, err
	}
	if err := match(object{"ok": true}, answer); err != nil {
		return nil, fmt.Errorf("%s of %s: %w: %s", step["op"], d.language, err, brief(answer))
	}
	return answer, nil
}
