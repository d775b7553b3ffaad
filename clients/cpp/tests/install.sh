#!/bin/sh
# Programs find the installed header and libspread with pkg-config, and the
# example of the README does what it says.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "install.sh: $*" >&2
    exit 1
}

awk '/^```cpp$/ {on = 1; next} /^```$/ {on = 0} on' README.md >"$dir/readme.cpp"
diff examples/hello.cpp "$dir/readme.cpp" >&2 || fail "the README has another example"

make -s -C ../c install DESTDIR="$dir" PREFIX=/opt/spread BUILD="$dir/build" CFLAGS=-O1
make -s install DESTDIR="$dir" PREFIX=/opt/spread
lib=$dir/opt/spread/lib
export PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$dir"
c++ -std=c++17 -Wall -Werror -o "$dir/hello" examples/hello.cpp $(pkg-config --cflags --libs spread-cpp) -pthread
if [ -z "${SPREAD_TEST_DAEMON:-}" ]; then
    echo "no daemon in SPREAD_TEST_DAEMON: the example is built, but not run"
    exit 0
fi
mkfifo "$dir/fifo"
LD_LIBRARY_PATH=$lib timeout 10 "$dir/hello" "$SPREAD_TEST_DAEMON" >"$dir/fifo" &
pid=$!
{ read -r view && read -r message; } <"$dir/fifo" || fail "the example says too little"
kill $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
[ "$view" = "news has 1 members" ] || fail "the example says: $view"
case $message in
'#'*': hello') ;;
*) fail "the example says: $message" ;;
esac
