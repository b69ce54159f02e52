/* model/record.c - the layout of a record, and a reader that trusts no byte of it
 *
 * Version 1, little-endian:
 *
 *      0  u32   length of the whole record, a multiple of 8
 *      4  u8    version, 1
 *      5  u8    type, enum metric_type
 *      6  u8    vtype, enum metric_vtype: how to read the value
 *      7  u8    flags
 *      8  i64   time, Unix ns
 *     16  i64   interval, ns; 0 = not known
 *     24  8     value
 *     32  u8    tags
 *     33  u8    meta tags
 *     34        strings, each u16 length, bytes, NUL: name, unit, collector, prefix;
 *               then key and value of every tag, then of every meta tag, both sorted by key
 *               zeros up to a multiple of 8
 *
 * The spool's checksums say that a record is what was written; record_get() checks it all the
 * same. It fails with 0, and never reads outside of what it was given. A later version gets a
 * new number here, and record_get() learns to read both.
 */
#include "model/record.h"

#include <endian.h>

#include "base/le.h"

enum {
    VERSION = 1,
    HEAD = 34,
    STRING_EXTRA = 3, /* length and NUL */
    ALIGN = 8,
    KNOWN_FLAGS = METRIC_TIME_ASSIGNED,
};

/* --- encoding --- */

static size_t strings_size(const struct tag *tags, uint32_t n)
{
    size_t size = 0;

    for (uint32_t i = 0; i < n; i++)
        size += tags[i].key.n + tags[i].val.n + (size_t)2 * STRING_EXTRA;
    return size;
}

static inline char *put_u64(char *p, uint64_t v)
{
    le64_put(p, v);
    return p + sizeof v;
}

static inline char *put_str(char *p, struct str s)
{
    uint16_t n = htole16((uint16_t)s.n);

    memcpy(p, &n, sizeof n);
    p += sizeof n;
    if (s.n > 0)
        memcpy(p, s.s, s.n);
    p[s.n] = 0;
    return p + s.n + 1;
}

static char *put_tags(char *p, const struct tag *tags, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        p = put_str(put_str(p, tags[i].key), tags[i].val);
    return p;
}

static char *put_record_head(char *p, const struct metric *m, size_t length)
{
    uint64_t bits;

    le32_put(p, (uint32_t)length);
    p[4] = VERSION;
    p[5] = (char)m->type;
    p[6] = (char)m->vtype;
    p[7] = (char)m->flags;
    p = put_u64(p + 8, (uint64_t)m->time_ns);
    p = put_u64(p, (uint64_t)m->interval_ns);
    memcpy(&bits, &m->value, sizeof bits);
    p = put_u64(p, bits);
    *p++ = (char)m->ntags;
    *p++ = (char)m->nmeta;
    return p;
}

void record_put(struct buf *b, const struct metric *m)
{
    size_t size = HEAD + m->name.n + m->unit.n + m->collector.n + m->prefix.n +
                  (size_t)4 * STRING_EXTRA + strings_size(m->tags, m->ntags) +
                  strings_size(m->meta, m->nmeta);
    size_t length = (size + ALIGN - 1) / ALIGN * ALIGN;
    char *p = buf_room(b, length);

    if (p == NULL)
        return;
    p = put_record_head(p, m, length);
    p = put_str(p, m->name);
    p = put_str(p, m->unit);
    p = put_str(p, m->collector);
    p = put_str(p, m->prefix);
    p = put_tags(p, m->tags, m->ntags);
    p = put_tags(p, m->meta, m->nmeta);
    memset(p, 0, length - size);
    b->n += length;
}

/* --- decoding --- */

/* Takes one string at p; returns what follows it, or NULL. */
static inline const char *get_str(const char *p, const char *end, struct str *s)
{
    uint16_t le;
    size_t n;

    if (end - p < STRING_EXTRA)
        return NULL;
    memcpy(&le, p, sizeof le);
    n = le16toh(le);
    p += sizeof le;
    if (n > METRIC_HARD_STRING || n >= (size_t)(end - p) || p[n] != 0)
        return NULL;
    *s = (struct str){p, n};
    return p + n + 1;
}

static const char *get_tags(const char *p, const char *end, struct tag *tags, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        p = get_str(p, end, &tags[i].key);
        if (p != NULL)
            p = get_str(p, end, &tags[i].val);
        if (p == NULL || tags[i].key.n == 0 ||
            (i > 0 && str_cmp(tags[i - 1].key, tags[i].key) >= 0))
            return NULL;
    }
    return p;
}

/* The fixed part. False when it holds something that no record_put() writes. */
static bool get_head(const char *p, struct metric *m)
{
    uint64_t bits = le64_get(p + 24);

    m->type = (uint8_t)p[5];
    m->vtype = (uint8_t)p[6];
    m->flags = (uint8_t)p[7];
    m->time_ns = (int64_t)le64_get(p + 8);
    m->interval_ns = (int64_t)le64_get(p + 16);
    memcpy(&m->value, &bits, sizeof bits);
    m->ntags = (uint8_t)p[32];
    m->nmeta = (uint8_t)p[33];
    if (p[4] != VERSION || m->type < METRIC_GAUGE || m->type > METRIC_TIMESTAMP ||
        (m->flags & ~KNOWN_FLAGS) != 0 || m->interval_ns < 0)
        return false;
    if (m->vtype != METRIC_I64 && m->vtype != METRIC_U64 &&
        (m->vtype != METRIC_F64 || !__builtin_isfinite(m->value.f)))
        return false;
    return m->ntags <= METRIC_MAX_TAGS && m->nmeta <= METRIC_MAX_TAGS;
}

/* The last n bytes before `end`, less than a word: in it they are the highest. */
static inline bool zeros_before(const char *end, size_t n)
{
    return n == 0 || le64_get(end - ALIGN) >> 8 * (ALIGN - n) == 0;
}

/* The strings, and the zeros after them up to `end`. */
static bool get_strings(const char *p, const char *end, struct metric *m)
{
    if ((p = get_str(p, end, &m->name)) == NULL || m->name.n == 0 ||
        (p = get_str(p, end, &m->unit)) == NULL || (p = get_str(p, end, &m->collector)) == NULL ||
        (p = get_str(p, end, &m->prefix)) == NULL ||
        (p = get_tags(p, end, m->tags, m->ntags)) == NULL ||
        (p = get_tags(p, end, m->meta, m->nmeta)) == NULL || end - p >= ALIGN)
        return false;
    return zeros_before(end, (size_t)(end - p));
}

size_t record_get(const void *p, size_t n, struct metric *m)
{
    uint32_t length;

    if (n < HEAD)
        return 0;
    length = le32_get(p);
    if (length < HEAD || length > n || length % ALIGN != 0)
        return 0;
    if (!get_head(p, m) || !get_strings((const char *)p + HEAD, (const char *)p + length, m))
        return 0;
    return length;
}
