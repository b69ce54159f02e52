/* clock - how far this machine's clock is off, as the kernel has it, and how it is corrected
 *
 * adjtimex(), which looks alone and needs no privilege for that. The numbers are what the program that keeps the clock
 * (chronyd, ntpd, systemd-timesyncd) has told the kernel; where none runs, max_error grows until it is 16 s and
 * synchronized is 0. It is not there where a filter of system calls forbids it, as ProtectClock= of systemd does.
 */
#include <errno.h>
#include <sys/timex.h>

#include "host/host.h"

#define SOURCE "adjtimex()"
#define FIGURE(key, of_unit, in_struct, of_node)                                                   \
    {                                                                                              \
        .name = "clock." key, .unit = (of_unit), .type = "gauge", .file = SOURCE,                  \
        .field = (in_struct), .node_exporter = "node_timex_" of_node                               \
    }

static const struct figure FIGURES[] = {
    FIGURE("offset", "us", "offset", "offset_seconds"),
    FIGURE("frequency", "us/s", "freq", "frequency_adjustment_ratio"),
    FIGURE("max_error", "us", "maxerror", "maxerror_seconds"),
    FIGURE("estimated_error", "us", "esterror", "estimated_error_seconds"),
    FIGURE("synchronized", NULL, "status, not STA_UNSYNC", "sync_status"),
};
enum { OFFSET, FREQUENCY, MAX_ERROR, ESTIMATED_ERROR, SYNCHRONIZED };

static void clock_read(struct host *h)
{
    struct timex t = {.modes = 0};

    if (adjtimex(&t) < 0) {
        if (errno == EPERM || errno == EACCES || errno == ENOSYS)
            host_miss(h, SOURCE ": %m: a filter of system calls may forbid it (ProtectClock=)");
        else
            host_complain(h, SOURCE ": %m");
        return;
    }
    samples_f64(&h->out, &FIGURES[OFFSET],
                (t.status & STA_NANO) != 0 ? (double)t.offset / 1000 : (double)t.offset);
    samples_f64(&h->out, &FIGURES[FREQUENCY], (double)t.freq / 65536); /* of 16 bits of fraction */
    samples_f64(&h->out, &FIGURES[MAX_ERROR], (double)t.maxerror);
    samples_f64(&h->out, &FIGURES[ESTIMATED_ERROR], (double)t.esterror);
    host_u64(h, &FIGURES[SYNCHRONIZED], (t.status & STA_UNSYNC) == 0);
}

const struct subject clock_subject = {
    .name = "clock",
    .about = "how far the clock is off: clock.offset, clock.max_error, clock.synchronized, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = clock_read,
    .optional = true,
};
