package spreadtest_test

import (
	"fmt"
	"testing"

	"gospread/spread"
	"gospread/spread/spreadtest"
)

func Example() {
	t, end := exampleTest() // in a test function: its *testing.T
	defer end()

	c := spreadtest.New(t, 3) // the daemons "a", "b" and "c"
	alice := c.Dial("a", spread.WithName("alice"))
	if err := alice.Join(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	view := func() *spread.View {
		for ev, err := range alice.Events(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if v, ok := ev.(*spread.View); ok {
				return v
			}
		}
		return nil
	}
	fmt.Println(view().Members)

	bob := c.Dial("b", spread.WithName("bob"))
	if err := bob.Join(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	fmt.Println(view().Members)

	c.Kill("b")
	v := view()
	fmt.Println(v.Members, v.Cause)

	c.Restart("b")
	c.WaitTogether(t.Context())
	fmt.Println(c.Membership("a"))
	// Output:
	// [#alice#a]
	// [#alice#a #bob#b]
	// [#alice#a] NETWORK
	// [a b c]
}

// exampleTest stands in for a test.
func exampleTest() (testing.TB, func()) {
	r := &record{}
	return r, r.end
}
