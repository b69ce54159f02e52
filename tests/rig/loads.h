/* tests/rig/loads.h - configurations that are loaded one after the other by a real child, as garnetd does; all assert
 *
 * One a test, called `loads`. */
#pragma once
#include "daemon/reload.h"
#include "rig/daemon_stand.h"

extern struct loads {
    struct stand stand;
    struct reload reload;
    struct generation *generation; /* loaded last */
    int accepted, refused;
    bool end_when_loaded; /* from within the callback */
} loads;

#define GOOD "#!/bin/sh\n[ $1 = check ]\n"
/* No longer than who asks. */
#define HANGS                                                                                      \
    "#!/bin/sh\nwhile read -r pid name state parent rest </proc/$$/stat && [ $parent = $PPID ]\n"  \
    "do sleep .1; done\n"
#define SINK    "sinks:\n  - {name: main, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n"
#define RUNS    "command: [/bin/true]\n"
#define MISSING "command: [./later]\n" /* beside its file */

/* `check`: what stands for `garnet-sink check`. */
void loads_begin(const char *conf, const char *check);
void loads_end(void);
void loads_go(void); /* one more, to its end */
/* Of the configuration loaded last; NULL: there is none of that name. */
const struct conf_collector *loads_collector(const char *name);
pid_t loads_child(void);     /* who reads just now */
void loads_turn(int64_t ns); /* the loop, for so long: looks come */
