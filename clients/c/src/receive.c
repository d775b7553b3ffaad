/* Receiving (client protocol 8.3). */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "inbuf.h"
#include "membership.h"
#include "send.h"
#include "sp_x.h"
#include "wire.h"

#define MAX_AHEAD ((size_t)16 << 20)

/* The message at the head of the stream. */
struct incoming {
    struct header h;
    size_t head;      /* bytes before the names */
    service type;     /* as the user sees it */
    bool membership;
    bool old_body;    /* of a daemon of release 3 */
    size_t data_size; /* as the user sees it */
};

/* Where the user wants it. */
struct target {
    service *type;
    char *sender;
    int max_groups;
    int *num_groups;
    char (*groups)[MAX_GROUP_NAME];
    int16 *mess_type;
    int *endian_mismatch;
    struct vec data;
    size_t room; /* in data */
};

static int connection_lost(struct session *s) {
    if (atomic_load(&s->closing))
        return CONNECTION_CLOSED;
    return atomic_exchange(&s->lost, true) ? NET_ERROR_ON_SESSION : CONNECTION_CLOSED;
}

/* The stream makes no sense from here on. */
static int nonsense(struct session *s) {
    atomic_store(&s->lost, true);
    return ILLEGAL_MESSAGE;
}

/* A view without exactly one cause is none. */
static bool causeless(service type) {
    service cause = type & (CAUSED_BY_JOIN | CAUSED_BY_LEAVE | CAUSED_BY_DISCONNECT | CAUSED_BY_NETWORK);
    return Is_reg_memb_mess(type) && (cause == 0 || (cause & (cause - 1)) != 0);
}

/* Reads the header of the next message. Returns 1, 0 when the time is up, or an
 * error. */
static int next(struct session *s, struct incoming *m, deadline d) {
    enum in_result r = in_know(s, HEADER_SIZE, d);
    if (r != IN_OK)
        return r == IN_TIME ? 0 : connection_lost(s);
    if (!header_decode(&m->h, in_bytes(s)))
        return nonsense(s);
    uint32_t type = m->h.type;
    m->head = HEADER_SIZE;
    if (type & REJECT_MESS) {
        r = in_know(s, HEADER_SIZE + OLD_TYPE_SIZE, d);
        if (r != IN_OK)
            return r == IN_TIME ? 0 : connection_lost(s);
        m->head += OLD_TYPE_SIZE;
        type = old_type_decode(in_bytes(s) + HEADER_SIZE) | REJECT_MESS;
    } else if (type & REGULAR_MESS) {
        /* Data, whatever else its sender claims: no membership message of a
         * daemon has a service, and programs look at these bits first. */
        type &= ~(uint32_t)MEMBERSHIP_MESS;
    }
    m->type = (service)type;
    m->membership = Is_membership_mess(m->type);
    if (m->membership && causeless(m->type))
        return nonsense(s);
    m->data_size = (size_t)m->h.data_len;
    m->old_body = m->membership && Is_reg_memb_mess(m->type) && s->version[0] == 3;
    if (m->old_body)
        m->data_size += OLD_BODY_MISSING;
    return 1;
}

/* Tells what room the message needs, and leaves it where it is. */
static int too_short(const struct incoming *m, struct target *t) {
    bool groups = m->h.num_groups > t->max_groups, data = m->data_size > t->room;
    *t->num_groups = groups ? -m->h.num_groups : 0;
    *t->endian_mismatch = data ? -(int)m->data_size : 0;
    *t->mess_type = m->membership ? 0 : m->h.mess_type;
    return groups ? GROUPS_TOO_SHORT : BUFFER_TOO_SHORT;
}

/* Adds the places of the bytes from..to of the data; what has no room is dropped. */
static size_t place(const struct target *t, struct segment *seg, size_t n, size_t from, size_t to) {
    for (size_t i = 0; i < t->data.n && from < to; i++) {
        size_t len = t->data.piece[i].len, part = 0, skip = from < len ? from : len;
        if (skip < len) {
            part = len - skip < to - from ? len - skip : to - from;
            seg[n++] = (struct segment){t->data.piece[i].buf + skip, part};
        }
        from -= skip;
        to -= skip + part;
    }
    if (from < to)
        seg[n++] = (struct segment){NULL, to - from};
    return n;
}

static bool take(struct session *s, const struct incoming *m, const struct target *t, size_t groups) {
    struct segment seg[MAX_CLIENT_SCATTER_ELEMENTS + 8];
    size_t n = 0;
    seg[n++] = (struct segment){(char *)t->groups, groups * MAX_GROUP_NAME};
    seg[n++] = (struct segment){NULL, names_size(&m->h) - groups * MAX_GROUP_NAME};
    if (m->old_body) {
        n = place(t, seg, n, 0, BODY_SETS);
        n = place(t, seg, n, BODY_FIRST, m->data_size);
    } else {
        n = place(t, seg, n, 0, m->data_size);
    }
    return in_take(s, m->head, seg, n) == IN_OK;
}

static int16 own_position(const struct session *s, const struct target *t, size_t groups) {
    for (size_t i = 0; i < groups; i++)
        if (strncmp(t->groups[i], s->private_group, MAX_GROUP_NAME) == 0)
            return (int16)i;
    return -1;
}

/* Makes the body of a membership message what the user expects. */
static bool settle(const struct incoming *m, const struct target *t) {
    size_t have = m->data_size < t->room ? m->data_size : t->room;
    if (Is_transition_mess(m->type) && !Is_reg_memb_mess(m->type))
        return m->data_size >= GROUP_ID_SIZE && (have < GROUP_ID_SIZE || body_settle_id(t->data, m->h.foreign));
    if (!Is_reg_memb_mess(m->type))
        return true;
    if (m->old_body) {
        uint32_t sets[2] = {1, 0};
        if (m->h.foreign)
            sets[0] = swap32(sets[0]);
        (void)vec_put(t->data, BODY_SETS, sets, sizeof sets);
    }
    /* Of a body that was cut nobody can read the sets. */
    return have < m->data_size || body_settle(t->data, m->data_size, m->h.foreign);
}

static int receive_locked(struct session *s, struct target *t) {
    struct incoming m;
    bool drop = (*t->type & DROP_RECV) != 0;
    int err = session_error(s);
    if (!err)
        err = next(s, &m, FOREVER);
    if (err <= 0)
        return err;
    if (in_cut_off(s, m.head + names_size(&m.h) + (size_t)m.h.data_len))
        return connection_lost(s);
    size_t groups = (size_t)m.h.num_groups;
    bool cut_groups = m.h.num_groups > t->max_groups, cut_data = m.data_size > t->room;
    *t->type = m.type;
    memcpy(t->sender, m.h.sender, MAX_GROUP_NAME);
    if (!drop && (cut_groups || cut_data))
        return too_short(&m, t);
    if (cut_groups)
        groups = t->max_groups > 0 ? (size_t)t->max_groups : 0;
    if (!take(s, &m, t, groups))
        return connection_lost(s);
    for (size_t i = 0; i < groups; i++)
        t->groups[i][MAX_GROUP_NAME - 1] = 0;
    *t->num_groups = cut_groups ? -m.h.num_groups : m.h.num_groups;
    *t->mess_type = m.h.mess_type;
    *t->endian_mismatch = m.h.foreign_data;
    if (m.membership) {
        *t->endian_mismatch = 0;
        *t->mess_type = cut_groups ? -1 : own_position(s, t, groups);
        if (!settle(&m, t))
            return nonsense(s);
    }
    return cut_data ? BUFFER_TOO_SHORT : (int)m.data_size;
}

static int receive(mailbox mbox, struct target *t) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    send_tick(s);
    pthread_mutex_lock(&s->recv_lock);
    int n = receive_locked(s, t);
    pthread_mutex_unlock(&s->recv_lock);
    session_put(s);
    return n;
}

int SP_scat_receive(mailbox mbox, service *service_type, char sender[MAX_GROUP_NAME], int max_groups,
                    int *num_groups, char groups[][MAX_GROUP_NAME], int16 *mess_type, int *endian_mismatch,
                    scatter *scat_mess) {
    if (!scat_mess || scat_mess->num_elements > MAX_CLIENT_SCATTER_ELEMENTS)
        return ILLEGAL_MESSAGE;
    struct vec v = {scat_mess->elements, scat_mess->num_elements};
    struct target t = {service_type, sender,          max_groups, num_groups, groups,
                       mess_type,    endian_mismatch, v,          vec_size(v)};
    return receive(mbox, &t);
}

int SP_receive(mailbox mbox, service *service_type, char sender[MAX_GROUP_NAME], int max_groups, int *num_groups,
               char groups[][MAX_GROUP_NAME], int16 *mess_type, int *endian_mismatch, int max_mess_len,
               char *mess) {
    scat_element e = {mess, max_mess_len > 0 ? (size_t)max_mess_len : 0};
    struct target t = {service_type, sender,          max_groups,             num_groups, groups,
                       mess_type,    endian_mismatch, (struct vec){&e, 1}, e.len};
    return receive(mbox, &t);
}

int SP_poll(mailbox mbox) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    int n = session_error(s);
    if (!n) {
        n = in_waiting(s);
        if (n == 0)
            (void)send_kept(s);
    }
    session_put(s);
    return n;
}

int SP_x_read_ahead(mailbox mbox, size_t bytes) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    pthread_mutex_lock(&s->recv_lock);
    int err = session_error(s);
    if (!err) {
        in_settle(s);
        s->in.ahead = bytes > MAX_AHEAD ? MAX_AHEAD : bytes;
    }
    pthread_mutex_unlock(&s->recv_lock);
    session_put(s);
    return err;
}

static bool lock_until(pthread_mutex_t *lock, deadline d) {
    if (d == FOREVER) {
        pthread_mutex_lock(lock);
        return true;
    }
    while (pthread_mutex_trylock(lock) != 0) {
        if (clock_now() >= d)
            return false;
        poll(NULL, 0, 1);
    }
    return true;
}

/* Waits until the next message is known as a whole, or an error. */
static int wait_locked(struct session *s, deadline d) {
    int err = session_error(s);
    if (err)
        return err;
    /* What a receive call will report stays for it to find: the end by reading
     * again, nonsense in the header that is still there. */
    enum in_result r = in_know(s, HEADER_SIZE, d);
    if (r != IN_OK)
        return r != IN_TIME;
    size_t size = message_size(in_bytes(s), HEADER_SIZE);
    return size == 0 || in_gather(s, size, d) != IN_TIME;
}

int SP_x_wait(mailbox mbox, int milliseconds) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    deadline d = milliseconds < 0 ? FOREVER : deadline_in((int64_t)milliseconds * 1000);
    int n = 0;
    if (lock_until(&s->recv_lock, d)) {
        n = wait_locked(s, d);
        pthread_mutex_unlock(&s->recv_lock);
    }
    session_put(s);
    return n;
}
