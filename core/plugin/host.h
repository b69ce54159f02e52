/* plugin/host.h - the host's side of a plugin's functions: what runs, what it may call, what its answer counts
 *
 * Holds a plugin to the table in garnet/plugin.h. Who calls one of its functions does so between
 * host_enter() and host_leave(); one function runs at a time. The reason of the last failure stays
 * in `why` until the next call.
 *
 * None of the calls that the plugin makes meanwhile (garnet_host) can fail towards it. One that is made
 * where it is not allowed, or with what makes no sense, breaks a rule. Where there is nobody to hand a
 * call on to (no loop to wait in, no batches in flight) it does nothing. What it says of a batch is only
 * noted: plugin/deliver.h takes the note when the function has returned.
 */
#pragma once
#include "garnet/plugin.h"
#include "plugin/options.h"
#include "plugin/waits.h"

enum plugin_callback {
    PLUGIN_IDLE, /* none runs: host code does */
    PLUGIN_CHECK,
    PLUGIN_OPEN,
    PLUGIN_BEGIN,
    PLUGIN_FORMAT,
    PLUGIN_END,
    PLUGIN_DELIVER,
    PLUGIN_EVENT,
    PLUGIN_CLOSE,
};

struct pending { /* the batches in flight */
    struct pending_batch {
        garnet_batch batch; /* as the plugin has it */
        struct buf bytes;   /* owned once it is kept; before that the caller's */
        uint64_t end;       /* offset behind it */
        enum pending_state {
            PENDING_NONE,
            PENDING_CALLED, /* deliver() runs, with this one */
            PENDING_OPEN,   /* the plugin has it */
            PENDING_AGAIN,  /* the plugin is to get it again */
            PENDING_DONE
        } state;
        uint64_t confirmed; /* which of the confirmations it is, until that is settled; 0: none */
        int answer;
        struct why why;    /* of that answer */
        uint32_t rejected; /* metrics that reject() has named */
        uint8_t *marked;   /* those, by bit; NULL: none */
        uint32_t first;    /* the first one named, and */
        struct why first_why;
    } v[GARNET_PENDING_MAX]; /* a ring, oldest first */
    unsigned head, n;
    uint64_t confirmations;
};

struct host {
    garnet g; /* what the plugin's functions get */
    garnet_host table;
    const garnet_plugin *def;
    const struct plugin_options *options;
    const struct node *node; /* the sink's */
    enum plugin_callback at;
    unsigned forks; /* when it was entered */
    bool broke;     /* a rule, so that its answer does not count */
    struct why why;
    /* set by whoever has them */
    struct buf *out;         /* where put() appends */
    struct errors *errors;   /* where bad() reports, while check() runs */
    struct pending *pending; /* what reject() and confirm() are about, or NULL */
    struct waits *waits;     /* what watch() and timer() go to, or NULL */
};

/* All that is pointed to is the caller's, and lives as long. From now on a child that the plugin forks
 * is found out, if it comes back from a call. */
void host_init(struct host *h, const garnet_plugin *def, const struct plugin_options *options);
void host_enter(struct host *h, enum plugin_callback at);
/* The answer that counts: the plugin's, if it may give that one and broke no rule; else FATAL, or
 * for format(), which is about one metric, REJECT. After anything but OK `why` has the reason. */
int host_leave(struct host *h, int answer);
/* A reason that is no broken rule; the reason of one stays. */
void host_why(struct host *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *host_name(enum plugin_callback at); /* "format()" */
