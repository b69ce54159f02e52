/* base/buf.h - growing bytes with a sticky error, and the string type of the core
 *
 * Append freely, ask once: after a failed allocation (or a write past `max`) every further append
 * does nothing and buf_ok() is false until buf_reset(). Nothing here dies. Numbers are appended by
 * base/number.h, escaped text by base/text.h.
 * A buf is its bytes' one owner; buf_free() is their one free. All zero is a valid empty buf.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes with a length. Where they came from says whether s[n] == 0. */
struct str {
    const char *s;
    size_t n;
};

static inline struct str str_of(const char *s)
{
    return (struct str){s, strlen(s)};
}

/* The same text, or NULL both. */
static inline bool text_same(const char *a, const char *b)
{
    return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

/* Whether the first of the parts that dots divide s into, empty ones left out, is this one. */
bool str_first_part(struct str s, const char *part);

/* Takes the next line off the front of text, without its end. False: there is none. */
bool str_line(struct str *text, struct str *line);

/* Byte order, as strcmp; what "sorted by key" means everywhere in Garnet. */
int str_cmp(struct str a, struct str b);

struct buf {
    char *p;
    size_t n, cap;
    size_t max; /* 0 = no bound; else n never exceeds it */
    bool failed;
};

bool buf_ok(const struct buf *b);
void buf_reset(struct buf *b);           /* n = 0, error cleared, memory kept          */
void buf_free(struct buf *b);            /* memory too; `max` is kept                  */
char *buf_room(struct buf *b, size_t n); /* at least n writable bytes at p+n, or NULL  */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *s);
void buf_putstr(struct buf *b, struct str s);
void buf_putf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_drop(struct buf *b, size_t n); /* remove n bytes from the front              */
