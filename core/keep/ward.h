/* keep/ward.h - one process of ours under a keeper of its own, from garnetd's side: a sink's worker, or who reads the
 * configuration
 */
#pragma once
#include "keep/keepers.h"
#include "keep/warder.h"

struct ward_events {
    void *arg;
    void (*hangs)(void *arg); /* KILL has not ended all of it for 2 s; or NULL */
    void (*ended)(void *arg, const struct ward_end *end);
};

struct ward {                   /* garnetd's side; its own to write, all zero: none */
    struct keeper_link *keeper; /* NULL: none */
    pid_t pid;                  /* 0: not known yet; of the last one, once it has ended */
    bool stopped;               /* somebody has, by a signal */
    struct ward_events ev;
};

/* 0: ended() follows, from the loop. -1 with errno. */
int ward_start(struct ward *w, struct keepers *k, const char *who, const struct ward_job *job,
               const struct ward_events *ev);
bool ward_runs(const struct ward *w);
void ward_signal(const struct ward *w, int signo); /* TERM or KILL */
/* Nobody waits for it any more: ended() does not come. It ends as if garnetd were gone. */
void ward_abandon(struct ward *w);
/* Where it is from now on, and who is told of it. */
void ward_move(struct ward *to, struct ward *from, const struct ward_events *ev);
