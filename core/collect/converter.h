/* collect/converter.h - who makes metrics of what a collector prints: garnet-convert, between its stdout and its socket
 *
 * So no foreign text is parsed in garnetd. It is a run of its own (collect/run.h), as the collector's user, but outside of its
 * process group, control group and limits: what ends the collector does not end it. It begins first. When the collector and all
 * that it has started are gone, it is told the exit status, on its descriptor 3, and gets `grace` to come to the end of its
 * input and to its reply. One that ends before has failed, and then its collector is ended, too: nobody hears it.
 */
#pragma once
#include "collect/run.h"

struct converter { /* its own to write */
    struct run run;
    struct conf_collector conf; /* its own: made of the collector's */
    const char *program;        /* garnet-convert; borrowed */
    const char *command[5];
    int out,
        status; /* write ends: what is printed goes into the one, how it ended into the other; -1 */
    struct run_ends its; /* the other ends of these; 0 */
    int64_t grace;       /* ns, from the collector's end on */
    struct loop_timer late;
    bool early; /* it has ended before the collector */
    void (*over)(void *arg);
    void *arg;
};

/* over() comes once for each that was started, from the loop or from converter_abandon(). */
void converter_init(struct converter *c, struct keepers *keepers, const char *name,
                    const char *program, void (*over)(void *arg), void *arg);
/* For a run of this collector. False: run.receipt says why. `of` is borrowed until it is over. */
bool converter_start(struct converter *c, const struct conf_collector *of, int64_t slot_ns);
bool converter_alive(const struct converter *c);
/* What the collector prints into. */
struct run_ends converter_ends(const struct converter *c);
/* The collector has ended so (wait status; -1: it never ran). */
void converter_finish(struct converter *c, int status);
void converter_hurry(struct converter *c, enum ending why); /* its time is up */
/* The same collector, of a newer configuration: borrowed in place of the one before. */
void converter_adopt(struct converter *c, const struct conf_collector *of);
void converter_abandon(struct converter *c);
/* Of one that is over: why what was printed has not become metrics. False: it has. */
bool converter_failed(const struct converter *c, struct why *why);
