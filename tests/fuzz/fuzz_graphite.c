/* fuzz_graphite.c - any metric through plugins/graphite, in both styles, and read back: one line, and
 * in it the same identity, value and time */
#include "formatter.h"

#include "../unit/read_graphite.h"

enum { PLAIN, TAGGED };
static const char *const styles[] = {"{to: stdout, path: '{name}.{tags}'}",
                                     "{to: stdout, style: tagged}", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct input x;
    struct formatter *f;
    unsigned lines;
    char *line;

    if (!input_read(&x, p, n))
        return 0;
    f = formatter_get(styles, x.style);
    line = formatted(f, &x.m, &lines);
    if (line == NULL)
        return 0;
    HOLDS(lines == 1);
    same_time(&x.m, cut_last(line));
    same_value(&x.m, cut_last(line));
    if (f == &formatters[TAGGED])
        read_tagged(&x.m, line);
    else
        read_plain(&x.m, line);
    free(line);
    return 0;
}
