/* plugintest/trial.h - a plugin under test, in its child: made ready, asked, judged
 *
 * Each check_...() is one check of `garnet plugin test`, and prints one line "ok NAME", or one
 * "FAIL NAME: what is wrong; what to do" for each thing that is wrong, up to a few.
 */
#ifndef PLUGINTEST_TRIAL_H
#define PLUGINTEST_TRIAL_H
#include "plugin/batch.h"
#include "plugintest/child.h"

struct trial {
    /* what is to be tested; set by the owner */
    const char *file;
    char *const *options; /* "KEY=VALUE" */
    size_t noptions;
    const char *golden; /* a case's folder */
    struct child *child;
    const char *check; /* the one at hand */
    bool printed;      /* the plugin has, to standard output, and that is told */
    /* in the child */
    unsigned failures;
    struct plugin plugin;
    struct batch batch;
    struct arena arena;
    struct errors errors;
    struct conf_sink sink;
};

enum { TRIAL_BATCH = 65536 /* bytes: what a sink has by default */ };

/* Prints a FAIL line of the check at hand; after a few it only counts. */
void trial_fail(struct trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ends a check that ran to its end: prints "ok" and `fmt` if nothing failed. Returns the result for
 * child_run(). */
int trial_end(struct trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Loads the plugin; fills its options from -o, or from `yaml` called `yaml_file`. False: failed,
 * and told, except that with `yaml` errors are left in t->errors. */
bool trial_load(struct trial *t);
bool trial_configure(struct trial *t, const char *yaml_file, struct str yaml);
bool trial_open(struct trial *t);
bool trial_ready(struct trial *t, size_t batch_size); /* all that, and a batch */
/* Adds a metric; false and told, if it is answered wrongly. */
bool trial_add(struct trial *t, const struct metric *m, const char *what);
/* Bytes as text in a message: static, shortened. */
const char *trial_show(const char *p, size_t n);

/* For child_run(); arg is a struct trial. */
int check_load(void *arg);    /* plugin_load.c: and the symbols */
int check_options(void *arg); /* plugin_trial.c */
int check_open(void *arg);    /* plugin_close.c */
int check_format(void *arg);  /* plugin_format.c */
int check_hostile(void *arg);
int check_batch(void *arg);
int check_close(void *arg);  /* plugin_close.c */
int check_golden(void *arg); /* plugin_golden.c */

#endif
