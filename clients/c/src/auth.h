/* The authentication methods that the program has set. */
#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>

#define AUTH_METHODS 3
#define AUTH_NAME 30 /* bytes of a name on the wire */

struct auth {
    int count;
    struct {
        char name[AUTH_NAME]; /* zero-filled */
        int (*run)(int fd, void *data);
        void *data;
    } method[AUTH_METHODS];
};

/* A copy of what is set, so that a connect is not disturbed by a change. */
void auth_get(struct auth *a);

/* Tells whether all of them are in the daemon's list, names that each have a
 * blank behind them. */
bool auth_offered(const struct auth *a, const char *list);

#endif
