#!/bin/sh
# What is installed is complete: programs find headers and libraries with
# pkg-config, shared and static, and see the classic names and no others.
set -eu
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "install.sh: $*" >&2
    exit 1
}

make -s install DESTDIR="$dir" PREFIX=/opt/spread BUILD="$dir/build" CFLAGS=-O1 WERROR=-Werror
lib=$dir/opt/spread/lib
for l in spread spread-core tspread-core; do
    readelf -d "$lib/lib$l.so" | grep -q "SONAME.*\[lib$l.so.3\]" || fail "the soname of lib$l is not lib$l.so.3"
    readelf -d "$lib/lib$l.so" | grep NEEDED | grep -v 'libc\.' && fail "lib$l needs more than the C library"
    nm -D --defined-only "$lib/lib$l.so" | awk '{print $3}' | sort >"$dir/shared"
    nm -g --defined-only "$lib/lib$l.a" | awk 'NF == 3 {print $3}' | sort >"$dir/static"
    case $l in
    spread) cp tests/symbols.txt "$dir/wanted" ;;
    *) grep -v '^FL_' tests/symbols.txt >"$dir/wanted" ;;
    esac
    diff "$dir/wanted" "$dir/shared" >&2 || fail "lib$l.so shows other names than tests/symbols.txt has"
    diff "$dir/wanted" "$dir/static" >&2 || fail "lib$l.a shows other names than tests/symbols.txt has"
done
for f in $(grep -E '^(SP|FL)_' tests/symbols.txt | grep -v '^SP_query_'); do
    [ -e "$dir/opt/spread/share/man/man3/$f.3" ] || fail "there is no manual page of $f"
    grep -qE "^.*\b$f\(" man/*.3 || fail "the manual does not have $f"
done

# The example is in the README and in the manual, word for word.
awk '/^```c$/ {on = 1; next} /^```$/ {on = 0} on' README.md >"$dir/readme.c"
diff examples/hello.c "$dir/readme.c" >&2 || fail "the README has another example"
awk '/^.SH EXAMPLES/ {on = 1; next} /^.fi/ {on = 0} on' man/libspread.3 | sed -e 1d -e 's/^\.sp$//' -e 's/\\en/\\n/' >"$dir/manual.c"
diff examples/hello.c "$dir/manual.c" >&2 || fail "the manual has another example"

[ -n "${SPREAD_TEST_DAEMON:-}" ] && sed "s/\"4803\"/\"$SPREAD_TEST_DAEMON\"/" examples/hello.c >"$dir/hello.c" || cp examples/hello.c "$dir/hello.c"
export PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$dir"
cc -Wall -Werror -o "$dir/shared.out" "$dir/hello.c" $(pkg-config --cflags --libs spread)
cc -Wall -Werror -o "$dir/static.out" "$dir/hello.c" $(pkg-config --cflags spread) "$lib/libspread.a" $(pkg-config --static --libs-only-other spread)
for l in spread-core tspread-core; do
    cc -Wall -Werror -o "$dir/$l.out" "$dir/hello.c" $(pkg-config --cflags spread) -L"$lib" -l$l
done
if [ -z "${SPREAD_TEST_DAEMON:-}" ]; then
    echo "no daemon in SPREAD_TEST_DAEMON: the example is built, but not run"
    exit 0
fi
for program in shared static spread-core tspread-core; do
    mkfifo "$dir/$program.fifo"
    LD_LIBRARY_PATH=$lib timeout 10 "$dir/$program.out" >"$dir/$program.fifo" &
    pid=$!
    read -r line <"$dir/$program.fifo" || fail "the example ($program) says nothing"
    kill $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    case $line in
    '#'*': hello') ;;
    *) fail "the example ($program) says: $line" ;;
    esac
done
