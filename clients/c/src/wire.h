/* The frames of the client protocol: 48 bytes of header, names of 32, data. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp.h"

#define HEADER_SIZE 48u
#define OLD_TYPE_SIZE 4u /* behind the header of a rejected message */
#define GROUP_ID_SIZE 12u
#define MAX_GROUPS 100
#define MAX_BODY 143952u /* data and names that a daemon takes */

/* Bounds what a daemon sends, header included. Only views come near it. */
#define MAX_REPLY (8u << 20)

#define JOIN_MESS 0x00010000
#define LEAVE_MESS 0x00020000
#define KILL_MESS 0x00040000
#define GROUPS_MESS 0x00080000

/* A header in this machine's order, without byte-order markers. */
struct header {
    uint32_t type;
    char sender[MAX_GROUP_NAME];
    int32_t num_groups;
    int32_t data_len;
    int16 mess_type;
    bool foreign;      /* the daemon is of the other byte order */
    bool foreign_data; /* the sender of the data is */
};

void header_encode(unsigned char out[HEADER_SIZE], const struct header *h);

/* Returns false if the counts make no sense, or the type is of neither byte order. */
bool header_decode(struct header *h, const unsigned char in[HEADER_SIZE]);

/* The type word behind the header of a rejected message. */
uint32_t old_type_decode(const unsigned char in[OLD_TYPE_SIZE]);

/* The size of the message that begins there, header included; 0 if that is not
 * known yet, or makes no sense. */
size_t message_size(const unsigned char *in, size_t n);

/* Bytes between the header and the data. */
static inline size_t names_size(const struct header *h) { return (size_t)h->num_groups * MAX_GROUP_NAME; }

static inline uint32_t swap32(uint32_t v) {
    return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24;
}

/* Copies a name up to its zero, at most cut bytes, and fills with zeros. Returns
 * its length. */
size_t name_copy(char out[MAX_GROUP_NAME], const char *name, size_t cut);

#endif
