#include "session.h"

#include <stdlib.h>
#include <unistd.h>

/* By descriptor. */
static struct {
    pthread_mutex_t lock;
    struct session **at;
    size_t size;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* After a fork both processes have all sessions, and one of them is to take over
 * each and the other to SP_kill it. Locks that other threads of the parent held
 * have nobody to release them in the child. */

static void fork_prepare(void) { pthread_mutex_lock(&table.lock); }

static void mark_shared(void) {
    for (size_t i = 0; i < table.size; i++)
        if (table.at[i])
            atomic_store(&table.at[i]->shared, true);
}

static void fork_parent(void) {
    mark_shared();
    pthread_mutex_unlock(&table.lock);
}

static void fork_child(void) {
    mark_shared();
    for (size_t i = 0; i < table.size; i++) {
        struct session *s = table.at[i];
        if (!s)
            continue;
        atomic_store(&s->refs, 1); /* calls of threads that are not here */
        pthread_mutex_init(&s->send_lock, NULL);
        pthread_mutex_init(&s->recv_lock, NULL);
    }
    pthread_mutex_init(&table.lock, NULL);
}

static void at_fork(void) { pthread_atfork(fork_prepare, fork_parent, fork_child); }

struct session *session_new(int fd) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, at_fork);
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->fd = fd;
    atomic_init(&s->refs, 1);
    pthread_mutex_init(&s->send_lock, NULL);
    pthread_mutex_init(&s->recv_lock, NULL);
    return s;
}

/* Makes room for a descriptor. */
static bool grow(size_t fd) {
    size_t size = table.size ? table.size : 64;
    while (size <= fd)
        size *= 2;
    struct session **at = realloc(table.at, size * sizeof(struct session *));
    if (!at)
        return false;
    for (size_t i = table.size; i < size; i++)
        at[i] = NULL;
    table.at = at;
    table.size = size;
    return true;
}

bool session_add(struct session *s) {
    size_t fd = (size_t)s->fd;
    pthread_mutex_lock(&table.lock);
    bool ok = fd < table.size || grow(fd);
    struct session *stale = NULL;
    if (ok) {
        /* A program that closed the descriptor of a mailbox itself. */
        stale = table.at[fd];
        table.at[fd] = s;
    }
    pthread_mutex_unlock(&table.lock);
    if (stale) {
        stale->fd = -1;
        session_put(stale);
    }
    return ok;
}

struct session *session_get(mailbox mbox) {
    struct session *s = NULL;
    pthread_mutex_lock(&table.lock);
    if (mbox >= 0 && (size_t)mbox < table.size && (s = table.at[mbox]))
        atomic_fetch_add(&s->refs, 1);
    pthread_mutex_unlock(&table.lock);
    return s;
}

struct session *session_remove(mailbox mbox) {
    struct session *s = NULL;
    pthread_mutex_lock(&table.lock);
    if (mbox >= 0 && (size_t)mbox < table.size) {
        s = table.at[mbox];
        table.at[mbox] = NULL;
    }
    pthread_mutex_unlock(&table.lock);
    return s;
}

void session_put(struct session *s) {
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    if (s->fd >= 0)
        close(s->fd);
    pthread_mutex_destroy(&s->send_lock);
    pthread_mutex_destroy(&s->recv_lock);
    free(s->in.buf);
    free(s->out.buf);
    free(s);
}

int session_error(struct session *s) {
    if (atomic_load(&s->closing))
        return CONNECTION_CLOSED;
    return atomic_load(&s->lost) ? NET_ERROR_ON_SESSION : 0;
}
