/* conf/facts.c - the text form of each kind, read and written
 *
 * A text that is not of its kind's form is an error like any other: the snapshot comes over a pipe.
 * Fails only for want of memory, as FACT_WANTED.
 */
#include "conf/facts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/number.h"

static const char ERROR[] = "error ";

static enum fact damaged(struct facts *f)
{
    f->why = "cannot be judged: what was learnt about it is damaged";
    return FACT_ERROR;
}

/* --- looking a text up --- */

static void want(struct facts *f, const struct fact_want *ask, const char *key)
{
    struct fact_want *w, **end = &f->wanted;

    for (; *end != NULL; end = &(*end)->next)
        if ((*end)->file == f->file && strcmp((*end)->key, key) == 0)
            return;
    if ((w = arena_alloc(f->arena, sizeof *w)) == NULL)
        return;
    *w = *ask;
    w->file = f->file;
    w->key = key;
    w->name = arena_strdup(f->arena, ask->name);
    w->search = arena_strdup(f->arena, ask->search != NULL ? ask->search : "");
    if (arena_ok(f->arena))
        *end = w;
}

/* FACT_KNOWN and the text under this key. */
static enum fact look_up(struct facts *f, const struct fact_want *ask, const char *key,
                         const char **text)
{
    if (key == NULL)
        return FACT_WANTED;
    if ((*text = snapshot_get(f->file, key)) == NULL) {
        want(f, ask, key);
        return FACT_WANTED;
    }
    if (strncmp(*text, ERROR, strlen(ERROR)) != 0)
        return FACT_KNOWN;
    f->why = arena_strdup(f->arena, *text + strlen(ERROR));
    return f->why != NULL ? FACT_ERROR : FACT_WANTED;
}

static enum fact look_up_name(struct facts *f, enum fact_kind kind, const char *prefix,
                              const char *name, const char **text)
{
    const struct fact_want ask = {.kind = kind, .name = name};

    return look_up(f, &ask, arena_printf(f->arena, "%s%s", prefix, name), text);
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

enum fact fact_group(struct facts *f, const char *name, gid_t *gid)
{
    const char *text;
    enum fact state = look_up_name(f, FACT_GROUP, "group:", name, &text);
    uint64_t n;

    if (state != FACT_KNOWN)
        return state;
    if (*text == 0)
        return FACT_NONE;
    if (!read_word(&text, 10, &n))
        return damaged(f);
    *gid = (gid_t)n;
    return FACT_KNOWN;
}

static bool take_groups(struct facts *f, const char *text, struct fact_user *u)
{
    size_t most = strlen(text) / 2 + 1;
    gid_t *groups;
    uint64_t n;

    if (*text == 0)
        return true;
    if ((groups = arena_alloc(f->arena, most * sizeof *groups)) == NULL)
        return false;
    while (*text != 0 && read_word(&text, 10, &n))
        groups[u->ngroups++] = (gid_t)n;
    u->groups = groups;
    return *text == 0;
}

enum fact fact_user(struct facts *f, const char *name, struct fact_user *u)
{
    const char *text;
    enum fact state = look_up_name(f, FACT_USER, "user:", name, &text);
    uint64_t uid, gid = 0;

    if (state != FACT_KNOWN)
        return state;
    if (*text == 0)
        return FACT_NONE;
    if (!read_word(&text, 10, &uid))
        return damaged(f);
    *u = (struct fact_user){.uid = (uid_t)uid, .account = *text != 0};
    if (u->account && (!read_word(&text, 10, &gid) || !take_groups(f, text, u)))
        return damaged(f);
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

enum fact fact_file(struct facts *f, const char *path, struct fact_file *file)
{
    enum { WORDS = 7 };
    uint64_t v[WORDS];
    const char *text;
    enum fact state = look_up_name(f, FACT_FILE, "file:", path, &text);

    if (state != FACT_KNOWN)
        return state;
    for (int i = 0; i < WORDS; i++) {
        bool negative = *text == '-'; /* a time may be */

        text += negative;
        if (!read_word(&text, 10, &v[i]))
            return damaged(f);
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

enum fact fact_way(struct facts *f, uid_t user, const char *path, const char **own_groups)
{
    const struct fact_want ask = {.kind = FACT_WAY, .name = path, .user = user};
    const char *key = arena_printf(f->arena, "trust:%d:%s", (int)user, path), *text;
    enum fact state = look_up(f, &ask, key, &text);

    if (state == FACT_KNOWN)
        *own_groups = arena_strdup(f->arena, text);
    return state;
}

enum fact fact_folder(struct facts *f, const char *path, const char **own_groups)
{
    const char *text;
    enum fact state = look_up_name(f, FACT_FOLDER, "folder:", path, &text);

    if (state == FACT_KNOWN)
        *own_groups = arena_strdup(f->arena, text);
    return state;
}

enum fact fact_runs(struct facts *f, const char *search, const char *path)
{
    const struct fact_want ask = {.kind = FACT_RUNS, .name = path, .search = search};
    const char *text;

    return look_up(f, &ask, arena_printf(f->arena, "exec:%s\n%s", search, path), &text);
}

/* --- garnetd and its machine --- */

enum fact fact_hostname(struct facts *f, const char **name)
{
    const struct fact_want ask = {.kind = FACT_HOSTNAME, .name = ""};

    /* Free text: one that begins like an error is none. */
    if ((*name = snapshot_get(f->file, "hostname")) != NULL)
        return FACT_KNOWN;
    want(f, &ask, "hostname");
    return FACT_WANTED;
}

enum fact fact_self(struct facts *f, struct fact_self *self)
{
    const char *text;
    enum fact state = look_up_name(f, FACT_SELF, "self", "", &text);
    uint64_t uid, gid, capabilities;

    if (state != FACT_KNOWN)
        return state;
    if (!read_word(&text, 10, &uid) || !read_word(&text, 10, &gid) ||
        !read_word(&text, 16, &capabilities))
        return damaged(f);
    *self = (struct fact_self){(uid_t)uid, (gid_t)gid, capabilities};
    return FACT_KNOWN;
}

void fact_put_self(struct buf *out, const struct fact_self *self)
{
    buf_putf(out, "%ju %ju %" PRIx64, (uintmax_t)self->uid, (uintmax_t)self->gid,
             self->capabilities);
}

enum fact fact_cgroup(struct facts *f, struct fact_cgroup *g)
{
    const char *text, *dir;
    enum fact state = look_up_name(f, FACT_CGROUP, "cgroup", "", &text);

    *g = (struct fact_cgroup){0};
    if (state != FACT_KNOWN || (dir = strchr(text, ' ')) == NULL)
        return state;
    g->dir = arena_strdup(f->arena, dir + 1);
    g->processes = strncmp(text, "pids", 4) == 0;
    g->memory = strncmp(text, "memory", 6) == 0 || strncmp(text, "pids,memory", 11) == 0;
    return FACT_KNOWN;
}

void fact_put_cgroup(struct buf *out, const struct fact_cgroup *g)
{
    buf_putf(out, "%s %s",
             g->processes && g->memory ? "pids,memory"
             : g->processes            ? "pids"
             : g->memory               ? "memory"
                                       : "-",
             g->dir);
}

void fact_put_error(struct buf *out, const char *reason)
{
    buf_putf(out, "%s%s", ERROR, reason);
}
