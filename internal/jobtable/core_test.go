package jobtable

import "testing"

// A worker that is to end stays until the others know what it knows.
func TestRetiredWhenOthersKnow(t *testing.T) {
	limits := Limits{Jobs: 10, Bytes: 1 << 20, Kept: 10, KeptBytes: 1 << 20, Result: 1 << 20}
	a := New(Config{Group: "wq-x", Worker: "a", Capacity: 1, Limits: limits})
	b := New(Config{Group: "wq-x", Worker: "b", Capacity: 0, Limits: limits})
	type posted struct {
		from string
		data []byte
	}
	var order []posted
	post := func(from string, effects []Effect) {
		for _, e := range effects {
			if s, ok := e.(Send); ok && s.To[0] == "wq-x" {
				order = append(order, posted{from, append(s.Message.Header(), s.Message.Data...)})
			}
		}
	}
	deliver := func(n int) {
		for ; n > 0 && len(order) > 0; n-- {
			p := order[0]
			order = order[1:]
			post("#a", a.Message(p.from, p.data))
			post("#b", b.Message(p.from, p.data))
		}
	}
	a.Connected("#a")
	b.Connected("#b")
	post("#a", a.View("1", []string{"#a"}))
	post("#a", a.SetCapacity(0))
	deliver(9)
	if !a.Retired() {
		t.Fatal("it has nothing to tell, and does not end")
	}
	order = []posted{{"#s", NewMessage("submit", []byte("x")).Set("id", "j").Header()}}
	deliver(1)
	post("#a", a.View("2", []string{"#a", "#b"}))
	post("#b", b.View("2", []string{"#a", "#b"}))
	for ; !b.Settled(); deliver(1) {
		if a.Retired() {
			t.Fatal("it ends, and takes the only copy of a job along")
		}
		if len(order) == 0 {
			t.Fatal("nothing goes on")
		}
	}
	if !a.Retired() || b.Counts().Waiting != 1 {
		t.Fatalf("%v, %+v", a.Retired(), b.Counts())
	}
}
