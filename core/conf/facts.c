/* conf/facts.c - the text form of each kind, read and written
 *
 * A text that is not of its kind's form is an error like any other: the snapshot comes over a pipe.
 * Fails only for want of memory, as FACT_WANTED.
 */
#include "conf/facts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/number.h"
#include "conf/section.h"

static const char ERROR[] = "error ", USER[] = "user:", CHECK[] = "check:";
static const char ANEW[] = "anew:", SINK[] = "sink=";

static bool of_kind(const char *text, const char *kind)
{
    return strncmp(text, kind, strlen(kind)) == 0;
}

static enum fact damaged(struct parsing *p)
{
    p->why = "cannot be judged: what was learnt about it is damaged";
    return FACT_ERROR;
}

/* --- looking a text up --- */

static void want(struct parsing *p, const char *key)
{
    struct fact_want *w;

    if (p->wanted == NULL) {
        p->wanted_end = &p->wanted;
        p->wanted_file = NULL;
    }
    if (p->wanted_file != p->file)
        p->wanted_here = p->wanted_end;
    p->wanted_file = p->file;
    for (w = *p->wanted_here; w != NULL; w = w->next)
        if (strcmp(w->key, key) == 0)
            return;
    if ((w = arena_alloc(p->a, sizeof *w)) == NULL)
        return;
    *w = (struct fact_want){.file = p->file, .key = key};
    *p->wanted_end = w;
    p->wanted_end = &w->next;
}

/* What a look asks again. */
static bool is_fault(const char *key, const char *text)
{
    return of_kind(text, ERROR) || (of_kind(key, USER) && strchr(text, ' ') == NULL);
}

/* FACT_KNOWN and the text under this key. `key` stays: it is in the arena, or a literal. */
static enum fact look_up(struct parsing *p, const char *key, const char **text)
{
    const char *own = NULL;

    if (key == NULL)
        return FACT_WANTED;
    *text = snapshot_get(p->file, key);
    if (p->anew != NULL && (*text == NULL || is_fault(key, *text))) {
        if ((own = arena_printf(p->a, "%s%s %s", SINK, p->anew, key)) == NULL)
            return FACT_WANTED;
        *text = snapshot_get(p->file, own);
    }
    if (*text == NULL) {
        want(p, own != NULL ? own : key);
        return FACT_WANTED;
    }
    if (!of_kind(*text, ERROR))
        return FACT_KNOWN;
    p->why = arena_strdup(p->a, *text + strlen(ERROR));
    return p->why != NULL ? FACT_ERROR : FACT_WANTED;
}

/* A number, and the blank behind it if more follows. */
static bool read_word(const char **at, int base, uint64_t *n)
{
    char *end;

    if ((base == 10 && (**at < '0' || **at > '9')) || **at == 0)
        return false;
    *n = strtoull(*at, &end, base);
    *at = end + (*end == ' ');
    return *end == ' ' || *end == 0;
}

/* --- users, groups --- */

enum fact fact_group(struct parsing *p, const char *name, gid_t *gid)
{
    const char *text;
    enum fact state = look_up(p, arena_printf(p->a, "group:%s", name), &text);
    uint64_t n;

    if (state != FACT_KNOWN)
        return state;
    if (*text == 0)
        return FACT_NONE;
    if (!read_word(&text, 10, &n))
        return damaged(p);
    *gid = (gid_t)n;
    return FACT_KNOWN;
}

static bool take_groups(struct parsing *p, const char *text, struct fact_user *u)
{
    size_t most = strlen(text) / 2 + 1;
    gid_t *groups = arena_alloc(p->a, most * sizeof *groups);
    uint64_t n;

    if (groups == NULL)
        return false;
    while (*text != 0 && read_word(&text, 10, &n))
        groups[u->ngroups++] = (gid_t)n;
    u->groups = groups;
    return *text == 0;
}

enum fact fact_user(struct parsing *p, const char *name, struct fact_user *u)
{
    const char *text;
    enum fact state = look_up(p, arena_printf(p->a, "user:%s", name), &text);
    uint64_t uid, gid = 0;

    if (state != FACT_KNOWN)
        return state;
    if (*text == 0)
        return FACT_NONE;
    if (!read_word(&text, 10, &uid))
        return damaged(p);
    *u = (struct fact_user){.uid = (uid_t)uid, .account = *text != 0};
    if (u->account && (!read_word(&text, 10, &gid) || !take_groups(p, text, u)))
        return damaged(p);
    u->gid = (gid_t)gid;
    return FACT_KNOWN;
}

void fact_put_user(struct buf *out, const struct fact_user *u)
{
    buf_put_u64(out, u->uid);
    if (u->account)
        buf_putf(out, " %ju", (uintmax_t)u->gid);
    for (size_t i = 0; i < u->ngroups; i++)
        buf_putf(out, " %ju", (uintmax_t)u->groups[i]);
}

/* --- files --- */

enum fact fact_file(struct parsing *p, const char *path, struct fact_file *file)
{
    enum { WORDS = 7 };
    uint64_t v[WORDS];
    const char *text;
    enum fact state = look_up(p, arena_printf(p->a, "file:%s", path), &text);

    if (state != FACT_KNOWN)
        return state;
    for (int i = 0; i < WORDS; i++) {
        bool negative = *text == '-'; /* a time may be */

        text += negative;
        if (!read_word(&text, 10, &v[i]))
            return damaged(p);
        v[i] = negative ? -v[i] : v[i];
    }
    *file = (struct fact_file){.dev = v[0],
                               .ino = v[1],
                               .size = (int64_t)v[2],
                               .mtime = (int64_t)v[3],
                               .ctime = (int64_t)v[4],
                               .mode = (mode_t)v[5],
                               .uid = (uid_t)v[6]};
    return FACT_KNOWN;
}

void fact_put_file(struct buf *out, const struct fact_file *file)
{
    buf_putf(out, "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 " %ju %ju", file->dev,
             file->ino, file->size, file->mtime, file->ctime, (uintmax_t)file->mode,
             (uintmax_t)file->uid);
}

/* Its bytes, as far as stat() shows them. Not its mode, its owner and when they were changed. */
uint64_t fact_file_digest(uint64_t h, const struct fact_file *f)
{
    h = digest_number(digest_number(h, f->dev), f->ino);
    return digest_number(digest_number(h, (uint64_t)f->size), (uint64_t)f->mtime);
}

static enum fact look_up_groups(struct parsing *p, const char *key, const char **own_groups)
{
    const char *text;
    enum fact state = look_up(p, key, &text);

    if (state == FACT_KNOWN)
        *own_groups = arena_strdup(p->a, text);
    return state;
}

enum fact fact_way(struct parsing *p, uid_t user, const char *path, const char **own_groups)
{
    return look_up_groups(p, arena_printf(p->a, "trust:%d:%s", (int)user, path), own_groups);
}

enum fact fact_folder(struct parsing *p, const char *path, const char **own_groups)
{
    return look_up_groups(p, arena_printf(p->a, "folder:%s", path), own_groups);
}

/* The mark keeps a text that begins like an error from being one. */
enum fact fact_secret(struct parsing *p, uid_t user, const char *path, const char **secret)
{
    const char *text;
    enum fact state = look_up(p, arena_printf(p->a, "secret:%d:%s", (int)user, path), &text);

    if (state != FACT_KNOWN)
        return state;
    if (*text != '=')
        return damaged(p);
    *secret = arena_strdup(p->a, text + 1);
    return *secret != NULL ? FACT_KNOWN : FACT_WANTED;
}

void fact_put_secret(struct buf *out, struct str secret)
{
    buf_putc(out, '=');
    buf_putstr(out, secret);
}

enum fact fact_room(struct parsing *p, const char *path, uint64_t *bytes)
{
    const char *text;
    enum fact state = look_up(p, arena_printf(p->a, "room:%s", path), &text);

    if (state != FACT_KNOWN)
        return state;
    if (*text == 0)
        return FACT_NONE;
    return read_word(&text, 10, bytes) ? FACT_KNOWN : damaged(p);
}

enum fact fact_runs(struct parsing *p, const char *search, const char *path)
{
    const char *text;

    return look_up(p, arena_printf(p->a, "exec:%s\n%s", search, path), &text);
}

/* --- garnetd and its machine --- */

enum fact fact_hostname(struct parsing *p, const char **name)
{
    /* Free text: one that begins like an error is none. */
    if ((*name = snapshot_get(p->file, "hostname")) != NULL)
        return FACT_KNOWN;
    want(p, "hostname");
    return FACT_WANTED;
}

enum fact fact_self(struct parsing *p, struct fact_self *self)
{
    const char *text;
    enum fact state = look_up(p, "self", &text);
    uint64_t uid, gid, capabilities;

    if (state != FACT_KNOWN)
        return state;
    if (!read_word(&text, 10, &uid) || !read_word(&text, 10, &gid) ||
        !read_word(&text, 16, &capabilities))
        return damaged(p);
    *self = (struct fact_self){(uid_t)uid, (gid_t)gid, capabilities};
    return FACT_KNOWN;
}

void fact_put_self(struct buf *out, const struct fact_self *self)
{
    buf_putf(out, "%ju %ju %" PRIx64, (uintmax_t)self->uid, (uintmax_t)self->gid,
             self->capabilities);
}

enum fact fact_cgroup(struct parsing *p, struct fact_cgroup *g)
{
    const char *text, *dir;
    enum fact state = look_up(p, "cgroup", &text);

    *g = (struct fact_cgroup){0};
    if (state != FACT_KNOWN || (dir = strchr(text, ' ')) == NULL)
        return state;
    g->dir = arena_strdup(p->a, dir + 1);
    g->processes = strncmp(text, "pids", 4) == 0;
    g->memory = strncmp(text, "memory", 6) == 0 || strncmp(text, "pids,memory", 11) == 0;
    return FACT_KNOWN;
}

void fact_put_cgroup(struct buf *out, const struct fact_cgroup *g)
{
    static const char *const words[] = {"-", "pids", "memory", "pids,memory"};

    buf_putf(out, "%s %s", words[g->processes + 2 * g->memory], g->dir);
}

void fact_put_error(struct buf *out, const char *reason)
{
    buf_putf(out, "%s%s", ERROR, reason);
}

const char *fact_error(const char *text)
{
    return of_kind(text, ERROR) ? text + strlen(ERROR) : text;
}

/* --- what is of one sink --- */

const char *fact_check(struct parsing *p, const char *sink)
{
    const char *key = arena_printf(p->a, "%s%s", CHECK, sink);

    return key != NULL ? snapshot_get(p->file, key) : NULL;
}

static bool put_of_sink(struct snapshot *s, const char *kind, const char *sink, const char *value)
{
    const char *key = arena_printf(&s->arena, "%s%s", kind, sink);

    return key != NULL && snapshot_put(s, s->files, key, value);
}

bool fact_put_check(struct snapshot *s, const char *sink, const char *lines)
{
    return put_of_sink(s, CHECK, sink, lines);
}

bool fact_is_anew(struct parsing *p, const char *sink)
{
    const char *key = arena_printf(p->a, "%s%s", ANEW, sink);

    return key != NULL && snapshot_get(p->file, key) != NULL;
}

/* Of these kinds, and of that sink; what follows the name is a blank, or the end. */
static bool is_of_sink(const char *key, const char *sink)
{
    const char *const kinds[] = {CHECK, ANEW, SINK};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (of_kind(key, kinds[i]) && of_kind(key + strlen(kinds[i]), sink) &&
            strchr(" ", key[strlen(kinds[i]) + strlen(sink)]) != NULL)
            return true;
    return false;
}

bool fact_ask_anew(struct snapshot *s, const char *sink)
{
    struct snapshot_fact **at = &s->files->facts;

    while (*at != NULL)
        if (is_of_sink((*at)->key, sink))
            *at = (*at)->next;
        else
            at = &(*at)->next;
    return put_of_sink(s, ANEW, sink, "");
}

const char *fact_question(const char *key)
{
    return of_kind(key, SINK) ? strchr(key, ' ') + 1 : key;
}
