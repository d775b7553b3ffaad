package daemon

import (
	"os"
	"strconv"
	"strings"
)

// residentBytes is the memory in use.
func residentBytes() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64) // 0: not known
	return pages * uint64(os.Getpagesize())
}

// openFiles is how many descriptors are open. The kernel tells (since 6.2), as
// to list tens of thousands takes long.
func openFiles() int {
	info, err := os.Stat("/proc/self/fd")
	if err != nil {
		return 0
	}
	if n := info.Size(); n > 0 {
		return int(n)
	}
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1) // as many as could be read
	return len(names) - 1            // one is dir itself
}
