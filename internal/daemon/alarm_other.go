//go:build !linux

package daemon

func newTimer(ring func()) timer { return newRuntimeTimer(ring) }
