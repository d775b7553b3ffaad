/* Receiving: nothing is lost, nothing is hidden, and nonsense is an error. */
#include <errno.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "testlib.h"

static struct got g;

static void put_view(struct stream *s, int members, bool foreign) {
    put_header(s, REG_MEMB_MESS | CAUSED_BY_JOIN, "room", members, 0, 20 + 4 + 32, foreign);
    for (int i = 0; i < members - 1; i++)
        put_name(s, "#other#fake");
    put_name(s, ME);
    for (uint32_t w = 1; w <= 3; w++)
        put_word(s, w, foreign);
    put_word(s, 1, foreign);
    put_word(s, 0, foreign);
    put_word(s, 1, foreign);
    put_name(s, ME);
}

/* One message of some size, mostly small. */
static int put_random(struct stream *s) {
    static char text[30000];
    int size = test_random(8) == 0 ? (int)test_random(sizeof text) : (int)test_random(200);
    for (int i = 0; i < size; i++)
        text[i] = (char)('a' + (i + size) % 26);
    put_header(s, AGREED_MESS, "#other#fake", 1, (int16)size, size, false);
    put_name(s, "room");
    put_bytes(s, text, (size_t)size);
    return size;
}

static void check_random(int size) {
    EQUAL(g.result, size);
    EQUAL(g.mess_type, (int16)size);
    EQUAL(g.num_groups, 1);
    CHECK(strcmp(g.groups[0], "room") == 0 && strcmp(g.sender, "#other#fake") == 0);
    for (int i = 0; i < size; i++)
        CHECK(g.data[i] == 'a' + (i + size) % 26);
}

/* As many bytes as are not received yet wait for select, and SP_poll counts them,
 * whatever the messages are and however they come. */
static void nothing_is_hidden(void) {
    enum { BATCH = 40 };
    mailbox mbox;
    int fd = fake_connect(&mbox, 5), sizes[BATCH];
    int big = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    for (int round = 0; round < 300; round++) {
        struct stream s = {0};
        int count = 1 + (int)test_random(BATCH), part = (int)test_random(2);
        int space = 150000;
        int n = 0;
        for (; n < count && space > 31000; n++)
            space -= (sizes[n] = put_random(&s)) + 80;
        size_t all = s.len, cut = part ? test_random((uint32_t)all) : 0, left = all;
        write_bytes(fd, s.p, all - cut);
        bool rest = cut > 0;
        for (int i = 0; i < n; i++) {
            size_t whole = 80 + (size_t)sizes[i];
            if (rest && left - whole < cut) {
                /* It is not there as a whole: a part of it is seen, and waiting for it takes none of what follows. */
                EQUAL(SP_x_wait(mbox, 0), 0);
                write_bytes(fd, s.p + all - cut, cut);
                rest = false;
            }
            get(mbox, &g);
            check_random(sizes[i]);
            left -= whole;
            EQUAL(SP_poll(mbox), rest ? left - cut : left);
            EQUAL(readable(mbox), (rest ? left - cut : left) > 0);
        }
        EQUAL(left, 0);
        stream_free(&s);
    }
    SP_disconnect(mbox);
    close(fd);
}

/* With read-ahead it is SP_poll alone that counts. */
static void read_ahead(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5), sizes[50];
    EQUAL(SP_x_read_ahead(mbox, 65536), 0);
    for (int round = 0; round < 100; round++) {
        struct stream s = {0};
        int n = 0;
        while (n < 50 && s.len < 60000)
            sizes[n++] = put_random(&s);
        size_t left = s.len;
        write_stream(fd, &s);
        if (round == 50)
            EQUAL(SP_x_read_ahead(mbox, 0), 0);
        for (int i = 0; i < n; i++) {
            if (i == 3 && round == 20)
                EQUAL(SP_x_read_ahead(mbox, 100), 0);
            get(mbox, &g);
            check_random(sizes[i]);
            left -= 80 + (size_t)sizes[i];
            EQUAL(SP_poll(mbox), left);
        }
        stream_free(&s);
    }
    EQUAL(SP_disconnect(mbox), 0);
    close(fd);
}

static void byte_by_byte(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5);
    struct stream s = {0};
    put_data(&s, SAFE_MESS, "#a#b", "room", "one");
    put_view(&s, 3, true);
    put_data(&s, SAFE_MESS, "#a#b", "room", "");
    size_t first = 83, second = 48 + 3 * 32 + 20 + 36;
    for (size_t i = 0; i < s.len; i++) {
        bool whole = i == first || i == first + second;
        EQUAL(SP_x_wait(mbox, 0), whole);
        if (whole)
            get(mbox, &g);
        write_bytes(fd, s.p + i, 1);
    }
    EQUAL(SP_x_wait(mbox, 0), 1);
    EQUAL(get(mbox, &g), 0);
    EQUAL(SP_poll(mbox), 0);
    stream_free(&s);
    SP_disconnect(mbox);
    close(fd);
}

static void too_short_keeps_the_message(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5);
    struct stream s = {0};
    put_header(&s, FIFO_MESS, "#a#b", 3, 9, 10, false);
    for (int i = 0; i < 3; i++)
        put_name(&s, "room");
    put_bytes(&s, "0123456789", 10);
    write_stream(fd, &s);
    for (int i = 0; i < 3; i++) {
        EQUAL(get_some(mbox, &g, 0, 3, 9), BUFFER_TOO_SHORT);
        EQUAL(g.mismatch, -10);
        EQUAL(g.num_groups, 0);
        EQUAL(get_some(mbox, &g, 0, 2, 10), GROUPS_TOO_SHORT);
        EQUAL(g.num_groups, -3);
        EQUAL(g.mismatch, 0);
        EQUAL(get_some(mbox, &g, 0, 0, 0), GROUPS_TOO_SHORT);
        EQUAL(g.num_groups, -3);
        EQUAL(g.mismatch, -10);
        EQUAL(g.type, FIFO_MESS);
        EQUAL(SP_poll(mbox), 48 + 96 + 10);
    }
    EQUAL(get_some(mbox, &g, 0, 3, 10), 10);
    CHECK(memcmp(g.data, "0123456789", 10) == 0);
    /* What does not fit is dropped if the caller says so, and only that. */
    for (int i = 0; i < 2; i++) {
        put_header(&s, FIFO_MESS, "#a#b", 3, 9, 10, false);
        for (int k = 0; k < 3; k++)
            put_name(&s, "room");
        put_bytes(&s, "0123456789", 10);
    }
    put_data(&s, FIFO_MESS, "#a#b", "room", "next");
    write_stream(fd, &s);
    g.data[4] = 'x';
    EQUAL(get_some(mbox, &g, DROP_RECV, 1, 4), BUFFER_TOO_SHORT);
    CHECK(memcmp(g.data, "0123x", 5) == 0);
    EQUAL(g.num_groups, -3);
    EQUAL(get_some(mbox, &g, DROP_RECV, 1, 10), 10);
    EQUAL(g.num_groups, -3);
    EQUAL(get(mbox, &g), 4);
    CHECK(memcmp(g.data, "next", 4) == 0);
    stream_free(&s);
    SP_disconnect(mbox);
    close(fd);
}

static void into_pieces(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5);
    struct stream s = {0};
    char text[1000], out[1000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    for (size_t step = 11; step < 500; step += 37) {
        put_header(&s, AGREED_MESS, "#a#b", 1, 0, sizeof text, false);
        put_name(&s, "room");
        put_bytes(&s, text, sizeof text);
        write_stream(fd, &s);
        scatter sc = {0};
        memset(out, 0, sizeof out);
        for (size_t at = 0; at < sizeof out; at += step)
            sc.elements[sc.num_elements++] = (scat_element){out + at, sizeof out - at < step ? sizeof out - at : step};
        g.type = 0;
        EQUAL(SP_scat_receive(mbox, &g.type, g.sender, 1, &g.num_groups, g.groups, &g.mess_type, &g.mismatch, &sc),
              sizeof text);
        CHECK(memcmp(text, out, sizeof text) == 0);
    }
    scatter bad = {.num_elements = 101};
    EQUAL(SP_scat_receive(mbox, &g.type, g.sender, 1, &g.num_groups, g.groups, &g.mess_type, &g.mismatch, &bad),
          ILLEGAL_MESSAGE);
    EQUAL(SP_scat_receive(mbox, &g.type, g.sender, 1, &g.num_groups, g.groups, &g.mess_type, &g.mismatch, NULL),
          ILLEGAL_MESSAGE);
    stream_free(&s);
    SP_disconnect(mbox);
    close(fd);
}

/* A view of release 3 has no number of sets. */
static void views_of_old_daemons(void) {
    for (int foreign = 0; foreign < 2; foreign++) {
        mailbox mbox;
        int fd = fake_connect(&mbox, 3);
        struct stream s = {0};
        membership_info info;
        put_header(&s, REG_MEMB_MESS | CAUSED_BY_JOIN, "room", 1, 0, 12 + 4 + 32, foreign);
        put_name(&s, ME);
        for (uint32_t w = 1; w <= 3; w++)
            put_word(&s, w, foreign);
        put_word(&s, 1, foreign);
        put_name(&s, ME);
        write_stream(fd, &s);
        EQUAL(get_some(mbox, &g, 0, 9, 50), BUFFER_TOO_SHORT);
        EQUAL(g.mismatch, -56);
        EQUAL(get(mbox, &g), 56);
        EQUAL(SP_get_memb_info(g.data, g.type, &info), 1);
        CHECK(strcmp(info.changed_member, ME) == 0);
        EQUAL(info.num_vs_sets, 1);
        EQUAL(info.my_vs_set.num_members, 1);
        EQUAL(info.gid.id[2], 3);
        stream_free(&s);
        SP_disconnect(mbox);
        close(fd);
    }
}

static void the_end(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5);
    struct stream s = {0};
    put_data(&s, FIFO_MESS, "#a#b", "room", "1");
    put_data(&s, FIFO_MESS, "#a#b", "room", "2");
    put_data(&s, FIFO_MESS, "#a#b", "room", "half");
    s.len -= 2;
    write_stream(fd, &s);
    close(fd);
    EQUAL(get(mbox, &g), 1);
    EQUAL(get(mbox, &g), 1);
    EQUAL(SP_x_wait(mbox, 1000), 1);
    EQUAL(get(mbox, &g), CONNECTION_CLOSED);
    EQUAL(get(mbox, &g), NET_ERROR_ON_SESSION);
    EQUAL(SP_poll(mbox), NET_ERROR_ON_SESSION);
    EQUAL(SP_join(mbox, "room"), NET_ERROR_ON_SESSION);
    EQUAL(SP_disconnect(mbox), 0);
    EQUAL(SP_disconnect(mbox), ILLEGAL_SESSION);
    EQUAL(SP_poll(mbox), ILLEGAL_SESSION);
    EQUAL(get(mbox, &g), ILLEGAL_SESSION);
    EQUAL(SP_x_wait(mbox, 0), ILLEGAL_SESSION);
    EQUAL(get(-1, &g), ILLEGAL_SESSION);
    EQUAL(get(1 << 30, &g), ILLEGAL_SESSION);
    stream_free(&s);
}

/* A large message that never comes takes no more memory than what has come. */
static void promises(void) {
    mailbox mbox;
    int fd = fake_connect(&mbox, 5);
    struct stream s = {0};
    const int most = (int)(MAX_REPLY - HEADER_SIZE);
    put_header(&s, FIFO_MESS, "#a#b", 0, 0, most, false);
    write_stream(fd, &s);
    EQUAL(SP_x_wait(mbox, 0), 0);
    EQUAL(get(mbox, &g), BUFFER_TOO_SHORT);
    EQUAL(g.mismatch, -most);
    close(fd);
    EQUAL(SP_x_wait(mbox, 1000), 1);
    EQUAL(get(mbox, &g), CONNECTION_CLOSED);
    SP_disconnect(mbox);

    fd = fake_connect(&mbox, 5);
    put_header(&s, REG_MEMB_MESS | CAUSED_BY_NETWORK, "g", 0, 0, most + 1, false);
    write_stream(fd, &s);
    EQUAL(get(mbox, &g), ILLEGAL_MESSAGE);
    close(fd);
    stream_free(&s);
    SP_disconnect(mbox);
}

struct writer {
    int fd;
    struct stream s;
};

static void *write_and_close(void *arg) {
    struct writer *w = arg;
    for (size_t at = 0; at < w->s.len;) {
        size_t part = 1 + test_random(3000);
        part = part < w->s.len - at ? part : w->s.len - at;
        ssize_t n = send(w->fd, w->s.p + at, part, MSG_NOSIGNAL);
        if (n < 0)
            break; /* the client has seen enough */
        at += (size_t)n;
    }
    close(w->fd);
    return NULL;
}

/* Bytes that are wrong in some places: all calls come to an end, with whatever
 * result, and what is said of a view can be looked up in it. */
static void spoiled_streams(void) {
    for (int round = 0; round < 300; round++) {
        struct writer w = {0};
        mailbox mbox;
        pthread_t t;
        w.fd = fake_connect(&mbox, round % 5 == 0 ? 3 : 5);
        for (int i = 0; i < 12; i++)
            if (test_random(3) == 0)
                put_view(&w.s, 1 + (int)test_random(4), test_random(2));
            else if (test_random(5) == 0) {
                put_header(&w.s, REJECT_MESS, ME, 1, 0, 3, false);
                put_word(&w.s, test_random(2) ? JOIN_MESS | 0x80000080 : 0x90000080, false);
                put_name(&w.s, "room");
                put_bytes(&w.s, "abc", 3);
            } else
                put_random(&w.s);
        for (uint32_t i = test_random(6); i > 0; i--)
            w.s.p[test_random((uint32_t)w.s.len)] ^= (unsigned char)(1u << test_random(8));
        if (round % 3 == 0) /* a number in the first header */
            w.s.p[36 + 4 * test_random(3) + test_random(4)] = (unsigned char)test_random(256);
        if (round % 4 == 0)
            (void)SP_x_read_ahead(mbox, 1 + test_random(20000));
        EQUAL(pthread_create(&t, NULL, write_and_close, &w), 0);
        for (int i = 0; i < 100; i++) {
            if (test_random(3) == 0)
                (void)SP_x_wait(mbox, 1000);
            (void)SP_poll(mbox);
            int n = get_some(mbox, &g, test_random(2) ? DROP_RECV : 0, (int)test_random(6), (int)test_random(40000));
            membership_info info;
            vs_set_info sets[40];
            char names[10][MAX_GROUP_NAME];
            unsigned mine;
            if (n >= 0 && Is_membership_mess(g.type))
                (void)SP_get_memb_info(g.data, g.type, &info);
            if (n >= 0 && Is_reg_memb_mess(g.type) && !Is_reject_mess(g.type)) {
                int count = SP_get_vs_sets_info(g.data, sets, 40, &mine);
                for (int k = 0; k < count; k++)
                    (void)SP_get_vs_set_members(g.data, &sets[k], names, 10);
            }
            if (n < 0 && n != BUFFER_TOO_SHORT && n != GROUPS_TOO_SHORT)
                break;
        }
        SP_disconnect(mbox);
        pthread_join(t, NULL);
        stream_free(&w.s);
    }
}

int main(void) {
    RUN(nothing_is_hidden);
    RUN(read_ahead);
    RUN(byte_by_byte);
    RUN(too_short_keeps_the_message);
    RUN(into_pieces);
    RUN(views_of_old_daemons);
    RUN(the_end);
    RUN(promises);
    RUN(spoiled_streams);
    return 0;
}
