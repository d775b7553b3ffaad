#include <stdlib.h>
#include <string.h>

#include "flush/flush.h"

/* Bits that a user must not send. */
#define NOT_FOR_USERS ((unsigned)FLUSH_REQ_MESS | MEMBERSHIP_MESS | ENDIAN_RESERVED | RESERVED)

/* Sends messages of the layer itself, and frees them. With send_lock. */
static int send_controls(const struct fl_session *s, struct control *c) {
    int result = 0;
    while (c) {
        struct control *next = c->next;
        if (result >= 0)
            result = SP_multicast(s->mbox, FIFO_MESS, c->group, c->type, (int)ID_SIZE, (const char *)&c->id);
        free(c);
        c = next;
    }
    return result < 0 ? result : 0;
}

int fl_send_due(struct fl_session *s) {
    for (;;) {
        pthread_mutex_lock(&s->lock);
        bool due = s->m.sends != NULL;
        pthread_mutex_unlock(&s->lock);
        /* Who holds the lock looks again when it has released it. */
        if (!due || pthread_mutex_trylock(&s->send_lock) != 0)
            return 0;
        pthread_mutex_lock(&s->lock);
        struct control *c = machine_take_sends(&s->m);
        pthread_mutex_unlock(&s->lock);
        int result = send_controls(s, c);
        pthread_mutex_unlock(&s->send_lock);
        if (result < 0)
            return result;
    }
}

/* Sends data with what is appended. With send_lock. */
static int send_data(const struct fl_session *s, service type, const char *group,
                     const char (*receivers)[MAX_GROUP_NAME], int num_receivers, int16 mess_type,
                     const scatter *scat, const struct trailer *t) {
    scatter out;
    char tail[TRAILER_SIZE];
    size_t n = scat->num_elements;
    memcpy(out.elements, scat->elements, n * sizeof *out.elements);
    size_t tail_size = trailer_put(tail, t, mess_type);
    out.elements[n] = (scat_element){tail, tail_size};
    out.num_elements = n + 1;
    if (t->vulnerable)
        mess_type = VULNERABLE;
    int sent = t->subgroup ? SP_multigroup_scat_multicast(s->mbox, type | SUBGROUP_CAST, num_receivers, receivers,
                                                          mess_type, &out)
                           : SP_scat_multicast(s->mbox, type, group, mess_type, &out);
    return sent < 0 ? sent : sent - (int)tail_size;
}

static int send_allowed(struct fl_session *s, service type, const char *group,
                        const char (*receivers)[MAX_GROUP_NAME], int num_receivers, int16 mess_type,
                        const scatter *scat) {
    struct trailer t;
    pthread_mutex_lock(&s->send_lock);
    pthread_mutex_lock(&s->lock);
    int result = machine_send(&s->m, type, group, receivers, num_receivers, &t);
    /* What becomes due from here on goes behind the message. */
    struct control *before = result ? NULL : machine_take_sends(&s->m);
    pthread_mutex_unlock(&s->lock);
    if (!result)
        result = send_controls(s, before);
    if (!result)
        result = send_data(s, type, group, receivers, num_receivers, mess_type, scat, &t);
    pthread_mutex_unlock(&s->send_lock);
    (void)fl_send_due(s);
    return result;
}

static int send_message(mailbox mbox, service type, const char *group, const char (*receivers)[MAX_GROUP_NAME],
                        int num_receivers, int16 mess_type, const scatter *scat) {
    struct fl_session *s = fl_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    int result;
    if (num_receivers < 0)
        result = ILLEGAL_PARAM;
    else if ((unsigned)type & NOT_FOR_USERS)
        result = ILLEGAL_SERVICE;
    else if (mess_type < FL_MIN_LEGAL_MESS_TYPE)
        result = ILLEGAL_MESSAGE_TYPE;
    else if (!scat || scat->num_elements > FL_MAX_SCATTER_ELEMENTS)
        result = ILLEGAL_MESSAGE;
    else if (!group)
        result = ILLEGAL_GROUP;
    else
        result = send_allowed(s, type, group, receivers, num_receivers, mess_type, scat);
    fl_put(s);
    return result;
}

/* One buffer as a scatter; its length is checked. */
static const scatter *single(scatter *s, int len, const char *mess) {
    if (len < 0)
        return NULL;
    s->num_elements = 1;
    s->elements[0] = (scat_element){(char *)mess, (size_t)len};
    return s;
}

int FL_scat_multicast(mailbox mbox, service serv_type, const char *group_name, int16 mess_type,
                      const scatter *scat_mess) {
    return send_message(mbox, serv_type, group_name, NULL, 0, mess_type, scat_mess);
}

int FL_multicast(mailbox mbox, service serv_type, const char *group_name, int16 mess_type, int mess_len,
                 const char *mess) {
    scatter s;
    return FL_scat_multicast(mbox, serv_type, group_name, mess_type, single(&s, mess_len, mess));
}

int FL_scat_subgroupcast(mailbox mbox, service serv_type, const char *group_name, int num_recvrs,
                         char recvr_names[][MAX_GROUP_NAME], int16 mess_type, const scatter *scat) {
    static char nobody[1][MAX_GROUP_NAME];
    return send_message(mbox, serv_type, group_name,
                        (const char(*)[MAX_GROUP_NAME])(recvr_names ? recvr_names : nobody), num_recvrs, mess_type,
                        scat);
}

int FL_subgroupcast(mailbox mbox, service serv_type, const char *group_name, int num_recvrs,
                    char recvr_names[][MAX_GROUP_NAME], int16 mess_type, int mess_len, const char *mess) {
    scatter s;
    return FL_scat_subgroupcast(mbox, serv_type, group_name, num_recvrs, recvr_names, mess_type,
                                single(&s, mess_len, mess));
}

int FL_scat_unicast(mailbox mbox, service serv_type, const char *group_name, const char *recvr_name,
                    int16 mess_type, const scatter *scat) {
    char receiver[1][MAX_GROUP_NAME] = {""};
    if (!recvr_name)
        return ILLEGAL_PARAM;
    strncpy(receiver[0], recvr_name, MAX_GROUP_NAME - 1);
    return FL_scat_subgroupcast(mbox, serv_type, group_name, 1, receiver, mess_type, scat);
}

int FL_unicast(mailbox mbox, service serv_type, const char *group_name, const char *recvr_name, int16 mess_type,
               int mess_len, const char *mess) {
    scatter s;
    return FL_scat_unicast(mbox, serv_type, group_name, recvr_name, mess_type, single(&s, mess_len, mess));
}
