#!/bin/sh
# Makes sure that the machine has what the tests need. Says nothing if it has.
# As root on Debian it installs what is missing, elsewhere it names it.
set -eu
cd "$(dirname "$0")/.."

want=$(sed -n 's/^go //p' go.mod)
if ! command -v go >/dev/null; then
	echo "setup: the go command is missing: install Go $want or later and put it in PATH" >&2
	exit 1
fi
if ! go env GOVERSION >/dev/null; then
	echo "setup: this module needs Go $want or later; the Go here says the above" >&2
	exit 1
fi

missing=
command -v make >/dev/null || missing="$missing make"
# The race detector needs a C compiler and the headers of the C library.
if ! echo '#include <stdlib.h>' | "${CC:-$(go env CC)}" -E - >/dev/null 2>&1; then
	missing="$missing gcc libc6-dev"
fi
# Go modules come over TLS.
if command -v apt-get >/dev/null && [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
	missing="$missing ca-certificates"
fi
# Tests of real daemons make networks of their own, as root on Linux.
if [ "$(uname)" = Linux ] && [ "$(id -u)" -eq 0 ]; then
	command -v ip >/dev/null || missing="$missing iproute2"
	command -v sysctl >/dev/null || missing="$missing procps"
	# The console page is tested in a browser, which needs a font.
	command -v chromium >/dev/null || missing="$missing chromium"
fi
# The live view of the monitor is tested in a terminal; elsewhere that is skipped.
if command -v apt-get >/dev/null; then
	command -v tmux >/dev/null || missing="$missing tmux"
fi
# What the status service exports is checked by promtool. The package would also start
# a server, so the tool alone is taken out of it.
get_promtool() {
	command -v promtool >/dev/null && return
	command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	echo "setup: installing promtool"
	dir=$(mktemp -d)
	apt-get update -q
	(cd "$dir" && apt-get download -q prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool)
	install -m 755 "$dir/usr/bin/promtool" /usr/local/bin/promtool
	rm -r "$dir"
}
get_promtool
# Packages, manual pages and completions are made and used, on Debian.
if command -v apt-get >/dev/null; then
	for tool in dpkg-deb:dpkg readelf:binutils lintian:lintian rpm:rpm systemd-analyze:systemd unshare:util-linux setpriv:util-linux man:man-db \
		groff:groff-base adduser:adduser zsh:zsh fish:fish; do
		command -v "${tool%%:*}" >/dev/null || missing="$missing ${tool#*:}"
	done
fi
# The clients in other languages, and the examples that are built on them, on Debian.
if command -v apt-get >/dev/null; then
	for tool in python3:python3 php:php-cli composer:composer prove:perl podchecker:perl ruby:ruby node:nodejs javac:default-jdk-headless mvn:maven \
		lua5.1:lua5.1 lua5.2:lua5.2 lua5.3:lua5.3 lua5.4:lua5.4 luajit:luajit luarocks:luarocks luacheck:lua-check \
		tclsh8.6:tcl8.6 npm:npm g++:g++ pkg-config:pkg-config pdftotext:poppler-utils apache2:apache2 mariadbd:mariadb-server; do
		command -v "${tool%%:*}" >/dev/null || missing="$missing ${tool#*:}"
	done
	for package in python3-pip python3-setuptools python3-wheel mypy lua-socket tcl \
		libapache2-mod-php php-mysql python3-pymysql python3-reportlab fonts-dejavu-core; do
		dpkg-query -W "$package" >/dev/null 2>&1 || missing="$missing $package"
	done
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "setup: missing (by their names in Debian):$missing" >&2
	echo "setup: install them with the package manager of this system and try again" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "setup: missing:$missing" >&2
	echo "setup: as root, run: apt-get update && apt-get install$missing" >&2
	exit 1
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# The web server and the database are started by the tests that need them, not here.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -q
# shellcheck disable=SC2086 # a list of words
apt-get install -q -y --no-install-recommends $missing
