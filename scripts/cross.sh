#!/bin/sh
# Compiles everything, the tests included, for the other supported systems.
set -eu
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
for target in linux/arm64 darwin/arm64 freebsd/amd64 windows/amd64; do
	echo "$target"
	GOOS=${target%/*} GOARCH=${target#*/} go build ./...
	GOOS=${target%/*} GOARCH=${target#*/} go vet ./...
done
