#include "spu_alarm.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

unsigned int32 Alarm_type_mask = PRINT | EXIT;
unsigned int16 Alarm_cur_priority = SPLOG_DEBUG;

static struct {
    pthread_mutex_t lock;
    FILE *out; /* NULL: standard output */
    bool stamps, microseconds;
    char format[64];
    alarm_realtime_handler *handler;
    int interactive;
} config = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* With the lock. */
static size_t time_stamp(char *to, size_t size) {
    struct timeval now;
    struct tm tm;
    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &tm);
    size_t n = strftime(to, size, config.format, &tm);
    if (config.microseconds)
        n += (size_t)snprintf(to + n, size - n, ".%06ld", (long)now.tv_usec);
    return n;
}

static void print(int16 priority, int32 type, const char *message, va_list args) {
    char text[4096], stamp[128] = "";
    size_t stamp_len = 0;
    int n = vsnprintf(text, sizeof text, message, args);
    if (n < 0)
        n = 0;
    text[sizeof text - 1] = 0;
    pthread_mutex_lock(&config.lock);
    if (config.stamps && !(priority & SPLOG_NODATE))
        stamp_len = time_stamp(stamp, sizeof stamp);
    FILE *out = config.out ? config.out : stdout;
    fprintf(out, "%s%s%s", stamp, stamp_len > 0 ? " " : "", text);
    fflush(out);
    alarm_realtime_handler *handler = priority & SPLOG_REALTIME ? config.handler : NULL;
    pthread_mutex_unlock(&config.lock);
    if (handler)
        handler(priority, type, stamp, stamp_len, text, strlen(text));
}

static void finish(int16 priority, int32 type) {
    if ((type & EXIT) || (priority & SPLOG_PRIORITY_FIELDS) >= SPLOG_FATAL)
        abort();
}

void Alarmp(int16 priority, int32 type, const char *message, ...) {
    if (!ALARMP_NEEDED(priority, (unsigned)type))
        return;
    va_list args;
    va_start(args, message);
    print(priority, type, message, args);
    va_end(args);
    finish(priority, type);
}

void Alarm(int32 type, const char *message, ...) {
    if (!ALARMP_NEEDED(SPLOG_CRITICAL, (unsigned)type))
        return;
    va_list args;
    va_start(args, message);
    print(SPLOG_CRITICAL, type, message, args);
    va_end(args);
    finish(SPLOG_CRITICAL, type);
}

void Alarm_set_output(const char *filename) {
    FILE *f = fopen(filename, "a");
    if (!f)
        return;
    pthread_mutex_lock(&config.lock);
    if (config.out)
        fclose(config.out);
    config.out = f;
    pthread_mutex_unlock(&config.lock);
}

static void enable(const char *format, bool microseconds) {
    pthread_mutex_lock(&config.lock);
    snprintf(config.format, sizeof config.format, "%s", format ? format : "%m/%d/%y %H:%M:%S");
    config.microseconds = microseconds;
    config.stamps = true;
    pthread_mutex_unlock(&config.lock);
}

void Alarm_enable_timestamp(const char *format) { enable(format, false); }

void Alarm_enable_timestamp_high_res(const char *format) { enable(format, true); }

void Alarm_disable_timestamp(void) {
    pthread_mutex_lock(&config.lock);
    config.stamps = false;
    pthread_mutex_unlock(&config.lock);
}

void Alarm_set_types(int32 mask) { Alarm_type_mask |= (unsigned)mask; }

void Alarm_clear_types(int32 mask) { Alarm_type_mask &= ~(unsigned)mask; }

int32 Alarm_get_types(void) { return (int32)Alarm_type_mask; }

void Alarm_set_priority(int16 priority) {
    Alarm_cur_priority = (unsigned int16)(priority & SPLOG_PRIORITY_FIELDS);
}

int16 Alarm_get_priority(void) { return (int16)Alarm_cur_priority; }

void Alarm_set_realtime_print_handler(alarm_realtime_handler *output_message_function) {
    pthread_mutex_lock(&config.lock);
    config.handler = output_message_function;
    pthread_mutex_unlock(&config.lock);
}

void Alarm_set_interactive(void) { config.interactive = 1; }

int Alarm_get_interactive(void) { return config.interactive; }
