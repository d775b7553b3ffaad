/* Threads: one receives, many send, anybody closes. */
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fl.h"
#include "testlib.h"

enum { SENDERS = 4, EACH = 500, REPLIES = 2000 };

static mailbox mbox;
static int daemon_end;

static void start(pthread_t *t, void *(*f)(void *), void *arg) { EQUAL(pthread_create(t, NULL, f, arg), 0); }

static void join(pthread_t t) { EQUAL(pthread_join(t, NULL), 0); }

static void *send_many(void *arg) {
    int me = *(int *)arg;
    char text[3000];
    memset(text, me, sizeof text);
    for (int i = 0; i < EACH; i++) {
        int len = (i * 37 + me) % (int)sizeof text;
        EQUAL(SP_multicast(mbox, FIFO_MESS, "room", (int16)i, len, text), len);
    }
    return NULL;
}

static void *receive_many(void *arg) {
    struct got *g = malloc(sizeof *g);
    (void)arg;
    CHECK(g);
    for (int i = 0; i < REPLIES; i++) {
        EQUAL(get(mbox, g), 4);
        CHECK(memcmp(g->data, "pong", 4) == 0);
    }
    free(g);
    return NULL;
}

static void *reply_many(void *arg) {
    struct stream s = {0};
    (void)arg;
    for (int i = 0; i < REPLIES; i++) {
        put_data(&s, FIFO_MESS, "#a#b", "room", "pong");
        if (i % 7 == 0 || i == REPLIES - 1)
            write_stream(daemon_end, &s);
    }
    stream_free(&s);
    return NULL;
}

/* Messages of all threads arrive whole, those of each in their order. */
static void read_all_messages(void) {
    int next[SENDERS] = {0};
    for (int i = 0; i < SENDERS * EACH; i++) {
        unsigned char head[HEADER_SIZE + MAX_GROUP_NAME], text[3000];
        struct header h;
        EQUAL(read_bytes(daemon_end, head, sizeof head), sizeof head);
        CHECK(header_decode(&h, head));
        CHECK(h.num_groups == 1 && h.data_len >= 0 && h.data_len < (int)sizeof text);
        EQUAL(read_bytes(daemon_end, text, (size_t)h.data_len), h.data_len);
        for (int k = 1; k < h.data_len; k++)
            CHECK(text[k] == text[0]);
        if (h.data_len == 0) { /* whose it is the others tell */
            for (int k = 0; k < SENDERS; k++)
                if (next[k] == h.mess_type && (next[k] * 37 + k) % 3000 == 0)
                    next[k]++;
            continue;
        }
        CHECK(text[0] < SENDERS);
        EQUAL(h.mess_type, next[text[0]]);
        next[text[0]]++;
    }
    for (int i = 0; i < SENDERS; i++)
        EQUAL(next[i], EACH);
}

static void *read_in_thread(void *unused) {
    read_all_messages();
    return unused;
}

static void many_send_one_receives(size_t gather, size_t ahead) {
    pthread_t senders[SENDERS], receiver, replies;
    int ids[SENDERS];
    daemon_end = fake_connect(&mbox, 5);
    EQUAL(SP_x_gather(mbox, gather), 0);
    EQUAL(SP_x_read_ahead(mbox, ahead), 0);
    start(&receiver, receive_many, NULL);
    start(&replies, reply_many, NULL);
    for (int i = 0; i < SENDERS; i++) {
        ids[i] = i;
        start(&senders[i], send_many, &ids[i]);
    }
    if (gather == 0)
        read_all_messages();
    else {
        /* The last ones wait for a flush, which waits for them. */
        pthread_t reader;
        start(&reader, read_in_thread, NULL);
        for (int i = 0; i < SENDERS; i++)
            join(senders[i]);
        EQUAL(SP_x_flush(mbox), 0);
        join(reader);
    }
    for (int i = 0; gather == 0 && i < SENDERS; i++)
        join(senders[i]);
    join(receiver);
    join(replies);
    EQUAL(SP_poll(mbox), 0);
    EQUAL(SP_disconnect(mbox), 0);
    close(daemon_end);
}

static void plain(void) { many_send_one_receives(0, 0); }
static void with_gathering(void) { many_send_one_receives(8000, 0); }
static void with_both(void) { many_send_one_receives(8000, 16000); }

/* Calls that wait, each until the session is closed. */
static void *wait_in_receive(void *arg) {
    struct got *g = malloc(sizeof *g);
    CHECK(g);
    int n = get(mbox, g);
    CHECK(n == CONNECTION_CLOSED || n == ILLEGAL_SESSION);
    (void)arg;
    free(g);
    return NULL;
}

static void *wait_in_wait(void *arg) {
    (void)arg;
    int n = SP_x_wait(mbox, -1);
    CHECK(n == 1 || n == ILLEGAL_SESSION || n == CONNECTION_CLOSED);
    return NULL;
}

static void *wait_in_send(void *arg) {
    static const char text[50000];
    int n;
    (void)arg;
    do
        n = SP_multicast(mbox, FIFO_MESS, "room", 0, sizeof text, text);
    while (n > 0);
    CHECK(n == CONNECTION_CLOSED || n == ILLEGAL_SESSION || n == NET_ERROR_ON_SESSION);
    return NULL;
}

static void closing_wakes_all(void) {
    static void *(*const calls[])(void *) = {wait_in_receive, wait_in_wait, wait_in_receive, wait_in_send, wait_in_send};
    enum { N = sizeof calls / sizeof *calls };
    for (int round = 0; round < 6; round++) {
        pthread_t t[N];
        bool sends = round % 3 == 2;
        int n = sends ? N : N - 2;
        daemon_end = fake_connect(&mbox, 5);
        for (int i = 0; i < n; i++)
            start(&t[i], calls[i], NULL);
        if (sends && round == 2) { /* until one of them has filled the socket */
            char some[1000];
            EQUAL(read_bytes(daemon_end, some, sizeof some), sizeof some);
        }
        if (round == 0) {
            EQUAL(SP_x_shutdown(mbox), 0);
            EQUAL(SP_x_shutdown(mbox), 0);
            EQUAL(SP_poll(mbox), CONNECTION_CLOSED);
        }
        if (round % 2)
            SP_kill(mbox);
        else
            EQUAL(SP_disconnect(mbox), 0);
        for (int i = 0; i < n; i++)
            join(t[i]);
        EQUAL(SP_poll(mbox), ILLEGAL_SESSION);
        close(daemon_end);
    }
}

/* Connects, uses and closes; descriptors are used anew all the time. */
static void *come_and_go(void *arg) {
    struct got *g = malloc(sizeof *g);
    (void)arg;
    CHECK(g);
    for (int i = 0; i < 50; i++) {
        mailbox mine;
        struct stream s = {0};
        int fd = fake_connect(&mine, 5);
        EQUAL(SP_multicast(mine, FIFO_MESS, "room", 0, 1, "x"), 1);
        put_data(&s, FIFO_MESS, "#a#b", "room", "pong");
        write_stream(fd, &s);
        EQUAL(get(mine, g), 4);
        EQUAL(SP_poll(mine), 0);
        EQUAL(SP_disconnect(mine), 0);
        close(fd);
        stream_free(&s);
    }
    free(g);
    return NULL;
}

static void many_sessions(void) {
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        start(&t[i], come_and_go, NULL);
    for (int i = 0; i < 4; i++)
        join(t[i]);
}

static int connect_flush(const char *name, mailbox *to, char *group) { return FL_connect(name, "me", 0, to, group); }

static void *flood(void *unused) {
    static const char text[10000];
    int n;
    do
        n = FL_multicast(mbox, AGREED_MESS, "#a#b", 0, sizeof text, text);
    while (n == sizeof text);
    EQUAL(n, CONNECTION_CLOSED);
    return unused;
}

/* A daemon takes no more before its own messages are received: the flush layer
 * receives while it sends. */
static void flush_layer_receives_while_it_sends(void) {
    pthread_t sender;
    struct stream s = {0};
    struct got *g = calloc(1, sizeof *g);
    int more;
    CHECK(g);
    daemon_end = fake_connect_by(connect_flush, &mbox, 5);
    start(&sender, flood, NULL);
    for (struct pollfd p = {.fd = mbox, .events = POLLOUT}; poll(&p, 1, 1) > 0;)
        ;
    put_data(&s, AGREED_MESS, "#a#b", ME, "pong");
    write_stream(daemon_end, &s);
    alarm(60);
    EQUAL(FL_receive(mbox, &g->type, g->sender, 9, &g->num_groups, g->groups, &g->mess_type, &g->mismatch,
                     sizeof g->data, g->data, &more),
          4);
    alarm(0);
    EQUAL(FL_disconnect(mbox), 0);
    join(sender);
    close(daemon_end);
    stream_free(&s);
    free(g);
}

int main(void) {
    RUN(plain);
    RUN(with_gathering);
    RUN(with_both);
    RUN(closing_wakes_all);
    RUN(many_sessions);
    RUN(flush_layer_receives_while_it_sends);
    return 0;
}
