/* conf/snapshot.c - lists in an arena, and their way over a pipe
 *
 * There everything is a length and its bytes; reading believes none of them.
 */
#include "conf/snapshot.h"

enum { MAX_FILE = 1 << 20, MAX_STRING = 2 << 20 };

static const char MAGIC[] = "garnet snapshot 5\n";

struct snapshot_file *snapshot_add(struct snapshot *s, const char *path)
{
    struct snapshot_file *f = arena_alloc(&s->arena, sizeof *f);
    struct snapshot_file **end = s->added != NULL ? &s->added->next : &s->files;

    if (f == NULL || (f->path = arena_strdup(&s->arena, path)) == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    f->text = (struct str){"", 0};
    *end = s->added = f;
    return f;
}

struct snapshot_file *snapshot_copy(struct snapshot *s, const struct snapshot_file *f)
{
    struct snapshot_file *copy = arena_alloc(&s->arena, sizeof *copy);

    if (copy == NULL)
        return NULL;
    *copy = (struct snapshot_file){.path = arena_strdup(&s->arena, f->path), .old = true};
    copy->text = (struct str){arena_strndup(&s->arena, f->text.s, f->text.n), f->text.n};
    copy->error = f->error != NULL ? arena_strdup(&s->arena, f->error) : NULL;
    copy->script = f->script != NULL ? arena_strdup(&s->arena, f->script) : NULL;
    copy->odd = f->odd;
    copy->twice = f->twice != NULL ? arena_strdup(&s->arena, f->twice) : NULL;
    for (const struct snapshot_fact *fact = f->facts; fact != NULL; fact = fact->next)
        if (!snapshot_put(s, copy, fact->key, fact->value))
            return NULL;
    return arena_ok(&s->arena) ? copy : NULL;
}

const char *snapshot_get(const struct snapshot_file *f, const char *key)
{
    for (const struct snapshot_fact *fact = f->facts; fact != NULL; fact = fact->next)
        if (strcmp(fact->key, key) == 0)
            return fact->value;
    return NULL;
}

bool snapshot_put(struct snapshot *s, struct snapshot_file *f, const char *key, const char *value)
{
    struct snapshot_fact *fact = arena_alloc(&s->arena, sizeof *fact);

    if (fact == NULL || (fact->key = arena_strdup(&s->arena, key)) == NULL ||
        (fact->value = arena_strdup(&s->arena, value)) == NULL)
        return false;
    fact->next = f->facts;
    f->facts = fact;
    return true;
}

void snapshot_free(struct snapshot *s)
{
    arena_free(&s->arena);
    *s = (struct snapshot){0};
}

/* --- over a pipe --- */

static void put_u32(struct buf *b, size_t n)
{
    uint32_t v = (uint32_t)n; /* nothing in a snapshot is near 4 GiB: MAX_FILE, PATH_MAX, facts */

    buf_put(b, &v, sizeof v);
}

static void put_string(struct buf *b, struct str s)
{
    put_u32(b, s.n);
    buf_putstr(b, s);
}

static void put_optional(struct buf *out, const char *s)
{
    put_string(out, str_of(s != NULL ? s : ""));
}

static void put_facts(struct buf *out, const struct snapshot_fact *facts)
{
    size_t n = 0;

    for (const struct snapshot_fact *f = facts; f != NULL; f = f->next)
        n++;
    put_u32(out, n);
    for (const struct snapshot_fact *f = facts; f != NULL; f = f->next) {
        put_string(out, str_of(f->key));
        put_string(out, str_of(f->value));
    }
}

static void put_file(struct buf *out, const struct snapshot_file *f)
{
    put_string(out, str_of(f->path));
    put_optional(out, f->error);
    put_optional(out, f->script);
    put_optional(out, f->twice);
    put_u32(out, f->odd);
    put_string(out, f->text);
    put_facts(out, f->facts);
}

void snapshot_write(const struct snapshot *s, struct buf *out)
{
    size_t n = 0;

    for (const struct snapshot_file *f = s->files; f != NULL; f = f->next)
        n++;
    buf_put(out, MAGIC, sizeof MAGIC);
    put_u32(out, s->running);
    put_u32(out, s->scripts);
    put_u32(out, n);
    for (const struct snapshot_file *f = s->files; f != NULL; f = f->next) {
        put_file(out, f);
        put_u32(out, f->before != NULL);
        if (f->before != NULL)
            put_file(out, f->before);
    }
}

static bool get_u32(struct str *in, uint32_t *v)
{
    if (in->n < sizeof *v)
        return false;
    memcpy(v, in->s, sizeof *v);
    in->s += sizeof *v;
    in->n -= sizeof *v;
    return true;
}

static bool get_string(struct snapshot *s, struct str *in, size_t max, struct str *out)
{
    uint32_t n;

    if (!get_u32(in, &n) || n > in->n || n > max)
        return false;
    out->s = arena_strndup(&s->arena, in->s, n);
    out->n = n;
    in->s += n;
    in->n -= n;
    return out->s != NULL;
}

/* The same, but without a NUL inside: usable as a C string. */
static const char *get_cstr(struct snapshot *s, struct str *in)
{
    struct str v;

    if (!get_string(s, in, MAX_STRING, &v) || memchr(v.s, 0, v.n) != NULL)
        return NULL;
    return v.s;
}

static bool get_optional(struct snapshot *s, struct str *in, const char **out)
{
    *out = get_cstr(s, in);
    if (*out == NULL)
        return false;
    if (**out == 0)
        *out = NULL;
    return true;
}

static bool get_facts(struct snapshot *s, struct str *in, struct snapshot_fact **end)
{
    struct snapshot_fact *f;
    uint32_t n;

    if (!get_u32(in, &n))
        return false;
    for (; n > 0; n--, end = &f->next) {
        if ((f = arena_alloc(&s->arena, sizeof *f)) == NULL || (f->key = get_cstr(s, in)) == NULL ||
            (f->value = get_cstr(s, in)) == NULL)
            return false;
        *end = f;
    }
    return true;
}

/* NULL: there is no whole one. */
static struct snapshot_file *get_file(struct snapshot *s, struct str *in)
{
    struct snapshot_file *f = arena_alloc(&s->arena, sizeof *f);
    uint32_t odd;

    if (f == NULL || (f->path = get_cstr(s, in)) == NULL || !get_optional(s, in, &f->error) ||
        !get_optional(s, in, &f->script) || !get_optional(s, in, &f->twice) || !get_u32(in, &odd) ||
        odd > 1 || !get_string(s, in, MAX_FILE, &f->text) || !get_facts(s, in, &f->facts))
        return NULL;
    f->odd = odd != 0;
    return f;
}

static bool get_files(struct snapshot *s, struct str *in)
{
    struct snapshot_file **end = &s->files, *f;
    uint32_t n, before;

    if (!get_u32(in, &n))
        return false;
    for (; n > 0; n--, end = &f->next) {
        if ((f = get_file(s, in)) == NULL || !get_u32(in, &before) || before > 1 ||
            (before == 1 && (f->before = get_file(s, in)) == NULL))
            return false;
        *end = f;
    }
    return s->files != NULL;
}

bool snapshot_read(struct snapshot *s, struct str bytes)
{
    uint32_t running, scripts;

    *s = (struct snapshot){0};
    if (bytes.n > sizeof MAGIC && memcmp(bytes.s, MAGIC, sizeof MAGIC) == 0) {
        bytes.s += sizeof MAGIC;
        bytes.n -= sizeof MAGIC;
        if (get_u32(&bytes, &running) && running <= 1 && get_u32(&bytes, &scripts) &&
            scripts <= 1 && get_files(s, &bytes) && bytes.n == 0) {
            s->running = running;
            s->scripts = scripts;
            return true;
        }
    }
    snapshot_free(s);
    return false;
}
