/* supervise/worker_log.c - opening fails for want of descriptors only. The pipe for a worker's own
 * lines never blocks it: they are dropped and counted on its side, as garnetd's are. What prints
 * waits while garnetd has not read, as a collector does. It is mostly the plugin, but also the C
 * library, the loader, a fork that cannot run the worker's program.
 */
#include "supervise/worker_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

static void on_said(void *arg, enum log_level level, const char *line)
{
    const struct worker_log *w = arg;

    if (!log_relay(w->ident, line))
        log_as(w->ident, level, "%s", line);
}

static void on_printed(void *arg, enum log_level level, const char *line)
{
    const struct worker_log *w = arg;

    log_as(w->ident, level, "printed: %s", line);
}

static void said_more(void *arg, uint64_t lines)
{
    const struct worker_log *w = arg;

    log_warn("sink %s: its worker logged %" PRIu64 " more line%s, left out", w->name, lines,
             lines > 1 ? "s" : "");
}

static void printed_more(void *arg, uint64_t lines)
{
    const struct worker_log *w = arg;

    log_warn("sink %s: its worker printed %" PRIu64 " more line%s, not logged", w->name, lines,
             lines > 1 ? "s" : "");
}

void worker_log_init(struct worker_log *w, const char *name)
{
    *w = (struct worker_log){.name = name,
                             .says = {.say = on_said, .left_out = said_more, .arg = w},
                             .prints = {.say = on_printed, .left_out = printed_more, .arg = w}};
    (void)snprintf(w->ident, sizeof w->ident, "garnet-sink[%s]", name);
    logpipe_init(&w->said);
    logpipe_init(&w->printed);
}

bool worker_log_open(struct worker_log *w, struct loop *l, int *own, int *print)
{
    *own = logpipe_open(&w->said, l, &w->says, LOG_L_WARN, O_NONBLOCK);
    *print = *own < 0 ? -1 : logpipe_open(&w->printed, l, &w->prints, LOG_L_WARN, 0);
    if (*print >= 0)
        return true;
    fd_close(own);
    worker_log_close(w);
    return false;
}

void worker_log_close(struct worker_log *w)
{
    int keep = errno;

    logpipe_finish(&w->printed);
    logpipe_finish(&w->said);
    logpipe_owner_finish(&w->prints);
    logpipe_owner_finish(&w->says);
    errno = keep;
}
