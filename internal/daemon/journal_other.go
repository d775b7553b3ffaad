//go:build !linux

package daemon

import "io"

// isJournal: there is no journal.
func isJournal(io.Writer, string) bool { return false }
