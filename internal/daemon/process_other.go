//go:build !linux

package daemon

// What only Linux tells without effort.

func keepProcess()          {}
func residentBytes() uint64 { return 0 }
func openFiles() int        { return 0 }
