#include <stdlib.h>
#include <string.h>

#include "flush/flush.h"

/* Bits that a user must not send. */
#define NOT_FOR_USERS ((unsigned)FLUSH_REQ_MESS | MEMBERSHIP_MESS | ENDIAN_RESERVED | RESERVED)

int fl_send_due(struct fl_session *s) {
    struct machine *m = &s->m;
    while (m->sends) {
        struct control *c = m->sends;
        int n = SP_multicast(s->mbox, FIFO_MESS, c->group, c->type, (int)ID_SIZE, (const char *)&c->id);
        if (n < 0)
            return n;
        m->sends = c->next;
        if (!m->sends)
            m->sends_end = &m->sends;
        free(c);
    }
    return 0;
}

/* With the lock. */
static int send_locked(struct fl_session *s, service type, const char *group,
                       const char (*receivers)[MAX_GROUP_NAME], int num_receivers, int16 mess_type,
                       const scatter *scat) {
    struct trailer t;
    int err = machine_send(&s->m, type, group, receivers, num_receivers, &t);
    if (!err)
        err = fl_send_due(s);
    if (err)
        return err;
    scatter out;
    char tail[TRAILER_SIZE];
    size_t n = scat->num_elements;
    memcpy(out.elements, scat->elements, n * sizeof *out.elements);
    size_t tail_size = trailer_put(tail, &t, mess_type);
    out.elements[n] = (scat_element){tail, tail_size};
    out.num_elements = n + 1;
    if (t.vulnerable)
        mess_type = VULNERABLE;
    int sent = t.subgroup ? SP_multigroup_scat_multicast(s->mbox, type | SUBGROUP_CAST, num_receivers, receivers,
                                                         mess_type, &out)
                          : SP_scat_multicast(s->mbox, type, group, mess_type, &out);
    return sent < 0 ? sent : sent - (int)tail_size;
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
    else {
        pthread_mutex_lock(&s->lock);
        result = send_locked(s, type, group, receivers, num_receivers, mess_type, scat);
        pthread_mutex_unlock(&s->lock);
    }
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
