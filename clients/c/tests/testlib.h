/* What the tests share: checks, and a daemon that says what the test wants. */
#ifndef TESTLIB_H
#define TESTLIB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp_x.h"
#include "wire.h"

#define CHECK(condition)                                                                                       \
    do {                                                                                                       \
        if (!(condition))                                                                                      \
            test_failed(__FILE__, __LINE__, #condition, 0, 0);                                                 \
    } while (0)

#define EQUAL(is, should)                                                                                      \
    do {                                                                                                       \
        long long is_ = (long long)(is), should_ = (long long)(should);                                        \
        if (is_ != should_)                                                                                    \
            test_failed(__FILE__, __LINE__, #is " == " #should, is_, should_);                                 \
    } while (0)

#define RUN(test)                                                                                              \
    do {                                                                                                       \
        test_now = #test;                                                                                      \
        test();                                                                                                \
    } while (0)

extern const char *test_now;
_Noreturn void test_failed(const char *file, int line, const char *what, long long is, long long should);

/* The daemon of SPREAD_TEST_DAEMON; NULL, with a word about it, if there is none. */
const char *test_daemon(void);

/* A fake daemon, on a Unix socket of its own. fake_name is what to connect to. */
struct fake {
    int listener;
    char name[128];
};
void fake_open(struct fake *f);
void fake_close(struct fake *f);

/* Plays a handshake in a thread: answer is written in pieces of step bytes, the
 * part behind the list of methods after the choice has come. fake_wait returns
 * the daemon's end of the connection, or -1 if the client gave up. */
struct handshake {
    const unsigned char *list, *accept;
    size_t list_len, accept_len, step;
    struct fake *fake;
    unsigned char hello[32];
    size_t hello_len;
    unsigned char choice[90];
    int fd;
    unsigned long thread;
};
void fake_answer(struct fake *f, struct handshake *h);
int fake_wait(struct handshake *h);

/* A client "me" connected to a fake daemon of that major version; returns the
 * daemon's end. */
int fake_connect(mailbox *mbox, int major);
int fake_connect_by(int (*connect)(const char *name, mailbox *mbox, char *group), mailbox *mbox, int major);
#define ME "#me#fake"

/* Messages as a daemon writes them; of the other byte order if foreign. */
struct stream {
    unsigned char *p;
    size_t len;
};
void put_bytes(struct stream *s, const void *p, size_t n);
void put_word(struct stream *s, uint32_t v, bool foreign);
void put_name(struct stream *s, const char *name);
void put_header(struct stream *s, uint32_t type, const char *sender, int num_groups, int16 mess_type, int data_len,
                bool foreign);
void put_data(struct stream *s, uint32_t type, const char *sender, const char *group, const char *data);
void stream_free(struct stream *s);

void write_bytes(int fd, const void *p, size_t n);
void write_stream(int fd, struct stream *s); /* and empties it */
size_t read_bytes(int fd, void *p, size_t n); /* all, or up to the end */
bool readable(int fd);                        /* now, as select sees it */

/* The arguments of SP_receive. */
struct got {
    int result;
    service type;
    char sender[MAX_GROUP_NAME];
    int num_groups;
    char groups[200][MAX_GROUP_NAME];
    int16 mess_type;
    int mismatch;
    char data[200000];
};
int get(mailbox mbox, struct got *g); /* with room for all */
int get_some(mailbox mbox, struct got *g, service type, int max_groups, int max_data);

/* Small numbers that are the same each time. */
uint32_t test_random(uint32_t below);

#endif
