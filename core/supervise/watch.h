/* supervise/watch.h - what a worker's scoreboard says of it, looked at once a second and at its death
 *
 * The page (model/scoreboard.h) outlives every worker. From it come three verdicts: the plugin does
 * not come back from a metric, the worker stands still at something else, a metric is what the
 * workers die of (supervise/verdict.h). Each is logged here, as it begins and, where
 * that can be, as it ends.
 */
#ifndef SUPERVISE_WATCH_H
#define SUPERVISE_WATCH_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "model/scoreboard.h"
#include "supervise/verdict.h"

struct watch {
    const char *name;         /* the sink's; borrowed */
    struct scoreboard *board; /* and the file behind it; made for the first worker */
    int board_fd;
    struct poison poison;
    struct stuck stuck;
    struct condemned { /* our own list: what is in the scoreboard is at the plugin's mercy */
        uint64_t metric;
        int64_t when_ns;
        int signo;
    } condemned[SCOREBOARD_POISONS];
    unsigned ncondemned; /* ever */
    unsigned looks;      /* at the worker at hand */
    bool frozen;         /* at the last look somebody had stopped it */
};

void watch_init(struct watch *w, const char *name);
void watch_free(struct watch *w);
bool watch_next(struct watch *w); /* makes the page ready for a new worker; false with errno */
/* A look at the worker `pid`. True: kill it, its plugin does not come back. */
bool watch_look(struct watch *w, pid_t pid, bool stopped, bool ready);
/* It has died, by the signal `signo` that was not sent for other reasons, or (0) by its plugin's
 * exit(): says more in `what` if that came in format(). True: the next start is to come soon. */
bool watch_death(struct watch *w, int signo, char *what, size_t cap);
/* Its peer has stopped reading, as the worker says; or it does not come back from what it is at. */
bool watch_stalled(const struct watch *w);

#endif
