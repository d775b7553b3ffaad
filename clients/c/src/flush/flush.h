/* Sessions of the flush layer. */
#ifndef FLUSH_FLUSH_H
#define FLUSH_FLUSH_H

#include <pthread.h>

#include "flush/machine.h"

struct fl_session {
    mailbox mbox;
    unsigned refs; /* with the table's lock */
    struct fl_session *next;
    /* One receives at a time; buffers for what it receives. */
    pthread_mutex_t recv_lock;
    struct fl_message *in;
    int in_groups, in_data; /* room */
    /* One sends at a time, so that nothing follows a FLUSH_OK that was allowed
     * before it. Taken before lock. */
    pthread_mutex_t send_lock;
    /* For m. Nobody waits for the daemon with it: while one thread sends, others
     * receive what the daemon has to get rid of first. */
    pthread_mutex_t lock;
    struct machine m;
};

struct fl_session *fl_get(mailbox mbox);
void fl_put(struct fl_session *s);

/* Sends what the machine has to send, unless another thread sends: then that one
 * does it. Without a lock. */
int fl_send_due(struct fl_session *s);

#endif
