//go:build unix

package doctor

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"gospread/spread/internal/conf"
)

func fileLimit() uint64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0
	}
	return uint64(r.Cur)
}

// unreadable looks at the permissions for who a daemon started by root becomes. The
// directories above are not looked at.
func unreadable(path string, o *conf.Options) string {
	if os.Geteuid() != 0 {
		return "" // it stays who it is, and whether that can read shows when it is done
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	u, err := user.Lookup(o.DaemonUser)
	if err != nil && !o.IsSet(conf.KeyDaemonUser) {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return fmt.Sprintf("there is no user %s", o.DaemonUser)
	}
	gid := u.Gid
	if g, err := user.LookupGroup(o.DaemonGroup); err == nil {
		gid = g.Gid
	}
	mode := info.Mode().Perm()
	switch {
	case u.Uid == "0",
		strconv.FormatUint(uint64(st.Uid), 10) == u.Uid && mode&0o400 != 0,
		strconv.FormatUint(uint64(st.Gid), 10) == gid && mode&0o040 != 0,
		mode&0o004 != 0:
		return ""
	}
	return fmt.Sprintf("the daemon becomes user %s, and the file has mode %#o and user id %d", u.Username, mode, st.Uid)
}
