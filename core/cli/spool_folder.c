/* cli/spool_folder.c - the folder is 0700, and its files 0600 (spool/rights.h): so who may not read it sees that at once */
#include "cli/spool_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "spool/segment.h"
#include "spool/tail.h"

bool spool_fault(struct why *why, int error)
{
    const char *advice = "";

    if (error == EACCES || error == EPERM)
        advice = ": only root and the user that garnetd runs as may read a spool: run this as one "
                 "of them, with sudo for example";
    else if (error == ENOENT)
        advice = ": either garnetd has not run yet, or its spool is elsewhere (`spool: {dir: ...}` "
                 "in its configuration)";
    return why_set(why, "cannot be read: %s%s", strerror(error), advice);
}

int spool_folder(const char *dir, struct why *why)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        (void)spool_fault(why, errno);
    return fd;
}

int spool_end(int dirfd, uint64_t *next)
{
    struct segment_list l;
    struct tail_frame f;
    enum tail_result r;
    struct tail *t;
    bool any;

    if (segment_list(dirfd, &l) < 0)
        return -1;
    any = l.n > 0;
    *next = any ? l.first_seq[l.n - 1] : 0;
    segment_list_free(&l);
    if (!any)
        return 0;
    if ((t = tail_open(dirfd, *next)) == NULL)
        return -1;
    while ((r = tail_next(t, &f)) == TAIL_FRAME || r == TAIL_LOST)
        continue;
    *next = *next > tail_seen(t) ? *next : tail_seen(t);
    tail_close(t);
    return r == TAIL_ERROR ? -1 : 1;
}
