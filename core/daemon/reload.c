/* daemon/reload.c - what may not change while garnetd runs is decided here, and one configuration
 * is compared with the next; what the parts make of the new one is theirs. A load that cannot be
 * begun, or that finds errors, is a failure that is counted, and the old configuration stays.
 */
#include "daemon/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/snapshot.h"
#include "daemon/load.h"

struct reload {
    struct loop *loop;
    const char *path, *sink_program;
    void (*loaded)(void *arg, struct generation *g);
    void *arg;
    struct generation *now; /* accepted last; NULL: none yet */
    struct load *load;      /* under way, or NULL */
    bool again;             /* requested while one was under way */
    bool ended;
    uint64_t failures;
};

struct reload *reload_new(struct loop *l, const char *path, const char *sink_program,
                          void (*loaded)(void *arg, struct generation *g), void *arg)
{
    struct reload *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    *r = (struct reload){
        .loop = l, .path = path, .sink_program = sink_program, .loaded = loaded, .arg = arg};
    return r;
}

bool reload_under_way(const struct reload *r)
{
    return r->load != NULL;
}

void reload_end(struct reload *r)
{
    r->ended = true;
    if (r->load != NULL)
        load_cancel(r->load);
    r->load = NULL;
}

void reload_free(struct reload *r)
{
    if (r == NULL)
        return;
    reload_end(r);
    generation_unref(r->now);
    free(r);
}

void reload_metrics(const struct reload *r, const struct self_round *at)
{
    self_count(at, BASIC, "garnet.reload.failures", "Event", NULL, r->failures);
}

static bool same_text(const char *a, const char *b)
{
    return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}

/* What of `next` may not change, as a sentence; NULL when nothing of that changed. */
static const char *refusal(const struct conf *now, const struct conf *next)
{
    const struct conf_socket *a = &now->socket, *b = &next->socket;

    if (!same_text(a->path, b->path) || a->mode != b->mode || a->group != b->group)
        return "`socket` cannot change while garnetd runs: restart it";
    if (!same_text(now->spool.dir, next->spool.dir))
        return "`spool.dir` cannot change while garnetd runs: restart it";
    return NULL;
}

static void log_lines(enum log_level level, const char *text)
{
    while (*text != 0) {
        size_t n = strcspn(text, "\n");

        log_at(level, "%.*s", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void refuse_conf(struct reload *r, const char *text)
{
    log_lines(LOG_L_ERROR, text);
    r->failures++;
    if (r->now != NULL)
        log_error("the new configuration is not used: the old one stays");
}

/* The snapshot has been checked by the child; here it becomes a configuration of this process. NULL:
 * refused. */
static struct generation *accept_snapshot(struct reload *r, struct str bytes)
{
    struct snapshot snap = {0};
    struct errors e = {0};
    struct generation *g = NULL;
    struct conf *c = snapshot_read(&snap, bytes) ? conf_parse(&snap, &e) : NULL;
    const char *no = c != NULL && e.n == 0 && r->now != NULL ? refusal(r->now->conf, c) : NULL;

    if (c == NULL)
        no = "the configuration cannot be used: out of memory\n";
    else if (e.n > 0)
        no = e.text.p != NULL ? e.text.p : "the configuration cannot be used: out of memory\n";
    else if (no == NULL && (g = generation_new(c, bytes)) == NULL)
        no = strerror(errno);
    buf_putc(&e.warnings, '\0');
    if (g != NULL && buf_ok(&e.warnings))
        log_lines(LOG_L_WARN, e.warnings.p);
    if (g == NULL)
        refuse_conf(r, no);
    if (g == NULL && c != NULL)
        conf_free(c);
    errors_free(&e);
    snapshot_free(&snap);
    return g;
}

static void on_loaded(void *arg, struct str snapshot, const char *errors)
{
    struct reload *r = arg;
    struct generation *g = NULL;

    r->load = NULL;
    if (errors != NULL)
        refuse_conf(r, errors);
    else
        g = accept_snapshot(r, snapshot);
    if (g != NULL) {
        generation_unref(r->now);
        r->now = generation_ref(g);
    }
    r->loaded(r->arg, g);
    if (r->again)
        reload_request(r);
}

void reload_request(void *arg)
{
    struct reload *r = arg;

    if (r->ended)
        return;
    r->again = r->load != NULL;
    if (r->again)
        return;
    r->load = load_start(r->loop, r->path, r->now != NULL, r->sink_program, on_loaded, r);
    if (r->load == NULL) {
        r->failures++;
        log_error("the configuration cannot be read: %m; %s",
                  r->now != NULL ? "the old one stays" : "giving up");
    }
}
