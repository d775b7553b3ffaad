#include "support.h"

#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, FLAG, LIST };

struct field {
    char *key;
    enum kind kind;
    char *text;
    long number; /* a FLAG too */
    char **list;
    size_t n;
};

struct request {
    struct field *field;
    size_t n;
};

static void blanks(const char **p) { *p += strspn(*p, " \t\r\n"); }

static bool token(const char **p, char c) {
    blanks(p);
    if (**p != c)
        return false;
    ++*p;
    return true;
}

static int escape(const char **p) {
    switch (*(*p)++) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'u': {
        char hex[5] = {0};
        memcpy(hex, *p, strnlen(*p, 4));
        *p += strlen(hex);
        return (int)strtol(hex, NULL, 16);
    }
    default:
        return (*p)[-1];
    }
}

/* A string; UTF-8 and escapes become latin-1. */
static char *text(const char **p) {
    if (!token(p, '"'))
        return NULL;
    char *out = malloc(strlen(*p) + 1), *o = out;
    while (**p && **p != '"') {
        unsigned char c = (unsigned char)*(*p)++;
        if (c == '\\' && **p)
            *o++ = (char)escape(p);
        else if ((c & 0xe0) == 0xc0 && **p)
            *o++ = (char)((c & 3) << 6 | (*(*p)++ & 0x3f));
        else
            *o++ = (char)c;
    }
    *o = 0;
    if (!token(p, '"')) {
        free(out);
        return NULL;
    }
    return out;
}

static bool list(const char **p, struct field *f) {
    f->kind = LIST;
    if (token(p, ']'))
        return true;
    do {
        char **grown = realloc(f->list, (f->n + 1) * sizeof *grown);
        if (!grown)
            return false;
        f->list = grown;
        if (!(f->list[f->n] = text(p)))
            return false;
        f->n++;
    } while (token(p, ','));
    return token(p, ']');
}

static bool value(const char **p, struct field *f) {
    blanks(p);
    if (**p == '"') {
        f->kind = TEXT;
        return (f->text = text(p)) != NULL;
    }
    if (token(p, '['))
        return list(p, f);
    f->kind = FLAG;
    if (strncmp(*p, "true", 4) == 0) {
        f->number = 1;
        *p += 4;
    } else if (strncmp(*p, "false", 5) == 0) {
        *p += 5;
    } else if (strncmp(*p, "null", 4) == 0) {
        *p += 4;
    } else {
        char *end;
        f->kind = NUMBER;
        f->number = strtol(*p, &end, 10);
        if (end == *p)
            return false;
        *p = end;
    }
    return true;
}

static bool object(const char **p, struct request *r) {
    if (!token(p, '{'))
        return false;
    if (token(p, '}'))
        return true;
    do {
        struct field *grown = realloc(r->field, (r->n + 1) * sizeof *grown);
        if (!grown)
            return false;
        r->field = grown;
        struct field *f = &r->field[r->n++];
        memset(f, 0, sizeof *f);
        if (!(f->key = text(p)) || !token(p, ':') || !value(p, f))
            return false;
    } while (token(p, ','));
    return token(p, '}');
}

struct request *request_parse(const char *line) {
    struct request *r = calloc(1, sizeof *r);
    if (r && !object(&line, r)) {
        request_free(r);
        return NULL;
    }
    return r;
}

void request_free(struct request *r) {
    for (size_t i = 0; i < r->n; i++) {
        free(r->field[i].key);
        free(r->field[i].text);
        for (size_t j = 0; j < r->field[i].n; j++)
            free(r->field[i].list[j]);
        free(r->field[i].list);
    }
    free(r->field);
    free(r);
}

static const struct field *find(const struct request *r, const char *key, enum kind kind) {
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->field[i].key, key) == 0)
            return r->field[i].kind == kind ? &r->field[i] : NULL;
    return NULL;
}

const char *request_text(const struct request *r, const char *key, const char *otherwise) {
    const struct field *f = find(r, key, TEXT);
    return f ? f->text : otherwise;
}

long request_number(const struct request *r, const char *key, long otherwise) {
    const struct field *f = find(r, key, NUMBER);
    return f ? f->number : otherwise;
}

bool request_flag(const struct request *r, const char *key) {
    const struct field *f = find(r, key, FLAG);
    return f && f->number;
}

size_t request_list(const struct request *r, const char *key, const char *const **out) {
    const struct field *f = find(r, key, LIST);
    *out = f ? (const char *const *)f->list : NULL;
    return f ? f->n : 0;
}

void put_text(FILE *f, const char *s, size_t limit) {
    putc('"', f);
    for (size_t i = 0; i < limit && s[i]; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            fprintf(f, "\\u%04x", c);
        else
            putc(c, f);
    }
    putc('"', f);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void put_base64(FILE *f, const void *data, size_t n) {
    const unsigned char *p = data;
    putc('"', f);
    for (; n >= 3; n -= 3, p += 3)
        fprintf(f, "%c%c%c%c", alphabet[p[0] >> 2], alphabet[(p[0] & 3) << 4 | p[1] >> 4],
                alphabet[(p[1] & 15) << 2 | p[2] >> 6], alphabet[p[2] & 63]);
    if (n == 1)
        fprintf(f, "%c%c==", alphabet[p[0] >> 2], alphabet[(p[0] & 3) << 4]);
    if (n == 2)
        fprintf(f, "%c%c%c=", alphabet[p[0] >> 2], alphabet[(p[0] & 3) << 4 | p[1] >> 4],
                alphabet[(p[1] & 15) << 2]);
    putc('"', f);
}

unsigned char *base64_decode(const char *s, size_t *n) {
    unsigned char *out = malloc(strlen(s) / 4 * 3 + 4);
    unsigned bits = 0, have = 0;
    *n = 0;
    for (; *s && *s != '='; s++) {
        const char *at = strchr(alphabet, *s);
        if (!at)
            continue;
        bits = bits << 6 | (unsigned)(at - alphabet);
        if ((have += 6) >= 8)
            out[(*n)++] = (unsigned char)(bits >> (have -= 8));
    }
    return out;
}

static uint32_t right(uint32_t v, int n) { return v >> n | v << (32 - n); }

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
    0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
    0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
    0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2};

static void block(struct sha256 *s) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 |
               (uint32_t)s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + (right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
               (right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, s->state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = v[7] + (right(v[4], 6) ^ right(v[4], 11) ^ right(v[4], 25)) +
                      ((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constants[i] + w[i];
        uint32_t t2 = (right(v[0], 2) ^ right(v[0], 13) ^ right(v[0], 22)) +
                      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        s->state[i] += v[i];
}

void sha256_init(struct sha256 *s) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(s, 0, sizeof *s);
    memcpy(s->state, start, sizeof start);
}

void sha256_add(struct sha256 *s, const void *data, size_t n) {
    const unsigned char *p = data;
    while (n > 0) {
        size_t used = s->total % 64, part = n < 64 - used ? n : 64 - used;
        memcpy(s->block + used, p, part);
        s->total += part;
        p += part;
        n -= part;
        if (s->total % 64 == 0)
            block(s);
    }
}

void sha256_hex(struct sha256 *s, char out[65]) {
    uint64_t bits = s->total * 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    sha256_add(s, "\x80", 1);
    while (s->total % 64 != 56)
        sha256_add(s, "", 1);
    sha256_add(s, length, 8);
    for (int i = 0; i < 8; i++)
        sprintf(out + 8 * i, "%08x", s->state[i]);
}
