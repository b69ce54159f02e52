/* intake/source.c - one source: its settings, its runs, its beginning and end
 *
 * Opening fails with a sentence and leaves nothing behind. An update for which there is no memory
 * leaves everything as it was.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "intake/conn.h"
#include "intake/folder.h"

enum { WHY = 256 };

/* --- runs --- */

void source_run(struct source *s, int64_t slot_ns)
{
    s->run++;
    s->run_accepted = s->run_rejected = 0;
    pending_free(&s->run_pending);
    s->slot_ns = slot_ns;
    quota_start(&s->quota, loop_now(s->in->loop));
}

void source_run_end(struct source *s, uint64_t *accepted, uint64_t *rejected)
{
    source_accept(s);
    slices_drain(s);
    intake_commit(s->in);
    *accepted = s->run_accepted;
    *rejected = s->run_rejected;
    s->slot_ns = 0;
    quota_start(&s->quota, loop_now(s->in->loop)); /* the memory of its series */
}

static bool somebody_connects(const struct source *s)
{
    struct pollfd p = {.fd = s->listener.fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

int64_t source_withheld(const struct source *s)
{
    bool now = somebody_connects(s);

    for (const struct conn *c = s->in->clients; c != NULL && !now; c = c->next)
        now = c->source == s && conn_kept_waiting(c);
    return now ? loop_now(s->in->loop) : s->withheld_until;
}

/* --- counts --- */

/* Of one that is closed nobody reads the counts. */
static bool is_open(const struct source *s)
{
    return s->link != NULL;
}

void source_taken(const struct conn *c, uint64_t n, bool later, uint64_t ticket)
{
    struct source *s = c->source;
    bool run = c->run == s->run, waits = later && is_open(s);

    s->taken += n;
    s->accepted += waits ? 0 : n;
    s->run_accepted += run ? n : 0;
    pending_add(&s->pending, ticket, waits ? n : 0);
    pending_add(&s->run_pending, ticket, waits && run ? n : 0);
}

void source_rejected(const struct conn *c, uint64_t n)
{
    c->source->rejected += n;
    c->source->run_rejected += c->run == c->source->run ? n : 0;
}

void source_known(struct source *s, uint64_t ticket, bool safe)
{
    uint64_t n = pending_take(&s->pending, ticket), run = pending_take(&s->run_pending, ticket);

    *(safe ? &s->accepted : &s->rejected) += n;
    s->run_accepted -= safe ? 0 : run;
    s->run_rejected += safe ? 0 : run;
}

/* --- settings --- */

static bool add_tags(struct arena *a, struct source *s, const struct pairs *tags)
{
    for (size_t i = 0; tags != NULL && i < tags->n; i++) {
        const char *key = arena_strdup(a, tags->v[i].key), *val = arena_strdup(a, tags->v[i].val);

        if (key == NULL || val == NULL ||
            !metric_tag(s->tags, &s->ntags, str_of(key), str_of(val), true))
            return false;
    }
    return true;
}

static void set_limits(struct quota *q, const struct source_config *c)
{
    q->series_limit = c->series_limit;
    q->metrics_limit = c->metrics_limit;
    q->bytes_limit = c->bytes_limit;
    q->window_ns = c->window_ns;
}

/* Fills *s with copies of all that c says. False when there is no memory, or too many tags. */
static bool configure(struct source *s, const struct source_config *c, const char *path,
                      const char *name)
{
    struct arena a = {0};

    s->ntags = 0;
    s->path = arena_strdup(&a, path);
    s->name = name != NULL ? arena_strdup(&a, name) : NULL;
    s->own_groups = c->own_groups != NULL ? arena_strdup(&a, c->own_groups) : NULL;
    s->prefix = c->prefix != NULL ? arena_strdup(&a, c->prefix) : NULL;
    s->interval_ns = c->interval_ns;
    set_limits(&s->quota, c);
    if (!add_tags(&a, s, c->tags[0]) || !add_tags(&a, s, c->tags[1]) || !arena_ok(&a)) {
        arena_free(&a);
        return false;
    }
    arena_free(&s->memory);
    s->memory = a;
    return true;
}

bool source_update(struct source *s, const struct source_config *c)
{
    struct source old = *s;

    if (configure(s, c, old.path, old.name))
        return true;
    s->path = old.path;
    s->name = old.name;
    s->own_groups = old.own_groups;
    s->prefix = old.prefix;
    s->interval_ns = old.interval_ns;
    s->quota = old.quota;
    s->ntags = old.ntags;
    memcpy(s->tags, old.tags, sizeof s->tags);
    return false;
}

static bool start_listening(struct source *s, const struct source_config *c, char why[WHY])
{
    struct intake *in = s->in;
    int fd = listen_at(c, why);

    if (fd < 0)
        return false;
    if (loop_fd_add(in->loop, &s->listener, fd, in->pause.armed ? 0 : LOOP_IN, accept_ready, s) ==
        0)
        return true;
    (void)snprintf(why, WHY, "cannot watch %s: %s", c->path, strerror(errno));
    folder_remove_socket(c->path, c->own_groups);
    fd_close(&fd);
    return false;
}

/* --- beginning and end --- */

struct source *source_open(struct intake *in, const struct source_config *c, char why[WHY])
{
    struct source *s = calloc(1, sizeof *s);

    if (s == NULL || !configure(s, c, c->path, c->name)) {
        (void)snprintf(why, WHY, "%s: no memory, or more than %d tags", c->path, METRIC_MAX_TAGS);
        free(s);
        return NULL;
    }
    s->in = in;
    s->users = 1;
    s->quota.seed = random_u64();
    quota_start(&s->quota, loop_now(in->loop));
    if (!start_listening(s, c, why)) {
        source_unuse(s);
        return NULL;
    }
    s->next = in->sources;
    s->link = &in->sources;
    if (s->next != NULL)
        s->next->link = &s->next;
    in->sources = s;
    return s;
}

void source_unuse(struct source *s)
{
    if (--s->users > 0)
        return;
    pending_free(&s->pending);
    pending_free(&s->run_pending);
    quota_start(&s->quota, 0);
    arena_free(&s->memory);
    free(s);
}

void source_close(struct source *s)
{
    int fd = s->listener.fd;

    folder_remove_socket(s->path,
                         s->own_groups); /* nobody else comes, and who has come is not lost */
    source_accept(s);
    loop_fd_del(s->in->loop, &s->listener);
    fd_close(&fd);
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    s->link = NULL;
    source_unuse(s);
}
