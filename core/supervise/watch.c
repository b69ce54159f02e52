/* supervise/watch.c - the plugin may scribble over the page, so the list of metrics to leave out is
 * kept here and written into it for each worker. Only making the page can fail. A worker that
 * somebody has stopped has no chance to come back, and one that hangs in the kernel cannot be
 * ended: both are left alone.
 */
#include "supervise/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

enum { LOOKS_UNREADY = 10 }; /* then the log says that it is not */

void watch_init(struct watch *w, const char *name)
{
    *w = (struct watch){.name = name, .board_fd = -1};
}

void watch_free(struct watch *w)
{
    scoreboard_unmap(w->board);
    fd_close(&w->board_fd);
}

bool watch_next(struct watch *w)
{
    struct scoreboard *b = w->board;

    if (b == NULL)
        b = w->board = scoreboard_new(&w->board_fd);
    if (b == NULL)
        return false;
    atomic_store(&b->formatting, 0);
    atomic_store(&b->stalled, 0);
    atomic_store(&b->step, SCOREBOARD_WAITS);
    for (unsigned i = 0; i < SCOREBOARD_POISONS; i++) {
        atomic_store(&b->poisons[i].metric, w->condemned[i].metric);
        atomic_store(&b->poisons[i].when_ns, w->condemned[i].when_ns);
        atomic_store(&b->poisons[i].signo, w->condemned[i].signo);
    }
    poison_started(&w->poison);
    w->stuck = (struct stuck){0};
    w->looks = 0;
    w->frozen = false;
    return true;
}

/* Logged once: nobody ends a worker that only waits. */
static void look_how_it_is(struct watch *w, pid_t pid, bool stopped, bool ready)
{
    if (stopped && !w->frozen)
        log_warn("sink %s: its worker is stopped, by a signal: it delivers nothing until SIGCONT "
                 "(process %d)",
                 w->name, (int)pid);
    w->frozen = stopped;
    if (++w->looks == LOOKS_UNREADY && !ready)
        log_warn("sink %s: its worker is not ready after %d s: its plugin's open() waits, or does "
                 "not return",
                 w->name, LOOKS_UNREADY);
}

static void look_whether_stuck(struct watch *w)
{
    unsigned looks = w->stuck.looks;

    switch (stuck_look(&w->stuck, w->frozen ? SCOREBOARD_WAITS : atomic_load(&w->board->step))) {
    case STUCK_BEGINS:
        log_warn(
            "sink %s: stalled: its worker has not returned for %d s from %s; metrics wait in the "
            "spool",
            w->name, STUCK_LOOKS, stuck_from(w->stuck.step));
        break;
    case STUCK_ENDS:
        log_info("sink %s: its worker has returned after %u s", w->name, looks);
        break;
    case STUCK_NOTHING_NEW:
        break;
    }
}

bool watch_look(struct watch *w, pid_t pid, bool stopped, bool ready)
{
    uint64_t formatting = atomic_load(&w->board->formatting);

    look_how_it_is(w, pid, stopped, ready);
    look_whether_stuck(w);
    if (!poison_hangs(&w->poison, formatting, atomic_load(&w->board->formats)))
        return false;
    if (w->frozen) {
        poison_started(&w->poison);
        return false;
    }
    log_error("sink %s: its plugin does not return from formatting metric %" PRIu64
              ": killing the worker",
              w->name, formatting - 1);
    return true;
}

bool watch_death(struct watch *w, int signo, char *what, size_t cap)
{
    uint64_t metric = atomic_load(&w->board->formatting);
    enum poison_verdict verdict = poison_death(&w->poison, metric);
    size_t n = strlen(what);

    if (verdict != POISON_NONE)
        (void)snprintf(what + n, cap - n, " while its plugin formatted metric %" PRIu64 "%s",
                       metric - 1,
                       verdict == POISON_FOUND ? ", as often before: it is put in quarantine" : "");
    if (verdict == POISON_FOUND)
        w->condemned[w->ncondemned++ % SCOREBOARD_POISONS] =
            (struct condemned){metric, clock_wall(), signo};
    return poison_hurry(&w->poison);
}

bool watch_stalled(const struct watch *w)
{
    return stuck_is(&w->stuck) || (w->board != NULL && atomic_load(&w->board->stalled) != 0);
}
