/* The event loop, times, and the log. */
#include <signal.h>
#include <unistd.h>

#include "spu_alarm.h"
#include "testlib.h"

static int order[64], n_order;

static void note(int code, void *unused) {
    (void)unused;
    CHECK(n_order < 64);
    order[n_order++] = code;
}

static void note_and_leave(int code, void *unused) {
    note(code, unused);
    E_exit_events();
}

static void check_order(const int *want, int n) {
    EQUAL(n_order, n);
    for (int i = 0; i < n; i++)
        EQUAL(order[i], want[i]);
    n_order = 0;
}

static void timed_events_in_their_order(void) {
    sp_time now = {0, 0}, soon = {0, 2000}, later = {0, 6000};
    E_init();
    E_queue(note_and_leave, 9, NULL, later);
    E_queue(note, 3, NULL, soon);
    E_queue(note, 1, NULL, now);
    E_queue(note, 2, NULL, now);
    E_queue(note, 4, NULL, now);
    E_queue(note, 4, NULL, soon); /* moved */
    E_queue(note, 5, NULL, soon);
    EQUAL(E_in_queue(note, 5, NULL), 1);
    EQUAL(E_in_queue(note, 5, &now), 0);
    EQUAL(E_dequeue(note, 5, NULL), 0);
    EQUAL(E_dequeue(note, 5, NULL), -1);
    E_handle_events();
    check_order((int[]){1, 2, 3, 4, 9}, 5);
}

static int pipes[3][2];

static void read_one(int fd, int code, void *count) {
    char c;
    CHECK(read(fd, &c, 1) == 1);
    note(code, NULL);
    if (--*(int *)count == 0)
        E_exit_events();
}

static void detach_other(int fd, int code, void *other) {
    note(code, NULL);
    EQUAL(E_detach_fd(*(int *)other, READ_FD), 0);
    EQUAL(E_detach_fd(fd, READ_FD), 0);
    E_exit_events();
}

static void descriptors_by_priority(void) {
    int count = 6;
    E_init();
    for (int i = 0; i < 3; i++) {
        CHECK(pipe(pipes[i]) == 0);
        EQUAL(E_attach_fd(pipes[i][0], READ_FD, read_one, i, &count, i), 0);
        EQUAL(E_attach_fd(pipes[i][0], READ_FD, read_one, i, &count, i), 1);
        CHECK(write(pipes[i][1], "ab", 2) == 2);
    }
    EQUAL(E_attach_fd(-1, READ_FD, read_one, 0, NULL, 0), -1);
    EQUAL(E_attach_fd(0, 3, read_one, 0, NULL, 0), -1);
    EQUAL(E_attach_fd(0, READ_FD, read_one, 0, NULL, 3), -1);
    EQUAL(E_num_active(MEDIUM_PRIORITY), 1);
    E_handle_events();
    /* What is of low priority has its turns beside what is above it. */
    check_order((int[]){2, 0, 2, 0, 1, 1}, 6);
    /* Below the threshold, or not active, they do not count. */
    EQUAL(E_set_active_threshold(MEDIUM_PRIORITY), MEDIUM_PRIORITY);
    EQUAL(E_deactivate_fd(pipes[2][0], READ_FD), 0);
    EQUAL(E_num_active(HIGH_PRIORITY), 0);
    for (int i = 0; i < 3; i++)
        CHECK(write(pipes[i][1], "c", 1) == 1);
    count = 1;
    E_handle_events();
    check_order((int[]){1}, 1);
    EQUAL(E_set_active_threshold(LOW_PRIORITY), LOW_PRIORITY);
    EQUAL(E_activate_fd(pipes[2][0], READ_FD), 0);
    count = 2;
    E_handle_events();
    check_order((int[]){2, 0}, 2);
    /* One that is detached by another in the same round is not called. */
    E_init();
    for (int i = 0; i < 2; i++) {
        CHECK(write(pipes[i][1], "d", 1) == 1);
        EQUAL(E_attach_fd(pipes[i][0], READ_FD, detach_other, i, &pipes[!i][0], LOW_PRIORITY), 0);
    }
    E_handle_events();
    EQUAL(n_order, 1);
    n_order = 0;
    for (int i = 0; i < 3; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
}

static void on_signal(int sig) {
    (void)sig;
    E_exit_events_async_safe();
}

static void raise_it(int code, void *unused) {
    (void)code;
    (void)unused;
    raise(SIGUSR1);
}

static void left_in_a_signal_handler(void) {
    E_init();
    signal(SIGUSR1, on_signal);
    E_queue(raise_it, 0, NULL, (sp_time){0, 1000});
    E_handle_events();
}

static void loop_in_loop(int code, void *unused) {
    note(code, unused);
    E_queue(note_and_leave, 2, NULL, (sp_time){0, 1000});
    E_handle_events();
}

/* To leave ends all loops that run, and none that does not. */
static void loops_that_are_left(void) {
    sp_time now = {0, 0}, soon = {0, 1000}, later = {0, 60000};
    E_init();
    E_exit_events();
    E_exit_events_async_safe();
    E_queue(note_and_leave, 1, NULL, now);
    E_handle_events();
    check_order((int[]){1}, 1);
    E_queue(loop_in_loop, 1, NULL, now);
    E_queue(note_and_leave, 3, NULL, later);
    E_handle_events();
    check_order((int[]){1, 2}, 2);
    E_queue(note_and_leave, 3, NULL, soon);
    E_handle_events();
    check_order((int[]){3}, 1);
}

static void times(void) {
    static const struct {
        sp_time a, b, sum, difference;
    } tests[] = {{{1, 900000}, {2, 200000}, {4, 100000}, {0, -300000}},
                 {{0, 0}, {0, -5000}, {0, -5000}, {0, 5000}},
                 {{5, 0}, {0, 1}, {5, 1}, {4, 999999}},
                 {{-1, -500000}, {0, 600000}, {0, -900000}, {-2, -100000}}};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        sp_time s = E_add_time(tests[i].a, tests[i].b), d = E_sub_time(tests[i].a, tests[i].b);
        EQUAL(E_compare_time(s, tests[i].sum), 0);
        EQUAL(E_compare_time(d, tests[i].difference), 0);
    }
    EQUAL(E_compare_time((sp_time){1, 0}, (sp_time){0, 999999}), 1);
    EQUAL(E_compare_time((sp_time){1, 0}, (sp_time){1, 1}), -1);
    sp_time before = E_get_time_monotonic();
    E_delay((sp_time){0, 1000});
    sp_time passed = E_sub_time(E_get_time_monotonic(), before);
    CHECK(E_compare_time(passed, (sp_time){0, 999}) > 0);
    CHECK(E_get_time().sec > 1500000000);
}

static void the_log(void) {
    char name[] = "/tmp/spreadtest.XXXXXX", text[256];
    int fd = mkstemp(name);
    CHECK(fd >= 0);
    Alarm_set_output("/nowhere/to/be/found");
    Alarm_set_output(name);
    Alarm(PRINT, "%d\n", 1);
    Alarm(NETWORK, "not yet\n");
    Alarm_set_types(NETWORK);
    Alarm(NETWORK, "2\n");
    Alarm_set_priority(SPLOG_ERROR);
    Alarmp(SPLOG_WARNING, PRINT, "too low\n");
    Alarmp(SPLOG_ERROR, PRINT, "3\n");
    Alarmp(SPLOG_PRINT, NONE, "4\n");
    Alarm_clear_types(NETWORK | PRINT);
    Alarm(PRINT, "no more\n");
    EQUAL(Alarm_get_priority(), SPLOG_ERROR);
    EQUAL(Alarm_get_types(), EXIT);
    Alarm_enable_timestamp("[x]");
    Alarmp(SPLOG_PRINT, NONE, "5\n");
    Alarmp(SPLOG_PRINT | SPLOG_NODATE, NONE, "6\n");
    ssize_t n = read(fd, text, sizeof text - 1);
    CHECK(n > 0);
    text[n] = 0;
    CHECK(strcmp(text, "1\n2\n3\n4\n[x] 5\n6\n") == 0);
    close(fd);
    unlink(name);
}

int main(void) {
    RUN(timed_events_in_their_order);
    RUN(descriptors_by_priority);
    RUN(left_in_a_signal_handler);
    RUN(loops_that_are_left);
    RUN(times);
    RUN(the_log);
    return 0;
}
