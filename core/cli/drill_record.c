/* cli/drill_record.c - runs the command by /bin/sh, and looks for names in what it prints; its status says nothing */
#include "cli/drill_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/drill_worker.h"

enum { MOST = 1 << 28 /* bytes that it prints */ };
static const int64_t SETTLING = 10 * NS_PER_S; /* so long it may print nothing more */

static bool read_output(const char *command, struct buf *out)
{
    FILE *from = popen(command, "re"); /* NOLINT(cert-env33-c): it is the user's */
    int r = from != NULL ? fd_read_all(fileno(from), -1, out) : -1, failed = errno;

    if (from != NULL)
        (void)pclose(from);
    errno = failed;
    return r == 0;
}

static void count_times(const struct buf *text, const char *mark, uint8_t *times, uint64_t n)
{
    const char *at = text->p, *end = text->p + text->n;
    size_t length = strlen(mark);

    memset(times, 0, n);
    while (at < end && (at = memmem(at, (size_t)(end - at), mark, length)) != NULL) {
        char digits[DRILL_DIGITS + 1] = "";
        size_t left;
        uint64_t metric;

        at += length;
        left = (size_t)(end - at);
        memcpy(digits, at, left < DRILL_DIGITS ? left : DRILL_DIGITS);
        metric = strtoull(digits, NULL, 10);
        if (metric < n && times[metric] < UINT8_MAX)
            times[metric]++;
    }
}

static void sum_up(struct drill_record *r, const uint8_t *times, uint64_t n)
{
    *r = (struct drill_record){0};
    for (uint64_t i = n; i-- > 0;) {
        r->twice += times[i] > 1 ? times[i] - 1U : 0;
        r->missing += times[i] == 0;
        r->first_missing = times[i] == 0 ? i : r->first_missing;
    }
}

static bool look_once(struct drill_record *r, const char *command, const char *mark, uint64_t n)
{
    uint8_t *times = malloc(n + 1);
    struct buf text = {.max = MOST};
    bool ok = times != NULL && read_output(command, &text);

    if (ok) {
        count_times(&text, mark, times, n);
        sum_up(r, times, n);
    }
    free(times);
    buf_free(&text);
    return ok;
}

bool drill_record_ask(struct drill_record *r, const char *command, const char *mark, uint64_t n,
                      uint64_t without)
{
    const struct timespec pause = {.tv_nsec = 200 * NS_PER_MS};
    int64_t since = clock_mono();
    uint64_t least = UINT64_MAX;

    while (look_once(r, command, mark, n)) {
        if (r->missing < least)
            since = clock_mono();
        least = r->missing < least ? r->missing : least;
        if (r->missing <= without || clock_mono() - since >= SETTLING)
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}
