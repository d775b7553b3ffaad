/* Sending: one gathered write for a message, or for many. */
#include "send.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io.h"
#include "sp_x.h"
#include "wire.h"

#define MAX_KEPT ((size_t)16 << 20)
#define RECEIVES_WITHOUT_A_FLUSH 32
#define LONGEST_GOODBYE 100000 /* microseconds */

/* What must not be sent beside a service: requests, messages between daemons,
 * rejects. A daemon of the original would end or drop the session (client
 * protocol 12). */
#define NOT_FOR_DATA (JOIN_MESS | LEAVE_MESS | KILL_MESS | GROUPS_MESS | REJECT_MESS)

struct piece_list {
    struct iovec iov[MAX_CLIENT_SCATTER_ELEMENTS + 2]; /* kept messages, header and names, data */
    size_t n;
    size_t data; /* bytes in it */
};

static void note_kept(struct outbuf *o) {
    if (o->len == 0) {
        o->off = 0;
        atomic_store(&o->receives, 0);
    }
    atomic_store(&o->kept, o->len);
}

/* Sends header, names and data, which are pieces 1 and up; piece 0 is for what is kept. */
static bool transmit(struct session *s, struct piece_list *p, deadline d) {
    struct outbuf *o = &s->out;
    size_t total = 0;
    for (size_t i = 1; i < p->n; i++)
        total += p->iov[i].iov_len;
    if (o->limit > 0 && o->off + o->len + total <= o->limit) {
        unsigned char *to = o->buf + o->off + o->len;
        for (size_t i = 1; i < p->n; i++) {
            if (p->iov[i].iov_len > 0)
                memcpy(to, p->iov[i].iov_base, p->iov[i].iov_len);
            to += p->iov[i].iov_len;
        }
        o->len += total;
        note_kept(o);
        return true;
    }
    p->iov[0] = (struct iovec){o->buf ? o->buf + o->off : NULL, o->len};
    bool ok = write_all(s->fd, p->iov, p->n, d);
    o->len = 0;
    note_kept(o);
    return ok;
}

static int transmit_checked(struct session *s, struct piece_list *p) {
    pthread_mutex_lock(&s->send_lock);
    int err = session_error(s);
    if (!err && atomic_load(&s->send_failed))
        err = NET_ERROR_ON_SESSION;
    if (!err && !transmit(s, p, FOREVER)) {
        /* What has arrived can still be received. */
        atomic_store(&s->send_failed, true);
        err = CONNECTION_CLOSED;
    }
    pthread_mutex_unlock(&s->send_lock);
    return err;
}

/* Writes header and names, and makes them piece 1. */
static void put_head(struct piece_list *p, unsigned char *head, const struct session *s, uint32_t type,
                     int16 mess_type, int num_groups, const char groups[][MAX_GROUP_NAME]) {
    struct header h = {
        .type = type,
        .num_groups = num_groups,
        .mess_type = mess_type,
        .data_len = (int32_t)p->data,
    };
    memcpy(h.sender, s->private_group, MAX_GROUP_NAME);
    header_encode(head, &h);
    for (int i = 0; i < num_groups; i++)
        name_copy((char *)head + HEADER_SIZE + (size_t)i * MAX_GROUP_NAME, groups[i], MAX_GROUP_NAME);
    p->iov[1] = (struct iovec){head, HEADER_SIZE + names_size(&h)};
}

/* Copies the data behind the names if there is room: one piece is cheaper to
 * write than two. */
static void join_small(struct piece_list *p, size_t room) {
    struct iovec *head = &p->iov[1];
    if (head->iov_len + p->data > room)
        return;
    unsigned char *to = (unsigned char *)head->iov_base + head->iov_len;
    for (size_t i = 2; i < p->n; i++) {
        if (p->iov[i].iov_len > 0)
            memcpy(to, p->iov[i].iov_base, p->iov[i].iov_len);
        to += p->iov[i].iov_len;
    }
    head->iov_len += p->data;
    p->n = 2;
}

static int multicast(mailbox mbox, service service_type, int num_groups, const char groups[][MAX_GROUP_NAME],
                     int16 mess_type, struct piece_list *p) {
    uint32_t type = (uint32_t)service_type, svc = type & REGULAR_MESS;
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    int err = 0;
    if (svc == 0 || (svc & (svc - 1)) != 0 || (type & NOT_FOR_DATA) != 0)
        err = ILLEGAL_SERVICE;
    else if (num_groups < 0 || num_groups > MAX_GROUPS)
        err = ILLEGAL_MESSAGE;
    else if (p->data + (size_t)num_groups * MAX_GROUP_NAME > MAX_BODY)
        err = MESSAGE_TOO_LONG;
    if (!err) {
        unsigned char head[HEADER_SIZE + MAX_GROUPS * MAX_GROUP_NAME];
        put_head(p, head, s, type, mess_type, num_groups, groups);
        join_small(p, sizeof head);
        err = transmit_checked(s, p);
    }
    session_put(s);
    return err ? err : (int)p->data;
}

static bool take_buffer(struct piece_list *p, int mess_len, const char *mess) {
    if (mess_len < 0 || (mess_len > 0 && !mess))
        return false;
    p->iov[2] = (struct iovec){(char *)mess, (size_t)mess_len};
    p->n = 3;
    p->data = (size_t)mess_len;
    return true;
}

static bool take_scatter(struct piece_list *p, const scatter *scat) {
    p->n = 2;
    p->data = 0;
    if (!scat || scat->num_elements > MAX_CLIENT_SCATTER_ELEMENTS)
        return false;
    for (size_t i = 0; i < scat->num_elements; i++) {
        const scat_element *e = &scat->elements[i];
        /* Lengths that are too large stay too large when they are added up. */
        size_t len = e->len > MAX_BODY ? MAX_BODY + 1 : e->len;
        if (len > 0 && !e->buf)
            return false;
        p->iov[p->n++] = (struct iovec){e->buf, len};
        p->data += len;
    }
    return true;
}

int SP_multigroup_multicast(mailbox mbox, service service_type, int num_groups,
                            const char groups[][MAX_GROUP_NAME], int16 mess_type, int mess_len,
                            const char *mess) {
    struct piece_list p;
    if (!take_buffer(&p, mess_len, mess))
        return ILLEGAL_MESSAGE;
    return multicast(mbox, service_type, num_groups, groups, mess_type, &p);
}

int SP_multigroup_scat_multicast(mailbox mbox, service service_type, int num_groups,
                                 const char groups[][MAX_GROUP_NAME], int16 mess_type,
                                 const scatter *scat_mess) {
    struct piece_list p;
    if (!take_scatter(&p, scat_mess))
        return ILLEGAL_MESSAGE;
    return multicast(mbox, service_type, num_groups, groups, mess_type, &p);
}

int SP_multicast(mailbox mbox, service service_type, const char *group, int16 mess_type, int mess_len,
                 const char *mess) {
    char name[1][MAX_GROUP_NAME];
    if (!group)
        return ILLEGAL_GROUP;
    name_copy(name[0], group, MAX_GROUP_NAME - 1);
    return SP_multigroup_multicast(mbox, service_type, 1, (const char(*)[MAX_GROUP_NAME])name, mess_type,
                                   mess_len, mess);
}

int SP_scat_multicast(mailbox mbox, service service_type, const char *group, int16 mess_type,
                      const scatter *scat_mess) {
    char name[1][MAX_GROUP_NAME];
    if (!group)
        return ILLEGAL_GROUP;
    name_copy(name[0], group, MAX_GROUP_NAME - 1);
    return SP_multigroup_scat_multicast(mbox, service_type, 1, (const char(*)[MAX_GROUP_NAME])name, mess_type,
                                        scat_mess);
}

/* A join, leave or disconnect: a message of one name without data. */
static int request(struct session *s, uint32_t type, const char name[MAX_GROUP_NAME]) {
    struct piece_list p = {.n = 2};
    unsigned char head[HEADER_SIZE + MAX_GROUP_NAME];
    put_head(&p, head, s, type, 0, 1, (const char(*)[MAX_GROUP_NAME])name);
    return transmit_checked(s, &p);
}

static bool legal_group(const char *name) {
    size_t n = 0;
    for (; name && name[n]; n++)
        if (n == MAX_GROUP_NAME - 1 || name[n] < 36 || name[n] > 126)
            return false;
    return n > 0;
}

static int membership_request(mailbox mbox, uint32_t type, const char *group) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    int err = ILLEGAL_GROUP;
    if (legal_group(group)) {
        char name[MAX_GROUP_NAME];
        name_copy(name, group, MAX_GROUP_NAME - 1);
        err = request(s, type, name);
    }
    session_put(s);
    return err;
}

int SP_join(mailbox mbox, const char *group) { return membership_request(mbox, JOIN_MESS, group); }

int SP_leave(mailbox mbox, const char *group) { return membership_request(mbox, LEAVE_MESS, group); }

bool send_kept(struct session *s) {
    struct outbuf *o = &s->out;
    /* Who holds the lock is sending, and may wait for a daemon that waits for us. */
    if (atomic_load(&o->kept) == 0 || pthread_mutex_trylock(&s->send_lock) != 0)
        return true;
    bool done = true;
    while (o->len > 0 && done) {
        struct iovec iov = {o->buf + o->off, o->len};
        ssize_t n = send_some(s->fd, &iov, 1, MSG_DONTWAIT);
        if (n > 0) {
            o->off += (size_t)n;
            o->len -= (size_t)n;
        } else if (would_wait()) {
            done = false;
        } else {
            atomic_store(&s->send_failed, true);
            o->len = 0;
        }
    }
    note_kept(o);
    pthread_mutex_unlock(&s->send_lock);
    return done;
}

void send_tick(struct session *s) {
    struct outbuf *o = &s->out;
    if (atomic_load(&o->kept) > 0 && atomic_fetch_add(&o->receives, 1) + 1 >= RECEIVES_WITHOUT_A_FLUSH) {
        atomic_store(&o->receives, 0);
        (void)send_kept(s);
    }
}

/* With the lock. */
static int flush(struct session *s, deadline d) {
    struct outbuf *o = &s->out;
    int err = session_error(s);
    if (!err && atomic_load(&s->send_failed))
        err = NET_ERROR_ON_SESSION;
    if (!err && o->len > 0) {
        struct iovec iov = {o->buf + o->off, o->len};
        if (!write_all(s->fd, &iov, 1, d)) {
            atomic_store(&s->send_failed, true);
            err = CONNECTION_CLOSED;
        }
        o->len = 0;
        note_kept(o);
    }
    return err;
}

int SP_x_flush(mailbox mbox) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    pthread_mutex_lock(&s->send_lock);
    int err = flush(s, FOREVER);
    pthread_mutex_unlock(&s->send_lock);
    session_put(s);
    return err;
}

int SP_x_gather(mailbox mbox, size_t bytes) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    bytes = bytes > MAX_KEPT ? MAX_KEPT : bytes;
    pthread_mutex_lock(&s->send_lock);
    int err = flush(s, FOREVER);
    if (!err) {
        unsigned char *buf = bytes > 0 ? malloc(bytes) : NULL;
        if (bytes > 0 && !buf) {
            err = SP_BUG;
        } else {
            free(s->out.buf);
            s->out.buf = buf;
            s->out.limit = bytes;
        }
    }
    pthread_mutex_unlock(&s->send_lock);
    session_put(s);
    return err;
}

/* Locks unless somebody sends, or tries to, all the time. */
static bool lock_soon(pthread_mutex_t *lock) {
    for (int i = 0; i < 100; i++) {
        if (pthread_mutex_trylock(lock) == 0)
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}

/* Takes leave of the daemon, if it can be done soon: without the word it notices
 * the end of the connection. Returns whether it was said. */
static bool say_goodbye(struct session *s) {
    bool said = false;
    if (!lock_soon(&s->send_lock))
        return false;
    if (!atomic_load(&s->send_failed) && !atomic_load(&s->lost)) {
        struct piece_list p = {.n = 2};
        unsigned char head[HEADER_SIZE + MAX_GROUP_NAME];
        char name[1][MAX_GROUP_NAME];
        memcpy(name[0], s->private_group, MAX_GROUP_NAME);
        put_head(&p, head, s, KILL_MESS, 0, 1, (const char(*)[MAX_GROUP_NAME])name);
        s->out.limit = 0;
        said = transmit(s, &p, deadline_in(2000000));
    }
    pthread_mutex_unlock(&s->send_lock);
    return said;
}

/* Waits until the daemon has closed its side, for a short time: then the name is
 * free, and a program that begins anew gets it (client protocol 4.4). What comes
 * until then is nobody's, unless a thread is in a receive call. */
static void await_end(struct session *s) {
    deadline d = deadline_in(LONGEST_GOODBYE);
    if (pthread_mutex_trylock(&s->recv_lock) != 0) {
#ifdef POLLRDHUP
        (void)wait_fd(s->fd, POLLRDHUP, d);
#endif
        return;
    }
    char rest[4096];
    ssize_t n = 1;
    while (n > 0 && wait_fd(s->fd, POLLIN, d) > 0 && clock_now() < d)
        n = recv_some(s->fd, rest, sizeof rest, MSG_DONTWAIT);
    pthread_mutex_unlock(&s->recv_lock);
}

static void end(struct session *s) {
    if (atomic_load(&s->closing))
        return;
    bool said = say_goodbye(s);
    atomic_store(&s->closing, true);
    if (said)
        await_end(s);
    shutdown(s->fd, SHUT_RDWR);
}

int SP_disconnect(mailbox mbox) {
    struct session *s = session_remove(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    end(s);
    session_put(s);
    return 0;
}

int SP_x_shutdown(mailbox mbox) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    end(s);
    session_put(s);
    return 0;
}

void SP_kill(mailbox mbox) {
    struct session *s = session_remove(mbox);
    if (!s)
        return;
    atomic_store(&s->closing, true);
    /* The connection itself may be in use by the other process of a fork. */
    if (!atomic_load(&s->shared))
        shutdown(s->fd, SHUT_RDWR);
    session_put(s);
}
