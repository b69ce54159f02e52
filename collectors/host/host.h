/* host.h - what a subject has at hand: the files, and where its numbers go
 *
 * A file is read once in a round, whoever asks for it, and stays open for the next one. What is wrong with one number
 * or one line costs that alone: the subject complains, and goes on. No number is better than a wrong one.
 */
#pragma once
#include <stdbool.h>

#include "base/why.h"
#include "host/chosen.h"
#include "host/fields.h"
#include "host/samples.h"
#include "host/subject.h"

enum {
    HOST_FILES = 32,           /* the most that all subjects together read */
    HOST_FILE_MOST = 16 << 20, /* bytes of a file */
    HOST_FIGURES = 128,        /* the most that a subject has */
    HOST_WORDS = 256,          /* the most that it is told to look at */
    HOST_VALUES = 12,          /* options with an argument */
};

struct host_file {
    const char *name; /* "/proc/stat", as in the tables; borrowed */
    int fd;           /* -1: not open */
    int error;        /* errno of this round; 0: text is whole */
    bool opened;      /* whether the error is not one of opening it */
    uint64_t round;   /* when it was read last */
    struct buf text;
};

struct host {
    struct samples out;
    const char *proc, *sys;   /* what stands in place of /proc and /sys; borrowed */
    const char *root;         /* what stands before the host's mount points; borrowed */
    unsigned options;         /* HOST_PER_CORE, ... */
    bool goes_on;             /* there will be another round, and another after that */
    const char *const *words; /* what to look at; borrowed, as are the values */
    size_t nwords;
    const char *values[HOST_VALUES]; /* of the subject's options; NULL: not given */
    struct chosen chosen;
    uint64_t page;        /* bytes */
    uint64_t socket_page; /* bytes; see below */
    uint64_t ticks;       /* a second */
    uint64_t round;
    struct host_file files[HOST_FILES];
    size_t nfiles;
    /* The subject that is read, and what is wrong: */
    const struct subject *at;
    struct why why; /* the first, and how many more; "": nothing */
    unsigned more;
    bool absent; /* all of it is that something is not there */
    bool sound;  /* all of it is remarks */
};

void host_start(struct host *h, const char *proc, const char *sys);
void host_free(struct host *h);
/* What the kernel of this release (uname) counts the memory of sockets in: before 6.0 it is 4096 bytes, whatever a page has. */
uint64_t host_socket_page(const char *release, uint64_t page);
/* What was measured before is forgotten. */
void host_begin(struct host *h);
/* Adds a subject's samples. False: something of it is missing; see why and absent. */
bool host_read(struct host *h, const struct subject *s);

/* --- for subjects --- */

/* The text of a file of the tables, good until the end of the round. False, with a complaint: there is none. */
bool host_text(struct host *h, const char *name, struct str *text);
/* The same of a file that sound hosts need not have: no complaint when it is not there. */
bool host_text_if_any(struct host *h, const char *name, struct str *text);
/* Of a subject's complaints in a round the first stands, and the others are counted. */
void host_complain(struct host *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same where something is not there at all, as on hosts that are sound. */
void host_miss(struct host *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Said as a complaint is, and none: nothing of the collector's own is wrong, but what it looks at, and the figures say so. */
void host_remark(struct host *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* `name` as people find it: below --proc or --sys. Below another /proc than our own, /proc/net and /proc/self are those of
 * its first process: a link to our own would lead to us, and so to our namespaces. */
const char *host_path(const struct host *h, const char *name, char *path, size_t size);
/* A number as the kernel counts it. One that is too large for its unit is left out, with a complaint. */
void host_u64(struct host *h, const struct figure *f, uint64_t v);
void host_older(struct host *h, const struct figure *f, uint64_t v); /* from f->older */
/* Which thing the next numbers are about; what cannot be told apart is left out, with a complaint: false. */
bool host_tag(struct host *h, struct str value);
bool host_tags(struct host *h, const struct str values[FIGURE_TAGS]);
