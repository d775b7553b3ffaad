/* spu_alarm.h: the log of the library and of programs that use it.
 *
 * A message has a priority and types, and is printed if its priority is at least
 * Alarm_get_priority() and one of its types is in Alarm_get_types(). By default
 * that is all priorities, PRINT and EXIT, on standard output.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INC_ALARM
#define INC_ALARM

#include <stddef.h>

#include "sp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Types. */
#define ALL 0xffffffff
#define EXIT 0x00000001 /* print always, then abort() */
#define DATA_LINK 0x00000002
#define MEMORY 0x00000004
#define EVENTS 0x00000008
#define NONE 0x00000000
#define PRINT 0x00000010
#define SYSTEM 0x00000010
#define NETWORK 0x00000020
#define PROTOCOL 0x00000040
#define SESSION 0x00000080
#define CONF_SYS 0x00000100
#define MEMB 0x00000200
#define FLOW_CONTROL 0x00000400
#define STATUS 0x00000800
#define DEBUG 0x00001000
#define GROUPS 0x00002000
#define HOP 0x00004000
#define OBJ_HANDLER 0x00008000
#define ROUTE 0x00020000
#define QOS 0x00040000
#define RING 0x00080000
#define TCP_HOP 0x00100000
#define SKIPLIST 0x00200000
#define ACM 0x00400000
#define SECURITY 0x00800000

/* Priorities, with flags. */
#define SPLOG_DEBUG 0x0001
#define SPLOG_INFO 0x0002
#define SPLOG_WARNING 0x0003
#define SPLOG_ERROR 0x0004
#define SPLOG_CRITICAL 0x0005
#define SPLOG_PRINT 0x0006 /* print always */
#define SPLOG_FATAL 0x0007 /* print always, then abort() */
#define SPLOG_PRIORITY_FIELDS 0x000f
#define SPLOG_NODATE 0x0010   /* without a time stamp */
#define SPLOG_REALTIME 0x0020 /* give it to the handler, too */
#define SPLOG_PRIORITY_FLAGS 0x00f0

#define ALARMP_NEEDED(p, m)                                                    \
    (((m) & EXIT) || (((p) & SPLOG_PRIORITY_FIELDS) >= SPLOG_PRINT) ||         \
     (((p) & SPLOG_PRIORITY_FIELDS) >= Alarm_cur_priority && ((m) & Alarm_type_mask)))

extern unsigned int32 Alarm_type_mask;
extern unsigned int16 Alarm_cur_priority;

typedef int(alarm_realtime_handler)(int16 priority, int32 type, char *stamp, size_t stamp_len, char *text,
                                    size_t text_len);

#if defined(__GNUC__)
#define ALARM_PRINTF(text, rest) __attribute__((__format__(__printf__, text, rest)))
#else
#define ALARM_PRINTF(text, rest)
#endif

void Alarmp(int16 priority, int32 type, const char *message, ...) ALARM_PRINTF(3, 4);
void Alarm(int32 type, const char *message, ...) ALARM_PRINTF(2, 3); /* above all priorities but SPLOG_PRINT */

void Alarm_set_output(const char *filename); /* append to a file; if it cannot be opened, stay */

/* Time stamps, in the format of strftime; NULL for the usual one. */
void Alarm_enable_timestamp(const char *format);
void Alarm_enable_timestamp_high_res(const char *format); /* with microseconds */
void Alarm_disable_timestamp(void);

void Alarm_set_types(int32 mask); /* beside those already set */
void Alarm_clear_types(int32 mask);
int32 Alarm_get_types(void);
void Alarm_set_priority(int16 priority);
int16 Alarm_get_priority(void);
void Alarm_set_realtime_print_handler(alarm_realtime_handler *output_message_function);

/* For programs that ask: nothing here depends on it. */
void Alarm_set_interactive(void);
int Alarm_get_interactive(void);

#ifdef __cplusplus
}
#endif

#endif /* INC_ALARM */
