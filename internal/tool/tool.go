// Package tool is what the client programs have in common: how errors are worded,
// how names are cut, and whether somebody is watching.
package tool

import (
	"errors"
	"fmt"
	"os"

	"gospread/spread"
)

// ErrorLine words an error as the C library does, where it has a code for it. The
// end of a context has none: its own words say more.
func ErrorLine(err error) string {
	var e *spread.Error
	if errors.As(err, &e) && e.Code != spread.ErrWouldBlock {
		return fmt.Sprintf("SP_error: (%d) %s\n", int(e.Code), e.Code.Error())
	}
	return fmt.Sprintf("SP_error: %v\n", err)
}

// UserName cuts name so that with the suffix it has the 10 bytes that count of a
// private name (client protocol 2.1), and returns both.
func UserName(name, suffix string) string {
	const longest = 10
	return name[:min(len(name), longest-len(suffix))] + suffix
}

// Terminal tells whether an input or output is a terminal. A device that is none,
// such as /dev/null, is not.
func Terminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	terminal := false
	err = raw.Control(func(fd uintptr) { terminal = isTerminal(fd) })
	return err == nil && terminal
}
