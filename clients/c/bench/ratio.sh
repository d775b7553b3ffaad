#!/bin/sh
# Messages per second of one program with two libraries in turn, and medians.
#   make all build/flood && sh bench/ratio.sh DAEMON DIR_OF_THE_OTHER_LIBRARY [OPTION OF flood ...]
# ROUNDS in the environment, or 5.
set -eu
daemon=$1 other=$2
shift 2
for round in $(seq "${ROUNDS:-5}"); do
    for way in other ours "ours -g 16384" "ours -g 16384 -a 65536"; do
        lib=build options=${way#ours}
        [ "$way" = other ] && lib=$other options=
        LD_LIBRARY_PATH=$lib build/flood -d "$daemon" "$@" $options | sed "s/^/$way:/"
    done
done | awk -F: '
    { split($2, v, " "); n[$1]++; rate[$1, n[$1]] = v[1] }
    function median(way, i, j, t) {
        for (i = 1; i <= n[way]; i++)
            for (j = i + 1; j <= n[way]; j++)
                if (rate[way, i] > rate[way, j]) { t = rate[way, i]; rate[way, i] = rate[way, j]; rate[way, j] = t }
        return rate[way, int((n[way] + 1) / 2)]
    }
    END {
        base = median("other")
        printf "%-24s %9d\n", "other", base
        for (i = split("ours,ours -g 16384,ours -g 16384 -a 65536", w, ","); i >= 1; i--) order[i] = w[i]
        for (i = 1; i <= 3; i++) printf "%-24s %9d  %5.2f times\n", order[i], median(order[i]), median(order[i]) / base
    }'
