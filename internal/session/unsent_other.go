//go:build !linux

package session

// unsent: this platform does not tell.
func unsent(*rawIO) int { return -1 }
