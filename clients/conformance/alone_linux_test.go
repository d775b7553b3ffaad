package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// place is a network of its own with an empty /tmp, in which a program has all ports
// for itself.
type place struct{ pid int }

// settle makes the place: it keeps this repository and the directory of the tests,
// which may be below /tmp.
const settle = `set -e
ip link set lo up
mkdir -p /run/spread
mount -t tmpfs tmpfs /run/spread
mount -t tmpfs tmpfs /mnt
for i in 1 2; do
	eval dir=\$$i
	mkdir /mnt/$i
	mount --bind "$dir" /mnt/$i
done
mount -t tmpfs -o mode=1777 tmpfs /tmp
for i in 1 2; do
	eval dir=\$$i
	mkdir -p "$dir"
	mount --bind /mnt/$i "$dir"
done
echo ready
exec cat
`

// newPlace makes a place that exists until the test ends.
func newPlace(t testing.TB) (*place, error) {
	for _, need := range []string{"unshare", "nsenter", "ip", "mount"} {
		if _, err := exec.LookPath(need); err != nil {
			return nil, unsupported{"the command " + need + " is missing"}
		}
	}
	if os.Geteuid() != 0 {
		return nil, unsupported{"only root can make a network of its own"}
	}
	cmd := exec.Command("unshare", "--net", "--mount", "sh", "-c", settle, "sh", suite.root, suite.dir)
	var said output
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		_ = in.Close() // ends cat
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		return nil, fmt.Errorf("making a network of its own: %w: %s", errors.Join(err, errors.New(line)), said.String())
	}
	return &place{cmd.Process.Pid}, nil
}

// command is the command line that runs argv there, in a directory.
func (p *place) command(dir string, argv []string) []string {
	if p == nil {
		return argv
	}
	return append([]string{"nsenter", "--target", fmt.Sprint(p.pid), "--net", "--mount", "sh", "-c", `cd "$0" && exec "$@"`, dir}, argv...)
}

// root is where the files of the place are seen from outside.
func (p *place) root() string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("/proc/%d/root", p.pid)
}
