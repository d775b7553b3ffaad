# Runs a script in a copy of this system that is thrown away, with a network, processes
# and a /tmp of its own: alone.sh SCRIPT ARGUMENT... . The files of the arguments must be
# in the directory of the first. Run it by: unshare --mount --net --pid --fork --kill-child.
set -eu
script=$1
shift
files=$(dirname "$1")
root=$(mktemp -d)
mount --make-rprivate /
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/all"
mount -t overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" overlay "$root/all" || exit 99
all=$root/all
mkdir -p "$all/proc" "$all/dev" "$all/run" "$all/tmp"
mount -t proc proc "$all/proc"
mount --rbind /dev "$all/dev"
mount -t tmpfs -o mode=0755 tmpfs "$all/run"
mount -t tmpfs -o mode=1777 tmpfs "$all/tmp"
mkdir "$all/tmp/files"
mount --bind "$files" "$all/tmp/files"
cp "$script" "$(dirname "$script")/lib.sh" "$all/tmp/"
ip link set lo up
set -- $(for f in "$@"; do echo "/tmp/files/$(basename "$f")"; done)
exec chroot "$all" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
	sh -eu "/tmp/$(basename "$script")" "$@"
