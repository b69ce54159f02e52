/* cli/spool.c - what cli/spool_audit.c has found, for people and for scripts
 *
 * One fact a line, "key value" pairs that do not change their order. Fails with EXIT_WORLD when the
 * folder cannot be read; damage is no failure to read, and gives 1.
 */
#include "cli/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/terminal.h"
#include "cli/spool_audit.h"

const char SPOOL_HELP[] =
    "usage: garnet spool verify DIR\n"
    "\n"
    "Reads a spool from its oldest metric to its newest, and prints its segments, its damage, and\n"
    "for each sink that accepted = confirmed + queued + dropped, by reason. Changes nothing; may "
    "be\n"
    "run beside garnetd, and then shows the numbers of one moment.\n"
    "Exit status: 0 sound, 1 damage or numbers that do not add up, 2 wrong usage, 111 the folder\n"
    "cannot be read.\n";

static void print_damage(const struct audit *a)
{
    for (const struct audit_damage *d = a->damage; d != NULL; d = d->next)
        (void)printf("%s %" PRIu64 "..%" PRIu64 " (%" PRIu64 " metrics)\n",
                     d->expired ? "expired" : "damaged", d->seq, d->seq + d->count - 1, d->count);
    if (a->bad_records > 0)
        (void)printf("damaged records %" PRIu64 "\n", a->bad_records);
}

static void print_sink(const struct audit_sink *s)
{
    struct buf line = {0};

    if (s->error != 0) {
        say(stdout, "sink %s: its cursor cannot be read (%s): it will start at the oldest metric",
            s->name, strerror(s->error));
        return;
    }
    buf_putf(&line,
             "sink %s: accepted %" PRIu64 " = confirmed %" PRIu64 " + queued %" PRIu64
             " + dropped %" PRIu64,
             s->name, s->accepted, s->confirmed, s->queued, s->dropped);
    for (unsigned i = 0; drop_reason_name(i) != NULL; i++)
        if (s->cursor.dropped[i] > 0)
            buf_putf(&line, " %s=%" PRIu64, drop_reason_name(i), s->cursor.dropped[i]);
    if (s->unreadable > 0)
        buf_putf(&line, "; %" PRIu64 " of the queued cannot be read", s->unreadable);
    buf_putf(&line, "; unexplained %" PRIu64, s->unexplained);
    say(stdout, "%.*s", (int)line.n, line.n > 0 ? line.p : "");
    buf_free(&line);
}

static int print(const struct audit *a, const char *dir)
{
    bool sound = a->lost == 0 && a->bad_records == 0;

    say(stdout,
        "spool %s: %" PRIu64 " segments, %" PRIu64 " bytes; %" PRIu64 " frames, %" PRIu64
        " metrics; sequence %" PRIu64 "..%" PRIu64,
        dir, a->segments, a->bytes, a->frames, a->metrics, a->first, a->next);
    print_damage(a);
    for (const struct audit_sink *s = a->sinks; s != NULL; s = s->next) {
        print_sink(s);
        sound = sound && s->error == 0 && s->unexplained == 0;
    }
    return sound ? 0 : EXIT_CONFIG;
}

static int verify(const char *dir)
{
    struct audit a;
    struct why why;
    int status = EXIT_WORLD;

    if (audit_spool(&a, dir, &why))
        status = print(&a, dir);
    else
        say(stderr, "garnet: %s: %s", dir, why.text);
    audit_free(&a);
    return status;
}

int spool_main(int argc, char *const argv[])
{
    if (argc == 3 && strcmp(argv[1], "verify") == 0)
        return verify(argv[2]);
    (void)fprintf(stderr, "garnet spool: write `garnet spool verify DIR`\n");
    return EXIT_USAGE;
}
