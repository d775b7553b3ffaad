#!/bin/sh
# All checks of the repository, the quickest first; the first failure ends it.
# It installs what it needs (see setup.sh). Arguments go to go test instead of
# "./...": scripts/test.sh ./internal/conf -run Lexer
set -eu
cd "$(dirname "$0")/.."
export GOWORK=off
# A checkout that belongs to another user is no reason to fail.
export GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false"

step() { printf '== %s\n' "$*"; }
tool() { go tool -modfile=tools/go.mod "$@"; }

step "setup"
scripts/setup.sh
go version

step "format"
unformatted=$("$(go env GOROOT)/bin/gofmt" -l .)
if [ -n "$unformatted" ]; then
	printf 'not formatted; run gofmt -w on:\n%s\n' "$unformatted" >&2
	exit 1
fi

step "structure"
go test -count=1 ./internal/archtest

step "modules"
go mod tidy -diff

step "vet"
go vet ./...

step "lint (building the linter takes some minutes the first time)"
scripts/lint.sh

step "other systems"
scripts/cross.sh

if [ $# -eq 0 ]; then
	step "simulation (some minutes)"
	scripts/sim.sh
fi

step "tests, with the race detector"
[ $# -gt 0 ] || set -- ./...
export CGO_ENABLED=1
# Where setup.sh installs the languages of the clients, a missing one is a failure.
if command -v apt-get >/dev/null; then
	export SPREAD_CONFORMANCE_ALL=1
fi
# -count=1: some tests build programs, whose sources the cache of results does not
# know about.
tool gotestsum --format standard-quiet --post-run-command "sh scripts/summary.sh" -- \
	-race -count=1 -timeout 20m "$@"
