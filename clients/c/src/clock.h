/* Deadlines on the monotonic clock, in microseconds. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

typedef int64_t deadline; /* FOREVER, or a time of clock_now */

#define FOREVER INT64_MAX

int64_t clock_now(void);
deadline deadline_in(int64_t microseconds);

/* Milliseconds until then, rounded up, as poll wants them: -1 for FOREVER. */
int deadline_poll(deadline d);

/* Waits for any of the events of poll. Returns what poll does, but goes on after
 * signals. */
int wait_fd(int fd, short events, deadline d);

#endif
