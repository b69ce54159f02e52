/* tests/rig/daemon_stand.h - what each part of garnetd needs to be made by itself: a loop, a folder, a log that can be read,
 * a configuration, an intake whose batches are kept as text; all assert */
#pragma once
#include <criterion/criterion.h>

#include "base/clock.h"
#include "daemon/generation.h"
#include "daemon/selfmetrics.h"
#include "intake/intake.h"
#include "keep/keepers.h"
#include "rig/files.h"
#include "rig/until.h"
#include "spool/append.h"

struct stand {
    char dir[64];
    struct loop *loop;
    struct intake *intake;    /* NULL before stand_intake() */
    struct selfmetrics *self; /* likewise */
    struct selfmetrics selfmetrics;
    struct append *spool;   /* NULL before stand_spool() */
    struct keepers keepers; /* .loop NULL before stand_keepers() */
    struct buf taken;       /* by the intake: a line a metric, "name value [tag=value]..." */
    int log;                /* read end */
    struct buf logged;
};

void stand_begin(struct stand *s);
void stand_end(struct stand *s);

/* "DIR/name", in static memory: eight of them. */
const char *stand_path(const struct stand *s, const char *name);
/* An executable file; its path as above. */
const char *stand_script(const struct stand *s, const char *name, const char *text);
/* garnet.yaml, with socket, host, spool and plugin_path before `more`; its path as above. */
const char *stand_configure(const struct stand *s, const char *more);
void stand_collector(const struct stand *s, const char *name,
                     const char *text); /* its file; NULL: none */
/* What the files say now, by everything that garnetd asks; holds one reference. */
struct generation *stand_generation(const struct stand *s);

/* Both as `c` has it. Garnet's own metrics have no rounds. */
void stand_intake(struct stand *s, const struct conf *c);
void stand_spool(struct stand *s, const struct conf *c);
void stand_keepers(struct stand *s);
void stand_append(struct stand *s, unsigned metrics); /* one frame of so many */

int stand_logged(struct stand *s, const char *what); /* how often */
int stand_taken(struct stand *s, const char *what);

/* Turns the loop until the condition holds, at most 20 s. */
#define STAND_UNTIL(s, condition)                                                                  \
    UNTIL_WITHIN(20, (void)loop_turn((s)->loop, 20 * NS_PER_MS), condition, stand_log_text(s))
const char *stand_log_text(struct stand *s);
