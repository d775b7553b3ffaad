#!/bin/sh
# Random runs of the simulator by the thousand, which may be interrupted and goes on
# where it was:
#
#	scripts/campaign.sh FIRST COUNT [VIRTUAL] [DAEMONS]
#
# runs COUNT seeds from FIRST on, each with VIRTUAL time of faults (default 20s) and
# DAEMONS daemons (default 2-12). After each 500 seeds it appends a line to the file
# that CAMPAIGN names (default campaign.txt in the directory for temporary files):
# the date, the commit, what was run, virtual hours, wall time, failed seeds. What
# the file has of this commit and these settings is not run again. What fails is
# printed and kept beside the file, with how to see it again; the end is then not 0.
set -eu
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
first=$1 count=$2 virtual=${3:-20s} daemons=${4:-2-12}
results=${CAMPAIGN:-${TMPDIR:-/tmp}/campaign.txt}
chunk=500
export GOGC="${GOGC:-400}"

commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
git diff --quiet HEAD -- internal 2>/dev/null || commit=$commit+
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/sim.test" ./internal/sim
touch "$results"

bad=0
at=$first
end=$((first + count))
while [ "$at" -lt "$end" ]; do
	n=$((end - at))
	[ "$n" -le "$chunk" ] || n=$chunk
	what="commit $commit, $n seeds from $at, $daemons daemons, $virtual"
	if ! grep -q "$what:" "$results"; then
		# Some hundred seeds need not show everything: no look at coverage.
		if (cd internal/sim && "$work/sim.test" -test.run '^TestRandom$' -test.v -test.timeout 0 -failures 1000000 -covered=false \
			-seeds "$n" -seed "$at" -virtual "$virtual" -daemons "$daemons") >"$work/out" 2>"$work/progress"; then
			failed=none
		else
			failed=$(sed -n 's/.*: seed \([0-9]*\): .* violations$/\1/p' "$work/out" | tr '\n' ' ')
			bad=1
			cat "$work/out"
			{ echo "== $what"; cat "$work/out"; } >>"$results.failures"
		fi
		sum=$(sed -n 's/.* seeds from [0-9]*: \(.*virtual hours in [^,]*\),.*/\1/p' "$work/out")
		echo "$(date -u +%FT%TZ) $what: ${sum:-ended early}, failed: ${failed:-see the file of failures}" | tee -a "$results"
	fi
	at=$((at + n))
done
# All that the file has of this commit.
grep "commit $commit," "$results" | sed -n 's/.*, \([0-9]*\) seeds from .*: \([0-9.]*\) virtual hours in .*, failed: \(.*\)/\1 \2 \3/p' |
	awk '{ seeds += $1; hours += $2; if ($3 != "none") failed += NF - 2 }
	END { printf "in all, of this commit: %d seeds, %.1f virtual hours, %d failed\n", seeds, hours, failed }'
exit $bad
