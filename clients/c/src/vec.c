#include "vec.h"

#include <string.h>

size_t vec_size(struct vec v) {
    size_t sum = 0;
    for (size_t i = 0; i < v.n; i++)
        sum = v.piece[i].len > SIZE_MAX - sum ? SIZE_MAX : sum + v.piece[i].len;
    return sum;
}

/* Copies between the pieces and a buffer; to the buffer if out, else from in. */
static bool copy(struct vec v, size_t at, char *out, const char *in, size_t n) {
    for (size_t i = 0; i < v.n && n > 0; i++) {
        size_t len = v.piece[i].len;
        if (at >= len) {
            at -= len;
            continue;
        }
        size_t part = len - at < n ? len - at : n;
        if (out) {
            memcpy(out, v.piece[i].buf + at, part);
            out += part;
        } else {
            memcpy(v.piece[i].buf + at, in, part);
            in += part;
        }
        n -= part;
        at = 0;
    }
    return n == 0;
}

bool vec_get(struct vec v, size_t at, void *out, size_t n) { return copy(v, at, out, NULL, n); }

bool vec_put(struct vec v, size_t at, const void *in, size_t n) { return copy(v, at, NULL, in, n); }
