/* Sessions: what there is behind a mailbox.
 *
 * A call gets the session of its mailbox, and puts it back. Who disconnects takes
 * the session out of the table, shuts the socket down, which wakes all calls that
 * wait in it, and puts it back too; the last to do so closes the descriptor, so
 * its number is not used anew while somebody is inside. */
#ifndef SESSION_H
#define SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "clock.h"
#include "sp.h"

/* Bytes of the stream that are known to the library, from the next message on.
 * Either the first of them have been taken from the socket already, or the socket
 * still has, in front of them, messages that have been returned: see inbuf.h. */
struct inbuf {
    unsigned char *buf;
    size_t cap;
    size_t off; /* where the next message begins */
    size_t len; /* bytes known from there on */
    atomic_size_t taken;
    atomic_size_t owed;
    size_t ahead; /* read-ahead, or 0 */
    bool ended;   /* the socket gives nothing any more */
};

struct outbuf {
    unsigned char *buf;
    size_t limit; /* 0: nothing is kept */
    size_t off, len;
    atomic_size_t kept;       /* len, for a look without the lock */
    atomic_uint receives;     /* since something is kept */
};

struct session {
    int fd;
    atomic_bool shared; /* with another process, since a fork */
    atomic_uint refs;
    atomic_bool closing;     /* disconnected by this process */
    atomic_bool lost;        /* a receive call has told that the connection is lost */
    atomic_bool send_failed; /* a send has */
    char private_group[MAX_GROUP_NAME];
    int version[3];
    pthread_mutex_t send_lock; /* for out and for whole messages */
    struct outbuf out;
    pthread_mutex_t recv_lock; /* for in and for whole messages */
    struct inbuf in;
};

/* Makes a session of a connected socket, with one reference, not in the table.
 * NULL without memory. */
struct session *session_new(int fd);

/* Puts it into the table. Returns false without memory. */
bool session_add(struct session *s);

/* The session of a mailbox, or NULL. */
struct session *session_get(mailbox mbox);
void session_put(struct session *s);

/* Takes it out of the table; the reference of the table goes to the caller. NULL
 * if there is none. */
struct session *session_remove(mailbox mbox);

/* Why the session is of no use, or 0. */
int session_error(struct session *s);

#endif
