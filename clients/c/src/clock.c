#include "clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

int64_t clock_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

deadline deadline_in(int64_t microseconds) {
    int64_t now = clock_now();
    return microseconds > FOREVER - now ? FOREVER : now + microseconds;
}

int deadline_poll(deadline d) {
    if (d == FOREVER)
        return -1;
    int64_t now = clock_now();
    if (d <= now)
        return 0;
    int64_t ms = (d - now) / 1000 + ((d - now) % 1000 != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

int wait_fd(int fd, short events, deadline d) {
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, deadline_poll(d));
        if (n > 0)
            return p.revents & POLLNVAL ? -1 : n;
        if (n < 0 ? errno != EINTR : d != FOREVER && clock_now() >= d)
            return n;
    }
}
