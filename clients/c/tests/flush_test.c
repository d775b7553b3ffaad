/* The flush layer without a network: clients of one group, whose messages are
 * delayed and overtake each other as the Spread layer allows, while members
 * come, go, and are separated. What the layer promises is checked at the end. */
#include "flush/machine.h"
#include "testlib.h"

enum { CLIENTS = 5, EVENTS = 4000, ITEMS = 4000 };

#define GROUP "g"

/* What the Spread layer has for a client. */
struct item {
    struct fl_message *m;
    int sender;   /* or who caused a membership; -1: nobody */
    bool overtakes; /* FIFO: may be delivered before others of other senders */
    bool barrier; /* nothing overtakes it */
};

/* What a user saw. */
struct event {
    bool view;
    group_id id;       /* of a view; of the view in which a message was sent */
    unsigned together; /* clients that came along, as bits; of a view */
    int uid;           /* of a message */
};

struct client {
    char name[MAX_GROUP_NAME];
    struct machine m;
    bool member;  /* of the group, as the Spread layer has it */
    bool joining; /* has asked to be, or to leave */
    int side;
    struct item in[ITEMS];
    int n_in;
    struct item out[ITEMS]; /* not yet at the daemon */
    int n_out;
    bool asked; /* to flush */
    struct event log[EVENTS];
    int n_log;
};

static struct client c[CLIENTS];
static int next_uid, next_id;

static struct fl_message *new_message(service type, const char *sender, int groups, int16 mess_type, const void *data,
                                      size_t len) {
    struct fl_message *m = fl_message_new(groups + 1, (int)len);
    CHECK(m);
    m->type = type;
    m->num_groups = groups;
    m->mess_type = mess_type;
    name_copy(m->sender, sender, MAX_GROUP_NAME);
    if (len > 0)
        memcpy(m->data, data, len);
    return m;
}

static struct fl_message *copy(const struct fl_message *m) {
    struct fl_message *to = new_message(m->type, m->sender, m->num_groups, m->mess_type, m->data, (size_t)m->len);
    memcpy(to->groups, m->groups, (size_t)m->num_groups * MAX_GROUP_NAME);
    return to;
}

static void push(struct item *list, int *n, struct item it) {
    CHECK(*n < ITEMS);
    list[(*n)++] = it;
}

static struct item take(struct item *list, int *n, int at) {
    struct item it = list[at];
    memmove(list + at, list + at + 1, (size_t)(--*n - at) * sizeof *list);
    return it;
}

static unsigned side_of(int i) {
    unsigned all = 0;
    for (int k = 0; k < CLIENTS; k++)
        if (c[k].member && c[k].side == c[i].side)
            all |= 1u << k;
    return all;
}

/* A view for a client; mine and others are its sets. */
static void send_view(int to, service cause, int who, group_id id, unsigned mine, unsigned others) {
    struct stream s = {0};
    unsigned sets[2] = {mine, others}, own = test_random(2), all = mine | others;
    int count = 0;
    put_bytes(&s, &id, sizeof id);
    put_word(&s, others ? 2 : 1, false);
    put_word(&s, others && own ? 4 + 32 * (unsigned)__builtin_popcount(others) : 0, false);
    for (unsigned k = 0; k < (others ? 2u : 1u); k++) {
        unsigned set = sets[others ? k ^ own : 0];
        put_word(&s, (unsigned)__builtin_popcount(set), false);
        for (int i = 0; i < CLIENTS; i++)
            if (set & 1u << i)
                put_name(&s, c[i].name);
    }
    struct fl_message *m = new_message(REG_MEMB_MESS | cause, GROUP, __builtin_popcount(all), 0, s.p, s.len);
    for (int i = 0; i < CLIENTS; i++)
        if (all & 1u << i)
            memcpy(m->groups[count++], c[i].name, MAX_GROUP_NAME);
    push(c[to].in, &c[to].n_in, (struct item){m, who, false, (cause & CAUSED_BY_NETWORK) != 0});
    stream_free(&s);
}

static group_id new_id(void) { return (group_id){{1, 2, ++next_id}}; }

/* One comes or goes. The set is the member that is concerned. */
static void changed(int who, service cause) {
    group_id id = new_id();
    unsigned all = side_of(who);
    for (int i = 0; i < CLIENTS; i++) {
        if (!(all & 1u << i))
            continue;
        struct stream s = {0};
        int count = 0;
        put_bytes(&s, &id, sizeof id);
        put_word(&s, 1, false);
        put_word(&s, 0, false);
        put_word(&s, 1, false);
        put_name(&s, c[who].name);
        struct fl_message *m = new_message(REG_MEMB_MESS | cause, GROUP, __builtin_popcount(all), 0, s.p, s.len);
        for (int k = 0; k < CLIENTS; k++)
            if (all & 1u << k)
                memcpy(m->groups[count++], c[k].name, MAX_GROUP_NAME);
        push(c[i].in, &c[i].n_in, (struct item){m, who, false, false});
        stream_free(&s);
    }
}

static void signal_side(unsigned to, group_id id) {
    for (int i = 0; i < CLIENTS; i++)
        if (to & 1u << i)
            push(c[i].in, &c[i].n_in,
                 (struct item){new_message(TRANSITION_MESS, GROUP, 0, 0, &id, sizeof id), -1, false, true});
}

/* Two sides, by the bits of mask; or all together again. */
static void separate(unsigned mask) {
    unsigned before[CLIENTS], sides[2] = {0, 0};
    for (int i = 0; i < CLIENTS; i++)
        before[i] = side_of(i);
    for (int i = 0; i < CLIENTS; i++) {
        c[i].side = mask >> i & 1;
        if (c[i].member)
            sides[c[i].side] |= 1u << i;
    }
    for (int k = 0; k < 2; k++) {
        group_id id = new_id();
        for (int i = 0; i < CLIENTS; i++) {
            if (!(sides[k] & 1u << i) || before[i] == sides[k])
                continue;
            unsigned mine = before[i] & sides[k];
            if (before[i] & ~sides[k])
                signal_side(1u << i, id);
            send_view(i, CAUSED_BY_NETWORK, -1, id, mine, sides[k] & ~mine);
        }
    }
}

/* The daemon gets what a client sent. */
static void arrive(int i) {
    struct item it = take(c[i].out, &c[i].n_out, 0);
    unsigned to = side_of(i);
    if (it.m->type & JOIN_MESS) {
        c[i].member = true;
        changed(i, CAUSED_BY_JOIN);
    } else if (it.m->type & LEAVE_MESS) {
        c[i].member = false;
        changed(i, CAUSED_BY_LEAVE);
        push(c[i].in, &c[i].n_in, (struct item){new_message(CAUSED_BY_LEAVE, GROUP, 0, 0, "", 0), i, false, true});
    } else {
        for (int k = 0; k < CLIENTS; k++)
            if (to & 1u << k)
                push(c[k].in, &c[k].n_in, (struct item){copy(it.m), i, it.overtakes, false});
    }
    free(it.m);
}

static void send_item(int i, service type, int16 mess_type, const void *data, size_t len) {
    struct fl_message *m = new_message(type, c[i].name, 1, mess_type, data, len);
    strcpy(m->groups[0], GROUP);
    push(c[i].out, &c[i].n_out, (struct item){m, i, (type & FIFO_MESS) != 0, false});
}

static void send_due(int i) {
    while (c[i].m.sends) {
        struct control *k = c[i].m.sends;
        send_item(i, FIFO_MESS, k->type, &k->id, sizeof k->id);
        if (!(c[i].m.sends = k->next))
            c[i].m.sends_end = &c[i].m.sends;
        free(k);
    }
}

static void note(int i, struct event e) {
    CHECK(c[i].n_log < EVENTS);
    c[i].log[c[i].n_log++] = e;
}

/* The user takes what is there. */
static void consume(int i) {
    struct machine *m = &c[i].m;
    while (m->events) {
        struct fl_message *e = m->events;
        struct event seen = {0};
        if (e->type & FLUSH_REQ_MESS) {
            c[i].asked = true;
        } else if (Is_reg_memb_mess(e->type)) {
            int32 n;
            seen.view = true;
            memcpy(&seen.id, e->data, sizeof seen.id);
            memcpy(&n, e->data + FL_get_num_vs_offset_memb_mess(), sizeof n);
            EQUAL(e->len, 16 + n * MAX_GROUP_NAME);
            for (int k = 0; k < CLIENTS; k++)
                for (int g = 0; g < (Is_caused_network_mess(e->type) ? n : e->num_groups); g++)
                    if (strcmp(Is_caused_network_mess(e->type) ? e->data + 16 + g * MAX_GROUP_NAME : e->groups[g],
                               c[k].name) == 0)
                        seen.together |= 1u << k;
            note(i, seen);
        } else if (Is_regular_mess(e->type)) {
            EQUAL(e->len, sizeof seen.uid + sizeof seen.id);
            EQUAL(e->mess_type, 7);
            memcpy(&seen.uid, e->data, sizeof seen.uid);
            memcpy(&seen.id, e->data + sizeof seen.uid, sizeof seen.id);
            note(i, seen);
        } else if (Is_self_leave(e->type)) {
            c[i].joining = c[i].asked = false;
            note(i, (struct event){.view = true});
        }
        machine_pop(m);
    }
    EQUAL(m->failed, 0);
}

/* One of the items that may come next. */
static void deliver(int i) {
    struct client *k = &c[i];
    int at = (int)test_random((uint32_t)k->n_in);
    for (int before = 0; before < at; before++)
        if (!k->in[at].overtakes || k->in[before].sender == k->in[at].sender || k->in[before].barrier) {
            at = before; /* which may have to wait itself */
            before = -1;
        }
    machine_receive(&k->m, take(k->in, &k->n_in, at).m);
    send_due(i);
    consume(i);
}

static const struct group *group_of(int i) { return c[i].m.groups; }

static void multicast(int i) {
    struct trailer t;
    char data[sizeof(int) + sizeof(group_id) + TRAILER_SIZE];
    service type = test_random(2) ? FIFO_MESS : AGREED_MESS;
    int16 mess_type = 7;
    if (machine_send(&c[i].m, type, GROUP, NULL, 0, &t) != 0)
        return;
    memcpy(data, &next_uid, sizeof next_uid);
    next_uid++;
    memcpy(data + sizeof next_uid, &group_of(i)->view_id, sizeof(group_id));
    size_t head = sizeof next_uid + sizeof(group_id), tail = trailer_put(data + head, &t, mess_type);
    send_item(i, type, t.vulnerable ? VULNERABLE : mess_type, data, head + tail);
}

static void flush(int i) {
    if (!c[i].asked || machine_flush(&c[i].m, GROUP) != 0)
        return;
    c[i].asked = false;
    send_due(i);
}

static void join_or_leave(int i) {
    if (!c[i].joining) {
        EQUAL(machine_join(&c[i].m, GROUP), 0);
        send_item(i, JOIN_MESS, 0, "", 0);
        c[i].joining = true;
    } else if (machine_leave(&c[i].m, GROUP) == 0) {
        send_item(i, LEAVE_MESS, 0, "", 0);
    }
}

/* It is cut off: what it has not sent is lost, and it begins anew. */
static void disconnect(int i) {
    while (c[i].n_out > 0)
        free(take(c[i].out, &c[i].n_out, c[i].n_out - 1).m);
    while (c[i].n_in > 0)
        free(take(c[i].in, &c[i].n_in, c[i].n_in - 1).m);
    if (c[i].member) {
        c[i].member = false;
        changed(i, CAUSED_BY_DISCONNECT);
    }
    machine_free(&c[i].m);
    static int times;
    snprintf(c[i].name, sizeof c[i].name, "#c%d.%d#x", i, ++times);
    machine_init(&c[i].m, c[i].name);
    c[i].joining = c[i].asked = false;
    note(i, (struct event){.view = true});
}

static void anything(bool changes) {
    int i = (int)test_random(CLIENTS);
    switch (test_random(changes ? 40 : 30)) {
    default:
        if (c[i].n_in > 0)
            deliver(i);
        break;
    case 10: case 11: case 12: case 13: case 14: case 15: case 16: case 17:
        if (c[i].n_out > 0)
            arrive(i);
        break;
    case 18: case 19: case 20: case 21: flush(i); break;
    case 22: case 23: case 24: case 25: multicast(i); break;
    case 30: case 31: case 32: join_or_leave(i); break;
    case 33:
        if (test_random(3) == 0)
            disconnect(i);
        break;
    case 34: separate(test_random(2) ? 0 : test_random(1u << CLIENTS)); break;
    }
}

static bool quiet(void) {
    for (int i = 0; i < CLIENTS; i++)
        if (c[i].n_in > 0 || c[i].n_out > 0 || c[i].asked)
            return false;
    return true;
}

/* Without changes all members come to the view that the Spread layer has. */
static void settle(void) {
    while (!quiet())
        for (int i = 0; i < CLIENTS; i++) {
            if (c[i].n_out > 0)
                arrive(i);
            if (c[i].n_in > 0)
                deliver(i);
            flush(i);
        }
    for (int i = 0; i < CLIENTS; i++) {
        const struct group *g = group_of(i);
        EQUAL(g != NULL, c[i].member);
        if (!g)
            continue;
        EQUAL(g->phase, STEADY);
        EQUAL(g->member, JOINED);
        EQUAL(g->view.n, __builtin_popcount(side_of(i)));
        for (int k = 0; k < CLIENTS; k++)
            if (side_of(i) & 1u << k)
                CHECK(roster_find(&g->view, c[k].name) != NOBODY && SP_equal_group_ids(g->view_id, group_of(k)->view_id));
    }
}

static int next_view(const struct client *k, int from) {
    while (from < k->n_log && !k->log[from].view)
        from++;
    return from;
}

/* Every message was delivered in the view in which it was sent. */
static void check_sending_view(const struct client *k) {
    group_id now = {{0}};
    for (int i = 0; i < k->n_log; i++)
        if (k->log[i].view)
            now = k->log[i].id;
        else
            CHECK(SP_equal_group_ids(now, k->log[i].id));
}

/* Those that went from one view to the next together saw the same in it. */
static int check_same_messages(int p, int q) {
    int compared = 0;
    for (int a = next_view(&c[p], 0); a < c[p].n_log; a = next_view(&c[p], a + 1)) {
        int a_end = next_view(&c[p], a + 1);
        if (a_end == c[p].n_log || c[p].log[a].id.id[2] == 0 || !(c[p].log[a_end].together & 1u << q))
            continue;
        for (int b = next_view(&c[q], 0); b < c[q].n_log; b = next_view(&c[q], b + 1)) {
            int b_end = next_view(&c[q], b + 1);
            if (b_end == c[q].n_log || !SP_equal_group_ids(c[p].log[a].id, c[q].log[b].id) ||
                !SP_equal_group_ids(c[p].log[a_end].id, c[q].log[b_end].id))
                continue;
            EQUAL(a_end - a, b_end - b);
            for (int x = a + 1; x < a_end; x++) {
                bool found = false;
                for (int y = b + 1; y < b_end && !found; y++)
                    found = c[p].log[x].uid == c[q].log[y].uid;
                CHECK(found);
            }
            compared++;
        }
    }
    return compared;
}

static int one_history(int steps) {
    int compared = 0;
    memset(c, 0, sizeof c);
    next_uid = next_id = 0;
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(c[i].name, sizeof c[i].name, "#c%d#x", i);
        machine_init(&c[i].m, c[i].name);
    }
    for (int i = 0; i < steps; i++)
        anything(i % 500 < 350);
    settle();
    for (int p = 0; p < CLIENTS; p++) {
        check_sending_view(&c[p]);
        for (int q = 0; q < CLIENTS; q++)
            if (p != q)
                compared += check_same_messages(p, q);
    }
    for (int i = 0; i < CLIENTS; i++)
        machine_free(&c[i].m);
    return compared;
}

static void views_are_synchronous(void) {
    int compared = 0;
    for (int i = 0; i < 60; i++)
        compared += one_history(4000);
    CHECK(compared > 100); /* it was not all about nothing */
}

/* Messages of programs that do not keep to the rules. */
static void spoiled_messages(void) {
    static const service types[] = {FIFO_MESS, AGREED_MESS | SUBGROUP_CAST, REG_MEMB_MESS | CAUSED_BY_JOIN,
                                    REG_MEMB_MESS | CAUSED_BY_NETWORK, TRANSITION_MESS, CAUSED_BY_LEAVE,
                                    REJECT_MESS | CAUSED_BY_LEAVE, REJECT_MESS | FIFO_MESS, FIFO_MESS | FLUSH_REQ_MESS};
    static const int16 mess_types[] = {FLUSH_OK, FLUSH_RECV, VULNERABLE, 0, 7};
    for (int round = 0; round < 300; round++) {
        struct machine m;
        machine_init(&m, ME);
        for (int i = 0; i < 60; i++) {
            service type = types[test_random(sizeof types / sizeof *types)];
            int groups = (int)test_random(4), len = (int)test_random(100);
            unsigned char data[200];
            for (size_t k = 0; k < sizeof data; k++)
                data[k] = (unsigned char)(test_random(3) ? test_random(3) : test_random(256));
            memcpy(data + 12 + test_random(40), test_random(2) ? "g\0\0\0" : ME, 4);
            if (Is_reg_memb_mess(type) && !Is_reject_mess(type)) { /* libspread hands on well-formed ones only */
                uint32_t body[3] = {1, 0, 1};
                memcpy(data + 12, body, sizeof body);
                len = 20 + 4 + 32;
                memset(data + 24, 0, 32);
                strcpy((char *)data + 24, test_random(2) ? ME : "#a#b");
            }
            struct fl_message *in = new_message(type, test_random(2) ? GROUP : ME, groups,
                                                mess_types[test_random(sizeof mess_types / sizeof *mess_types)], data,
                                                (size_t)len);
            for (int k = 0; k < groups; k++)
                strcpy(in->groups[k], test_random(2) ? ME : test_random(2) ? GROUP : "#a#b");
            machine_receive(&m, in);
            if (test_random(4) == 0)
                (void)machine_flush(&m, GROUP);
            if (test_random(10) == 0)
                (void)machine_leave(&m, GROUP);
            while (m.events && test_random(3))
                machine_pop(&m);
        }
        machine_free(&m);
    }
}

int main(void) {
    RUN(views_are_synchronous);
    RUN(spoiled_messages);
    return 0;
}
