//go:build !linux

package conformance

import "testing"

type place struct{}

func newPlace(testing.TB) (*place, error) {
	return nil, unsupported{"only Linux can make a network of its own"}
}

func (*place) command(_ string, argv []string) []string { return argv }

func (*place) root() string { return "" }
