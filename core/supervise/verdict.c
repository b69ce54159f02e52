/* supervise/verdict.c - arithmetic and texts; nothing here fails. A worker says when it ends by its own
 * will. One that exits without is ended by its plugin, unless it never came so far as to load it.
 */
#include "supervise/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/exit.h"
#include "model/scoreboard.h"

enum { EXIT_NO_EXEC = 127 };
enum { LOOKS_FIRST = 10, LOOKS_SUSPECT = 3 }; /* who is known to hang is not waited for as long */

bool ending_by_plugin(const struct ending *e)
{
    return WIFEXITED(e->status) && !e->finished &&
           ((WEXITSTATUS(e->status) != EXIT_WORLD && WEXITSTATUS(e->status) != EXIT_NO_EXEC) ||
            e->formatting);
}

bool ending_hopeless(const struct ending *e)
{
    return e->finished && WIFEXITED(e->status) &&
           (WEXITSTATUS(e->status) == EXIT_CONFIG || WEXITSTATUS(e->status) == EXIT_PLUGIN);
}

void ending_describe(const struct ending *e, char *out, size_t cap)
{
    int status = e->status;

    if (WIFSIGNALED(status))
        (void)snprintf(out, cap, "worker died from signal %d (%s)%s", WTERMSIG(status),
                       strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    else if (ending_by_plugin(e))
        (void)snprintf(out, cap,
                       "worker ended with exit status %d in the midst of its work: its "
                       "plugin calls exit()",
                       WEXITSTATUS(status));
    else if (WEXITSTATUS(status) == EXIT_CONFIG)
        (void)snprintf(out, cap, "worker refused its configuration (exit status %d)", EXIT_CONFIG);
    else if (WEXITSTATUS(status) == EXIT_PLUGIN)
        (void)snprintf(out, cap, "its plugin gave up (see the line before)");
    else
        (void)snprintf(out, cap, "worker ended with exit status %d", WEXITSTATUS(status));
}

/* A plugin that meets the limit dies of the memory that it does not get, in whatever way. */
void ending_memory(const struct ending *e, char *what, size_t cap)
{
    int64_t used = (int64_t)e->used.ru_maxrss * 1024;
    size_t n = strlen(what);

    if (e->memory_limit > 0 && used >= e->memory_limit / 4 * 3)
        (void)snprintf(what + n, cap - n,
                       "; it had grown to %" PRId64 " MiB (memory_limit is %" PRId64 " MiB)",
                       used >> 20, e->memory_limit >> 20);
}

/* --- which metric it dies of --- */

void poison_started(struct poison *p)
{
    p->looks = 0;
    p->formatting = 0;
}

void poison_useful(struct poison *p)
{
    p->credit = 0;
}

enum poison_verdict poison_death(struct poison *p, uint64_t formatting)
{
    p->deaths = formatting == p->suspect ? p->deaths + 1 : 1;
    p->suspect = formatting;
    if (formatting == 0)
        return POISON_NONE;
    if (p->deaths == 1 && p->credit <= POISON_CREDIT)
        p->credit++;
    if (p->deaths < POISON_DEATHS)
        return POISON_SUSPECT;
    p->suspect = 0;
    return POISON_FOUND;
}

bool poison_hurry(const struct poison *p)
{
    return p->suspect != 0 && p->deaths == 1 && p->credit <= POISON_CREDIT;
}

bool poison_hangs(struct poison *p, uint64_t formatting, uint64_t formats)
{
    bool moved = formatting == 0 || formatting != p->formatting || formats != p->formats;

    p->formatting = formatting;
    p->formats = formats;
    p->looks = moved ? 0 : p->looks + 1;
    return p->looks >= (formatting == p->suspect ? (unsigned)LOOKS_SUSPECT : LOOKS_FIRST);
}

/* --- what it does not come back from --- */

bool stuck_is(const struct stuck *s)
{
    return s->looks >= STUCK_LOOKS;
}

enum stuck_verdict stuck_look(struct stuck *s, uint64_t step)
{
    bool was = stuck_is(s), moved = step == SCOREBOARD_WAITS || step != s->step;

    s->step = step;
    s->looks = moved ? 0 : s->looks + (s->looks < UINT32_MAX);
    if (stuck_is(s) == was)
        return STUCK_NOTHING_NEW;
    return was ? STUCK_ENDS : STUCK_BEGINS;
}

bool stuck_in_open(const struct stuck *s)
{
    return (s->step & SCOREBOARD_STEP_MASK) == SCOREBOARD_OPENS && s->looks == STUCK_OPEN_LOOKS;
}

const char *stuck_from(uint64_t step)
{
    switch (step & SCOREBOARD_STEP_MASK) {
    case SCOREBOARD_SENDS:
        return "its endpoint: a file system that does not answer (frozen, or its server is gone), "
               "or a name look-up";
    case SCOREBOARD_DELIVERS:
        return "its plugin's deliver() or event()";
    case SCOREBOARD_READS:
        return "the spool, or its plugin's format()";
    case SCOREBOARD_STORES:
        return "storing its position in the spool";
    case SCOREBOARD_OPENS:
        return "its plugin's open()";
    }
    return "its work";
}
