/* The event loop: timed events first, then the descriptors of the highest
 * priority that are ready, then one of the lowest: it gets its turn even if there
 * is always something to do above it. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "sp.h"

struct timed {
    deadline at;
    void (*func)(int code, void *data);
    int code;
    void *data;
    struct timed *next; /* not earlier */
};

struct attached {
    int fd, type, priority, code;
    void (*func)(int fd, int code, void *data);
    void *data;
    bool active;
};

static struct timed *queue;
static struct attached *fds;
static size_t num_fds, max_fds;
static int threshold = LOW_PRIORITY;
static int last_low = -1; /* the one of low priority that had its turn last */
static volatile sig_atomic_t leaving;
static int wake[2] = {-1, -1}; /* written to in a signal handler */

int E_init(void) {
    while (queue) {
        struct timed *t = queue;
        queue = t->next;
        free(t);
    }
    free(fds);
    fds = NULL;
    num_fds = max_fds = 0;
    threshold = LOW_PRIORITY;
    last_low = -1;
    leaving = 0;
    return 0;
}

sp_time E_get_time(void) {
    struct timeval t;
    gettimeofday(&t, NULL);
    return (sp_time){(long)t.tv_sec, (long)t.tv_usec};
}

sp_time E_get_time_monotonic(void) {
    int64_t now = clock_now();
    return (sp_time){(long)(now / 1000000), (long)(now % 1000000)};
}

static int64_t microseconds(sp_time t) { return (int64_t)t.sec * 1000000 + t.usec; }

/* Both parts have the same sign. */
static sp_time normal(long sec, long usec) {
    sec += usec / 1000000;
    usec %= 1000000;
    if (sec > 0 && usec < 0) {
        sec--;
        usec += 1000000;
    } else if (sec < 0 && usec > 0) {
        sec++;
        usec -= 1000000;
    }
    return (sp_time){sec, usec};
}

sp_time E_neg_time(sp_time t) { return (sp_time){-t.sec, -t.usec}; }

sp_time E_add_time(sp_time t, sp_time delta_t) { return normal(t.sec + delta_t.sec, t.usec + delta_t.usec); }

sp_time E_sub_time(sp_time t, sp_time delta_t) { return normal(t.sec - delta_t.sec, t.usec - delta_t.usec); }

int E_compare_time(sp_time t1, sp_time t2) {
    if (t1.sec != t2.sec)
        return t1.sec > t2.sec ? 1 : -1;
    return (t1.usec > t2.usec) - (t1.usec < t2.usec);
}

void E_delay(sp_time t) {
    if (t.sec < 0 || t.usec < 0)
        return;
    t = normal(t.sec, t.usec);
    struct timespec left = {.tv_sec = t.sec, .tv_nsec = t.usec * 1000};
    nanosleep(&left, NULL);
}

static struct timed **find_timed(void (*func)(int code, void *data), int code, void *data) {
    struct timed **p = &queue;
    while (*p && !((*p)->func == func && (*p)->code == code && (*p)->data == data))
        p = &(*p)->next;
    return p;
}

int E_in_queue(void (*func)(int code, void *data), int code, void *data) {
    return *find_timed(func, code, data) != NULL;
}

int E_dequeue(void (*func)(int code, void *data), int code, void *data) {
    struct timed **p = find_timed(func, code, data), *t = *p;
    if (!t)
        return -1;
    *p = t->next;
    free(t);
    return 0;
}

int E_queue(void (*func)(int code, void *data), int code, void *data, sp_time delta_time) {
    (void)E_dequeue(func, code, data);
    struct timed *t = malloc(sizeof *t), **p = &queue;
    if (!t)
        return -1;
    int64_t delta = microseconds(delta_time);
    *t = (struct timed){.at = deadline_in(delta > 0 ? delta : 0), .func = func, .code = code, .data = data};
    while (*p && (*p)->at <= t->at)
        p = &(*p)->next;
    t->next = *p;
    *p = t;
    return 0;
}

static bool in_range(int v, int limit) { return v >= 0 && v < limit; }

static struct attached *find_fd(int fd, int type, int priority) {
    for (size_t i = 0; i < num_fds; i++)
        if (fds[i].fd == fd && fds[i].type == type && fds[i].priority == priority)
            return &fds[i];
    return NULL;
}

int E_attach_fd(int fd, int fd_type, void (*func)(int fd, int code, void *data), int code, void *data,
                int priority) {
    if (fd < 0 || !in_range(fd_type, NUM_FDTYPES) || !in_range(priority, NUM_PRIORITY) || !func)
        return -1;
    struct attached *a = find_fd(fd, fd_type, priority);
    int replaced = a != NULL;
    if (!a) {
        if (num_fds == max_fds) {
            size_t grown = max_fds ? 2 * max_fds : 16;
            struct attached *p = realloc(fds, grown * sizeof *p);
            if (!p)
                return -1;
            fds = p;
            max_fds = grown;
        }
        a = &fds[num_fds++];
    }
    *a = (struct attached){fd, fd_type, priority, code, func, data, true};
    return replaced;
}

/* Detaches at one priority or, if it is -1, at all. */
static int detach(int fd, int type, int priority) {
    int result = -1;
    for (size_t i = 0; i < num_fds;) {
        struct attached *a = &fds[i];
        if (a->fd == fd && a->type == type && (priority < 0 || a->priority == priority)) {
            *a = fds[--num_fds];
            result = 0;
        } else {
            i++;
        }
    }
    return result;
}

int E_detach_fd(int fd, int fd_type) { return detach(fd, fd_type, -1); }

int E_detach_fd_priority(int fd, int fd_type, int priority) {
    return in_range(priority, NUM_PRIORITY) ? detach(fd, fd_type, priority) : -1;
}

int E_set_active_threshold(int priority) {
    if (!in_range(priority, NUM_PRIORITY))
        return -1;
    return threshold = priority;
}

static int set_active(int fd, int type, bool active) {
    int result = -1;
    for (size_t i = 0; i < num_fds; i++)
        if (fds[i].fd == fd && fds[i].type == type) {
            fds[i].active = active;
            result = 0;
        }
    return result;
}

int E_activate_fd(int fd, int fd_type) { return set_active(fd, fd_type, true); }

int E_deactivate_fd(int fd, int fd_type) { return set_active(fd, fd_type, false); }

int E_num_active(int priority) {
    if (!in_range(priority, NUM_PRIORITY))
        return -1;
    int n = 0;
    for (size_t i = 0; i < num_fds; i++)
        n += fds[i].priority == priority && fds[i].active;
    return n;
}

/* Runs what is due now, but not what that puts into the queue for now. */
static void run_timed(void) {
    int64_t now = clock_now();
    while (queue && queue->at <= now && !leaving) {
        struct timed t = *queue;
        free(queue);
        queue = t.next;
        t.func(t.code, t.data);
    }
}

static short poll_events(int type) { return type == READ_FD ? POLLIN : type == WRITE_FD ? POLLOUT : POLLPRI; }

static bool is_ready(const struct pollfd *p) {
    return (p->revents & (p->events | POLLNVAL)) || ((p->revents & (POLLHUP | POLLERR)) && p->events != POLLPRI);
}

/* Runs one that was ready. It may have been detached, or changed, meanwhile. */
static void run_fd(const struct attached *was) {
    struct attached *a = find_fd(was->fd, was->type, was->priority);
    if (a && a->active)
        a->func(a->fd, a->code, a->data);
}

/* Runs one descriptor of low priority of those that are ready, in turns. */
static void run_one_low(const struct pollfd *p, const struct attached *of, size_t n) {
    size_t next = 0;
    int nearest = 0;
    for (size_t i = 1; i < n; i++) {
        /* How far behind the last one it comes, going round. */
        int distance = of[i].fd * NUM_FDTYPES + of[i].type - last_low - 1;
        if (distance < 0)
            distance += INT_MAX;
        struct pollfd now = {.fd = p[i].fd, .events = p[i].events};
        if (of[i].priority == LOW_PRIORITY && (next == 0 || distance < nearest) && is_ready(&p[i]) &&
            poll(&now, 1, 0) > 0 && is_ready(&now)) {
            next = i;
            nearest = distance;
        }
    }
    if (next > 0) {
        last_low = of[next].fd * NUM_FDTYPES + of[next].type;
        run_fd(&of[next]);
    }
}

/* Waits for descriptors, and runs those of the highest priority that are ready. */
static bool run_fds(void) {
    struct pollfd *p = calloc(num_fds + 1, sizeof *p);
    struct attached *of = calloc(num_fds + 1, sizeof *of);
    size_t n = 1;
    int highest = -1;
    if (p && of) {
        p[0] = (struct pollfd){.fd = wake[0], .events = POLLIN};
        for (size_t i = 0; i < num_fds; i++)
            if (fds[i].active && fds[i].priority >= threshold) {
                of[n] = fds[i];
                p[n++] = (struct pollfd){.fd = fds[i].fd, .events = poll_events(fds[i].type)};
            }
        if (poll(p, (nfds_t)n, queue ? deadline_poll(queue->at) : -1) > 0)
            for (size_t i = 1; i < n; i++)
                if (is_ready(&p[i]) && of[i].priority > highest)
                    highest = of[i].priority;
        for (size_t i = 1; i < n && highest >= 0 && !leaving; i++)
            if (of[i].priority == highest && is_ready(&p[i]))
                run_fd(&of[i]);
        if (highest > LOW_PRIORITY && !leaving)
            run_one_low(p, of, n);
    }
    bool ok = p && of;
    free(p);
    free(of);
    return ok;
}

static void open_wake(void) {
    if (wake[0] >= 0 || pipe(wake) != 0)
        return;
    for (int i = 0; i < 2; i++) {
        fcntl(wake[i], F_SETFD, FD_CLOEXEC);
        fcntl(wake[i], F_SETFL, O_NONBLOCK);
    }
}

/* Ends when it is told to while it runs, and then every loop that it runs in. */
void E_handle_events(void) {
    char drop[16];
    open_wake();
    leaving = 0; /* before the pipe is emptied: a signal now is not overlooked */
    while (wake[0] >= 0 && read(wake[0], drop, sizeof drop) > 0)
        ;
    while (!leaving) {
        run_timed();
        if (!leaving && !run_fds())
            break;
    }
}

void E_exit_events(void) { leaving = 1; }

void E_exit_events_async_safe(void) {
    leaving = 1;
    if (wake[1] >= 0 && write(wake[1], "", 1) < 0)
        return; /* it is full: something wakes the loop already */
}
