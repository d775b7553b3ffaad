/* Reading the stream with few calls, and hiding nothing from select.
 *
 * What has arrived is looked at (MSG_PEEK), a window at a time. A message that is
 * returned is taken from the socket only when no whole message is known behind
 * it, together with those returned before it. So the socket is readable if and
 * only if there is something to receive, as if each message were read by itself,
 * and many small messages take two calls. With read-ahead the window is taken at
 * once. */
#ifndef INBUF_H
#define INBUF_H

#include "session.h"

/* A place for bytes of a message; NULL to drop them. */
struct segment {
    char *to;
    size_t len;
};

enum in_result { IN_OK, IN_TIME, IN_LOST };

/* Makes n bytes of the present message known, n at most INBUF_HEAD. Bytes that
 * come in parts are taken. */
#define INBUF_HEAD 64u
enum in_result in_know(struct session *s, size_t n, deadline d);

/* The bytes that are known. */
static inline const unsigned char *in_bytes(const struct session *s) { return s->in.buf + s->in.off; }

/* Makes n bytes known, however many: takes what does not fit the window. */
enum in_result in_gather(struct session *s, size_t n, deadline d);

/* Tells that a message of n bytes will never be whole. */
static inline bool in_cut_off(const struct session *s, size_t n) { return s->in.ended && s->in.len < n; }

/* The bytes that select knows of and a receive call would find. */
int in_waiting(struct session *s);

/* Takes from the socket what has been returned. */
void in_settle(struct session *s);

/* Takes the present message, skip bytes and then the segments. */
enum in_result in_take(struct session *s, size_t skip, struct segment *seg, size_t n);

#endif
