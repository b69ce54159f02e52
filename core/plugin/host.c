/* plugin/host.c - the table of garnet/plugin.h, where a plugin stands in it, and the calls that it may make
 *
 * A plugin that breaks a rule is not stopped in the middle of its function: what it did is noted,
 * and its answer replaced when it returns. Of a thread of its own that calls the host nothing else is done but to
 * note that: the next function that returns, whichever it is, is FATAL. A child that it forked, and that comes back from the
 * call, would send everything a second time: it ends here. Nothing here trusts that a plugin keeps its
 * promises, but its pointers.
 * Without memory for the fork handler a child is not found out. The table and the calls that it is about are one contract,
 * and so in one file, of a little over 400 lines.
 */
#include "plugin/host.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/number.h"

enum {
    OK = 1 << GARNET_OK,
    SKIP = 1 << GARNET_SKIP,
    RETRY = 1 << GARNET_RETRY,
    REJECT = 1 << GARNET_REJECT,
    FATAL = 1 << GARNET_FATAL,
    PENDING = 1 << GARNET_PENDING,
};
/* Groups of calls. */
enum { APPENDS = 1, BAD = 2, REJECTS = 4, CONFIRMS = 8, WAITS = 16, RETRIES = 32, MEASURES = 64 };

static const struct {
    const char *name;
    int answers, calls;
} RULES[] = {
    [PLUGIN_IDLE] = {"no callback", 0, 0},
    [PLUGIN_CHECK] = {"check()", OK | FATAL, BAD},
    [PLUGIN_OPEN] = {"open()", OK | RETRY | FATAL, WAITS | RETRIES | MEASURES},
    [PLUGIN_BEGIN] = {"begin()", OK | FATAL, APPENDS},
    [PLUGIN_FORMAT] = {"format()", OK | SKIP | FATAL, APPENDS},
    [PLUGIN_END] = {"end()", OK | FATAL, APPENDS},
    [PLUGIN_DELIVER] = {"deliver()", OK | RETRY | REJECT | PENDING | FATAL,
                        REJECTS | CONFIRMS | WAITS | RETRIES | MEASURES},
    [PLUGIN_EVENT] = {"event()", OK | FATAL, REJECTS | CONFIRMS | WAITS | RETRIES | MEASURES},
    [PLUGIN_CLOSE] = {"close()", OK, WAITS},
};

static const char *const ANSWERS[] = {"OK", "SKIP", "RETRY", "REJECT", "FATAL", "PENDING"};
enum { NANSWERS = sizeof ANSWERS / sizeof *ANSWERS };

static const int64_t LONGEST_RETRY = 3600 * NS_PER_S;
/* This thread is the one that loads the plugin, and calls it. */
static _Thread_local bool ours;

/* How many forks this process is away from the one that first loaded a plugin. */
static unsigned forks;

/* --- reasons --- */

GARNET_PRINTF(2, 0) static void set_why(struct host *h, const char *fmt, va_list ap)
{
    if (!h->broke)
        (void)why_setv(&h->why, fmt, ap);
}

void host_why(struct host *h, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_why(h, fmt, ap);
    va_end(ap);
}

/* A rule. The first one counts: the others follow from it. */
GARNET_PRINTF(2, 3) static void breaks(struct host *h, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_why(h, fmt, ap);
    va_end(ap);
    h->broke = true;
}

/* --- a function of the plugin's runs --- */

const char *host_name(enum plugin_callback at)
{
    return RULES[at].name;
}

void host_enter(struct host *h, enum plugin_callback at)
{
    h->at = at;
    h->forks = forks;
    h->retry_ns = 0;
    if (!h->broke) /* by a call from where none runs, a thread say */
        h->why.text[0] = 0;
}

/* "format() answered RETRY (2); it may answer OK, SKIP, FATAL" */
static void breaks_by_answer(struct host *h, int answer)
{
    bool known = answer >= 0 && answer < NANSWERS;
    char list[64];
    size_t n = 0;

    for (int i = 0; i < NANSWERS; i++)
        if ((RULES[h->at].answers & 1 << i) != 0)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n > 0 ? ", " : "", ANSWERS[i]);
    breaks(h,
           known ? "%s answered %s (%d); it may answer %s" : "%s answered %s%d; it may answer %s",
           host_name(h->at), known ? ANSWERS[answer] : "", answer, list);
}

/* It may have called at any time since a function returned last. */
static bool was_foreign(struct host *h)
{
    const char *call = atomic_exchange_explicit(&h->foreign, NULL, memory_order_relaxed);

    if (call != NULL)
        breaks(h, "a thread of its own calls %s, and no thread may call the host", call);
    return call != NULL;
}

int host_leave(struct host *h, int answer)
{
    enum plugin_callback at = h->at;
    bool foreign;

    if (h->forks != forks) {
        log_error("plugin %s has forked in %s, and the child returned: the child ends",
                  h->def->name, host_name(at));
        _exit(EXIT_WORLD);
    }
    if (answer < 0 || answer >= NANSWERS || (RULES[at].answers & 1 << answer) == 0)
        breaks_by_answer(h, answer);
    foreign = atomic_load_explicit(&h->foreign, memory_order_relaxed) != NULL && was_foreign(h);
    h->at = PLUGIN_IDLE;
    if (h->broke) {
        h->broke = false;
        return at == PLUGIN_FORMAT && !foreign ? GARNET_REJECT : GARNET_FATAL;
    }
    if (answer != GARNET_OK && h->why.text[0] == 0)
        host_why(h, "%s gave no reason", host_name(at));
    return answer;
}

/* --- its calls: the batch --- */

static struct host *host_of(garnet *g)
{
    return (struct host *)((char *)g - offsetof(struct host, g));
}

/* Whether who makes this call is not a thread of the plugin's. */
static bool is_ours(struct host *h, const char *name)
{
    if (!ours)
        atomic_store_explicit(&h->foreign, name, memory_order_relaxed);
    return ours;
}

/* Whether the function that runs may make this call, called `name`; if not, that broke a rule. */
static bool may_call(struct host *h, int what, const char *name)
{
    if (!is_ours(h, name))
        return false;
    if ((RULES[h->at].calls & what) != 0)
        return true;
    breaks(h, "it calls %s in %s, where it may not", name, host_name(h->at));
    return false;
}

static struct buf *out_of(garnet *g, const char *call)
{
    struct host *h = host_of(g);

    return may_call(h, APPENDS, call) ? h->out : NULL;
}

static void host_put(garnet *g, const void *bytes, size_t n)
{
    struct buf *out = out_of(g, "put()");

    if (out != NULL)
        buf_put(out, bytes, n);
}

GARNET_PRINTF(2, 3) static void host_putf(garnet *g, const char *fmt, ...)
{
    struct buf *out = out_of(g, "putf()");
    char *text;
    va_list ap;
    int n;

    if (out == NULL)
        return;
    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        out->failed = true;
        return;
    }
    buf_put(out, text, (size_t)n);
    free(text);
}

static void host_putv(garnet *g, const garnet_metric *m)
{
    struct buf *out = out_of(g, "putv()");

    if (out == NULL)
        return;
    if (m->vtype == GARNET_F64)
        buf_put_f64(out, m->v.f);
    else if (m->vtype == GARNET_U64)
        buf_put_u64(out, m->v.u);
    else
        buf_put_i64(out, m->v.i);
}

static size_t host_tell(garnet *g)
{
    struct buf *out = out_of(g, "tell()");

    return out != NULL ? out->n : 0;
}

static void host_patch(garnet *g, size_t at, const void *bytes, size_t n)
{
    struct buf *out = out_of(g, "patch()");

    if (out == NULL || !buf_ok(out))
        return;
    if (at > out->n || n > out->n - at)
        breaks(host_of(g), "it patches bytes that it has not appended");
    else if (n > 0)
        memcpy(out->p + at, bytes, n);
}

/* --- what it says --- */

GARNET_PRINTF(3, 4) static int host_fail(garnet *g, int answer, const char *fmt, ...)
{
    va_list ap;

    if (!is_ours(host_of(g), "fail()"))
        return answer;
    va_start(ap, fmt);
    set_why(host_of(g), fmt, ap);
    va_end(ap);
    return answer;
}

GARNET_PRINTF(3, 4) static void host_bad(garnet *g, const char *option, const char *fmt, ...)
{
    struct host *h = host_of(g);
    const struct node *v = option != NULL ? plugin_options_node(h->options, h->node, option) : NULL;
    struct pos at = v != NULL ? v->at : h->node->at;
    char text[512];
    va_list ap;

    if (!may_call(h, BAD, "bad()"))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (option == NULL || plugin_options_have(h->options, option)) {
        errors_add(h->errors, at, "%s: %s", option != NULL ? option : h->def->name, text);
        return;
    }
    breaks(h, "it calls bad() of an option \"%s\" that it does not have", option);
    errors_add(h->errors, at, "plugin %s calls bad() of an option \"%s\" that it does not have: %s",
               h->def->name, option, text);
}

GARNET_PRINTF(3, 4) static void host_log(garnet *g, int level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    if (!is_ours(host_of(g), "log()"))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_at(level == GARNET_ERROR  ? LOG_L_ERROR
           : level == GARNET_WARN ? LOG_L_WARN
                                  : LOG_L_INFO,
           "%s", text);
}

/* --- what it says of a batch --- */

/* The batch that is being delivered, or one that the plugin has; else NULL, and that broke a rule. */
static struct pending_batch *find_open(struct host *h, uint64_t id, const char *does)
{
    struct pending_batch *b = pending_find(h->pending, id);

    if (b == NULL)
        breaks(h, "it %s batch %" PRIu64 ", which is not pending", does, id);
    return b;
}

/* Want of memory to count it is, in effect, a broken rule. */
static void host_reject(garnet *g, uint64_t id, uint32_t index, const char *why)
{
    struct host *h = host_of(g);
    struct pending_batch *b;

    if (!may_call(h, REJECTS, "reject()") || h->pending == NULL ||
        (b = find_open(h, id, "rejects a metric of")) == NULL)
        return;
    if (index >= b->batch.nmetrics)
        breaks(h, "it rejects metric %" PRIu32 " of a batch that has %" PRIu32, index,
               b->batch.nmetrics);
    else if (!pending_reject(b, index, why))
        breaks(h, "no memory to count a rejected metric");
}

static void host_confirm(garnet *g, uint64_t id, int answer)
{
    bool known = answer == GARNET_OK || answer == GARNET_RETRY || answer == GARNET_REJECT;
    struct host *h = host_of(g);
    struct pending_batch *b;
    struct why why;

    if (!may_call(h, CONFIRMS, "confirm()") || h->pending == NULL)
        return;
    if (!known)
        breaks(h, "it confirms a batch with %d, which is none of OK, RETRY, REJECT", answer);
    if (!known || (b = find_open(h, id, "confirms")) == NULL)
        return;
    why = h->why;
    if (why.text[0] == 0)
        (void)why_set(&why, "batch %" PRIu64 ": no reason given", id);
    pending_confirm(h->pending, b, answer, h->retry_ns, &why);
    if (answer == GARNET_RETRY)
        h->retry_ns = 0;
}

/* Taken by the confirm() that comes next, or else by who looks at this call's answer. */
static void host_retry_after(garnet *g, int64_t ns)
{
    struct host *h = host_of(g);

    if (may_call(h, RETRIES, "retry_after()"))
        h->retry_ns = ns < 0 ? 0 : ns < LONGEST_RETRY ? ns : LONGEST_RETRY;
}

/* --- what it waits for --- */

/* Without event() nobody would take what made the descriptor ready, and the loop would turn in circles. `ends`: it
 * waits for something no more, which close() may say, too. */
static bool may_wait(struct host *h, const char *name, bool ends)
{
    if (!may_call(h, WAITS, name))
        return false;
    if (h->def->event == NULL)
        breaks(h, "it calls %s and has no event()", name);
    else if (h->at == PLUGIN_CLOSE && !ends)
        breaks(h, "it calls %s in close(), for something to come", name);
    else
        return true;
    return false;
}

static int host_watch(garnet *g, int fd, uint32_t events)
{
    struct host *h = host_of(g);

    if (!may_wait(h, "watch()", events == 0)) {
        errno = EPERM;
        return -1;
    }
    return h->waits != NULL ? waits_watch(h->waits, fd, events) : 0;
}

static void host_timer(garnet *g, int64_t after_ns)
{
    struct host *h = host_of(g);

    if (may_wait(h, "timer()", after_ns < 0) && h->waits != NULL)
        waits_timer(h->waits, after_ns);
}

/* --- what it counts by itself --- */

static void host_measure(garnet *g, uint32_t index, int64_t v)
{
    struct host *h = host_of(g);
    struct why why;

    if (may_call(h, MEASURES, "measure()") && !plugin_stats_measure(h->stats, index, v, &why))
        breaks(h, "%s", why.text);
}

/* --- the beginning --- */

static void note_fork(void)
{
    forks++;
}

void host_init(struct host *h, const garnet_plugin *def, const struct plugin_options *options)
{
    static bool watched;

    ours = true;
    *h = (struct host){
        .g = {.size = sizeof h->g, .host = &h->table},
        .table = {.size = sizeof h->table,
                  .abi_minor = GARNET_ABI_MINOR,
                  .put = host_put,
                  .putf = host_putf,
                  .putv = host_putv,
                  .tell = host_tell,
                  .patch = host_patch,
                  .fail = host_fail,
                  .bad = host_bad,
                  .log = host_log,
                  .reject = host_reject,
                  .confirm = host_confirm,
                  .watch = host_watch,
                  .timer = host_timer,
                  .retry_after = host_retry_after,
                  .measure = host_measure},
        .def = def,
        .options = options,
    };
    if (!watched)
        watched = pthread_atfork(NULL, NULL, note_fork) == 0;
}
