/* Connecting: the handshake (client protocol 2). */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "address.h"
#include "auth.h"
#include "io.h"
#include "session.h"
#include "sp_x.h"
#include "wire.h"

#define MAJOR 5
#define MINOR 0
#define PATCH 1

int SP_version(int *major_version, int *minor_version, int *patch_version) {
    if (!major_version || !minor_version || !patch_version)
        return 0;
    *major_version = MAJOR;
    *minor_version = MINOR;
    *patch_version = PATCH;
    return 1;
}

/* One read of the hello's answers: a refusal is one negative byte in place of
 * what was expected. */
static int read_byte(int fd, deadline d) {
    signed char c;
    return read_all(fd, &c, 1, d) ? c : CONNECTION_CLOSED;
}

static void send_hello(int fd, const char *name, int priority, int membership, deadline d) {
    size_t n = name ? strnlen(name, MAX_PRIVATE_NAME) : 0;
    unsigned char hello[5 + MAX_PRIVATE_NAME] = {
        MAJOR, MINOR, PATCH, (unsigned char)((priority > 0) << 4 | (membership != 0)), (unsigned char)n};
    if (n > 0)
        memcpy(hello + 5, name, n);
    struct iovec iov = {hello, 5 + n};
    /* A daemon that is full answers before it reads, and closes: the answer
     * tells more than the write. */
    (void)write_all(fd, &iov, 1, d);
}

/* Runs the functions of the methods on a socket that waits, as they expect. */
static bool run_methods(int fd, const struct auth *a, deadline d) {
    bool ok = true;
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    for (int i = 0; i < a->count && ok; i++) {
        struct timeval limit = {0, 0};
        if (d != FOREVER) {
            int64_t left = d - clock_now();
            left = left < 1 ? 1 : left;
            limit = (struct timeval){.tv_sec = (time_t)(left / 1000000), .tv_usec = (suseconds_t)(left % 1000000)};
        }
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        ok = a->method[i].run(fd, a->method[i].data) != 0;
    }
    struct timeval none = {0, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    fcntl(fd, F_SETFL, flags);
    return ok;
}

static int authenticate(int fd, deadline d) {
    int n = read_byte(fd, d);
    if (n < 0)
        return n;
    char list[128];
    if (!read_all(fd, list, (size_t)n, d))
        return CONNECTION_CLOSED;
    list[n] = 0;
    struct auth a;
    auth_get(&a);
    if (!auth_offered(&a, list))
        return REJECT_AUTH;
    char choice[AUTH_METHODS * AUTH_NAME] = {0};
    for (int i = 0; i < a.count; i++)
        memcpy(choice + (size_t)i * AUTH_NAME, a.method[i].name, AUTH_NAME);
    struct iovec iov = {choice, sizeof choice};
    if (!write_all(fd, &iov, 1, d))
        return CONNECTION_CLOSED;
    return run_methods(fd, &a, d) ? 0 : REJECT_AUTH;
}

static int read_accept(struct session *s, int priority, deadline d) {
    int result = read_byte(s->fd, d);
    if (result != ACCEPT_SESSION)
        return result < 0 ? result : CONNECTION_CLOSED;
    signed char b[4]; /* version, length of the name */
    if (!read_all(s->fd, b, sizeof b, d))
        return CONNECTION_CLOSED;
    if (b[0] < 3 || b[1] < 0 || b[2] < 0 || (priority > 0 && b[0] == 3 && b[1] < 8))
        return REJECT_VERSION;
    if (b[3] < 1 || b[3] >= MAX_GROUP_NAME || !read_all(s->fd, s->private_group, (size_t)b[3], d))
        return CONNECTION_CLOSED;
    for (int i = 0; i < 3; i++)
        s->version[i] = b[i];
    return 0;
}

static int handshake(struct session *s, const char *name, int priority, int membership, deadline d) {
    send_hello(s->fd, name, priority, membership, d);
    int err = authenticate(s->fd, d);
    if (!err)
        err = read_accept(s, priority, d);
    if (!err)
        fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) & ~O_NONBLOCK);
    return err;
}

static bool deadline_of(sp_time t, deadline *d) {
    if ((t.sec > 0 && t.usec < 0) || (t.sec < 0 && t.usec > 0) || labs(t.usec) >= 1000000)
        return false;
    if (t.sec == 0 && t.usec == 0)
        *d = FOREVER;
    else if (t.sec > 1000L * 365 * 24 * 3600)
        *d = FOREVER;
    else if (t.sec < 0 || t.usec < 0)
        *d = 0;
    else
        *d = deadline_in((int64_t)t.sec * 1000000 + t.usec);
    return true;
}

int SP_connect_timeout(const char *spread_name, const char *private_name, int priority, int group_membership,
                       mailbox *mbox, char *private_group, sp_time time_out) {
    deadline d;
    if (!deadline_of(time_out, &d))
        return ILLEGAL_TIME;
    int fd = address_connect(spread_name, d);
    if (fd < 0)
        return fd;
    struct session *s = session_new(fd);
    if (!s) {
        close(fd);
        return COULD_NOT_CONNECT;
    }
    int err = handshake(s, private_name, priority, group_membership, d);
    if (!err && !session_add(s))
        err = COULD_NOT_CONNECT;
    if (err) {
        session_put(s);
        return err;
    }
    *mbox = fd;
    strcpy(private_group, s->private_group);
    return ACCEPT_SESSION;
}

int SP_connect(const char *spread_name, const char *private_name, int priority, int group_membership,
               mailbox *mbox, char *private_group) {
    sp_time none = {0, 0};
    return SP_connect_timeout(spread_name, private_name, priority, group_membership, mbox, private_group, none);
}

int SP_x_daemon_version(mailbox mbox, int *major_version, int *minor_version, int *patch_version) {
    struct session *s = session_get(mbox);
    if (!s)
        return ILLEGAL_SESSION;
    *major_version = s->version[0];
    *minor_version = s->version[1];
    *patch_version = s->version[2];
    session_put(s);
    return 1;
}
