/* The names by which daemons are called (client protocol 1.4). */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "clock.h"

/* Connects a socket to the daemon of that name; it is non-blocking then. Returns
 * the descriptor or an error. */
int address_connect(const char *daemon, deadline d);

#endif
