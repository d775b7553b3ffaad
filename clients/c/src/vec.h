/* Bytes that lie in pieces. */
#ifndef VEC_H
#define VEC_H

#include <stdbool.h>
#include <stdint.h>

#include "sp.h"

struct vec {
    const scat_element *piece;
    size_t n;
};

/* The sum of the lengths of the pieces; SIZE_MAX if it is more than that. */
size_t vec_size(struct vec v);

/* Copy n bytes at an offset; false if there are not as many. */
bool vec_get(struct vec v, size_t at, void *out, size_t n);
bool vec_put(struct vec v, size_t at, const void *in, size_t n);

static inline bool vec_get32(struct vec v, size_t at, uint32_t *out) { return vec_get(v, at, out, sizeof *out); }

#endif
