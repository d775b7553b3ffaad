#include "testlib.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const char *test_now = "";

void test_failed(const char *file, int line, const char *what, long long is, long long should) {
    fprintf(stderr, "%s:%d: %s: %s (%lld, %lld)\n", file, line, test_now, what, is, should);
    exit(1);
}

const char *test_daemon(void) {
    const char *name = getenv("SPREAD_TEST_DAEMON");
    if (!name || !*name) {
        printf("no daemon in SPREAD_TEST_DAEMON: live tests are skipped\n");
        return NULL;
    }
    return name;
}

void fake_open(struct fake *f) {
    char dir[] = "/tmp/spreadtest.XXXXXX";
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    CHECK(mkdtemp(dir));
    snprintf(f->name, sizeof f->name, "unix:%s/socket", dir);
    strcpy(sa.sun_path, f->name + 5);
    f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(f->listener, (struct sockaddr *)&sa, sizeof sa) == 0);
    CHECK(listen(f->listener, 5) == 0);
}

void fake_close(struct fake *f) {
    close(f->listener);
    unlink(f->name + 5);
    *strrchr(f->name, '/') = 0;
    rmdir(f->name + 5);
}

static bool put_in_steps(int fd, const unsigned char *p, size_t n, size_t step) {
    for (size_t at = 0; at < n; at += step) {
        size_t part = n - at < step ? n - at : step;
        if (send(fd, p + at, part, MSG_NOSIGNAL) != (ssize_t)part)
            return false;
    }
    return true;
}

static void *play(void *arg) {
    struct handshake *h = arg;
    h->fd = accept(h->fake->listener, NULL, NULL);
    CHECK(h->fd >= 0);
    bool ok = read_bytes(h->fd, h->hello, 5) == 5 && h->hello[4] <= 10 &&
              read_bytes(h->fd, h->hello + 5, h->hello[4]) == h->hello[4];
    h->hello_len = 5u + h->hello[4];
    ok = ok && put_in_steps(h->fd, h->list, h->list_len, h->step);
    if (ok && h->accept_len > 0)
        ok = read_bytes(h->fd, h->choice, sizeof h->choice) == sizeof h->choice &&
             put_in_steps(h->fd, h->accept, h->accept_len, h->step);
    if (!ok) {
        close(h->fd);
        h->fd = -1;
    }
    return NULL;
}

void fake_answer(struct fake *f, struct handshake *h) {
    pthread_t t;
    h->fake = f;
    CHECK(pthread_create(&t, NULL, play, h) == 0);
    h->thread = (unsigned long)t;
}

int fake_wait(struct handshake *h) {
    CHECK(pthread_join((pthread_t)h->thread, NULL) == 0);
    return h->fd;
}

static int connect_plain(const char *name, mailbox *mbox, char *group) {
    return SP_connect(name, "me", 0, 1, mbox, group);
}

int fake_connect(mailbox *mbox, int major) { return fake_connect_by(connect_plain, mbox, major); }

int fake_connect_by(int (*connect)(const char *name, mailbox *mbox, char *group), mailbox *mbox, int major) {
    struct fake f;
    unsigned char answer[32] = {1, (unsigned char)major, 0, 1, sizeof ME - 1};
    memcpy(answer + 5, ME, sizeof ME - 1);
    struct handshake h = {.list = (const unsigned char *)"\5NULL ",
                          .list_len = 6,
                          .accept = answer,
                          .accept_len = 5 + sizeof ME - 1,
                          .step = 64};
    char group[MAX_GROUP_NAME];
    fake_open(&f);
    fake_answer(&f, &h);
    EQUAL(connect(f.name, mbox, group), ACCEPT_SESSION);
    CHECK(strcmp(group, ME) == 0);
    int fd = fake_wait(&h);
    CHECK(fd >= 0);
    fake_close(&f);
    return fd;
}

void put_bytes(struct stream *s, const void *p, size_t n) {
    s->p = realloc(s->p, s->len + n + 1);
    CHECK(s->p);
    if (n > 0)
        memcpy(s->p + s->len, p, n);
    s->len += n;
}

void put_word(struct stream *s, uint32_t v, bool foreign) {
    if (foreign)
        v = swap32(v);
    put_bytes(s, &v, sizeof v);
}

void put_name(struct stream *s, const char *name) {
    char n[MAX_GROUP_NAME] = {0};
    memcpy(n, name, strnlen(name, sizeof n));
    put_bytes(s, n, sizeof n);
}

void put_header(struct stream *s, uint32_t type, const char *sender, int num_groups, int16 mess_type, int data_len,
                bool foreign) {
    struct header h = {.type = type, .num_groups = num_groups, .mess_type = mess_type, .data_len = data_len};
    unsigned char head[HEADER_SIZE];
    uint32_t w;
    name_copy(h.sender, sender, MAX_GROUP_NAME);
    header_encode(head, &h);
    for (size_t at = 0; foreign && at < HEADER_SIZE; at += at == 0 ? 36 : 4) {
        memcpy(&w, head + at, 4);
        if (at == 0 || at == 40)
            w ^= 0x80000080;
        w = swap32(w);
        memcpy(head + at, &w, 4);
    }
    put_bytes(s, head, sizeof head);
}

void put_data(struct stream *s, uint32_t type, const char *sender, const char *group, const char *data) {
    put_header(s, type, sender, 1, 7, (int)strlen(data), false);
    put_name(s, group);
    put_bytes(s, data, strlen(data));
}

void stream_free(struct stream *s) {
    free(s->p);
    *s = (struct stream){0};
}

void write_bytes(int fd, const void *p, size_t n) { EQUAL(send(fd, p, n, MSG_NOSIGNAL), n); }

void write_stream(int fd, struct stream *s) {
    write_bytes(fd, s->p, s->len);
    s->len = 0;
}

size_t read_bytes(int fd, void *p, size_t n) {
    size_t have = 0;
    while (have < n) {
        ssize_t r = recv(fd, (char *)p + have, n - have, 0);
        if (r <= 0)
            break;
        have += (size_t)r;
    }
    return have;
}

bool readable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

int get_some(mailbox mbox, struct got *g, service type, int max_groups, int max_data) {
    g->type = type;
    return g->result = SP_receive(mbox, &g->type, g->sender, max_groups, &g->num_groups, g->groups, &g->mess_type,
                                  &g->mismatch, max_data, g->data);
}

int get(mailbox mbox, struct got *g) { return get_some(mbox, g, 0, 200, sizeof g->data); }

uint32_t test_random(uint32_t below) {
    static _Thread_local uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}
