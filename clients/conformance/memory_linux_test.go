package conformance

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// residentMemory is the highest resident size, in KiB, of a driver so far; 0 if
// there is no telling.
func residentMemory(d *driver) int { return status(d, "VmHWM:") }

// presentMemory is its resident size now, in KiB.
func presentMemory(d *driver) int { return status(d, "VmRSS:") }

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
