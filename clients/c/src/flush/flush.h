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
    /* Held while messages are sent, so that none follows a FLUSH_OK. */
    pthread_mutex_t lock;
    struct machine m;
};

struct fl_session *fl_get(mailbox mbox);
void fl_put(struct fl_session *s);

/* Sends what the machine has to send. With the lock. */
int fl_send_due(struct fl_session *s);

#endif
