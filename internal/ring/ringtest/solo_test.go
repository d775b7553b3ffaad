package ringtest

import (
	"slices"
	"testing"

	"gospread/spread/internal/ring"
)

// drain returns what is due, in short.
func drain(r *Solo, out *ring.Output) []string {
	out.Reset()
	r.Advance(out)
	var due []string
	for _, e := range out.Events {
		switch e.Kind {
		case ring.RegularConfiguration:
			due = append(due, "regular "+e.Config.ID.String())
		case ring.TransitionalConfiguration:
			due = append(due, "transitional "+e.Config.ID.String())
		case ring.Deliver:
			due = append(due, string(e.Message.Payload))
		}
	}
	return due
}

func TestSoloOrder(t *testing.T) {
	r := NewSolo(7, 100)
	var out ring.Output
	for _, s := range []ring.Service{ring.Unreliable, ring.Reliable, ring.FIFO, ring.Causal, ring.Agreed, ring.Safe} {
		r.Submit(s, []byte{'0' + byte(s)})
	}
	if got, want := drain(r, &out), []string{"regular 7/100", "0", "1", "2", "3", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for i, e := range out.Events[1:] {
		if m := e.Message; m.Sender != 7 || m.Seq != uint64(i+1) || int(m.Service) != i {
			t.Errorf("message %d is %+v", i, m)
		}
		// A ring of one holds everything: SAFE waits for nobody else.
		if e.Message.Seq > out.Stable {
			t.Errorf("message %d is delivered before it is stable", i)
		}
	}
	if got := drain(r, &out); len(got) > 0 {
		t.Errorf("again: %q", got)
	}
}

func TestSoloReform(t *testing.T) {
	r := NewSolo(7, 100)
	var out ring.Output
	r.Submit(ring.Safe, []byte("old"))
	r.Reform(50) // the clock went back
	r.Submit(ring.Agreed, []byte("new"))
	r.Reform(500)
	want := []string{"regular 7/100", "old", "transitional 7/101", "regular 7/102", "new", "transitional 7/499", "regular 7/500"}
	if got := drain(r, &out); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if out.Stable != 0 {
		t.Errorf("stable up to %d in an empty configuration", out.Stable)
	}
	if seq := out.Events[4].Message.Seq; seq != 1 {
		t.Errorf("the new configuration begins with number %d", seq)
	}
}
