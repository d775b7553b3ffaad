//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package tool

func isTerminal(uintptr) bool { return false }
