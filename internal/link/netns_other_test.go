//go:build !linux

package link

import "testing"

type netns struct{}

func (n *netns) do(t testing.TB, f func() error) {
	t.Helper()
	if err := f(); err != nil {
		t.Fatal(err)
	}
}
