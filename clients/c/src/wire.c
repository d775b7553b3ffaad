#include "wire.h"

#include <string.h>

/* Set in the type and the hint of a little-endian writer, clear in those of a
 * big-endian one (client protocol 3.2). */
#define MARKER 0x80000080u

static uint32_t own_marker(void) {
    const union {
        uint32_t word;
        unsigned char bytes[4];
    } one = {.word = 1};
    return one.bytes[0] == 1 ? MARKER : 0;
}

static void put(unsigned char *out, uint32_t v) { memcpy(out, &v, sizeof v); }

static uint32_t get(const unsigned char *in) {
    uint32_t v;
    memcpy(&v, in, sizeof v);
    return v;
}

void header_encode(unsigned char out[HEADER_SIZE], const struct header *h) {
    uint32_t marker = own_marker();
    put(out, (h->type & ~MARKER) | marker);
    memcpy(out + 4, h->sender, MAX_GROUP_NAME);
    put(out + 36, (uint32_t)h->num_groups);
    put(out + 40, (uint32_t)(uint16_t)h->mess_type << 8 | marker);
    put(out + 44, (uint32_t)h->data_len);
}

static uint32_t in_order(uint32_t v, bool foreign) { return foreign ? swap32(v) : v; }

bool header_decode(struct header *h, const unsigned char in[HEADER_SIZE]) {
    uint32_t marker = own_marker(), type = get(in), hint = get(in + 40);
    h->foreign = (type & MARKER) != marker;
    h->foreign_data = (hint & MARKER) != marker;
    h->type = in_order(type, h->foreign) & ~MARKER;
    memcpy(h->sender, in + 4, MAX_GROUP_NAME);
    h->sender[MAX_GROUP_NAME - 1] = 0;
    h->num_groups = (int32_t)in_order(get(in + 36), h->foreign);
    h->mess_type = (int16)(uint16_t)(in_order(hint, h->foreign_data) >> 8);
    h->data_len = (int32_t)in_order(get(in + 44), h->foreign);
    bool marked = (type & MARKER) == 0 || (type & MARKER) == MARKER;
    return marked && h->num_groups >= 0 && h->data_len >= 0 &&
           HEADER_SIZE + (uint64_t)h->num_groups * MAX_GROUP_NAME + (uint64_t)h->data_len <= MAX_REPLY;
}

size_t message_size(const unsigned char *in, size_t n) {
    struct header h;
    if (n < HEADER_SIZE || !header_decode(&h, in))
        return 0;
    return HEADER_SIZE + (h.type & REJECT_MESS ? OLD_TYPE_SIZE : 0) + names_size(&h) + (size_t)h.data_len;
}

uint32_t old_type_decode(const unsigned char in[OLD_TYPE_SIZE]) {
    uint32_t v = get(in);
    return in_order(v, (v & MARKER) != own_marker()) & ~MARKER;
}

size_t name_copy(char out[MAX_GROUP_NAME], const char *name, size_t cut) {
    size_t n = 0;
    while (n < cut && name[n]) {
        out[n] = name[n];
        n++;
    }
    memset(out + n, 0, MAX_GROUP_NAME - n);
    return n;
}
