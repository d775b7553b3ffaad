package doctor

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holder finds the socket of a port in the tables of the kernel, and the process
// that has it open, as far as this user may see.
func holder(network string, port uint16) string {
	inodes := map[string]bool{}
	for _, table := range []string{network, network + "6"} {
		addInodes(inodes, filepath.Join("/proc/net", table), network == "tcp", port)
	}
	if len(inodes) == 0 {
		return ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is right
	for _, l := range links {
		target, err := os.Readlink(l)
		if err != nil || !inodes[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] {
			continue
		}
		process := filepath.Dir(filepath.Dir(l))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (process %s)", bytes.TrimSpace(name), filepath.Base(process))
	}
	return ""
}

// addInodes adds the sockets that have the port; of TCP those that listen.
func addInodes(inodes map[string]bool, table string, listening bool, port uint16) {
	const (
		local, state, inode = 1, 3, 9 // columns
		listen              = "0A"
	)
	text, err := os.ReadFile(table)
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) <= inode || listening && f[state] != listen {
			continue
		}
		_, hex, _ := strings.Cut(f[local], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); err == nil && uint16(n) == port {
			inodes[f[inode]] = true
		}
	}
}
