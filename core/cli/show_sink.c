/* cli/show_sink.c - the plugin host, the batches and the counters are the worker's own
 *
 * A network without interfaces: root needs no other user for it, and would lose its rights to the spool there.
 * Fails with a line on standard error, and then stays failed.
 */
#include "cli/show_sink.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/terminal.h"
#include "delivery/link.h"
#include "sink/feed.h"

enum { OUT_LEAST = 100 };

static void is_doing(const struct show_sink *s, int patience, const char *what)
{
    if (s->child != NULL)
        child_doing(s->child, patience, "%s", what);
}

/* Returns false. */
static bool fail_show(struct show_sink *s, const char *what)
{
    say(stderr, "%s: sink %s: %s", s->program, s->sink->name, what);
    s->failed = true;
    return false;
}

/* --- the secrets --- */

static struct node *copy_node(struct show_sink *s, const struct node *of)
{
    struct node *n = arena_alloc(&s->arena, sizeof *n);

    if (n != NULL)
        *n = *of;
    return n;
}

/* Whether the key is that of a secret with texts in it. Another's value, such as a number, cannot be made ***. */
static bool is_secret(const struct show_sink *s, const char *key)
{
    const struct plugin_options *o = &s->plugin.options;

    for (size_t i = 0; i < o->def->noptions; i++)
        if (strcmp(o->rows[i].name, key) == 0)
            return (o->rows[i].flags & OPT_SECRET) != 0 &&
                   (o->rows[i].type == OPT_STRING || o->rows[i].type == OPT_LIST ||
                    o->rows[i].type == OPT_MAP);
    return false;
}

/* All children are copies then, and the texts of secrets, or of `all`, are ***. False: no memory. */
static bool mask_children(struct show_sink *s, struct node *of, bool all)
{
    for (struct node **at = &of->first; *at != NULL; at = &(*at)->next) {
        if ((*at = copy_node(s, *at)) == NULL)
            return false;
        if (!all && !is_secret(s, (*at)->key))
            continue;
        if ((*at)->kind == NODE_SCALAR && !node_is_null(*at)) {
            (*at)->text = "***";
            (*at)->plain = false;
        } else if (!mask_children(s, *at, true)) {
            return false;
        }
    }
    return true;
}

/* The sink's map with other texts in it. */
static const struct node *mask_node(struct show_sink *s)
{
    struct node *map = copy_node(s, s->sink->node);

    return map != NULL && mask_children(s, map, false) ? map : NULL;
}

/* Those that are in files, which have been read. */
static struct conf_secret *mask_secrets(struct show_sink *s)
{
    struct conf_secret *first = NULL;

    for (const struct conf_secret *one = s->sink->secrets; one != NULL; one = one->next) {
        struct conf_secret *copy = arena_alloc(&s->arena, sizeof *copy);

        if (copy == NULL)
            return NULL;
        *copy = *one;
        copy->text = one->text != NULL ? "***" : NULL;
        copy->next = first;
        first = copy;
    }
    return first;
}

static bool configure_shown(struct show_sink *s)
{
    struct errors e = {0};
    bool ok;

    s->masked = *s->sink;
    s->plugin.masked = s->mask;
    if (s->mask) {
        s->masked.node = mask_node(s);
        s->masked.secrets = mask_secrets(s);
        if (!arena_ok(&s->arena))
            return fail_show(s, "out of memory");
    }
    is_doing(s, CHILD_CALLS, "check()");
    ok = plugin_configure(&s->plugin, &s->masked, s->conf->host, &e);
    if (!ok)
        say_text(stderr, (struct str){e.text.p, e.text.n});
    errors_free(&e);
    s->failed |= !ok;
    return ok;
}

/* --- the plugin --- */

int show_sink_output(void)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, OUT_LEAST);

    if (fd >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        fd_close(&fd);
    return fd;
}

bool show_sink_open(struct show_sink *s)
{
    bool alone = (geteuid() == 0 && unshare(CLONE_NEWNET) == 0) ||
                 ((geteuid() != 0 || !s->mask) && unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0);

    is_doing(s, CHILD_BLOCKS, "its constructors");
    if (!plugin_load(&s->plugin, s->sink->plugin_file))
        return fail_show(s, plugin_why(&s->plugin));
    if (s->plugin.def.deliver != NULL && !alone && s->mask)
        return fail_show(s, "its plugin delivers by itself, and cannot be kept off the network "
                            "here: run this as root, or use `garnet plugin preview`");
    if (!configure_shown(s))
        return false;
    is_doing(s, CHILD_BLOCKS, "open()");
    if (plugin_open(&s->plugin) != GARNET_OK)
        return fail_show(s, plugin_why(&s->plugin));
    if (!batch_init(&s->batch, &s->plugin, link_batch_size(s->sink, s->plugin.batch_size)))
        return fail_show(s, "there is no memory for a batch");
    counters_init(&s->counters, plugin_counters(&s->plugin, s->sink), s->sink->counter_window);
    batch_begin(&s->batch);
    return true;
}

void show_sink_flush(struct show_sink *s)
{
    struct batch *b = &s->batch;

    if (s->failed)
        return;
    is_doing(s, CHILD_CALLS, "end()");
    if (!batch_end(b))
        (void)fail_show(s, plugin_why(&s->plugin));
    else if (b->bytes.n > 0 && !s->bytes(s->arg, (struct str){b->bytes.p, b->bytes.n}))
        (void)fail_show(s, "cannot write to standard output");
    batch_begin(b);
}

static void say_without_bytes(const struct show_sink *s, const struct metric *m, const char *what,
                              const char *why)
{
    if (s->each)
        say(stderr, "%s: sink %s: %s metric \"%.*s\": %s", s->program, s->sink->name, what,
            (int)m->name.n, m->name.s, why);
}

static void format_for(struct show_sink *s, const struct metric *m, uint64_t seq)
{
    struct batch *b = &s->batch;
    uint64_t skipped = b->skipped, rejected = b->rejected;
    enum batch_result result;

    if (s->child != NULL)
        child_doing(s->child, CHILD_CALLS, "format() of metric \"%.*s\"", (int)m->name.n,
                    m->name.s);
    while ((result = batch_add(b, m, seq, clock_ticks())) == BATCH_FULL && !s->failed) {
        show_sink_flush(s);
        skipped = rejected = 0;
    }
    if (result == BATCH_FATAL)
        (void)fail_show(s, plugin_why(&s->plugin));
    else if (b->skipped > skipped)
        say_without_bytes(s, m, "skipped", plugin_why(&s->plugin));
    else if (b->rejected > rejected)
        say_without_bytes(s, m, "rejected", plugin_why(&s->plugin));
}

void show_sink_metric(struct show_sink *s, const struct metric *m, uint64_t seq, bool shown)
{
    if (s->failed)
        return;
    s->metric = *m;
    if (!feed_wants(s->sink, m))
        say_without_bytes(s, m, "deselected", "the sink's `only` or `drop` leaves it out");
    else if (!counters_apply(&s->counters, &s->metric, seq))
        say_without_bytes(s, m, "skipped",
                          "a counter's first value gives no rate or delta (`counters`)");
    else if (shown)
        format_for(s, &s->metric, seq);
}

void show_sink_close(struct show_sink *s)
{
    batch_free(&s->batch);
    counters_forget(&s->counters);
    is_doing(s, CHILD_BLOCKS, "close()");
    plugin_unload(&s->plugin);
    arena_free(&s->arena);
}
