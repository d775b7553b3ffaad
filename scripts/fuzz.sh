#!/bin/sh
# Runs every fuzz target for FUZZTIME (default 1m) each, one after the other.
# Arguments are packages; default all. What a run finds, it leaves as a file below
# testdata/fuzz beside the target: fix, and commit the file as a test.
set -eu
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- ./...
for package in $(go list "$@"); do
	# Listing builds the test; a failure is reported by go and ends this.
	targets=$(go test -list '^Fuzz' "$package") || { echo "$targets" >&2; exit 1; }
	for target in $(echo "$targets" | grep '^Fuzz' || true); do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-1m}" "$package"
	done
done
