package conformance

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// residentMemory is the highest resident size, in KiB, of a driver since forgetPeak; 0 if
// there is no telling.
func residentMemory(d *driver) int { return status(d, "VmHWM:") }

// presentMemory is its resident size now, in KiB.
func presentMemory(d *driver) int { return status(d, "VmRSS:") }

// forgetPeak lets what was the highest size before not hide what is to come.
func forgetPeak(d *driver) {
	if d.cmd != nil {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", d.cmd.Process.Pid), []byte("5"), 0)
	}
}

// openFiles is how many descriptors a driver has open; 0 if there is no telling.
func openFiles(d *driver) int {
	if d.cmd == nil {
		return 0
	}
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	return len(entries)
}

func status(d *driver, field string) int {
	if d.cmd == nil {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), field)
	value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.Atoi(value)
	return n
}
