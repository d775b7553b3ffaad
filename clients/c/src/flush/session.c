#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flush/flush.h"

static struct {
    pthread_mutex_t lock;
    struct fl_session *first;
    bool initialized;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

int FL_lib_init(void) {
    pthread_mutex_lock(&all.lock);
    int result = all.initialized ? ILLEGAL_STATE : 0;
    all.initialized = true;
    pthread_mutex_unlock(&all.lock);
    return result;
}

void FL_version(int *major_ver, int *minor_ver, int *patch_ver) {
    *major_ver = 2;
    *minor_ver = 0;
    *patch_ver = 0;
}

struct fl_session *fl_get(mailbox mbox) {
    pthread_mutex_lock(&all.lock);
    struct fl_session *s = all.first;
    while (s && s->mbox != mbox)
        s = s->next;
    if (s)
        s->refs++;
    pthread_mutex_unlock(&all.lock);
    return s;
}

void fl_put(struct fl_session *s) {
    pthread_mutex_lock(&all.lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&all.lock);
    if (!last)
        return;
    machine_free(&s->m);
    free(s->in);
    pthread_mutex_destroy(&s->recv_lock);
    pthread_mutex_destroy(&s->send_lock);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Takes a session out of the table; its reference goes to the caller. */
static struct fl_session *detach(mailbox mbox) {
    pthread_mutex_lock(&all.lock);
    struct fl_session **p = &all.first, *s;
    while (*p && (*p)->mbox != mbox)
        p = &(*p)->next;
    s = *p;
    if (s)
        *p = s->next;
    pthread_mutex_unlock(&all.lock);
    return s;
}

int FL_connect(const char *daemon_name, const char *user_name, int priority, mailbox *mbox, char *private_name) {
    if (!daemon_name || !user_name)
        return ILLEGAL_PARAM;
    struct fl_session *s = calloc(1, sizeof *s);
    if (!s)
        return COULD_NOT_CONNECT;
    char self[MAX_GROUP_NAME] = "";
    int result = SP_connect(daemon_name, user_name, priority, 1, &s->mbox, self);
    if (result != ACCEPT_SESSION) {
        free(s);
        return result;
    }
    /* One whose mailbox was closed in another way may have been left. */
    struct fl_session *stale = detach(s->mbox);
    if (stale)
        fl_put(stale);
    s->refs = 1;
    pthread_mutex_init(&s->recv_lock, NULL);
    pthread_mutex_init(&s->send_lock, NULL);
    pthread_mutex_init(&s->lock, NULL);
    machine_init(&s->m, self);
    *mbox = s->mbox;
    strcpy(private_name, self);
    pthread_mutex_lock(&all.lock);
    s->next = all.first;
    all.first = s;
    pthread_mutex_unlock(&all.lock);
    return result;
}

int FL_disconnect(mailbox mbox) {
    struct fl_session *s = detach(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    int result = SP_disconnect(mbox);
    fl_put(s);
    return result;
}

int FL_join(mailbox mbox, const char *group_name) {
    struct fl_session *s = fl_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    pthread_mutex_lock(&s->send_lock);
    pthread_mutex_lock(&s->lock);
    int result = group_name ? machine_join(&s->m, group_name) : ILLEGAL_GROUP;
    pthread_mutex_unlock(&s->lock);
    if (!result)
        result = SP_join(mbox, group_name);
    pthread_mutex_unlock(&s->send_lock);
    (void)fl_send_due(s);
    fl_put(s);
    return result;
}

int FL_leave(mailbox mbox, const char *group_name) {
    struct fl_session *s = fl_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    pthread_mutex_lock(&s->send_lock);
    pthread_mutex_lock(&s->lock);
    int result = group_name ? machine_leave(&s->m, group_name) : ILLEGAL_GROUP;
    pthread_mutex_unlock(&s->lock);
    if (!result) {
        result = SP_leave(mbox, group_name);
        if (result < 0) {
            pthread_mutex_lock(&s->lock);
            machine_stay(&s->m, group_name);
            pthread_mutex_unlock(&s->lock);
        }
    }
    pthread_mutex_unlock(&s->send_lock);
    (void)fl_send_due(s);
    fl_put(s);
    return result;
}

int FL_flush(mailbox mbox, const char *group_name) {
    struct fl_session *s = fl_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    pthread_mutex_lock(&s->lock);
    int result = group_name ? machine_flush(&s->m, group_name) : ILLEGAL_GROUP;
    pthread_mutex_unlock(&s->lock);
    if (!result)
        result = fl_send_due(s);
    fl_put(s);
    return result;
}

int FL_more_msgs(mailbox mbox) {
    struct fl_session *s = fl_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    pthread_mutex_lock(&s->lock);
    int n = (int)s->m.num_events;
    pthread_mutex_unlock(&s->lock);
    fl_put(s);
    return n;
}

int FL_poll(mailbox mbox) {
    struct fl_session *s = fl_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    pthread_mutex_lock(&s->lock);
    int n = (int)s->m.size;
    pthread_mutex_unlock(&s->lock);
    int more = SP_poll(mbox);
    fl_put(s);
    return n > 0 && more < 0 ? n : more < 0 ? more : n + more;
}

int FL_get_gid_offset_memb_mess(void) { return 0; }

int FL_get_num_vs_offset_memb_mess(void) { return (int)ID_SIZE; }

int FL_get_vs_set_offset_memb_mess(void) { return (int)(ID_SIZE + sizeof(int32)); }
