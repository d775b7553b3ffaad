/* Whole reads and writes on sockets. */
#ifndef IO_H
#define IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "clock.h"

/* Reads exactly n bytes of a non-blocking socket. */
bool read_all(int fd, void *buf, size_t n, deadline d);

/* Writes all of it, with as few calls as the socket allows; changes iov. On a
 * blocking socket too. */
bool write_all(int fd, struct iovec *iov, size_t n, deadline d);

/* Skips n bytes at the front of *iov. */
void iov_skip(struct iovec **iov, size_t *count, size_t n);

/* One recv or sendmsg, begun anew after signals. MSG_NOSIGNAL is understood. */
ssize_t recv_some(int fd, void *buf, size_t n, int flags);
ssize_t send_some(int fd, const struct iovec *iov, size_t n, int flags);

/* Tells whether errno says that the call would have had to wait. */
bool would_wait(void);

#endif
