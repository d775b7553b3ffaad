package daemon

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// proc is what the system tells of this process. It is opened before the daemon
// changes its root, where there is no /proc; nil: there is none.
var proc = sync.OnceValue(func() (p struct{ memory, files *os.File }) {
	p.memory, _ = os.Open("/proc/self/statm")
	p.files, _ = os.Open("/proc/self/fd")
	return p
})

// keepProcess opens what process reads.
func keepProcess() { proc() }

// residentBytes is the memory in use.
func residentBytes() uint64 {
	b := make([]byte, 256)
	n, _ := proc().memory.ReadAt(b, 0) // it ends before
	fields := strings.Fields(string(b[:n]))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64) // 0: not known
	return pages * uint64(os.Getpagesize())
}

// openFiles is how many descriptors are open, those of proc included. The kernel
// tells (since 6.2), as to list tens of thousands takes long.
func openFiles() int {
	info, err := proc().files.Stat()
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
