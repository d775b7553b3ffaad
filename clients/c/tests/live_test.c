/* With daemons: groups, views, the flush layer, and a daemon that is restarted. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

#include "fl.h"
#include "testlib.h"

static struct got g;
static const char *the_daemon;

static mailbox connected(const char *daemon, char *group) {
    mailbox mbox;
    EQUAL(SP_connect_timeout(daemon, NULL, 0, 1, &mbox, group, (sp_time){10, 0}), ACCEPT_SESSION);
    return mbox;
}

static void expect_view(mailbox mbox, service cause, int members) {
    EQUAL(SP_x_wait(mbox, 10000), 1);
    CHECK(get(mbox, &g) > 0);
    EQUAL(g.type, REG_MEMB_MESS | cause);
    EQUAL(g.num_groups, members);
}

static void expect_data(mailbox mbox, service type, const char *text) {
    EQUAL(SP_x_wait(mbox, 10000), 1);
    EQUAL(get(mbox, &g), strlen(text));
    EQUAL(g.type, type);
    CHECK(memcmp(g.data, text, strlen(text)) == 0);
}

static void groups(void) {
    char one[MAX_GROUP_NAME], two[MAX_GROUP_NAME], room[MAX_GROUP_NAME];
    membership_info info;
    mailbox a = connected(the_daemon, one), b = connected(the_daemon, two);
    snprintf(room, sizeof room, "live.%d", (int)getpid());
    EQUAL(SP_join(a, room), 0);
    expect_view(a, CAUSED_BY_JOIN, 1);
    EQUAL(SP_join(b, room), 0);
    expect_view(a, CAUSED_BY_JOIN, 2);
    EQUAL(SP_get_memb_info(g.data, g.type, &info), 1);
    CHECK(strcmp(info.changed_member, two) == 0 && strcmp(g.sender, room) == 0);
    expect_view(b, CAUSED_BY_JOIN, 2);
    for (int i = 0; i < 6; i++) {
        EQUAL(SP_multicast(a, 1 << i, room, (int16)-i, 5, "hello"), 5);
        expect_data(a, 1 << i, "hello");
        expect_data(b, 1 << i, "hello");
        EQUAL(g.mess_type, -i);
        CHECK(strcmp(g.sender, one) == 0);
    }
    EQUAL(SP_multicast(b, SAFE_MESS | SELF_DISCARD, room, 0, 4, "mine"), 4);
    EQUAL(SP_multicast(b, SAFE_MESS, one, 0, 6, "secret"), 6);
    expect_data(a, SAFE_MESS | SELF_DISCARD, "mine");
    expect_data(a, SAFE_MESS, "secret");
    EQUAL(SP_leave(b, room), 0);
    EQUAL(SP_x_wait(b, 10000), 1);
    EQUAL(get(b, &g), 0);
    CHECK(Is_self_leave(g.type));
    expect_view(a, CAUSED_BY_LEAVE, 1);
    EQUAL(SP_disconnect(a), 0);
    EQUAL(SP_disconnect(b), 0);
}

struct event {
    service type;
    char sender[MAX_GROUP_NAME];
    int num_groups, mismatch, more, len;
    char groups[20][MAX_GROUP_NAME];
    int16 mess_type;
    char data[2000];
};

static void next_event(mailbox mbox, struct event *e) {
    e->type = 0;
    e->len = FL_receive(mbox, &e->type, e->sender, 20, &e->num_groups, e->groups, &e->mess_type, &e->mismatch,
                        sizeof e->data, e->data, &e->more);
    CHECK(e->len >= 0);
}

static void expect_event(mailbox mbox, struct event *e, service type) {
    next_event(mbox, e);
    EQUAL(e->type, type);
}

static void flush_layer(void) {
    char one[MAX_GROUP_NAME], two[MAX_GROUP_NAME], room[MAX_GROUP_NAME];
    mailbox a, b;
    struct event e;
    snprintf(room, sizeof room, "flush.%d", (int)getpid());
    EQUAL(FL_lib_init(), 0);
    EQUAL(FL_lib_init(), ILLEGAL_STATE);
    EQUAL(FL_connect(the_daemon, "", 0, &a, one), ACCEPT_SESSION);
    EQUAL(FL_connect(the_daemon, "", 0, &b, two), ACCEPT_SESSION);
    EQUAL(FL_multicast(a, FIFO_MESS, room, 0, 1, "x"), ILLEGAL_GROUP);
    EQUAL(FL_join(a, room), 0);
    expect_event(a, &e, REG_MEMB_MESS | CAUSED_BY_JOIN);
    EQUAL(e.num_groups, 1);
    EQUAL(FL_flush(a, room), ILLEGAL_STATE);
    EQUAL(FL_join(b, room), 0);
    expect_event(a, &e, FLUSH_REQ_MESS);
    /* Before it has agreed it may send, and is heard before the view. */
    EQUAL(FL_multicast(a, FIFO_MESS, room, 3, 6, "before"), 6);
    EQUAL(FL_flush(a, room), 0);
    EQUAL(FL_multicast(a, FIFO_MESS, room, 3, 6, "halted"), ILLEGAL_STATE);
    expect_event(a, &e, FIFO_MESS);
    EQUAL(e.len, 6);
    /* The joiner agrees in its receive call. */
    expect_event(b, &e, REG_MEMB_MESS | CAUSED_BY_JOIN);
    EQUAL(e.num_groups, 2);
    CHECK(strcmp(e.data + FL_get_vs_set_offset_memb_mess(), two) == 0);
    expect_event(a, &e, REG_MEMB_MESS | CAUSED_BY_JOIN);
    EQUAL(e.num_groups, 2);
    EQUAL(FL_multicast(a, FIFO_MESS, room, 4, 5, "after"), 5);
    expect_event(b, &e, FIFO_MESS);
    CHECK(e.len == 5 && memcmp(e.data, "after", 5) == 0 && e.mess_type == 4 && strcmp(e.sender, one) == 0);
    expect_event(a, &e, FIFO_MESS);
    /* To one member. */
    EQUAL(FL_unicast(b, AGREED_MESS, room, "#nobody#here", 0, 1, "x"), ILLEGAL_RECEIVERS);
    EQUAL(FL_unicast(b, AGREED_MESS, room, one, 5, 3, "you"), 3);
    expect_event(a, &e, AGREED_MESS | SUBGROUP_CAST);
    CHECK(e.len == 3 && memcmp(e.data, "you", 3) == 0 && strcmp(e.sender, two) == 0);
    e.type = DONT_BLOCK;
    EQUAL(FL_receive(a, &e.type, e.sender, 20, &e.num_groups, e.groups, &e.mess_type, &e.mismatch, sizeof e.data,
                     e.data, &e.more),
          WOULD_BLOCK);
    EQUAL(FL_multicast(a, FIFO_MESS, room, -32768, 1, "x"), ILLEGAL_MESSAGE_TYPE);
    EQUAL(FL_disconnect(b), 0);
    EQUAL(FL_disconnect(b), ILLEGAL_SESSION);
    /* The signal may come before or behind the request. */
    bool signalled = false, asked = false;
    while (!signalled || !asked) {
        next_event(a, &e);
        CHECK(e.type == FLUSH_REQ_MESS || e.type == TRANSITION_MESS);
        asked = asked || e.type == FLUSH_REQ_MESS;
        signalled = signalled || e.type == TRANSITION_MESS;
    }
    EQUAL(FL_flush(a, room), 0);
    expect_event(a, &e, REG_MEMB_MESS | CAUSED_BY_DISCONNECT);
    EQUAL(e.num_groups, 1);
    EQUAL(FL_leave(a, room), 0);
    expect_event(a, &e, CAUSED_BY_LEAVE);
    EQUAL(FL_poll(a), 0);
    EQUAL(FL_disconnect(a), 0);
}

/* A daemon of one's own. */
static pid_t start_daemon(const char *program, const char *conf) {
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(127);
        execl(program, program, "-c", conf, "-n", "restart", (char *)NULL);
        _exit(127);
    }
    CHECK(pid > 0);
    return pid;
}

static int free_port(void) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&sa, len) == 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
    close(fd);
    return ntohs(sa.sin_port);
}

/* As a program does that comes back by itself. */
static mailbox connected_again(const char *name, pid_t daemon) {
    mailbox mbox;
    char group[MAX_GROUP_NAME];
    int n, status;
    for (sp_time pause = {0, 20000}; (n = SP_connect_timeout(name, "again", 0, 1, &mbox, group, (sp_time){10, 0})) != 1;
         E_delay(pause)) {
        CHECK(n == COULD_NOT_CONNECT || n == CONNECTION_CLOSED || n == REJECT_QUOTA);
        EQUAL(waitpid(daemon, &status, WNOHANG), 0);
    }
    return mbox;
}

static void restarted(void) {
    const char *program = getenv("SPREAD_TEST_SPREAD");
    if (!program || !*program) {
        printf("no program in SPREAD_TEST_SPREAD: no daemon is restarted\n");
        return;
    }
    char dir[] = "/tmp/spreadtest.XXXXXX", conf[64], name[64];
    int port = free_port(), status;
    CHECK(mkdtemp(dir));
    snprintf(conf, sizeof conf, "%s/spread.conf", dir);
    snprintf(name, sizeof name, "%d@127.0.0.1", port);
    FILE *f = fopen(conf, "w");
    CHECK(f);
    fprintf(f, "Spread_Segment 127.0.0.255:%d {\n restart 127.0.0.1\n}\n", port);
    CHECK(fclose(f) == 0);
    pid_t daemon = start_daemon(program, conf);
    for (int round = 0; round < 2; round++) {
        mailbox mbox = connected_again(name, daemon);
        EQUAL(SP_join(mbox, "room"), 0);
        expect_view(mbox, CAUSED_BY_JOIN, 1);
        EQUAL(SP_multicast(mbox, AGREED_MESS, "room", 0, 5, "hello"), 5);
        expect_data(mbox, AGREED_MESS, "hello");
        CHECK(kill(daemon, SIGKILL) == 0);
        EQUAL(waitpid(daemon, &status, 0), daemon);
        EQUAL(get(mbox, &g), CONNECTION_CLOSED);
        EQUAL(get(mbox, &g), NET_ERROR_ON_SESSION);
        EQUAL(SP_multicast(mbox, AGREED_MESS, "room", 0, 5, "hello"), NET_ERROR_ON_SESSION);
        EQUAL(SP_disconnect(mbox), 0);
        if (round == 0)
            daemon = start_daemon(program, conf);
    }
    unlink(conf);
    rmdir(dir);
}

int main(void) {
    if (!(the_daemon = test_daemon()))
        return 0;
    RUN(groups);
    RUN(flush_layer);
    RUN(restarted);
    return 0;
}
