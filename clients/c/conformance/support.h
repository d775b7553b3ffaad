/* What the conformance drivers in C and C++ need beside the library: lines of
 * JSON, base64 and SHA-256. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A request: an object of strings, numbers, true, false, and arrays of strings.
 * Text is latin-1: a byte for each character. */
struct request;

/* NULL if the line is no such object. */
struct request *request_parse(const char *line);
void request_free(struct request *r);

const char *request_text(const struct request *r, const char *key, const char *otherwise);
long request_number(const struct request *r, const char *key, long otherwise);
bool request_flag(const struct request *r, const char *key);
size_t request_list(const struct request *r, const char *key, const char *const **list);

/* Writes a JSON string of latin-1 text, up to the zero or limit. */
void put_text(FILE *f, const char *text, size_t limit);
void put_base64(FILE *f, const void *data, size_t n);

/* Decodes in place of a new buffer, which the caller frees. */
unsigned char *base64_decode(const char *text, size_t *n);

struct sha256 {
    uint32_t state[8];
    uint64_t total;
    unsigned char block[64];
};
void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
void sha256_hex(struct sha256 *s, char out[65]);

#ifdef __cplusplus
}
#endif

#endif
