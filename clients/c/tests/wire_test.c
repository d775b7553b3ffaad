/* Headers, names and bodies of views. */
#include "membership.h"
#include "testlib.h"
#include "vec.h"

/* client_vectors, V12: UNRELIABLE, type 0x1234, 5 bytes. */
static void header_is_as_recorded(void) {
    static const unsigned char recorded[] = {
        0x81, 0, 0, 0x80, '#', 'a', 'l', 'i', 'c', 'e', '#', 'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't', 0, 0, 0, 0,
        0,    0, 0, 0,    0,   0,   0,   0,   0,   0,   0,   0,   1,   0,   0,   0,   0x80, 0x34, 0x12, 0x80, 5, 0, 0, 0};
    struct header h = {.type = UNRELIABLE_MESS, .num_groups = 1, .mess_type = 0x1234, .data_len = 5}, d;
    unsigned char head[HEADER_SIZE];
    name_copy(h.sender, "#alice#localhost", MAX_GROUP_NAME);
    header_encode(head, &h);
    if (swap32(1) == 0x01000000 && *(const unsigned char *)&(const uint32_t){1} == 1)
        CHECK(memcmp(head, recorded, sizeof head) == 0);
    CHECK(header_decode(&d, head));
    EQUAL(d.type, UNRELIABLE_MESS);
    EQUAL(d.num_groups, 1);
    EQUAL(d.mess_type, 0x1234);
    EQUAL(d.data_len, 5);
    CHECK(!d.foreign && !d.foreign_data && strcmp(d.sender, "#alice#localhost") == 0);
    EQUAL(message_size(head, sizeof head), 48 + 32 + 5);
    EQUAL(message_size(head, sizeof head - 1), 0);
}

static void header_of_the_other_order(void) {
    struct stream s = {0};
    struct header d;
    for (int t = -32768; t <= 32767; t += 4095) {
        put_header(&s, SAFE_MESS | SELF_DISCARD, "#a#b", 100, (int16)t, 77, true);
        CHECK(header_decode(&d, s.p));
        CHECK(d.foreign && d.foreign_data);
        EQUAL(d.type, SAFE_MESS | SELF_DISCARD);
        EQUAL(d.num_groups, 100);
        EQUAL(d.mess_type, t);
        EQUAL(d.data_len, 77);
        s.len = 0;
    }
    stream_free(&s);
}

static void counts_that_make_no_sense(void) {
    enum { MOST = MAX_REPLY - HEADER_SIZE, MOST_GROUPS = MOST / MAX_GROUP_NAME };
    static const struct {
        int groups, data;
        bool ok;
    } tests[] = {{0, 0, true},
                 {-1, 0, false},
                 {0, -1, false},
                 {MOST_GROUPS, 0, true},
                 {MOST_GROUPS + 1, 0, false},
                 {1, MOST - MAX_GROUP_NAME, true},
                 {1, MOST - MAX_GROUP_NAME + 1, false},
                 {0, MOST, true},
                 {0, MOST + 1, false},
                 {INT32_MAX, INT32_MAX, false},
                 {INT32_MIN, INT32_MIN, false}};
    struct header d;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        for (int foreign = 0; foreign < 2; foreign++) {
            struct stream s = {0};
            put_header(&s, FIFO_MESS, "", tests[i].groups, 0, tests[i].data, foreign);
            EQUAL(header_decode(&d, s.p), tests[i].ok);
            EQUAL(message_size(s.p, s.len) > 0, tests[i].ok);
            stream_free(&s);
        }
}

static void names_end_at_the_zero(void) {
    char n[MAX_GROUP_NAME];
    memset(n, 'x', sizeof n);
    EQUAL(name_copy(n, "ab", MAX_GROUP_NAME), 2);
    for (int i = 2; i < MAX_GROUP_NAME; i++)
        EQUAL(n[i], 0);
    EQUAL(name_copy(n, "0123456789012345678901234567890123456789", 31), 31);
    EQUAL(n[31], 0);
}

/* Two sets, of two members and one; the second is one's own. */
static void put_body(struct stream *s, bool foreign) {
    put_word(s, 0x11223344, foreign);
    put_word(s, 0x55667788, foreign);
    put_word(s, (uint32_t)-3, foreign);
    put_word(s, 2, foreign);
    put_word(s, 4 + 2 * 32, foreign);
    put_word(s, 2, foreign);
    put_name(s, "#a#x");
    put_name(s, "#b#x");
    put_word(s, 1, foreign);
    put_name(s, "#c#y");
}

static void check_info(const membership_info *info) {
    EQUAL(info->gid.id[0], 0x11223344);
    EQUAL(info->gid.id[1], 0x55667788);
    EQUAL(info->gid.id[2], -3);
    EQUAL(info->num_vs_sets, 2);
    EQUAL(info->my_vs_set.num_members, 1);
    EQUAL(info->my_vs_set.members_offset, 20 + 4 + 64 + 4);
    EQUAL(info->changed_member[0], 0);
}

static void bodies_in_both_orders(void) {
    for (int foreign = 0; foreign < 2; foreign++) {
        struct stream s = {0};
        membership_info info;
        vs_set_info sets[2];
        char names[2][MAX_GROUP_NAME];
        unsigned mine = 9;
        put_body(&s, foreign);
        scat_element e = {(char *)s.p, s.len};
        CHECK(body_settle((struct vec){&e, 1}, s.len, foreign));
        EQUAL(SP_get_memb_info(e.buf, REG_MEMB_MESS | CAUSED_BY_NETWORK, &info), 1);
        check_info(&info);
        EQUAL(SP_get_vs_sets_info(e.buf, sets, 1, &mine), BUFFER_TOO_SHORT);
        EQUAL(SP_get_vs_sets_info(e.buf, sets, 2, &mine), 2);
        EQUAL(mine, 1);
        EQUAL(sets[0].num_members, 2);
        EQUAL(SP_get_vs_set_members(e.buf, &sets[0], names, 1), BUFFER_TOO_SHORT);
        EQUAL(SP_get_vs_set_members(e.buf, &sets[0], names, 2), 2);
        CHECK(strcmp(names[0], "#a#x") == 0 && strcmp(names[1], "#b#x") == 0);
        EQUAL(SP_get_vs_set_members(e.buf, &info.my_vs_set, names, 2), 1);
        CHECK(strcmp(names[0], "#c#y") == 0);
        EQUAL(SP_get_memb_info(e.buf, REG_MEMB_MESS | CAUSED_BY_JOIN, &info), 1);
        CHECK(strcmp(info.changed_member, "#a#x") == 0);
        EQUAL(SP_get_memb_info(e.buf, FIFO_MESS, &info), ILLEGAL_MESSAGE);
        EQUAL(SP_get_memb_info(e.buf, TRANSITION_MESS, &info), 1);
        EQUAL(info.gid.id[2], -3);
        EQUAL(info.num_vs_sets, 0);
        stream_free(&s);
    }
}

/* Whatever the pieces are, fields lie across their borders. */
static void bodies_in_pieces(void) {
    for (size_t step = 2; step < 40; step++) {
        struct stream s = {0};
        scatter sc = {0};
        membership_info info;
        vs_set_info sets[2];
        char names[2][MAX_GROUP_NAME];
        unsigned mine;
        put_body(&s, true);
        for (size_t at = 0; at < s.len; at += step)
            sc.elements[sc.num_elements++] =
                (scat_element){(char *)s.p + at, s.len - at < step ? s.len - at : step};
        CHECK(body_settle((struct vec){sc.elements, sc.num_elements}, s.len, true));
        EQUAL(SP_scat_get_memb_info(&sc, REG_MEMB_MESS | CAUSED_BY_NETWORK, &info), 1);
        check_info(&info);
        EQUAL(SP_scat_get_vs_sets_info(&sc, sets, 2, &mine), 2);
        EQUAL(SP_scat_get_vs_set_members(&sc, &sets[0], names, 2), 2);
        CHECK(strcmp(names[1], "#b#x") == 0);
        sc.num_elements--;
        EQUAL(SP_scat_get_vs_set_members(&sc, &sets[1], names, 2), ILLEGAL_MESSAGE);
        stream_free(&s);
    }
}

static void bodies_that_lie(void) {
    struct stream s = {0};
    put_body(&s, false);
    unsigned char *copy = malloc(s.len);
    CHECK(copy);
    scat_element e = {(char *)copy, s.len};
    for (size_t n = 0; n < s.len; n++) {
        memcpy(copy, s.p, s.len);
        e.len = n;
        CHECK(!body_settle((struct vec){&e, 1}, n, false));
    }
    e.len = s.len;
    for (size_t at = 12; at < s.len; at += at == 20 ? 68 : 4) {
        if (at > 20 && at != 88)
            break;
        static const uint32_t lies[] = {0xffffffff, 0x7fffffff, 0x80000000, 0x08000000, 3, 1000, 0xfffffffc};
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
            memcpy(copy, s.p, s.len);
            memcpy(copy + at, &lies[i], 4);
            CHECK(!body_settle((struct vec){&e, 1}, s.len, false));
        }
    }
    free(copy);
    stream_free(&s);
}

int main(void) {
    RUN(header_is_as_recorded);
    RUN(header_of_the_other_order);
    RUN(counts_that_make_no_sense);
    RUN(names_end_at_the_zero);
    RUN(bodies_in_both_orders);
    RUN(bodies_in_pieces);
    RUN(bodies_that_lie);
    return 0;
}
