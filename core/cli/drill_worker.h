/* cli/drill_worker.h - a plugin at work as garnetd has it: a spool, a cursor, and the real worker in a process of its own
 *
 * garnetd's side in small, for `garnet plugin test --deliver`. The spool is a temporary folder. Its metrics have names
 * that nothing else has, of small letters and digits, so that they are found again in whatever form the
 * peer keeps them. What a worker had handed to the plugin when it ended, and not put down as arrived, is in doubt: the
 * next one hands it over again.
 */
#pragma once
#include <sys/types.h>

#include "conf/conf.h"
#include "model/scoreboard.h"
#include "spool/cursor.h"

struct append;

struct drill_worker {
    struct arena arena;
    struct conf conf;
    struct conf_sink sink;
    char dir[64], spool_dir[72];
    char mark[24]; /* what the name of each metric begins with */
    struct append *spool;
    struct scoreboard *board;
    uint64_t accepted; /* metrics, since the beginning */
    uint64_t before;   /* where the last of these began in the spool */
    uint64_t doubt;    /* of those, which may have come once too often by the ends of workers */
    pid_t pid;         /* 0: none runs */
    int control;
    bool ready, finished; /* it has said */
    int status;           /* of the last one that ended */
};

enum { DRILL_DIGITS = 7 /* behind the mark */ };

/* Until when drill_worker_wait() waits. */
enum drill_until {
    DRILL_READY,   /* it has its plugin */
    DRILL_AT_WORK, /* something of the last drill_worker_accept() has been handed to the plugin */
    DRILL_SETTLED, /* all that was accepted is confirmed, or dropped and counted */
    DRILL_ENDED,
};
enum drill_wait { DRILL_DONE, DRILL_LATE, DRILL_DIED /* though nobody asked it to */ };

/* False: `e` has what is wrong with the options, or what the system refused. */
bool drill_worker_open(struct drill_worker *w, const char *file, char *const options[], size_t n,
                       struct errors *e);
void drill_worker_close(struct drill_worker *w);              /* kills it; nothing is left behind */
bool drill_worker_accept(struct drill_worker *w, uint64_t n); /* false with errno */
bool drill_worker_start(struct drill_worker *w);              /* false with errno */
/* A signal, or for 0 garnetd's word to deliver what is there and end. */
void drill_worker_stop(struct drill_worker *w, int signo);
/* DRILL_ENDED never says DIED. */
enum drill_wait drill_worker_wait(struct drill_worker *w, enum drill_until what, int64_t ns);
/* Nothing is known of it: zero. */
struct cursor_state drill_worker_cursor(const struct drill_worker *w);
