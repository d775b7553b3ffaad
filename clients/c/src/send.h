/* Sending. */
#ifndef SEND_H
#define SEND_H

#include "session.h"

/* Writes what is kept as far as the socket takes it now. Returns false if some
 * is left and the socket is just full. */
bool send_kept(struct session *s);

/* Counts a receive call; now and then writes what is kept. */
void send_tick(struct session *s);

#endif
