/* The state of one client of the flush layer (client protocol 9.4 and 9.5). It
 * does no I/O: what comes from the Spread layer goes in, what is due for the user
 * and for the daemon comes out. */
#ifndef FLUSH_MACHINE_H
#define FLUSH_MACHINE_H

#include "flush/message.h"
#include "flush/roster.h"

enum membership { JOINING, JOINED, LEAVING };

/* How far a group is on its way from one view to the next. */
enum phase {
    STEADY,    /* all is quiet */
    AUTHORIZE, /* a change is pending, the user has been asked to flush */
    AGREE,     /* this client has flushed, and must not send */
    VERIFY,    /* the view is installed, the others are not known to have it */
};

/* A membership of the Spread layer that has not been installed. */
struct change {
    struct change *next;
    group_id id;
    service cause;
    char changed[MAX_GROUP_NAME];
    struct roster members;
};

/* FLUSH_OKs that came before the membership that they are about. */
struct early {
    struct early *next;
    group_id id;
    int age; /* in memberships */
    size_t n;
    char (*from)[MAX_GROUP_NAME];
};

struct group {
    struct group *next;
    char name[MAX_GROUP_NAME];
    enum membership member;
    enum phase phase;
    group_id view_id;
    struct roster view;    /* the flush view; GONE are those known to be lost */
    bool signalled;        /* the transitional signal has been given in it */
    struct roster last;    /* the last Spread membership */
    struct change *changes; /* pending; the first is the change in hand */
    struct early *early;    /* the oldest first */
    /* From members that have installed the change in hand before us. */
    struct fl_message *postponed, **postponed_end;
    size_t postponed_size;
};

/* A message of the layer itself, to be sent. */
struct control {
    struct control *next;
    char group[MAX_GROUP_NAME];
    int16 type; /* FLUSH_OK or FLUSH_RECV */
    group_id id;
};

struct machine {
    char self[MAX_GROUP_NAME];
    struct group *groups;
    struct fl_message *events, **events_end; /* for the user */
    size_t num_events, size; /* of the events, in bytes */
    struct control *sends, **sends_end; /* before anything of the user's */
    int failed; /* why nothing more can be done, or 0 */
};

void machine_init(struct machine *m, const char *self);
void machine_free(struct machine *m);

/* Takes what the Spread layer received; the message belongs to the machine then.
 * There is room for one name more than it has. */
void machine_receive(struct machine *m, struct fl_message *in);

/* The user's calls. They return 0 or an error. */
int machine_join(struct machine *m, const char *group);
int machine_leave(struct machine *m, const char *group);
void machine_stay(struct machine *m, const char *group); /* takes a leave back */
int machine_flush(struct machine *m, const char *group);

/* Checks that the user may send to the group, and to receivers if there are any
 * (not NULL); tells what must be appended. */
int machine_send(struct machine *m, service type, const char *group, const char (*receivers)[MAX_GROUP_NAME],
                 int num_receivers, struct trailer *t);

/* Takes out all that is to be sent. The caller frees it. */
struct control *machine_take_sends(struct machine *m);

/* Takes the first event for the user out of the queue. */
void machine_pop(struct machine *m);

#endif
