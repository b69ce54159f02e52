/* cli/run_choose.h - the collector that `garnet run` runs: by its name, or of a file that is in no folder yet
 *
 * Loaded and judged as garnetd does it, with the rights of the caller. What does not matter to one run is not in its
 * way: other collectors' files, the sinks, and what the world lacks that only garnetd needs.
 */
#pragma once
#include "conf/conf.h"
#include "conf/snapshot.h"

struct run_choice {
    struct snapshot snapshot;
    struct errors errors;
    struct conf *conf;
    struct conf_collector
        *collector;   /* one of the conf's; its identity is what garnetd's run would have */
    const char *user; /* in words: who it runs as */
};

/* `what` holds a slash or ends in .yaml: a file. Pure. */
bool run_is_file(const char *what);
/* 0, or an exit status after all that is wrong was said. `config` is garnet.yaml, or NULL: the installed one. This
 * process may be another user after it, garnetd's. */
int run_choose(struct run_choice *c, const char *what, const char *config);
void run_choice_free(struct run_choice *c); /* whatever run_choose() has said */
