#!/bin/sh
# Static analysis, as .golangci.yml says. The linter is pinned in tools/go.mod.
set -eu
cd "$(dirname "$0")/.."
export GOWORK=off
exec go tool -modfile=tools/go.mod golangci-lint run "$@"
