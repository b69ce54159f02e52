/* plugintest/trial.h - a plugin under test, in its child: made ready, asked, judged
 *
 * What a check says is one line "ok NAME", or one "FAIL NAME: what is wrong; what to do" for each thing that
 * is wrong, up to a few.
 */
#pragma once
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
    bool printed;      /* the plugin has, to standard output, and a line has said so */
    /* in the child */
    unsigned failures;
    struct plugin plugin;
    struct batch batch;
    struct arena arena;
    struct errors errors;
    struct conf_sink sink;
};

enum { TRIAL_BATCH = 65536 /* bytes: what a sink has by default */ };

/* Prints a FAIL line of the check at hand; after a few it only counts. Returns false. */
bool trial_fail(struct trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ends a check that ran to its end: prints "ok" and `fmt` if nothing failed. Returns the result for
 * child_run(). */
int trial_end(struct trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Each of these: false after a FAIL line. */
bool trial_load(struct trial *t);
bool trial_configure(struct trial *t); /* by the options given */
bool trial_open(struct trial *t);
bool trial_batch(struct trial *t, size_t size);       /* begun; of any number of metrics */
bool trial_ready(struct trial *t, size_t batch_size); /* all that */
/* The options given, as a map in YAML. */
bool trial_options(struct trial *t, struct buf *yaml);
/* Configures by `yaml`, which errors call `file`. False: they are in t->errors, and not printed. */
bool trial_configure_by(struct trial *t, const char *file, struct str yaml);
/* Adds a metric; false after a FAIL line, if it is answered wrongly. */
bool trial_add(struct trial *t, const struct metric *m, const char *what);
/* Bytes as text in a message: static, shortened. */
const char *trial_show(const char *p, size_t n);
