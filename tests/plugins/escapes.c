/* A formatter whose every text would move a terminal's cursor. */
#include <garnet/plugin.h>

#define ESCAPES "\x1b]0;pwned\x07\x1b[2J\r\x7f\xc2\x9b"

static int format(garnet *g, const garnet_metric *m)
{
    (void)m;
    g->host->log(g, GARNET_WARN, "%s", "says " ESCAPES);
    return g->host->fail(g, GARNET_SKIP, "%s", "skips " ESCAPES);
}

GARNET_PLUGIN(.name = "escapes", .version = "1" ESCAPES, .about = "About " ESCAPES, .lines = 1,
              .format = format);
