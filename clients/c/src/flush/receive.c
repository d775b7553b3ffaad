#include <stdlib.h>
#include <string.h>

#include "flush/flush.h"
#include "vec.h"

#define FIRST_GROUPS 128
#define FIRST_DATA 4096

/* Where the user wants a message. */
struct target {
    service *type;
    char *sender;
    int max_groups;
    int *num_groups;
    char (*groups)[MAX_GROUP_NAME];
    int16 *mess_type;
    int *mismatch;
    struct vec data;
};

/* Makes room for the next message of the Spread layer, and for one name more. */
static bool make_room(struct fl_session *s, int groups, int data) {
    if (s->in && groups <= s->in_groups && data <= s->in_data)
        return true;
    free(s->in);
    s->in = fl_message_new(groups + 1, data);
    s->in_groups = groups;
    s->in_data = data;
    return s->in != NULL;
}

/* Receives a message of the Spread layer, as one of its own size. */
static int receive_spread(struct fl_session *s, struct fl_message **out) {
    int groups = FIRST_GROUPS, data = FIRST_DATA, len;
    for (;;) {
        if (!make_room(s, groups, data))
            return SP_BUG;
        struct fl_message *in = s->in;
        in->type = 0;
        len = SP_receive(s->mbox, &in->type, in->sender, s->in_groups, &in->num_groups, in->groups, &in->mess_type,
                         &in->mismatch, s->in_data, in->data);
        if (len != BUFFER_TOO_SHORT && len != GROUPS_TOO_SHORT)
            break;
        groups = in->num_groups < 0 ? -in->num_groups : s->in_groups;
        data = in->mismatch < 0 ? -in->mismatch : s->in_data;
    }
    if (len < 0)
        return len;
    struct fl_message *in = s->in, *m = fl_message_new(in->num_groups + 1, len);
    if (!m)
        return SP_BUG;
    m->type = in->type;
    m->num_groups = in->num_groups;
    m->mess_type = in->mess_type;
    m->mismatch = in->mismatch;
    memcpy(m->sender, in->sender, MAX_GROUP_NAME);
    memcpy(m->groups, in->groups, (size_t)in->num_groups * MAX_GROUP_NAME);
    memcpy(m->data, in->data, (size_t)len);
    if (s->in_groups + s->in_data > 1 << 20) { /* large ones are rare */
        free(s->in);
        s->in = NULL;
    }
    *out = m;
    return 0;
}

/* Gives the first event to the user, as SP_receive would. With the lock. */
static int deliver(struct fl_session *s, const struct target *t, bool drop) {
    struct fl_message *e = s->m.events;
    size_t room = vec_size(t->data), len = (size_t)e->len;
    bool cut_groups = e->num_groups > t->max_groups, cut_data = len > room;
    int max = t->max_groups > 0 ? t->max_groups : 0, n = cut_groups ? max : e->num_groups;
    *t->type = e->type;
    memcpy(t->sender, e->sender, MAX_GROUP_NAME);
    *t->mess_type = e->mess_type;
    if (!drop && (cut_groups || cut_data)) {
        *t->num_groups = cut_groups ? -e->num_groups : 0;
        *t->mismatch = cut_data ? -e->len : 0;
        return cut_groups ? GROUPS_TOO_SHORT : BUFFER_TOO_SHORT;
    }
    if (n > 0)
        memcpy(t->groups, e->groups, (size_t)n * MAX_GROUP_NAME);
    (void)vec_put(t->data, 0, e->data, cut_data ? room : len);
    *t->num_groups = cut_groups ? -e->num_groups : n;
    *t->mismatch = e->mismatch;
    machine_pop(&s->m);
    return cut_data ? BUFFER_TOO_SHORT : (int)len;
}

/* One step: sends what is due, and delivers. *done tells whether there was
 * something. */
static int step(struct fl_session *s, const struct target *t, bool drop, int *more, bool *done) {
    /* If the connection is lost, receiving says so, behind what has arrived. */
    (void)fl_send_due(s);
    pthread_mutex_lock(&s->lock);
    int result = s->m.failed;
    *done = result != 0;
    if (s->m.events) {
        result = deliver(s, t, drop);
        *done = true;
    }
    *more = (int)s->m.num_events;
    pthread_mutex_unlock(&s->lock);
    return result;
}

/* Holding recv_lock. */
static int receive_locked(struct fl_session *s, const struct target *t, int *more) {
    bool drop = (*t->type & DROP_RECV) != 0, block = (*t->type & DONT_BLOCK) == 0, done;
    for (;;) {
        int result = step(s, t, drop, more, &done);
        if (done)
            return result;
        if (!block) {
            result = SP_poll(s->mbox);
            if (result <= 0)
                return result < 0 ? result : WOULD_BLOCK;
        }
        struct fl_message *in = NULL;
        result = receive_spread(s, &in);
        if (result < 0)
            return result;
        pthread_mutex_lock(&s->lock);
        machine_receive(&s->m, in);
        pthread_mutex_unlock(&s->lock);
    }
}

static int receive(mailbox mbox, const struct target *t, int *more) {
    struct fl_session *s = fl_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    int unused;
    pthread_mutex_lock(&s->recv_lock);
    int result = receive_locked(s, t, more ? more : &unused);
    pthread_mutex_unlock(&s->recv_lock);
    fl_put(s);
    return result;
}

int FL_scat_receive(mailbox mbox, service *serv_type, char *sender_name, int max_groups, int *num_groups,
                    char group_names[][MAX_GROUP_NAME], int16 *mess_type, int *endian_mismatch,
                    scatter *scat_mess, int *more_msgs) {
    if (!scat_mess || scat_mess->num_elements > MAX_CLIENT_SCATTER_ELEMENTS)
        return ILLEGAL_MESSAGE;
    struct target t = {serv_type,   sender_name, max_groups,      num_groups,
                       group_names, mess_type,   endian_mismatch, {scat_mess->elements, scat_mess->num_elements}};
    return receive(mbox, &t, more_msgs);
}

int FL_receive(mailbox mbox, service *serv_type, char *sender_name, int max_groups, int *num_groups,
               char group_names[][MAX_GROUP_NAME], int16 *mess_type, int *endian_mismatch, int max_mess_len,
               char *mess, int *more_msgs) {
    scat_element e = {mess, max_mess_len > 0 ? (size_t)max_mess_len : 0};
    struct target t = {serv_type,   sender_name, max_groups,      num_groups,
                       group_names, mess_type,   endian_mismatch, {&e, 1}};
    return receive(mbox, &t, more_msgs);
}
