/* fuzz_graphite.c - any metric through plugins/graphite, in both styles, and read back: one line, and
 * in it the same identity, value and time */
#include "formatter.h"
#include "rig/read_graphite.h"

enum { PLAIN, TAGGED };
static const char *const styles[] = {"{to: stdout, path: '{name}.{tags}'}",
                                     "{to: stdout, style: tagged}", NULL};

static void same_line(const struct metric *m, char *line, unsigned style)
{
    same_time(m, cut_last(line));
    same_value(m, cut_last(line));
    if (style == TAGGED)
        read_tagged(m, line);
    else
        read_plain(m, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return fuzz_one_line(styles, p, n, same_line);
}
