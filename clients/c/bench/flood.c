/* flood: how many messages per second a program sends and receives. It uses
 * nothing but sp.h; the library that it runs with is a matter of LD_LIBRARY_PATH.
 * What sp_x.h offers is used if the options ask for it, and the library has it.
 *
 *   flood [-d DAEMON] [-n MESSAGES] [-s BYTES] [-w WINDOW] [-r RECEIVERS] [-g BYTES] [-a BYTES]
 *
 * One connection multicasts agreed messages to a group, of which it is a member
 * itself; with -r others are members in its place, each in a process of its own. WINDOW messages
 * may be on their way. -g gathers sends, -a reads ahead. Prints messages per
 * second, and microseconds of CPU time that a message takes in the sender. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sp.h"

static const char *daemon_name = "4803";
static int messages = 200000, size = 100, window = 200, receivers = 0;
static size_t gather, ahead;
static char group[MAX_GROUP_NAME];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void check(int result, const char *what) {
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %d, %s\n", what, result, SP_strerror(result));
    exit(1);
}

static void opt_in(mailbox mbox, const char *function, size_t bytes) {
    int (*f)(mailbox, size_t);
    if (bytes == 0)
        return;
    *(void **)&f = dlsym(RTLD_DEFAULT, function);
    if (!f) {
        fprintf(stderr, "this library has no %s\n", function);
        exit(1);
    }
    check(f(mbox, bytes), function);
}

static mailbox connected(void) {
    mailbox mbox;
    char name[MAX_GROUP_NAME];
    check(SP_connect(daemon_name, NULL, 0, 0, &mbox, name), "connect");
    opt_in(mbox, "SP_x_gather", gather);
    opt_in(mbox, "SP_x_read_ahead", ahead);
    return mbox;
}

static int receive_one(mailbox mbox) {
    static char data[150000], groups[10][MAX_GROUP_NAME];
    char sender[MAX_GROUP_NAME];
    service type = 0;
    int16 mess_type;
    int n, mismatch;
    int len = SP_receive(mbox, &type, sender, 10, &n, groups, &mess_type, &mismatch, sizeof data, data);
    check(len, "receive");
    return len;
}

static void send_one(mailbox mbox, const char *to, const char *data, int len) {
    check(SP_multicast(mbox, AGREED_MESS, to, 1, len, data), "multicast");
}

/* A receiver answers a message in every half window, so that it is not flooded. */
static void be_receiver(void) {
    mailbox mbox = connected();
    char answer[MAX_GROUP_NAME];
    snprintf(answer, sizeof answer, "%.27s.ack", group);
    check(SP_join(mbox, group), "join");
    send_one(mbox, answer, "", 0);
    for (int i = 1; i <= messages; i++) {
        receive_one(mbox);
        if (i % (window / 2) == 0 || i == messages)
            send_one(mbox, answer, "", 0);
    }
    SP_disconnect(mbox);
}

static void to_self(mailbox mbox, const char *data) {
    check(SP_join(mbox, group), "join");
    for (int sent = 0, got = 0; got < messages;) {
        if (sent < messages && sent - got < window) {
            send_one(mbox, group, data, size);
            sent++;
        } else {
            receive_one(mbox);
            got++;
        }
    }
}

static void to_others(mailbox mbox, const char *data) {
    int halves = 0, wanted;
    for (int sent = 0; sent < messages; sent++) {
        send_one(mbox, group, data, size);
        for (wanted = ((sent + 1) / (window / 2) - 1) * receivers; halves < wanted; halves++)
            receive_one(mbox);
    }
    wanted = (messages / (window / 2) + (messages % (window / 2) != 0)) * receivers;
    for (; halves < wanted; halves++)
        receive_one(mbox);
}

int main(int argc, char **argv) {
    int c;
    while ((c = getopt(argc, argv, "d:n:s:w:r:g:a:")) != -1)
        switch (c) {
        case 'd': daemon_name = optarg; break;
        case 'n': messages = atoi(optarg); break;
        case 's': size = atoi(optarg); break;
        case 'w': window = atoi(optarg); break;
        case 'r': receivers = atoi(optarg); break;
        case 'g': gather = (size_t)atol(optarg); break;
        case 'a': ahead = (size_t)atol(optarg); break;
        default: return 2;
        }
    snprintf(group, sizeof group, "flood.%d", (int)getpid());
    char *data = calloc(1, (size_t)size + 1), answer[MAX_GROUP_NAME];
    mailbox mbox = connected();
    if (receivers > 0) {
        snprintf(answer, sizeof answer, "%.27s.ack", group);
        check(SP_join(mbox, answer), "join");
        for (int i = 0; i < receivers; i++)
            if (fork() == 0) {
                SP_kill(mbox);
                be_receiver();
                _exit(0);
            }
        for (int i = 0; i < receivers; i++)
            receive_one(mbox);
    }
    double begin = now();
    if (receivers > 0)
        to_others(mbox, data);
    else
        to_self(mbox, data);
    double seconds = now() - begin;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    printf("%.0f %.3f\n", messages / seconds, cpu * 1e6 / messages);
    SP_disconnect(mbox);
    free(data);
    while (wait(NULL) > 0)
        ;
    return 0;
}
