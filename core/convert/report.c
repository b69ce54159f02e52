/* convert/report.c - written as it comes, by stdio; strangers' bytes are made visible */
#include "convert/report.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/terminal.h"

static const struct rate LINES = {.lines = 50, .per_ns = 10 * NS_PER_S, .pause = 10 * NS_PER_S};

static void say_more(const struct report *r, uint64_t n)
{
    if (n > 0)
        say(r->to, "%s: %" PRIu64 " more like these", r->program, n);
}

static void say_fault(const struct report *r, const struct output_fault *f)
{
    if (f->line > 0)
        say(r->to, "%s: line %" PRIu64 ", byte %" PRIu64 ": %s", r->program, f->line, f->byte,
            f->text);
    else
        say(r->to, "%s: %s", r->program, f->text);
}

void report_fault(struct report *r, const struct output_fault *f)
{
    uint64_t missing;

    r->faults++;
    if (!ratelimit_take(&r->limit, &LINES, clock_mono(), &missing))
        return;
    say_more(r, missing);
    say_fault(r, f);
}

void report_left_out(struct report *r, const struct output_fault *f, enum output_left what)
{
    if (r->left[what]++ == 0)
        say_fault(r, f);
}

void report_end(struct report *r)
{
    say_more(r, ratelimit_rest(&r->limit));
    for (unsigned i = 0; i < LEFT_KINDS; i++)
        if (r->left[i] > 1)
            say(r->to, "%s: %" PRIu64 " %s left out", r->program, r->left[i],
                output_left_name(i, r->left[i]));
}
