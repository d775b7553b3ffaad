/* The members of a view, in its order, and what is known of each. */
#ifndef ROSTER_H
#define ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp.h"

/* Marks of a member. */
enum {
    MISSING = 1,  /* has not agreed to the change */
    GONE = 2,     /* left the group since */
    RECEIVED = 4, /* has told that it has installed the view */
};

struct roster {
    size_t n;
    char (*name)[MAX_GROUP_NAME];
    unsigned char *mark;
    uint32_t *sorted; /* indices by name */
};

#define NOBODY ((size_t)-1)

/* Copies the names. Returns false without memory; the roster is empty then. */
bool roster_make(struct roster *r, const char (*names)[MAX_GROUP_NAME], size_t n, unsigned char mark);
void roster_free(struct roster *r);

/* The index of a member, or NOBODY. */
size_t roster_find(const struct roster *r, const char *name);

/* The number of members with all of the marks. */
size_t roster_count(const struct roster *r, unsigned char marks);

#endif
