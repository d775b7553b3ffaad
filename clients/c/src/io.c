#include "io.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

bool would_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

ssize_t recv_some(int fd, void *buf, size_t n, int flags) {
    ssize_t r;
    do
        r = recv(fd, buf, n, flags);
    while (r < 0 && errno == EINTR);
    return r;
}

ssize_t send_some(int fd, const struct iovec *iov, size_t n, int flags) {
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};
    ssize_t r;
    do
        r = n == 1 ? send(fd, iov->iov_base, iov->iov_len, flags | MSG_NOSIGNAL)
                   : sendmsg(fd, &m, flags | MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r;
}

bool read_all(int fd, void *buf, size_t n, deadline d) {
    unsigned char *p = buf;
    while (n > 0) {
        ssize_t r = recv_some(fd, p, n, 0);
        if (r > 0) {
            p += r;
            n -= (size_t)r;
        } else if (r == 0 || !would_wait() || wait_fd(fd, POLLIN, d) <= 0) {
            return false;
        }
    }
    return true;
}

void iov_skip(struct iovec **iov, size_t *count, size_t n) {
    while (*count > 0 && n >= (*iov)->iov_len) {
        n -= (*iov)->iov_len;
        ++*iov;
        --*count;
    }
    if (*count > 0) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + n;
        (*iov)->iov_len -= n;
    }
}

bool write_all(int fd, struct iovec *iov, size_t n, deadline d) {
    iov_skip(&iov, &n, 0);
    while (n > 0) {
        ssize_t r = send_some(fd, iov, n, d == FOREVER ? 0 : MSG_DONTWAIT);
        if (r >= 0)
            iov_skip(&iov, &n, (size_t)r);
        else if (!would_wait() || wait_fd(fd, POLLOUT, d) <= 0)
            return false;
    }
    return true;
}
