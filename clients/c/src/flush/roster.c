#include "flush/roster.h"

#include <stdlib.h>
#include <string.h>

/* Heap sort: qsort hands no context to its comparison. */
static int compare(const struct roster *r, uint32_t a, uint32_t b) {
    return strncmp(r->name[a], r->name[b], MAX_GROUP_NAME);
}

static void sift(const struct roster *r, size_t i, size_t n) {
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && compare(r, r->sorted[child], r->sorted[child + 1]) < 0)
            child++;
        if (compare(r, r->sorted[i], r->sorted[child]) >= 0)
            return;
        uint32_t t = r->sorted[i];
        r->sorted[i] = r->sorted[child];
        r->sorted[child] = t;
    }
}

static void sort(const struct roster *r) {
    for (size_t i = r->n / 2; i-- > 0;)
        sift(r, i, r->n);
    for (size_t n = r->n; n > 1;) {
        uint32_t t = r->sorted[0];
        r->sorted[0] = r->sorted[--n];
        r->sorted[n] = t;
        sift(r, 0, n);
    }
}

bool roster_make(struct roster *r, const char (*names)[MAX_GROUP_NAME], size_t n, unsigned char mark) {
    *r = (struct roster){.n = n};
    r->name = malloc(n * MAX_GROUP_NAME + 1);
    r->mark = malloc(n + 1);
    r->sorted = malloc(n * sizeof *r->sorted + 1);
    if (!r->name || !r->mark || !r->sorted) {
        roster_free(r);
        return false;
    }
    if (n > 0)
        memcpy(r->name, names, n * MAX_GROUP_NAME);
    memset(r->mark, mark, n);
    for (size_t i = 0; i < n; i++)
        r->sorted[i] = (uint32_t)i;
    sort(r);
    return true;
}

void roster_free(struct roster *r) {
    free(r->name);
    free(r->mark);
    free(r->sorted);
    *r = (struct roster){0};
}

size_t roster_find(const struct roster *r, const char *name) {
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strncmp(name, r->name[r->sorted[mid]], MAX_GROUP_NAME);
        if (c == 0)
            return r->sorted[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NOBODY;
}

size_t roster_count(const struct roster *r, unsigned char marks) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += (r->mark[i] & marks) == marks;
    return n;
}
