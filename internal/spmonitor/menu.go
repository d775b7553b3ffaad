package spmonitor

import (
	"fmt"
	"strings"
)

const menu = `
=============
Monitor Menu:
-------------
	0. Activate/Deactivate Status {all, none, Proc, CR}

	1. Define Partition
	2. Send   Partition
	3. Review Partition
	4. Cancel Partition Effects

	5. Define Flow Control
	6. Send   Flow Control
	7. Review Flow Control

	8. Terminate Spread Daemons {all, none, Proc, CR}

	r. Reload Configuration File

	9. Exit
` + prompt

// banner is the first thing that the dialogue prints, like that of the daemon.
func banner(version string) string {
	rule := strings.Repeat("=", 75)
	return fmt.Sprintf("/%s\\\n"+
		"| gospread spmonitor %-55.55s|\n"+
		"| The Spread toolkit, implemented in Go. Licensed under Apache-2.0.%9s|\n"+
		"\\%s/\n", rule, version, "", rule)
}
