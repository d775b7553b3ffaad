#!/bin/sh
# Benchmarks: the hot paths as Go benchmarks, then a daemon as a whole, driven by
# spflooder over TCP and over the Unix socket. PORT (default 14803) must be free.
# BENCH selects the Go benchmarks (default all); BENCH=none leaves them out.
set -eu
cd "$(dirname "$0")/.."

port=${PORT:-14803}
if [ "${BENCH:-.}" != none ]; then
	go test -run '^$' -bench "${BENCH:-.}" -benchmem ./...
fi

make -s build BIN=bin
bin=$PWD/bin
dir=$(mktemp -d)
daemon=
finish() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	wait
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

cat >"$dir/spread.conf" <<EOF
Spread_Segment 127.0.0.255:$port {
	bench 127.0.0.1
}
EOF
"$bin/spread" -c "$dir/spread.conf" -n bench >"$dir/log" 2>&1 &
daemon=$!
tries=0
until "$bin/spflooder" -s "$port@127.0.0.1" -wo -m 1 -b 1 >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ $tries -ge 50 ] || ! kill -0 "$daemon" 2>/dev/null; then
		echo "bench: the daemon does not serve on port $port; its log:" >&2
		cat "$dir/log" >&2
		exit 1
	fi
	sleep 0.1
done

# Runs a flooder on that address and shows its figures.
flood() {
	"$bin/spflooder" -s "$@" >"$dir/out" || { cat "$dir/out"; return 1; }
	grep -E '^flooder: (sent|received|latency)' "$dir/out"
}

for address in "$port@127.0.0.1" "$port"; do
	for size in 100 1350 10000 100000; do
		echo "== $address: one member that sends and receives, messages of $size bytes"
		flood "$address" -b $size --duration 3s
	done
done

echo "== $port@127.0.0.1: one message at a time, 100 bytes"
flood "$port@127.0.0.1" -b 100 --window 1 --duration 3s

members=11
echo "== $port@127.0.0.1: one sender, $members receivers (itself included), messages of 100 bytes"
receivers=
i=1
while [ $i -lt $members ]; do
	"$bin/spflooder" -u "r$i" -s "$port@127.0.0.1" -ro -n $members -m 200000 -b 100 >/dev/null &
	receivers="$receivers $!"
	i=$((i + 1))
done
flood "$port@127.0.0.1" -n $members -m 200000 -b 100
for receiver in $receivers; do
	wait "$receiver"
done

if command -v ps >/dev/null; then
	echo "== the daemon, for all of this: processor time, memory in KiB"
	ps -o time= -o rss= -p "$daemon"
fi
