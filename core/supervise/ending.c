/* supervise/ending.c - a worker says when it ends by its own will. One that exits without is ended
 * by its plugin, unless it never came so far as to load it.
 */
#include "supervise/ending.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/exit.h"

enum { EXIT_NO_EXEC = 127 };

/* An exit() that it does not know of is its plugin's; but it may not have come that far. */
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
