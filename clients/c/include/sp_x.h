/* sp_x.h: what gospread's libspread can do beyond sp.h. None of it changes a
 * mailbox that does not use it. All functions return ILLEGAL_SESSION for a
 * mailbox that is not connected and NET_ERROR_ON_SESSION for a lost one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INC_SP_X
#define INC_SP_X

#include "sp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Gathered sends. Messages, joins and leaves are kept until there are as many
 * bytes of them and then written at once; what is larger is written at once
 * with what was kept. 0 (as after SP_connect) writes each message before the
 * call returns, and flushes. At most 16 MB. Returns 0.
 *
 * What is kept is written
 *   - by SP_x_flush, and by SP_disconnect,
 *   - by the receive calls and SP_x_wait when they are about to wait, and at every 32nd of them,
 *   - by SP_poll when it returns 0,
 *   - when the next message does not fit.
 * There is no clock: who sends and then does none of these must flush. That is
 * so for a thread that only sends, and before a select or poll of one's own. */
int SP_x_gather(mailbox mbox, size_t bytes);

/* Write what is kept. Returns 0 or CONNECTION_CLOSED. */
int SP_x_flush(mailbox mbox);

/* Read-ahead. The receive calls read up to that many bytes at once and keep what
 * they do not return yet. select and poll do not know of it: receive until
 * SP_poll, which counts it, returns 0, and only then wait for the descriptor.
 * 0 (as after SP_connect) reads nothing beyond the message that is returned; what was read stays and is returned first.
 * At most 16 MB. Returns 0, or SP_BUG without memory. */
int SP_x_read_ahead(mailbox mbox, size_t bytes);

/* Wait until a receive call would return without waiting, -1 for ever, or for
 * that many milliseconds. Returns 1, or 0 when the time is up; nothing is lost
 * then, also if a part of a message has come. 1 also if the call would return
 * an error. May take the message into the library, where select does not see
 * it; so who uses SP_x_wait uses it instead of select. */
int SP_x_wait(mailbox mbox, int milliseconds);

/* End the session, but keep the mailbox: all calls of it, also those that wait in
 * other threads, return CONNECTION_CLOSED from now on. When those threads are done
 * with it, SP_disconnect gives the mailbox, a number that may be used anew, back.
 * Returns 0. */
int SP_x_shutdown(mailbox mbox);

/* The version of the daemon. Returns 1. */
int SP_x_daemon_version(mailbox mbox, int *major_version, int *minor_version, int *patch_version);

#ifdef __cplusplus
}
#endif

#endif /* INC_SP_X */
