#include "flush/machine.h"

#include <stdlib.h>
#include <string.h>

/* Bounds of what a group can make the layer keep. What exceeds them ends the
 * session, since no message and no change may be left out. */
#define MAX_POSTPONED ((size_t)64 << 20) /* bytes */
#define MAX_PENDING ((size_t)1 << 20)    /* members of pending changes, added up */

/* Early FLUSH_OKs come moments early; what stays is of members that are lost, or
 * makes no sense, and the oldest makes room. */
#define MAX_AGE 200 /* memberships of the group */
#define MAX_EARLY 256
#define MAX_EARLY_FROM ((size_t)1 << 12) /* for one membership */

void machine_init(struct machine *m, const char *self) {
    *m = (struct machine){.events_end = NULL};
    m->events_end = &m->events;
    m->sends_end = &m->sends;
    strncpy(m->self, self, MAX_GROUP_NAME - 1);
}

static void fail(struct machine *m, int error) {
    if (!m->failed)
        m->failed = error;
}

static void give(struct machine *m, struct fl_message *e) {
    e->next = NULL;
    *m->events_end = e;
    m->events_end = &e->next;
    m->num_events++;
    m->size += sizeof *e + (size_t)e->num_groups * MAX_GROUP_NAME + (size_t)e->len;
}

struct control *machine_take_sends(struct machine *m) {
    struct control *c = m->sends;
    m->sends = NULL;
    m->sends_end = &m->sends;
    return c;
}

void machine_pop(struct machine *m) {
    struct fl_message *e = m->events;
    m->events = e->next;
    if (!m->events)
        m->events_end = &m->events;
    m->num_events--;
    m->size -= sizeof *e + (size_t)e->num_groups * MAX_GROUP_NAME + (size_t)e->len;
    free(e);
}

/* An event about a group, with names or data to be filled in. */
static struct fl_message *new_event(struct machine *m, service type, const char *group, int num_groups, int len) {
    struct fl_message *e = fl_message_new(num_groups, len);
    if (!e) {
        fail(m, SP_BUG);
        return NULL;
    }
    e->type = type;
    memcpy(e->sender, group, MAX_GROUP_NAME);
    return e;
}

static void give_notice(struct machine *m, service type, const char *group) {
    struct fl_message *e = new_event(m, type, group, 0, 0);
    if (e)
        give(m, e);
}

static void send_control(struct machine *m, const struct group *g, int16 type, group_id id) {
    struct control *c = calloc(1, sizeof *c);
    if (!c) {
        fail(m, SP_BUG);
        return;
    }
    memcpy(c->group, g->name, MAX_GROUP_NAME);
    c->type = type;
    c->id = id;
    *m->sends_end = c;
    m->sends_end = &c->next;
}

/* Groups. */

static struct group *find_group(const struct machine *m, const char *name) {
    struct group *g = m->groups;
    while (g && strncmp(g->name, name, MAX_GROUP_NAME) != 0)
        g = g->next;
    return g;
}

static void change_free(struct change *c) {
    roster_free(&c->members);
    free(c);
}

static void early_remove(struct early **p) {
    struct early *e = *p;
    *p = e->next;
    free(e->from);
    free(e);
}

static void drop_postponed(struct group *g) {
    while (g->postponed) {
        struct fl_message *e = g->postponed;
        g->postponed = e->next;
        free(e);
    }
    g->postponed_end = &g->postponed;
    g->postponed_size = 0;
}

static void group_free(struct group *g) {
    while (g->changes) {
        struct change *c = g->changes;
        g->changes = c->next;
        change_free(c);
    }
    while (g->early)
        early_remove(&g->early);
    drop_postponed(g);
    roster_free(&g->view);
    roster_free(&g->last);
    free(g);
}

/* A group that this client is joining: its view is the client alone. */
static struct group *new_group(struct machine *m, const char *name) {
    struct group *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->postponed_end = &g->postponed;
    if (!roster_make(&g->view, (const char(*)[MAX_GROUP_NAME])m->self, 1, 0)) {
        free(g);
        return NULL;
    }
    memcpy(g->name, name, MAX_GROUP_NAME);
    g->phase = AGREE;
    g->signalled = true;
    g->next = m->groups;
    m->groups = g;
    return g;
}

static void forget_group(struct machine *m, const char *name) {
    for (struct group **p = &m->groups; *p; p = &(*p)->next)
        if (strncmp((*p)->name, name, MAX_GROUP_NAME) == 0) {
            struct group *g = *p;
            *p = g->next;
            group_free(g);
            return;
        }
}

void machine_free(struct machine *m) {
    while (m->groups) {
        struct group *g = m->groups;
        m->groups = g->next;
        group_free(g);
    }
    while (m->events)
        machine_pop(m);
    while (m->sends) {
        struct control *c = m->sends;
        m->sends = c->next;
        free(c);
    }
}

/* Early FLUSH_OKs. */

static void early_add(struct machine *m, struct group *g, group_id id, const char *sender) {
    struct early **p = &g->early;
    size_t n = 0;
    for (; *p && !SP_equal_group_ids((*p)->id, id); p = &(*p)->next)
        n++;
    if (!*p) {
        if (n >= MAX_EARLY) {
            early_remove(&g->early);
            for (p = &g->early; *p;)
                p = &(*p)->next;
        }
        if (!(*p = calloc(1, sizeof **p))) {
            fail(m, SP_BUG);
            return;
        }
        (*p)->id = id;
    }
    struct early *e = *p;
    for (size_t i = 0; i < e->n; i++)
        if (strncmp(e->from[i], sender, MAX_GROUP_NAME) == 0)
            return;
    if (e->n == MAX_EARLY_FROM)
        return;
    char(*from)[MAX_GROUP_NAME] = realloc(e->from, (e->n + 1) * sizeof *from);
    if (!from) {
        fail(m, SP_BUG);
        return;
    }
    e->from = from;
    memcpy(from[e->n++], sender, MAX_GROUP_NAME);
}

/* Gives a new change the FLUSH_OKs that came for it. */
static void early_take(struct group *g, struct change *c) {
    struct early **p = &g->early;
    while (*p && !SP_equal_group_ids((*p)->id, c->id))
        p = &(*p)->next;
    if (!*p)
        return;
    for (size_t i = 0; i < (*p)->n; i++) {
        size_t k = roster_find(&c->members, (*p)->from[i]);
        if (k != NOBODY)
            c->members.mark[k] &= (unsigned char)~MISSING;
    }
    early_remove(p);
}

static void early_grow(struct group *g) {
    for (struct early **p = &g->early; *p;) {
        if (++(*p)->age > MAX_AGE)
            early_remove(p);
        else
            p = &(*p)->next;
    }
}

/* The transitional signal, once in a view. */
static void signal_once(struct machine *m, struct group *g) {
    if (g->signalled)
        return;
    g->signalled = true;
    give_notice(m, TRANSITION_MESS, g->name);
}

/* Agrees to the change in hand, for a user who sends nothing before it. */
static void agree(struct machine *m, struct group *g) {
    g->phase = AGREE;
    send_control(m, g, FLUSH_OK, g->changes->id);
}

/* Begins with the change in hand. */
static void start(struct machine *m, struct group *g) {
    if (g->phase == AUTHORIZE)
        return;
    if (g->phase != AGREE && g->member != LEAVING) {
        g->phase = AUTHORIZE;
        give_notice(m, FLUSH_REQ_MESS, g->name);
    } else {
        agree(m, g);
    }
}

/* Memberships. */

static void change_turn_into_network(struct change *c) {
    c->cause = CAUSED_BY_NETWORK;
    memset(c->changed, 0, sizeof c->changed);
}

/* Takes account of one who left. Returns false if the change can never complete
 * now, since he has not agreed to it. */
static bool change_lose(struct change *c, const char *leaver) {
    size_t k = roster_find(&c->members, leaver);
    if (k == NOBODY)
        return true;
    c->members.mark[k] |= GONE;
    return !(c->members.mark[k] & MISSING);
}

/* Removes leavers from the view and from the pending changes. A change that can
 * never complete is dropped; the one behind it, in the end next, stands for it.
 * Tells whether the view lost one. */
static bool lose(struct group *g, const struct roster *leavers, struct change *next) {
    bool lost = false, dropped = false;
    for (size_t i = 0; i < leavers->n; i++) {
        size_t k = roster_find(&g->view, leavers->name[i]);
        if (k != NOBODY && !(g->view.mark[k] & GONE)) {
            g->view.mark[k] |= GONE;
            lost = true;
        }
    }
    for (struct change **p = &g->changes; *p;) {
        struct change *c = *p;
        bool possible = true;
        for (size_t i = 0; i < leavers->n; i++)
            possible = change_lose(c, leavers->name[i]) && possible;
        if (!possible) {
            dropped = true;
            *p = c->next;
            change_free(c);
            continue;
        }
        if (dropped)
            change_turn_into_network(c);
        dropped = false;
        p = &c->next;
    }
    if (dropped)
        change_turn_into_network(next);
    return lost;
}

/* Those that a membership takes away from the one before it. */
static bool find_leavers(const struct group *g, const struct fl_message *in, const membership_info *info,
                         struct roster *leavers) {
    *leavers = (struct roster){0};
    if (in->type & (CAUSED_BY_LEAVE | CAUSED_BY_DISCONNECT))
        return roster_make(leavers, (const char(*)[MAX_GROUP_NAME])info->changed_member, 1, 0);
    if (!(in->type & CAUSED_BY_NETWORK))
        return true;
    struct roster with;
    const char *own = in->data + info->my_vs_set.members_offset;
    char(*gone)[MAX_GROUP_NAME] = malloc(g->last.n * MAX_GROUP_NAME + 1);
    bool ok = gone && roster_make(&with, (const char(*)[MAX_GROUP_NAME])own, info->my_vs_set.num_members, 0);
    if (ok) {
        size_t n = 0;
        for (size_t i = 0; i < g->last.n; i++)
            if (roster_find(&with, g->last.name[i]) == NOBODY)
                memcpy(gone[n++], g->last.name[i], MAX_GROUP_NAME);
        ok = roster_make(leavers, (const char(*)[MAX_GROUP_NAME])gone, n, 0);
        roster_free(&with);
    }
    free(gone);
    return ok;
}

static struct change *new_change(const struct fl_message *in, const membership_info *info) {
    struct change *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    if (!roster_make(&c->members, (const char(*)[MAX_GROUP_NAME])in->groups, (size_t)in->num_groups, MISSING)) {
        free(c);
        return NULL;
    }
    c->id = info->gid;
    c->cause = in->type & (CAUSED_BY_JOIN | CAUSED_BY_LEAVE | CAUSED_BY_DISCONNECT | CAUSED_BY_NETWORK);
    memcpy(c->changed, info->changed_member, MAX_GROUP_NAME);
    return c;
}

static size_t append_change(struct group *g, struct change *c) {
    size_t members = c->members.n;
    struct change **p = &g->changes;
    for (; *p; p = &(*p)->next)
        members += (*p)->members.n;
    *p = c;
    return members;
}

static void membership(struct machine *m, const struct fl_message *in) {
    membership_info info;
    struct change *c = NULL;
    struct roster leavers = {0}, last = {0};
    if (SP_get_memb_info(in->data, in->type, &info) < 0 || !(c = new_change(in, &info))) {
        fail(m, SP_BUG);
        return;
    }
    if (roster_find(&c->members, m->self) == NOBODY) { /* none of ours, and it could never complete */
        change_free(c);
        return;
    }
    struct group *g = find_group(m, in->sender);
    if (!g)
        g = new_group(m, in->sender);
    if (!g || !find_leavers(g, in, &info, &leavers) ||
        !roster_make(&last, (const char(*)[MAX_GROUP_NAME])in->groups, (size_t)in->num_groups, 0)) {
        fail(m, SP_BUG);
        roster_free(&leavers);
        change_free(c);
        return;
    }
    const struct change *in_hand = g->changes;
    early_grow(g);
    early_take(g, c);
    bool lost = lose(g, &leavers, c);
    roster_free(&leavers);
    roster_free(&g->last);
    g->last = last;
    if (append_change(g, c) > MAX_PENDING)
        fail(m, ILLEGAL_STATE);
    if (g->changes != in_hand) {
        drop_postponed(g);
        start(m, g);
    }
    if (lost)
        signal_once(m, g);
}

/* The user's message about a new view: the layout of release 3. */
static void give_view(struct machine *m, const struct group *g, const struct change *c) {
    const struct roster *old = &g->view;
    bool network = (c->cause & CAUSED_BY_NETWORK) != 0;
    size_t together = network ? old->n - roster_count(old, GONE) : 1;
    int len = (int)(ID_SIZE + sizeof(int32) + together * MAX_GROUP_NAME);
    struct fl_message *e = new_event(m, REG_MEMB_MESS | c->cause, g->name, (int)c->members.n, len);
    if (!e)
        return;
    memcpy(e->groups, c->members.name, c->members.n * MAX_GROUP_NAME);
    e->mess_type = (int16)roster_find(&c->members, m->self);
    char *p = e->data;
    int32 count = (int32)together;
    memcpy(p, &c->id, ID_SIZE);
    memcpy(p + ID_SIZE, &count, sizeof count);
    p += ID_SIZE + sizeof count;
    if (!network)
        memcpy(p, c->changed, MAX_GROUP_NAME);
    for (size_t i = 0; network && i < old->n; i++)
        if (!(old->mark[i] & GONE)) {
            memcpy(p, old->name[i], MAX_GROUP_NAME);
            p += MAX_GROUP_NAME;
        }
    give(m, e);
}

/* Makes the change in hand the flush view. */
static void install(struct machine *m, struct group *g) {
    struct change *c = g->changes;
    struct fl_message *postponed = g->postponed;
    g->postponed = NULL;
    drop_postponed(g);
    g->changes = c->next;
    give_view(m, g, c);
    roster_free(&g->view);
    g->view_id = c->id;
    g->view = c->members;
    c->members = (struct roster){0};
    g->signalled = false;
    g->phase = VERIFY;
    if (g->member == JOINING)
        g->member = JOINED;
    change_free(c);
    if (g->changes)
        start(m, g);
    else
        send_control(m, g, FLUSH_RECV, g->view_id);
    if (roster_count(&g->view, GONE) > 0)
        signal_once(m, g);
    while (postponed) {
        struct fl_message *e = postponed;
        postponed = e->next;
        give(m, e);
    }
}

static void agreed(struct machine *m, struct group *g, group_id id, const char *sender) {
    struct change *c = g->changes;
    while (c && !SP_equal_group_ids(c->id, id))
        c = c->next;
    if (!c) {
        early_add(m, g, id, sender);
        return;
    }
    size_t k = roster_find(&c->members, sender);
    if (k != NOBODY)
        c->members.mark[k] &= (unsigned char)~MISSING;
    if (g->phase == AGREE && c == g->changes && roster_count(&c->members, MISSING) == 0)
        install(m, g);
}

/* A FLUSH_RECV, for the view or, from one ahead of us, for the change in hand. */
static void verified(struct group *g, group_id id, const char *sender) {
    struct roster *r = NULL;
    if (g->phase == VERIFY && SP_equal_group_ids(id, g->view_id))
        r = &g->view;
    else if (g->phase == AGREE && g->changes && SP_equal_group_ids(id, g->changes->id))
        r = &g->changes->members;
    size_t k = r ? roster_find(r, sender) : NOBODY;
    if (k == NOBODY)
        return;
    r->mark[k] |= RECEIVED;
    if (r == &g->view && roster_count(r, RECEIVED) == r->n)
        g->phase = STEADY;
}

/* Data of a group. Takes the message. */
static void data(struct machine *m, struct group *g, struct fl_message *in, const struct trailer *t) {
    if (g->phase == AGREE && g->changes && t->vulnerable && SP_equal_group_ids(t->id, g->changes->id)) {
        in->next = NULL;
        *g->postponed_end = in;
        g->postponed_end = &in->next;
        g->postponed_size += sizeof *in + (size_t)in->len;
        if (g->postponed_size > MAX_POSTPONED)
            fail(m, ILLEGAL_STATE);
        return;
    }
    size_t k = roster_find(&g->view, in->sender);
    if (k != NOBODY && !(g->view.mark[k] & GONE))
        give(m, in);
    else
        free(in); /* of no member of the view: it does not use this layer */
}

/* A message of another client. Takes it. */
static void message(struct machine *m, struct fl_message *in) {
    struct trailer t;
    int16 type = in->mess_type;
    bool control = type == FLUSH_OK || type == FLUSH_RECV;
    in->type &= ~FLUSH_REQ_MESS; /* whatever its sender claims */
    if (!trailer_take(in, &t)) {
        free(in);
        return;
    }
    if (!control && strncmp(t.group, m->self, MAX_GROUP_NAME) == 0) {
        give(m, in);
        return;
    }
    struct group *g = find_group(m, t.group);
    if (g && !control) {
        data(m, g, in, &t);
        return;
    }
    if (g && type == FLUSH_OK)
        agreed(m, g, t.id, in->sender);
    else if (g)
        verified(g, t.id, in->sender);
    free(in);
}

void machine_receive(struct machine *m, struct fl_message *in) {
    if (Is_reject_mess(in->type)) {
        if ((in->type & CAUSED_BY_LEAVE) && in->num_groups > 0)
            machine_stay(m, in->groups[0]);
        give(m, in);
        return;
    }
    if (Is_regular_mess(in->type)) {
        message(m, in);
        return;
    }
    if (Is_self_leave(in->type)) {
        forget_group(m, in->sender);
        give(m, in);
        return;
    }
    if (Is_reg_memb_mess(in->type)) {
        membership(m, in);
    } else if (Is_transition_mess(in->type)) {
        struct group *g = find_group(m, in->sender);
        if (g)
            signal_once(m, g);
    }
    free(in);
}

/* The user's calls. */

int machine_join(struct machine *m, const char *group) { return find_group(m, group) ? ILLEGAL_GROUP : 0; }

int machine_leave(struct machine *m, const char *group) {
    struct group *g = find_group(m, group);
    if (!g || g->member != JOINED)
        return ILLEGAL_GROUP;
    g->member = LEAVING;
    return 0;
}

void machine_stay(struct machine *m, const char *group) {
    struct group *g = find_group(m, group);
    if (g && g->member == LEAVING)
        g->member = JOINED;
}

int machine_flush(struct machine *m, const char *group) {
    struct group *g = find_group(m, group);
    if (!g || g->member == LEAVING)
        return ILLEGAL_GROUP;
    if (g->phase != AUTHORIZE)
        return ILLEGAL_STATE;
    agree(m, g);
    return 0;
}

int machine_send(struct machine *m, service type, const char *group, const char (*receivers)[MAX_GROUP_NAME],
                 int num_receivers, struct trailer *t) {
    bool private_group = strchr(group, '#') != NULL;
    const struct group *g = NULL;
    memset(t, 0, sizeof *t);
    strncpy(t->group, group, MAX_GROUP_NAME - 1);
    if (!private_group) {
        g = find_group(m, t->group);
        if (!g || g->member != JOINED)
            return ILLEGAL_GROUP;
        if (g->phase == AGREE)
            return ILLEGAL_STATE;
        if ((type & (UNRELIABLE_MESS | RELIABLE_MESS | FIFO_MESS)) &&
            (g->phase == AUTHORIZE || g->phase == VERIFY)) {
            t->vulnerable = t->has_id = true;
            t->id = g->view_id;
        }
    }
    t->subgroup = receivers != NULL;
    for (int i = 0; receivers && i < num_receivers; i++)
        if (g ? roster_find(&g->view, receivers[i]) == NOBODY
              : strncmp(receivers[i], t->group, MAX_GROUP_NAME) != 0)
            return ILLEGAL_RECEIVERS;
    return 0;
}
