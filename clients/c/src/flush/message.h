/* Messages as they come and go, and what the layer appends to data (client
 * protocol 9.2). */
#ifndef FLUSH_MESSAGE_H
#define FLUSH_MESSAGE_H

#include <stdbool.h>

#include "fl.h"

/* Application types that the layer has for itself. */
#define FLUSH_OK ((int16)-32768)
#define FLUSH_RECV ((int16)-32767)
#define VULNERABLE ((int16)-32766)

#define ID_SIZE sizeof(group_id)
#define TYPE_SIZE sizeof(int16)
#define TRAILER_SIZE (TYPE_SIZE + ID_SIZE + MAX_GROUP_NAME)

/* A message, from the daemon or for the user; names and data are one allocation
 * with it. */
struct fl_message {
    struct fl_message *next;
    service type;
    char sender[MAX_GROUP_NAME];
    int num_groups;
    int16 mess_type;
    int mismatch;
    int len;
    char (*groups)[MAX_GROUP_NAME];
    char *data;
};

/* Room for so many names and bytes; NULL without memory. */
struct fl_message *fl_message_new(int num_groups, int len);

/* What stands behind the user's data. */
struct trailer {
    bool subgroup;
    char group[MAX_GROUP_NAME]; /* to whose view the message belongs */
    bool has_id;
    group_id id;
    bool vulnerable;
};

/* Takes the trailer off: the message becomes what the user sees. Returns false
 * if it is not as long as it should be. The message needs room for one more name. */
bool trailer_take(struct fl_message *m, struct trailer *t);

/* Writes the trailer of a message of that type; returns its size. */
size_t trailer_put(char out[TRAILER_SIZE], const struct trailer *t, int16 mess_type);

#endif
