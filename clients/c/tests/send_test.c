/* Sending: what has left the process, what is refused, what is kept. */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testlib.h"

static struct got g;

static int waiting(int fd) {
    int n = 0;
    CHECK(ioctl(fd, FIONREAD, &n) == 0);
    return n;
}

/* Reads a message at the daemon's end. */
static struct header read_message(int fd, char names[][MAX_GROUP_NAME], char *data) {
    unsigned char head[HEADER_SIZE];
    struct header h;
    EQUAL(read_bytes(fd, head, sizeof head), sizeof head);
    CHECK(header_decode(&h, head));
    EQUAL(read_bytes(fd, names, names_size(&h)), names_size(&h));
    EQUAL(read_bytes(fd, data, (size_t)h.data_len), h.data_len);
    return h;
}

static char names[MAX_GROUPS][MAX_GROUP_NAME], data[MAX_BODY + 1];

/* It is all in the socket when the call returns. */
static void a_send_has_left(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5);
    static char text[60000], to[MAX_GROUPS + 1][MAX_GROUP_NAME];
    int big = 1 << 20;
    setsockopt(mbox, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)test_random(256);
    for (int i = 0; i <= MAX_GROUPS; i++)
        snprintf(to[i], sizeof to[i], "group%d", i);
    for (int i = 0; i < 200; i++) {
        int len = (int)test_random(i % 2 ? 200 : sizeof text), groups = 1 + (int)test_random(MAX_GROUPS);
        scatter sc = {0};
        for (int at = 0, step = 1 + len / (1 + (int)test_random(99)); at < len; at += step)
            sc.elements[sc.num_elements++] = (scat_element){text + at, (size_t)(len - at < step ? len - at : step)};
        int16 type = (int16)test_random(65536);
        EQUAL(SP_multigroup_scat_multicast(mbox, SAFE_MESS | SELF_DISCARD, groups,
                                           (const char(*)[MAX_GROUP_NAME])to, type, &sc),
              len);
        EQUAL(SP_multicast(mbox, FIFO_MESS, "a", type, 3, "abc"), 3);
        EQUAL(waiting(fd), 48 + 32 * groups + len + 48 + 32 + 3);
        struct header h = read_message(fd, names, data);
        EQUAL(h.type, SAFE_MESS | SELF_DISCARD);
        EQUAL(h.mess_type, type);
        EQUAL(h.num_groups, groups);
        CHECK(memcmp(names, to, (size_t)groups * MAX_GROUP_NAME) == 0 && strcmp(h.sender, ME) == 0);
        CHECK(h.data_len == len && memcmp(data, text, (size_t)len) == 0);
        h = read_message(fd, names, data);
        CHECK(h.data_len == 3 && memcmp(data, "abc", 3) == 0 && strcmp(names[0], "a") == 0);
    }
    SP_disconnect(mbox);
    struct header h = read_message(fd, names, data);
    EQUAL(h.type, KILL_MESS);
    CHECK(strcmp(names[0], ME) == 0);
    EQUAL(read_bytes(fd, data, 1), 0);
    close(fd);
}

static void refused(void) {
    static const service bad[] = {0, 3, FIFO_MESS | SAFE_MESS, SELF_DISCARD, REG_MEMB_MESS, JOIN_MESS | FIFO_MESS,
                                  KILL_MESS | FIFO_MESS, REJECT_MESS | FIFO_MESS, 0x3f};
    static const char *const groups[] = {NULL, "", "a b", "\x80", "01234567890123456789012345678901", "\x1f", "\x7f", "#"};
    static char to[MAX_GROUPS + 1][MAX_GROUP_NAME];
    mailbox mbox;
    int fd = fake_connect(&mbox, 5);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EQUAL(SP_multicast(mbox, bad[i], "room", 0, 0, ""), ILLEGAL_SERVICE);
    for (size_t i = 0; i < sizeof groups / sizeof *groups - 1; i++) {
        EQUAL(SP_join(mbox, groups[i]), ILLEGAL_GROUP);
        EQUAL(SP_leave(mbox, groups[i]), ILLEGAL_GROUP);
    }
    EQUAL(SP_multicast(mbox, FIFO_MESS, NULL, 0, 0, ""), ILLEGAL_GROUP);
    EQUAL(SP_multicast(mbox, FIFO_MESS, "room", 0, -1, ""), ILLEGAL_MESSAGE);
    EQUAL(SP_multicast(mbox, FIFO_MESS, "room", 0, 1, NULL), ILLEGAL_MESSAGE);
    EQUAL(SP_scat_multicast(mbox, FIFO_MESS, "room", 0, NULL), ILLEGAL_MESSAGE);
    scatter sc = {.num_elements = 101};
    EQUAL(SP_scat_multicast(mbox, FIFO_MESS, "room", 0, &sc), ILLEGAL_MESSAGE);
    sc.num_elements = 2;
    sc.elements[0] = sc.elements[1] = (scat_element){data, SIZE_MAX / 2 + 1};
    EQUAL(SP_scat_multicast(mbox, FIFO_MESS, "room", 0, &sc), MESSAGE_TOO_LONG);
    EQUAL(SP_multigroup_multicast(mbox, FIFO_MESS, MAX_GROUPS + 1, (const char(*)[MAX_GROUP_NAME])to, 0, 0, ""),
          ILLEGAL_MESSAGE);
    EQUAL(SP_multigroup_multicast(mbox, FIFO_MESS, -1, (const char(*)[MAX_GROUP_NAME])to, 0, 0, ""), ILLEGAL_MESSAGE);
    EQUAL(SP_multicast(mbox, FIFO_MESS, "room", 0, (int)MAX_BODY - 31, data), MESSAGE_TOO_LONG);
    EQUAL(SP_multicast(-1, FIFO_MESS, "room", 0, 0, ""), ILLEGAL_SESSION);
    EQUAL(SP_x_gather(-1, 1), ILLEGAL_SESSION);
    EQUAL(SP_x_flush(-1), ILLEGAL_SESSION);
    EQUAL(waiting(fd), 0);
    SP_disconnect(mbox);
    close(fd);
}

/* What is kept, and all the ways by which it goes out. */
static void gathered(void) {
    enum { ONE = 48 + 32 + 3 };
    mailbox mbox;
    int fd = fake_connect(&mbox, 5), sent = 0;
    struct stream s = {0};
    EQUAL(SP_x_gather(mbox, 10 * ONE), 0);
#define SEND EQUAL(SP_multicast(mbox, FIFO_MESS, "room", (int16)sent++, 3, "abc"), 3)
    for (int i = 0; i < 10; i++)
        SEND;
    EQUAL(waiting(fd), 0);
    SEND; /* does not fit */
    EQUAL(waiting(fd), 11 * ONE);
    SEND;
    EQUAL(SP_x_flush(mbox), 0);
    EQUAL(waiting(fd), 12 * ONE);
    SEND;
    EQUAL(SP_poll(mbox), 0);
    EQUAL(waiting(fd), 13 * ONE);
    SEND;
    EQUAL(SP_x_wait(mbox, 0), 0);
    EQUAL(waiting(fd), 14 * ONE);
    /* Not while there is something to receive, but in the end. */
    for (int i = 0; i < 40; i++)
        put_data(&s, FIFO_MESS, "#a#b", "room", "x");
    write_stream(fd, &s);
    SEND;
    for (int i = 0; i < 40; i++) {
        EQUAL(waiting(fd), (i < 32 ? 14 : 15) * ONE);
        EQUAL(get(mbox, &g), 1);
    }
    SEND;
    EQUAL(SP_join(mbox, "abc"), 0);
    EQUAL(waiting(fd), 15 * ONE);
    EQUAL(SP_multicast(mbox, FIFO_MESS, "room", (int16)sent++, 100000, data), 100000);
    for (int i = 0; i < sent; i++) {
        if (i == sent - 1)
            EQUAL(read_message(fd, names, data).type, JOIN_MESS);
        struct header h = read_message(fd, names, data);
        EQUAL(h.mess_type, i);
        EQUAL(h.data_len, i == sent - 1 ? 100000 : 3);
    }
    SEND;
    EQUAL(SP_x_gather(mbox, 0), 0);
    EQUAL(waiting(fd), ONE);
    SEND;
    EQUAL(waiting(fd), 2 * ONE);
    EQUAL(SP_x_gather(mbox, 1000), 0);
    SEND;
    SP_disconnect(mbox);
    for (int i = 0; i < 3; i++)
        (void)read_message(fd, names, data);
    EQUAL(read_message(fd, names, data).type, KILL_MESS);
#undef SEND
    stream_free(&s);
    close(fd);
}

/* What came before the end can be received, though nothing can be sent. */
static void nobody_listens(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5), n = 0;
    struct stream s = {0};
    put_data(&s, FIFO_MESS, "#a#b", "room", "last words");
    write_stream(fd, &s);
    close(fd);
    for (int i = 0; i < 3 && n >= 0; i++)
        n = SP_multicast(mbox, FIFO_MESS, "room", 0, 3, "abc");
    EQUAL(n, CONNECTION_CLOSED);
    EQUAL(SP_multicast(mbox, FIFO_MESS, "room", 0, 3, "abc"), NET_ERROR_ON_SESSION);
    EQUAL(SP_x_flush(mbox), NET_ERROR_ON_SESSION);
    EQUAL(get(mbox, &g), 10);
    EQUAL(get(mbox, &g), CONNECTION_CLOSED);
    EQUAL(SP_disconnect(mbox), 0);
    stream_free(&s);
}

/* After a fork one process goes on, the other forgets. */
static void forked(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5), status = 1;
    pid_t child = fork();
    if (child == 0) {
        SP_kill(mbox);
        _exit(SP_poll(mbox) == ILLEGAL_SESSION ? 0 : 1);
    }
    EQUAL(waitpid(child, &status, 0), child);
    EQUAL(status, 0);
    EQUAL(SP_multicast(mbox, FIFO_MESS, "room", 5, 3, "abc"), 3);
    EQUAL(read_message(fd, names, data).mess_type, 5);
    child = fork();
    if (child == 0) {
        int n = SP_multicast(mbox, FIFO_MESS, "room", 6, 3, "abc");
        _exit(n == 3 && SP_disconnect(mbox) == 0 ? 0 : 1);
    }
    SP_kill(mbox);
    EQUAL(waitpid(child, &status, 0), child);
    EQUAL(status, 0);
    EQUAL(read_message(fd, names, data).mess_type, 6);
    EQUAL(read_message(fd, names, data).type, KILL_MESS);
    close(fd);
}

int main(void) {
    RUN(a_send_has_left);
    RUN(refused);
    RUN(gathered);
    RUN(nobody_listens);
    RUN(forked);
    return 0;
}
