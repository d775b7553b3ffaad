#!/bin/sh
# Random runs of the simulator, as many as continuous integration makes: 2,000 of 5
# daemons and 60 virtual seconds with faults each. It fails also if one of the
# things that the runs are for never comes about. The race detector, which would
# take twenty times as long, looks at a few runs in the other tests.
# Arguments go to the test; -seed N begins at another seed.
set -eu
cd "$(dirname "$0")/.."
export GOGC="${GOGC:-400}"
exec go test ./internal/sim -run 'TestRandom$' -count=1 -timeout 30m -seeds 2000 -virtual 60s -daemons 5 "$@"
