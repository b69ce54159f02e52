/* Text for people: "# HELP: NAME", where a name may be anything, as it goes up to the end of the line. INSIDE: something stands
 * behind it, and so it may not. Both open a descriptor
 * that programs inherit, as a library may. */
#include <fcntl.h>
#include <garnet/plugin.h>
#include <unistd.h>

static int fd;

static int plugin_open(garnet *g)
{
    (void)g;
    fd = open("/dev/null", O_RDONLY);
    return GARNET_OK;
}

static void plugin_close(garnet *g)
{
    (void)g;
    (void)close(fd);
}

static int format(garnet *g, const garnet_metric *m)
{
    g->host->putf(g, "# HELP: %s\n", m->name.s);
#ifdef INSIDE
    g->host->putf(g, "# TYPE: %s gauge\n", m->name.s);
#endif
    return GARNET_OK;
}

#ifdef INSIDE
enum { LINES = 2 };
#else
enum { LINES = 1 };
#endif
GARNET_PLUGIN(.name = "free_text", .version = "1", .about = "Text for people.", .lines = LINES,
              .open = plugin_open, .close = plugin_close, .format = format);
