/* sp_events.h: the event loop. sp.h includes this file.
 *
 * One loop per process. All of it, except E_exit_events_async_safe, is for the
 * one thread that runs the loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INC_SP_EVENTS
#define INC_SP_EVENTS

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_FD_EVENTS 2000 /* kept for programs that use it; there is no limit */

#define NUM_PRIORITY 3
#define LOW_PRIORITY 0
#define MEDIUM_PRIORITY 1
#define HIGH_PRIORITY 2

#define NUM_FDTYPES 3
#define READ_FD 0
#define WRITE_FD 1
#define EXCEPT_FD 2

typedef struct dummy_time {
    long sec;
    long usec;
} sp_time;

/* Begin anew: forget all events. Returns 0. */
int E_init(void);

sp_time E_get_time(void);           /* since 1970 */
sp_time E_get_time_monotonic(void); /* since some moment; never set back */
sp_time E_neg_time(sp_time t);
sp_time E_add_time(sp_time t, sp_time delta_t);
sp_time E_sub_time(sp_time t, sp_time delta_t);
int E_compare_time(sp_time t1, sp_time t2); /* 1, -1 or 0, as t1 is later, earlier or neither */

/* Call func(code, data) when delta_time has passed. An event of the same three
 * is moved. E_queue and E_dequeue return 0, E_dequeue -1 if there is none;
 * E_in_queue returns 1 or 0. */
int E_queue(void (*func)(int code, void *data), int code, void *data, sp_time delta_time);
int E_in_queue(void (*func)(int code, void *data), int code, void *data);
int E_dequeue(void (*func)(int code, void *data), int code, void *data);

void E_delay(sp_time t); /* sleep */

/* Call func(fd, code, data) whenever fd is ready for fd_type. Return 0, or -1 for
 * bad arguments or what is not attached. */
int E_attach_fd(int fd, int fd_type, void (*func)(int fd, int code, void *data), int code, void *data,
                int priority);
int E_detach_fd(int fd, int fd_type); /* at every priority */
int E_detach_fd_priority(int fd, int fd_type, int priority);

/* Descriptors below the threshold are not looked at. E_set_active_threshold
 * returns the threshold, or -1. Those that are not active are not looked at
 * either. */
int E_set_active_threshold(int priority);
int E_activate_fd(int fd, int fd_type);
int E_deactivate_fd(int fd, int fd_type);
int E_num_active(int priority); /* active ones of that priority */

void E_handle_events(void); /* run until E_exit_events */
void E_exit_events(void);
void E_exit_events_async_safe(void); /* may be called in a signal handler */

#ifdef __cplusplus
}
#endif

#endif /* INC_SP_EVENTS */
