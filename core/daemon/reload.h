/* daemon/reload.h - the configuration, read at the start and at each SIGHUP
 *
 * While a child reads and checks (daemon/check.h) the old configuration runs. If the main file is wrong,
 * the old one stays, and the collectors' files are applied beside it. HUPs that come meanwhile, the start
 * included, lead to one more round, so none is lost however many there are. A child whose keeper is killed, or the
 * nursery before it comes to it, is started once more.
 *
 * What a collector's file was refused for is looked at again every look_every, where that is of the
 * world, and likewise the folder of scripts, if there is one; a HUP goes before such a look. There is no look while a child that was killed is not gone: on a
 * dead mount they would become more and more.
 */
#pragma once
#include "daemon/generation.h"
#include "daemon/row.h"
#include "keep/ward.h"

struct reload { /* its own to write */
    struct loop *loop;
    struct keepers *keepers;
    const char *path, *sink_program;
    void (*loaded)(void *arg, struct generation *g);
    void *arg;
    struct generation *now; /* accepted last; NULL: none yet */
    bool loading;           /* there is a child, until both its end and its pipe's were seen: */
    bool looking;           /* it only looks at what was refused */
    struct ward child;
    struct ward_end how; /* it ended */
    bool lost;           /* one has been, and this is the second try */
    struct ward killed;  /* one that was, and is not gone yet: it hangs in the kernel */
    struct loop_fd pipe;
    int hung; /* the table of those who ask for it, conf/hung.h; -1: there was no memory */
    struct loop_timer deadline;
    struct buf got;
    bool again; /* requested while one was under way */
    struct loop_timer look;
    int64_t look_every; /* ns: a test's to set */
    bool look_failed;   /* the last one: logged */
    bool world;         /* what was refused last may be good in a while */
    bool beside; /* the new main file has errors: the old one is in use, beside new collectors */
    bool ended;
    uint64_t failures;
    struct buf
        wrong; /* the errors for which the newest main file is not in use; as much as is kept */
    int64_t applied_ns; /* wall: when `now` was */
};

/* `loaded` gets each configuration that is accepted, the reference included, or NULL: refused, and
 * logged; while `looking` none that is refused, or is as the one before. It may call reload_end(). Path
 * and program are borrowed. */
void reload_init(struct reload *r, struct keepers *keepers, const char *path,
                 const char *sink_program, void (*loaded)(void *arg, struct generation *g),
                 void *arg);
/* SIGHUP; `arg` is the struct reload. */
void reload_request(void *arg);    /* not `loading` after it: it could not be begun */
void reload_end(struct reload *r); /* nothing is loaded any more */
void reload_free(struct reload *r);

void reload_metrics(const struct reload *r, const struct self_round *at);
