/* pid_files.h - the files of a process: what it is, its command line, memory, descriptors and io
 *
 * All are opened below its folder in /proc, so that none of them is another's who has its pid by now. The command line and the memory
 * may wait for a process that hangs.
 */
#pragma once
#include "base/buf.h"

enum {
    PID_NAME = 64
}; /* bytes of a process's name: the kernel's own have more than the 15 of others */

enum pid_answer {
    PID_THERE,
    PID_GONE,    /* it has ended meanwhile */
    PID_NO_FILE, /* this kernel has no such file */
    PID_DENIED,  /* errno says why; pid_is_hidden() */
};

/* All zero but dir and living, which are -1: none. */
struct pid_files {
    const char *pid; /* borrowed */
    int dir;         /* of the process */
    int living; /* of a thread that has its memory and descriptors: where its first one has ended, and others go on. -1: dir */
    bool sized; /* the size of a folder of descriptors says how many there are: Linux 6.2 */
    struct buf text; /* what was read last */
};

struct pid_stat {
    char comm[PID_NAME + 1]; /* its name */
    char state;
    bool ended;  /* a zombie: nothing of it runs */
    bool kernel; /* the kernel's own: it has no memory */
    uint64_t parent, user, system, threads, start, rss;
};

/* Whether the errno says that this user may not look at another's. */
bool pid_is_hidden(int error);
/* `pid` is below the folder `proc`. False, with errno. */
bool pid_open(struct pid_files *f, int proc, const char *pid);
void pid_close(struct pid_files *f); /* what was read stays */
void pid_free(struct pid_files *f);

/* *good: it is as proc(5) has it, and s is set. */
enum pid_answer pid_read_stat(struct pid_files *f, struct pid_stat *s, bool *good);
/* The arguments with blanks between them and a NUL behind, in text; "": it has none. */
enum pid_answer pid_read_line(struct pid_files *f);
enum pid_answer pid_count_descriptors(struct pid_files *f, uint64_t *n);
enum pid_answer pid_read_io(struct pid_files *f, uint64_t *bytes_read, uint64_t *bytes_written);
enum pid_answer pid_read_pss(struct pid_files *f, uint64_t *kib);
