#!/bin/sh
# Builds the packages: scripts/package.sh VERSION [DIRECTORY], for Debian and for RPM,
# for each of ARCHS (default "amd64 arm64"), into the directory (default dist).
# SOURCE_DATE_EPOCH is the time that the files get (default: that of the commit).
set -eu
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
version=${1#v}
out=${2:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
export GOWORK=off CGO_ENABLED=0
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}

# A version of a package begins with a digit, and has no dash. A commit is none; with
# its time before it, a later one is an upgrade.
case $version in
[0-9]*.*) package_version=$(echo "$version" | sed 's/-/+/; s/-/./g') ;;
*) package_version=0~$(date -u -d "@$epoch" +%Y%m%d%H%M%S).$(echo "$version" | tr - .) ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd tools/release && GOARCH='' GOOS='' go build -o "$work/nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm)
make -s man completions VERSION="$version" BIN="$work/common"

for arch in ${ARCHS:-amd64 arm64}; do
	dir=$work/$arch
	mkdir -p "$dir/bin"
	cp -r "$work/common/man" "$work/common/completions" "$dir/bin/"
	GOOS=linux GOARCH=$arch make -s install BIN="$dir/bin" VERSION="$version" STRIP=1 \
		PREFIX=/usr SYSCONFDIR=/etc/spread DESTDIR="$dir/stage"
	doc=$dir/stage/usr/share/doc/gospread
	mkdir -p "$doc"
	cp packaging/copyright "$doc/copyright"
	cp README.md NOTICE "$doc/"
	cp -r docs "$doc/"
	gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
	printf 'gospread (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' "$package_version-1" \
		"$(sed -n 's/^maintainer: //p' packaging/nfpm.yaml)" "$(LC_ALL=C date -u -R -d "@$epoch")" |
		gzip -9n >"$doc/changelog.Debian.gz"
	find "$dir/stage/usr/share/man" -type f -exec sed -i 's|/usr/local/etc|/etc/spread|g' {} +
	find "$dir/stage/usr/share/man" -type f -exec gzip -9n {} +
	cp -r packaging "$dir/"
	for kind in deb rpm; do
		share=$dir/stage/usr/share
		case $kind in # Debian's zsh looks elsewhere
		deb)
			mv "$share/zsh/site-functions" "$share/zsh/vendor-completions"
			install -D -m 644 packaging/deb/lintian-overrides "$share/lintian/overrides/gospread"
			;;
		rpm)
			mv "$share/zsh/vendor-completions" "$share/zsh/site-functions"
			rm -r "$share/lintian" "$share/doc/gospread/changelog.Debian.gz"
			;;
		esac
		(cd "$dir" && VERSION=$package_version RELEASE=1 ARCH=$arch SOURCE_DATE_EPOCH=$epoch \
			"$work/nfpm" package --config packaging/nfpm.yaml --packager $kind --target "$out/")
	done
done
