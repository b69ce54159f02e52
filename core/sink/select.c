/* sink/select.c - which metrics a sink wants
 *
 * The configuration has checked the patterns. Cannot fail.
 */
#include "sink/select.h"

#include "base/glob.h"

static bool any(const struct strings *patterns, struct str name)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (glob_match(patterns->v[i], name))
            return true;
    return false;
}

bool select_wants(const struct conf_sink *sink, const struct metric *m)
{
    return (sink->only.n == 0 || any(&sink->only, m->name)) && !any(&sink->drop, m->name);
}
