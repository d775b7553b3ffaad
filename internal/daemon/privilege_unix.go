//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"gospread/spread/internal/conf"
)

// identity is the user and group that a daemon started by root becomes.
type identity struct {
	user, group string
	uid, gid    int
	chroot      string // directory to make the root; empty: none
	why         string // said when the identity was chosen for want of one
}

// chooseIdentity works out what a daemon started by root becomes; nil when it
// is not root. DaemonUser, DaemonGroup and RuntimeDir bind if the file sets
// them; the default user and group give way to nobody where they do not exist.
func chooseIdentity(o *conf.Options) (*identity, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	id := &identity{user: o.DaemonUser, group: o.DaemonGroup}
	u, err := user.Lookup(o.DaemonUser)
	if err != nil && !o.IsSet(conf.KeyDaemonUser) {
		id.why = fmt.Sprintf("there is no user %q; create it or set DaemonUser and DaemonGroup", o.DaemonUser)
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("find the user of DaemonUser to run as: %w; create it or change DaemonUser", err)
	}
	id.user = u.Username
	g, err := user.LookupGroup(o.DaemonGroup)
	if err != nil && !o.IsSet(conf.KeyDaemonGroup) {
		g, err = user.LookupGroupId(u.Gid)
	}
	if err != nil {
		return nil, fmt.Errorf("find the group of DaemonGroup to run as: %w; create it or change DaemonGroup", err)
	}
	id.group = g.Name
	var errs [2]error
	id.uid, errs[0] = strconv.Atoi(u.Uid)
	id.gid, errs[1] = strconv.Atoi(g.Gid)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("read the numbers of user %s and group %s: %w", u.Username, g.Name, err)
	}
	if o.IsSet(conf.KeyRuntimeDir) && o.RuntimeDir != "" {
		id.chroot = o.RuntimeDir
	}
	return id, nil
}

// assume becomes the identity for good.
func (id *identity) assume() error {
	if id.chroot != "" {
		if err := os.Chdir(id.chroot); err != nil {
			return fmt.Errorf("enter RuntimeDir %s: %w; create it or change RuntimeDir", id.chroot, err)
		}
		if err := syscall.Chroot("."); err != nil {
			return fmt.Errorf("make RuntimeDir %s the root directory: %w", id.chroot, err)
		}
	}
	if err := syscall.Setgroups([]int{id.gid}); err != nil {
		return fmt.Errorf("give up root's groups: %w", err)
	}
	if err := syscall.Setgid(id.gid); err != nil {
		return fmt.Errorf("become group %s: %w", id.group, err)
	}
	if err := syscall.Setuid(id.uid); err != nil {
		return fmt.Errorf("become user %s: %w", id.user, err)
	}
	return nil
}
