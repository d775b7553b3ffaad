#include "inbuf.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "io.h"
#include "send.h"
#include "wire.h"

#define WINDOW ((size_t)8 << 10)
#define IOV_BATCH 104

static size_t taken(struct inbuf *in) { return atomic_load_explicit(&in->taken, memory_order_relaxed); }

static void set_taken(struct inbuf *in, size_t n) {
    atomic_store_explicit(&in->taken, n, memory_order_relaxed);
}

static size_t owed(struct inbuf *in) { return atomic_load_explicit(&in->owed, memory_order_relaxed); }

static void set_owed(struct inbuf *in, size_t n) { atomic_store_explicit(&in->owed, n, memory_order_relaxed); }

/* Gives the buffer room for n bytes from the present message on. */
static bool make_room(struct inbuf *in, size_t n) {
    if (in->off > 0 && in->len > 0)
        memmove(in->buf, in->buf + in->off, in->len);
    in->off = 0;
    if (n <= in->cap)
        return true;
    unsigned char *buf = realloc(in->buf, n);
    if (!buf)
        return false;
    in->buf = buf;
    in->cap = n;
    return true;
}

/* Waits until there is something to read, and writes what is kept meanwhile. */
static enum in_result wait_readable(struct session *s, deadline d) {
    while (!send_kept(s)) {
        int n = wait_fd(s->fd, POLLIN | POLLOUT, d);
        if (n <= 0)
            return n == 0 ? IN_TIME : IN_LOST;
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (poll(&p, 1, 0) > 0)
            return IN_OK;
    }
    int n = wait_fd(s->fd, POLLIN, d);
    return n > 0 ? IN_OK : n == 0 ? IN_TIME : IN_LOST;
}

/* One read into the buffer, behind what has been taken. */
static enum in_result read_some(struct session *s, size_t room, int flags, deadline d) {
    struct inbuf *in = &s->in;
    /* Without a deadline the read itself may wait; but what is kept has to go
     * out first. */
    if (in->ended)
        return IN_LOST;
    bool waits = d == FOREVER && atomic_load(&s->out.kept) == 0;
    for (;;) {
        ssize_t n = recv_some(s->fd, in->buf + in->len, room, flags | (waits ? 0 : MSG_DONTWAIT));
        if (n > 0) {
            in->len += (size_t)n;
            return IN_OK;
        }
        if (n == 0 || !would_wait()) {
            in->ended = true;
            return IN_LOST;
        }
        if (atomic_load(&s->closing))
            return IN_LOST;
        enum in_result r = wait_readable(s, d);
        if (r != IN_OK)
            return r;
    }
}

/* Looks at what is in the socket, all of what fits the window. */
static enum in_result look(struct session *s, deadline d) {
    s->in.len = taken(&s->in);
    return read_some(s, WINDOW - s->in.len, MSG_PEEK, d);
}

/* Takes up to room bytes. */
static enum in_result take(struct session *s, size_t room, deadline d) {
    struct inbuf *in = &s->in;
    in->len = taken(in);
    enum in_result r = read_some(s, room, 0, d);
    set_taken(in, in->len);
    return r;
}

enum in_result in_know(struct session *s, size_t n, deadline d) {
    struct inbuf *in = &s->in;
    bool again = false; /* the last look showed nothing new */
    while (in->len < n) {
        if (!make_room(in, in->ahead > WINDOW ? in->ahead : WINDOW))
            return IN_LOST;
        size_t before = in->len;
        enum in_result r;
        if (in->ahead > 0)
            r = take(s, in->cap - taken(in), d);
        else if (again) /* in parts; another look would not wait for more */
            r = take(s, n - taken(in), d);
        else
            r = look(s, d);
        if (r != IN_OK)
            return r;
        again = !again && in->len <= before;
    }
    return IN_OK;
}

enum in_result in_gather(struct session *s, size_t n, deadline d) {
    struct inbuf *in = &s->in;
    while (in->len < n) {
        /* By no more than as much again as has come, whatever the header says. */
        size_t room = 2 * in->len + WINDOW;
        if (!make_room(in, room < n ? room : n > WINDOW ? n : WINDOW))
            return IN_LOST;
        enum in_result r = take(s, (n < in->cap ? n : in->cap) - taken(in), d);
        if (r != IN_OK)
            return r;
    }
    return IN_OK;
}

/* Copies from the buffer, and leaves in the segments what is still to come. */
static void from_buffer(struct inbuf *in, size_t have, size_t skip, struct segment *seg, size_t n) {
    const unsigned char *p = in->buf + in->off;
    size_t at = skip < have ? skip : have;
    for (size_t i = 0; i < n && at < have; i++) {
        size_t part = seg[i].len < have - at ? seg[i].len : have - at;
        if (part == 0)
            continue;
        if (seg[i].to) {
            memcpy(seg[i].to, p + at, part);
            seg[i].to += part;
        }
        seg[i].len -= part;
        at += part;
    }
}

/* Takes bytes that are in the socket to where they have been seen, so an error
 * matters to those behind them only. */
static void take_seen(struct session *s, unsigned char *to, size_t n) {
    while (n > 0 && !s->in.ended) {
        ssize_t r = recv_some(s->fd, to, n, 0);
        if (r > 0) {
            to += r;
            n -= (size_t)r;
        } else if (r == 0 || !would_wait() || wait_fd(s->fd, POLLIN, FOREVER) <= 0) {
            s->in.ended = true;
        }
    }
}

void in_settle(struct session *s) {
    struct inbuf *in = &s->in;
    size_t n = owed(in);
    set_owed(in, 0);
    if (n > 0)
        take_seen(s, in->buf + in->off - n, n);
}

/* Passes n bytes that are known. */
static void pass(struct session *s, size_t n) {
    struct inbuf *in = &s->in;
    size_t have = taken(in), from_socket = n > have ? n - have : 0;
    set_taken(in, have > n ? have - n : 0);
    in->off += n;
    in->len -= n;
    if (from_socket == 0)
        return;
    if (have > 0) { /* the rest of a message that came in parts */
        take_seen(s, in->buf + in->off - from_socket, from_socket);
        return;
    }
    set_owed(in, owed(in) + n);
    size_t next = message_size(in_bytes(s), in->len);
    if (next == 0 || next > in->len || in->ahead > 0)
        in_settle(s);
}

int in_waiting(struct session *s) {
    int in_socket = 0;
    if (ioctl(s->fd, FIONREAD, &in_socket) < 0)
        in_socket = 0;
    /* Another thread may receive meanwhile. */
    long n = in_socket + (long)taken(&s->in) - (long)owed(&s->in);
    return n > 0 ? (int)n : 0;
}

static enum in_result read_iov(int fd, struct iovec *iov, size_t n) {
    iov_skip(&iov, &n, 0);
    while (n > 0) {
        struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
        ssize_t r = recvmsg(fd, &m, MSG_WAITALL);
        if (r > 0)
            iov_skip(&iov, &n, (size_t)r);
        else if (r == 0 || (errno != EINTR && (!would_wait() || wait_fd(fd, POLLIN, FOREVER) <= 0)))
            return IN_LOST;
    }
    return IN_OK;
}

static enum in_result drop(int fd, size_t n) {
    char scratch[4096];
    while (n > 0) {
        struct iovec iov = {scratch, n < sizeof scratch ? n : sizeof scratch};
        n -= iov.iov_len;
        if (read_iov(fd, &iov, 1) != IN_OK)
            return IN_LOST;
    }
    return IN_OK;
}

/* Reads the segments from the socket, neighbours in one call. */
static enum in_result from_socket(int fd, size_t skip, const struct segment *seg, size_t n) {
    char scratch[INBUF_HEAD];
    struct iovec iov[IOV_BATCH] = {{scratch, skip}};
    size_t count = 1;
    for (size_t i = 0; i < n; i++) {
        if (seg[i].to && count < IOV_BATCH) {
            iov[count++] = (struct iovec){seg[i].to, seg[i].len};
            continue;
        }
        if (read_iov(fd, iov, count) != IN_OK)
            return IN_LOST;
        count = 0;
        if (seg[i].to)
            iov[count++] = (struct iovec){seg[i].to, seg[i].len};
        else if (drop(fd, seg[i].len) != IN_OK)
            return IN_LOST;
    }
    return read_iov(fd, iov, count);
}

enum in_result in_take(struct session *s, size_t skip, struct segment *seg, size_t n) {
    struct inbuf *in = &s->in;
    size_t total = skip;
    for (size_t i = 0; i < n; i++)
        total += seg[i].len;
    if (total <= in->len) {
        from_buffer(in, total, skip, seg, n);
        pass(s, total);
        return IN_OK;
    }
    /* The head of a large message: the rest goes where it belongs at once. */
    size_t have = taken(in);
    from_buffer(in, have, skip, seg, n);
    in->len = in->off = 0;
    set_taken(in, 0);
    return from_socket(s->fd, skip > have ? skip - have : 0, seg, n);
}
