/* The bodies of membership messages (client protocol 5.2). */
#ifndef MEMBERSHIP_H
#define MEMBERSHIP_H

#include "vec.h"

#define BODY_SETS 12u   /* offset of the number of sets */
#define BODY_OWN 16u    /* of the offset of the own set, which counts from BODY_FIRST */
#define BODY_FIRST 20u  /* of the first set: a count and as many names */

/* What daemons of release 3 leave out between the id and the one set. */
#define OLD_BODY_MISSING (BODY_FIRST - BODY_SETS)

/* Brings the numbers of a body into this machine's order if it is foreign, and
 * tells whether it is well-formed and of that size. */
bool body_settle(struct vec v, size_t size, bool foreign);

/* The id alone, which a transitional signal has. */
bool body_settle_id(struct vec v, bool foreign);

#endif
