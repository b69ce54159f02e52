/* cli/spool.c - the command lines of `garnet spool`. What is wrong with one is printed, and gives EXIT_USAGE. */
#include "cli/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/number.h"
#include "base/terminal.h"
#include "cli/spool_cat.h"
#include "cli/spool_list.h"
#include "cli/spool_verify.h"

const char SPOOL_HELP[] =
    "usage: garnet spool list DIR\n"
    "       garnet spool cat DIR [--json] [--from SEQ]\n"
    "       garnet spool verify DIR\n"
    "\n"
    "Looks into a spool, and changes nothing: also beside garnetd, and then shows one moment. "
    "Needs\n"
    "root, or the user that garnetd runs as.\n"
    "  list    its segments, its reserve, and where each sink is\n"
    "  cat     every metric, the oldest first, one a line: time, name, tags, value, unit, "
    "collector.\n"
    "          What is gone is said on standard error: left out N (expired), or (damaged).\n"
    "          --json      an object a line, with its sequence number; what is gone is one as "
    "well\n"
    "          --from SEQ  from this sequence number on\n"
    "  verify  reads it from its oldest metric to its newest, and prints its segments, its "
    "damage,\n"
    "          and for each sink that accepted = confirmed + unconfirmed + queued + dropped, by\n"
    "          reason\n"
    "Exit status: 0 all is well, 1 damage or numbers that do not add up, 2 wrong usage, 111 the\n"
    "folder cannot be read.\n";

static int misused(const char *text, const char *what)
{
    say(stderr, "garnet spool: %s%s (see `garnet spool --help`)", text, what);
    return EXIT_USAGE;
}

static int run_cat(int argc, char *const argv[])
{
    struct spool_cat c = {0};
    struct why why;
    int64_t from;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0) {
            c.json = true;
        } else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc) {
            if (!units_int(argv[++i], &from, &why) || from < 0)
                return misused("--from needs a sequence number, not ", argv[i]);
            c.from = (uint64_t)from;
        } else if (argv[i][0] == '-' || c.dir != NULL) {
            return misused("cat does not take ", argv[i]);
        } else {
            c.dir = argv[i];
        }
    return c.dir != NULL ? spool_cat(&c) : misused("cat which folder?", "");
}

int spool_main(int argc, char *const argv[])
{
    static const struct {
        const char *name;
        int (*run)(const char *dir);
    } of_a_folder[] = {{"list", spool_list}, {"verify", spool_verify}};

    if (argc < 2)
        return misused("write list, cat or verify", "");
    if (strcmp(argv[1], "cat") == 0)
        return run_cat(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof of_a_folder / sizeof *of_a_folder; i++)
        if (strcmp(argv[1], of_a_folder[i].name) == 0)
            return argc == 3 ? of_a_folder[i].run(argv[2])
                             : misused("one folder belongs to ", argv[1]);
    return misused("no command ", argv[1]);
}
