/* The conformance driver for libspread: requests in lines of JSON on standard
 * input, an answer to each on standard output. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sp_x.h"
#include "support.h"

#define MAX_DATA (1 << 20)
#define MAX_NAMES (1 << 14)

struct connection {
    char key[64];
    mailbox mbox;
    struct connection *next;
};

static struct connection *connections;
static char *data;
static char (*names)[MAX_GROUP_NAME];

static struct connection *find(const struct request *r) {
    const char *key = request_text(r, "c", "");
    for (struct connection *c = connections; c; c = c->next)
        if (strcmp(c->key, key) == 0)
            return c;
    return NULL;
}

/* The mailbox of a connection; -1 has none. */
static mailbox mbox_of(const struct request *r) {
    struct connection *c = find(r);
    return c ? c->mbox : -1;
}

static void fail(int error) {
    printf("{\"ok\":false,\"error\":%d,\"text\":", error);
    put_text(stdout, SP_strerror(error), SIZE_MAX);
    printf("}");
}

static void answer(int error) {
    if (error < 0)
        fail(error);
    else
        printf("{\"ok\":true}");
}

static void op_hello(const struct request *r) {
    int major, minor, patch;
    (void)r;
    SP_version(&major, &minor, &patch);
    printf("{\"ok\":true,\"language\":\"c\",\"client\":\"%d.%d.%d\",\"features\":[\"unix\",\"receive_into\",\"poll\","
           "\"threads\",\"any_group\",\"unix_path\",\"auth\"]}",
           major, minor, patch);
}

static int agree(int fd, void *unused) {
    (void)fd;
    (void)unused;
    return 1;
}

/* NULL and IP exchange nothing. */
static void set_auth(const struct request *r) {
    static const char *const usual[] = {"NULL"};
    const char *methods[3], *const *list;
    int (*functions[3])(int, void *) = {agree, agree, agree};
    void *nothing[3] = {NULL};
    size_t n = request_list(r, "auth", &list);
    if (n == 0 || n > 3) {
        list = usual;
        n = 1;
    }
    for (size_t i = 0; i < n; i++)
        methods[i] = list[i];
    SP_set_auth_methods((int)n, methods, functions, nothing);
}

static void op_connect(const struct request *r) {
    long ms = request_number(r, "timeout_ms", 5000);
    sp_time limit = {ms / 1000, ms % 1000 * 1000};
    char group[MAX_GROUP_NAME];
    mailbox mbox;
    int version[3];
    set_auth(r);
    int n = SP_connect_timeout(request_text(r, "daemon", ""), request_text(r, "name", ""),
                               request_flag(r, "priority"), request_flag(r, "membership"), &mbox, group, limit);
    if (n != ACCEPT_SESSION) {
        fail(n);
        return;
    }
    struct connection *c = find(r);
    if (!c) {
        c = calloc(1, sizeof *c);
        if (!c)
            abort();
        snprintf(c->key, sizeof c->key, "%s", request_text(r, "c", ""));
        c->next = connections;
        connections = c;
    }
    c->mbox = mbox;
    SP_x_daemon_version(mbox, &version[0], &version[1], &version[2]);
    printf("{\"ok\":true,\"private_group\":");
    put_text(stdout, group, sizeof group);
    printf(",\"daemon_version\":[%d,%d,%d]}", version[0], version[1], version[2]);
}

static void op_join(const struct request *r) { answer(SP_join(mbox_of(r), request_text(r, "group", ""))); }

static void op_leave(const struct request *r) { answer(SP_leave(mbox_of(r), request_text(r, "group", ""))); }

static const char *const services[] = {"unreliable", "reliable", "fifo", "causal", "agreed", "safe"};

static service service_of(const char *name) {
    for (int i = 0; i < 6; i++)
        if (strcmp(name, services[i]) == 0)
            return 1 << i;
    return 0;
}

static void op_multicast(const struct request *r) {
    const char *const *groups;
    size_t n = request_list(r, "groups", &groups), len;
    char(*list)[MAX_GROUP_NAME] = calloc(n + 1, MAX_GROUP_NAME);
    unsigned char *message = base64_decode(request_text(r, "data_b64", ""), &len);
    service type = service_of(request_text(r, "service", ""));
    if (request_flag(r, "self_discard"))
        type |= SELF_DISCARD;
    for (size_t i = 0; i < n; i++)
        memcpy(list[i], groups[i], strnlen(groups[i], MAX_GROUP_NAME));
    int n_sent = 0;
    long sent = 0;
    for (long i = request_number(r, "repeat", 1); i > 0 && n_sent >= 0; i--, sent += n_sent)
        n_sent = SP_multigroup_multicast(mbox_of(r), type, (int)n, (const char(*)[MAX_GROUP_NAME])list,
                                       (int16)request_number(r, "type", 0), (int)len, (char *)message);
    if (n_sent < 0)
        fail(n_sent);
    else
        printf("{\"ok\":true,\"sent\":%ld}", sent);
    free(list);
    free(message);
}

struct message {
    service type;
    char sender[MAX_GROUP_NAME];
    int num_groups, mismatch, len;
    int16 mess_type;
};

static int receive(mailbox mbox, struct message *m, int max_groups, int max_data) {
    m->type = 0;
    m->len = SP_receive(mbox, &m->type, m->sender, max_groups, &m->num_groups, names, &m->mess_type, &m->mismatch,
                        max_data, data);
    return m->len;
}

static void put_names(const char *key, char (*list)[MAX_GROUP_NAME], int n) {
    printf("%s[", key);
    for (int i = 0; i < n; i++) {
        if (i > 0)
            printf(",");
        put_text(stdout, list[i], MAX_GROUP_NAME);
    }
    printf("]");
}

static void put_regular(const struct message *m, const char *kind) {
    const char *name = "";
    for (int i = 0; i < 6; i++)
        if (m->type & 1 << i)
            name = services[i];
    printf("\"kind\":\"%s\",\"service\":\"%s\",\"sender\":", kind, name);
    put_text(stdout, m->sender, sizeof m->sender);
    put_names(",\"groups\":", names, m->num_groups);
    printf(",\"type\":%d,\"endian_mismatch\":%s,\"self_discard\":%s,\"data_b64\":", m->mess_type,
           m->mismatch ? "true" : "false", Is_self_discard(m->type) ? "true" : "false");
    put_base64(stdout, data, (size_t)m->len);
    if (Is_reject_mess(m->type))
        printf(",\"request\":\"%s\"", m->type & CAUSED_BY_JOIN ? "join"
                                     : m->type & CAUSED_BY_LEAVE ? "leave" : "multicast");
}

static void put_id(group_id id) { printf(",\"id\":[%d,%d,%d]", id.id[0], id.id[1], id.id[2]); }

static void put_sets(const membership_info *info) {
    unsigned own = 0;
    vs_set_info *sets = calloc(info->num_vs_sets + 1, sizeof *sets);
    int n = SP_get_vs_sets_info(data, sets, (int)info->num_vs_sets, &own);
    printf(",\"own_set\":%u,\"sets\":[", own);
    for (int i = 0; i < n; i++) {
        char(*members)[MAX_GROUP_NAME] = calloc(sets[i].num_members + 1, MAX_GROUP_NAME);
        int count = SP_get_vs_set_members(data, &sets[i], members, (int)sets[i].num_members);
        put_names(i > 0 ? "," : "", members, count);
        free(members);
    }
    printf("]");
    free(sets);
}

static void put_membership(const struct message *m) {
    static const struct {
        service bit;
        const char *name;
    } causes[] = {{CAUSED_BY_JOIN, "join"},
                  {CAUSED_BY_LEAVE, "leave"},
                  {CAUSED_BY_DISCONNECT, "disconnect"},
                  {CAUSED_BY_NETWORK, "network"}};
    membership_info info;
    SP_get_memb_info(data, m->type, &info);
    const char *kind = Is_reg_memb_mess(m->type) ? "membership" : Is_transition_mess(m->type) ? "transition" : "self_leave";
    printf("\"kind\":\"%s\",\"group\":", kind);
    put_text(stdout, m->sender, sizeof m->sender);
    if (!Is_self_leave(m->type))
        put_id(info.gid);
    if (!Is_reg_memb_mess(m->type))
        return;
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (m->type & causes[i].bit)
            printf(",\"cause\":\"%s\"", causes[i].name);
    put_names(",\"members\":", names, m->num_groups);
    if (info.changed_member[0]) {
        printf(",\"changed\":");
        put_text(stdout, info.changed_member, sizeof info.changed_member);
    }
    put_sets(&info);
}

static void put_message(const struct message *m) {
    printf("{\"ok\":true,\"message\":{");
    if (Is_reject_mess(m->type))
        put_regular(m, "reject");
    else if (Is_regular_mess(m->type))
        put_regular(m, "regular");
    else
        put_membership(m);
    printf("}}");
}

/* Waits; tells whether a receive call is in order, or has answered. */
static bool wait_for(const struct request *r) {
    int n = SP_x_wait(mbox_of(r), (int)request_number(r, "timeout_ms", 0));
    if (n == 0)
        printf("{\"ok\":false,\"error\":\"timeout\"}");
    if (n < 0)
        fail(n == NET_ERROR_ON_SESSION ? CONNECTION_CLOSED : n);
    return n > 0;
}

static void op_receive(const struct request *r) {
    struct message m;
    if (!wait_for(r))
        return;
    if (receive(mbox_of(r), &m, MAX_NAMES, MAX_DATA) < 0)
        fail(m.len);
    else
        put_message(&m);
}

static void op_receive_into(const struct request *r) {
    struct message m;
    if (!wait_for(r))
        return;
    receive(mbox_of(r), &m, (int)request_number(r, "max_groups", 0), (int)request_number(r, "max_data", 0));
    if (m.len == BUFFER_TOO_SHORT)
        printf("{\"ok\":false,\"error\":%d,\"needed\":%d}", m.len, -m.mismatch);
    else if (m.len == GROUPS_TOO_SHORT)
        printf("{\"ok\":false,\"error\":%d,\"needed\":%d}", m.len, -m.num_groups);
    else if (m.len < 0)
        fail(m.len);
    else
        put_message(&m);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void op_drain(const struct request *r) {
    long count = request_number(r, "count", 0), n = 0, bytes = 0;
    double first = 0, last = 0, end = now() + (double)request_number(r, "timeout_ms", 0) * 1e-3;
    struct sha256 digest;
    struct message m;
    int err = 0;
    sha256_init(&digest);
    while (n < count) {
        double left = end - now();
        err = SP_x_wait(mbox_of(r), left > 0 ? (int)(left * 1e3) : 0);
        if (err <= 0)
            break;
        err = receive(mbox_of(r), &m, MAX_NAMES, MAX_DATA);
        if (err < 0)
            break;
        if (!Is_regular_mess(m.type))
            continue;
        sha256_add(&digest, m.sender, strlen(m.sender) + 1);
        sha256_add(&digest, data, (size_t)m.len);
        last = now();
        if (n++ == 0)
            first = last;
        bytes += m.len;
    }
    char hex[65];
    sha256_hex(&digest, hex);
    printf("{\"ok\":%s,\"count\":%ld,\"bytes\":%ld,\"seconds\":%.6f,\"digest\":\"%s\"", n == count ? "true" : "false", n,
           bytes, last - first, hex);
    if (n < count && err == 0)
        printf(",\"error\":\"timeout\"");
    else if (n < count)
        printf(",\"error\":%d,\"text\":\"%s\"", err, SP_strerror(err));
    printf("}");
}

static void op_poll(const struct request *r) {
    int n = SP_poll(mbox_of(r));
    if (n < 0)
        fail(n);
    else
        printf("{\"ok\":true,\"bytes\":%d}", n);
}

static void op_disconnect(const struct request *r) { answer(SP_disconnect(mbox_of(r))); }

static void op_abort(const struct request *r) {
    mailbox mbox = mbox_of(r);
    int n = SP_poll(mbox);
    SP_kill(mbox);
    answer(n == ILLEGAL_SESSION ? n : 0);
}

static void *receive_one(void *arg) {
    mailbox mbox = *(mailbox *)arg;
    struct message m;
    do
        *(int *)arg = receive(mbox, &m, MAX_NAMES, MAX_DATA);
    while (*(int *)arg >= 0);
    return NULL;
}

static void op_close_wakes(const struct request *r) {
    int shared = mbox_of(r);
    mailbox mbox = shared;
    pthread_t thread;
    if (pthread_create(&thread, NULL, receive_one, &shared) != 0)
        abort();
    /* Give the thread the time to wait; it is woken either way. */
    poll(NULL, 0, 50);
    SP_disconnect(mbox);
    pthread_join(thread, NULL);
    printf("{\"ok\":true,\"woken\":%d}", shared);
}

/* Nobody reads unless asked to. */
static void op_stall(const struct request *r) {
    (void)r;
    answer(0);
}

static const struct {
    const char *name;
    void (*run)(const struct request *r);
} ops[] = {
    {"hello", op_hello},         {"connect", op_connect}, {"join", op_join},
    {"leave", op_leave},         {"multicast", op_multicast}, {"receive", op_receive},
    {"receive_into", op_receive_into}, {"drain", op_drain}, {"poll", op_poll},
    {"disconnect", op_disconnect}, {"abort", op_abort}, {"close_wakes", op_close_wakes}, {"stall", op_stall}, {"resume", op_stall},
    {"exit", op_stall},
};

static void run(const struct request *r) {
    const char *op = request_text(r, "op", "");
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(op, ops[i].name) == 0) {
            ops[i].run(r);
            return;
        }
    printf("{\"ok\":false,\"error\":\"unsupported\",\"reason\":\"no such operation\"}");
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    bool more = true;
    data = malloc(MAX_DATA);
    names = calloc(MAX_NAMES, sizeof *names);
    if (!data || !names)
        return 1;
    while (more && getline(&line, &size, stdin) > 0) {
        struct request *r = request_parse(line);
        if (!r) {
            printf("{\"ok\":false,\"error\":\"not a request\"}\n");
            fflush(stdout);
            continue;
        }
        run(r);
        printf("\n");
        fflush(stdout);
        more = strcmp(request_text(r, "op", ""), "exit") != 0;
        request_free(r);
    }
    while (connections) {
        struct connection *c = connections;
        connections = c->next;
        SP_kill(c->mbox);
        free(c);
    }
    free(line);
    free(data);
    free(names);
    return 0;
}
