/* The handshake, as daemons of all kinds play it. */
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "testlib.h"

static const char list[] = "\5NULL ";
static const char welcome[] = "\1\5\0\1\10#me#fake";

struct outcome {
    int result;
    char group[MAX_GROUP_NAME];
    mailbox mbox;
};

/* Connects to a daemon that answers this. */
static struct outcome attempt(const char *name, const void *l, size_t l_len, const void *accept, size_t accept_len,
                              size_t step, struct handshake *h) {
    struct fake f;
    struct outcome o = {.mbox = -1};
    *h = (struct handshake){.list = l, .list_len = l_len, .accept = accept, .accept_len = accept_len, .step = step};
    fake_open(&f);
    fake_answer(&f, h);
    sp_time limit = {10, 0};
    if (l_len == 0 || (l_len > 1 && accept_len == 0))
        limit = (sp_time){0, 50000}; /* a daemon that says nothing more */
    o.result = SP_connect_timeout(f.name, name, 1, 1, &o.mbox, o.group, limit);
    fake_wait(h);
    fake_close(&f);
    if (o.result == ACCEPT_SESSION)
        EQUAL(SP_disconnect(o.mbox), 0);
    if (h->fd >= 0)
        close(h->fd);
    return o;
}

static void answers_in_any_pieces(void) {
    for (size_t step = 1; step < 16; step++) {
        struct handshake h;
        struct outcome o = attempt("me", list, sizeof list - 1, welcome, sizeof welcome - 1, step, &h);
        EQUAL(o.result, ACCEPT_SESSION);
        CHECK(strcmp(o.group, ME) == 0);
        EQUAL(h.hello_len, 7);
        CHECK(memcmp(h.hello, "\5\0\1\x11\2me", 7) == 0);
    }
}

static void names_are_sent_as_they_are(void) {
    static const struct {
        const char *name;
        size_t len;
    } tests[] = {{NULL, 0}, {"", 0}, {"0123456789", 10}, {"0123456789x", 10}, {"a b", 3}};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        struct handshake h;
        EQUAL(attempt(tests[i].name, list, sizeof list - 1, welcome, sizeof welcome - 1, 99, &h).result,
              ACCEPT_SESSION);
        EQUAL(h.hello[4], tests[i].len);
        EQUAL(h.hello_len, 5 + tests[i].len);
    }
}

static void refusals(void) {
    static const int codes[] = {REJECT_QUOTA,      REJECT_NO_NAME, REJECT_ILLEGAL_NAME, REJECT_NOT_UNIQUE,
                                REJECT_VERSION, REJECT_AUTH};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct handshake h;
        unsigned char code = (unsigned char)codes[i];
        EQUAL(attempt("me", &code, 1, "", 0, 1, &h).result, codes[i]);
        EQUAL(attempt("me", list, sizeof list - 1, &code, 1, 1, &h).result, codes[i]);
    }
}

static void what_cannot_be_accepted(void) {
    struct handshake h;
    EQUAL(attempt("me", "\3IP ", 4, "", 0, 1, &h).result, REJECT_AUTH);
    EQUAL(attempt("me", "\0", 1, "", 0, 1, &h).result, REJECT_AUTH);
    EQUAL(attempt("me", "\6NULLX ", 7, "", 0, 1, &h).result, REJECT_AUTH);
    EQUAL(attempt("me", list, sizeof list - 1, "\2", 1, 1, &h).result, CONNECTION_CLOSED);
    EQUAL(attempt("me", list, sizeof list - 1, "\1\2\1\1\2me", 7, 7, &h).result, REJECT_VERSION);
    EQUAL(attempt("me", list, sizeof list - 1, "\1\5\0\1\x20...............................................", 40, 40, &h)
              .result,
          CONNECTION_CLOSED);
    EQUAL(attempt("me", list, sizeof list - 1, "\1\5\0\1\xff", 5, 5, &h).result, CONNECTION_CLOSED);
}

static void silence_ends_in_time(void) {
    struct handshake h;
    EQUAL(attempt("me", "", 0, "", 0, 1, &h).result, CONNECTION_CLOSED);
    EQUAL(attempt("me", list, 6, "", 0, 1, &h).result, CONNECTION_CLOSED);
}

static int result_of(const char *name) {
    mailbox mbox;
    char group[MAX_GROUP_NAME];
    return SP_connect_timeout(name, "me", 0, 1, &mbox, group, (sp_time){5, 0});
}

static void names_of_daemons(void) {
    static const char *const bad[] = {"junk", "@localhost", "4803@", "4803junk", "4803@[", "unix:", " ", "4803@ "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EQUAL(result_of(bad[i]), ILLEGAL_SPREAD);
    char longer[1000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    memcpy(longer, "4803@", 5);
    EQUAL(result_of(longer), ILLEGAL_SPREAD);
    memcpy(longer, "unix:", 5);
    EQUAL(result_of(longer), ILLEGAL_SPREAD);
    EQUAL(result_of("unix:/nowhere/to/be/found"), COULD_NOT_CONNECT);
    EQUAL(result_of("1@127.0.0.1"), COULD_NOT_CONNECT);
}

static void times(void) {
    static const sp_time bad[] = {{1, -1}, {-1, 1}, {0, 1000000}, {0, -1000000}};
    mailbox mbox;
    char group[MAX_GROUP_NAME];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EQUAL(SP_connect_timeout("1@127.0.0.1", "me", 0, 1, &mbox, group, bad[i]), ILLEGAL_TIME);
}

/* A method of authentication that talks. */
static int ask(int fd, void *data) {
    char answer[4] = "";
    CHECK(send(fd, "who?", 4, 0) == 4);
    CHECK(recv(fd, answer, 4, MSG_WAITALL) == 4);
    return memcmp(answer, data, 4) == 0;
}

static void methods(void) {
    struct fake f;
    mailbox mbox;
    char group[MAX_GROUP_NAME], got[90 + 4];
    static char expected[] = "you!";
    EQUAL(SP_set_auth_method(NULL, ask, NULL), 0);
    EQUAL(SP_set_auth_method("ASK", NULL, NULL), 0);
    EQUAL(SP_set_auth_method("a name of thirty bytes at least", ask, NULL), 0);
    EQUAL(SP_set_auth_method("ASK", ask, expected), 1);
    for (int good = 0; good < 2; good++) {
        /* What the daemon says does not depend on what it hears. */
        unsigned char accept[32];
        memcpy(accept, good ? "you!" : "hmm.", 4);
        memcpy(accept + 4, welcome, sizeof welcome - 1);
        struct handshake h = {.list = (const unsigned char *)"\11NULL ASK ",
                              .list_len = 10,
                              .accept = accept,
                              .accept_len = 4 + sizeof welcome - 1,
                              .step = 3};
        fake_open(&f);
        fake_answer(&f, &h);
        int n = SP_connect(f.name, "me", 0, 1, &mbox, group);
        EQUAL(n, good ? ACCEPT_SESSION : REJECT_AUTH);
        int fd = fake_wait(&h);
        if (good) {
            CHECK(memcmp(h.choice, "ASK\0", 4) == 0);
            EQUAL(SP_disconnect(mbox), 0);
            EQUAL(read_bytes(fd, got, 4), 4);
            CHECK(memcmp(got, "who?", 4) == 0);
        }
        if (fd >= 0)
            close(fd);
        fake_close(&f);
    }
}

static int64_t time_of_disconnect(mailbox mbox) {
    int64_t start = clock_now();
    EQUAL(SP_disconnect(mbox), 0);
    return clock_now() - start;
}

/* Until the daemon confirms by closing, or for a short time. */
static void leave_is_awaited(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5);
    int64_t took = time_of_disconnect(mbox);
    CHECK(took >= 100000 && took < 10000000);
    close(fd);

    /* Whatever it has sent before. In the first attempts the machine may be busy. */
    static char rest[50000];
    for (int i = 0; i < 50 && took >= 100000; i++) {
        fd = fake_connect(&mbox, 5);
        write_bytes(fd, rest, sizeof rest);
        shutdown(fd, SHUT_WR);
        took = time_of_disconnect(mbox);
        close(fd);
    }
    CHECK(took < 100000);
}

static void *receive_one(void *mbox) {
    static struct got g;
    return (void *)(intptr_t)get(*(mailbox *)mbox, &g);
}

/* Also if a thread receives, which has what comes. */
static void leave_of_a_receiver(void) {
    mailbox mbox;
    pthread_t thread;
    void *result;
    int fd = fake_connect(&mbox, 5);
    EQUAL(pthread_create(&thread, NULL, receive_one, &mbox), 0);
    CHECK(time_of_disconnect(mbox) >= 100000);
    pthread_join(thread, &result);
    CHECK((intptr_t)result == CONNECTION_CLOSED || (intptr_t)result == ILLEGAL_SESSION);
    close(fd);
}

int main(void) {
    RUN(leave_is_awaited);
    RUN(leave_of_a_receiver);
    RUN(answers_in_any_pieces);
    RUN(names_are_sent_as_they_are);
    RUN(refusals);
    RUN(what_cannot_be_accepted);
    RUN(silence_ends_in_time);
    RUN(names_of_daemons);
    RUN(times);
    RUN(methods);
    return 0;
}
