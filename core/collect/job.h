/* collect/job.h - what a keeper is to run: on its way from garnetd, which prepares it, to the keeper
 *
 * One packet, with the descriptors that the run gets; what is too long for a packet is in a memfd that goes along,
 * last. Both sides are one program, so numbers go as they are.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "collect/launch.h"

struct keeper_job {
    struct launch launch;
    int64_t timeout, grace; /* ns */
    pid_t garnetd;          /* control groups are named after it */
};

/* The descriptors in it stay the caller's. 0, or -1 with errno: EPIPE, ECONNRESET when nobody is at the
 * other end any more. Never blocks. */
int job_send(int control, const struct keeper_job *job);

enum job_taken {
    JOB_TAKEN,
    JOB_NONE, /* nothing, or a word that was meant for the run before */
    JOB_BAD,  /* it cannot be had: errno */
    JOB_END   /* there is no garnetd any more */
};

/* The next job. All that it points to is in the arena; Its descriptors are the caller's to close. Never
 * blocks. */
enum job_taken job_take(int control, struct arena *a, struct keeper_job *job);
