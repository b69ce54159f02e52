/* cli/plugin_describe.c - a loaded plugin's own words, as text or JSON
 *
 * Loads it as a worker would, so a plugin that a worker refuses is refused here with the same
 * sentence (EXIT_CONFIG). Its constructors run in this process; none of its callbacks does.
 */
#include "cli/plugin_describe.h"

#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/terminal.h"
#include "base/text.h"
#include "plugin/plugin.h"

static const char *const TYPES[] = {"?",        "string", "choice", "int",  "real", "bool",
                                    "duration", "size",   "path",   "list", "map"};
static const char *const COUNTERS[] = {"raw", "rate", "delta"};

/* Each bit's word. */
static const char *const FLAGS[] = {"idempotent", "untimed", "live", "ordered"};
static const char *const VALUES[] = {"i64", "u64", "f64"};
static const char *const ROLES[] = {"formatter", "sink", "pull"};
_Static_assert(PLUGIN_FLAGS == (1U << sizeof FLAGS / sizeof *FLAGS) - 1, "a flag has no name");

static uint32_t roles_of(const garnet_plugin *d)
{
    return d->deliver == NULL ? 1U : (d->flags & GARNET_LIVE) != 0 ? 2U | 4U : 2U;
}

static uint32_t values_of(const garnet_plugin *d)
{
    return d->vtypes != 0 ? d->vtypes : GARNET_I64 | GARNET_U64 | GARNET_F64;
}

/* With a comma between them and, for JSON, each in quotes. */
static void put_bits(struct buf *b, const char *const words[], uint32_t bits, bool json)
{
    const char *sep = "";

    for (unsigned i = 0; bits >> i != 0; i++)
        if ((bits >> i & 1U) != 0) {
            buf_putf(b, json ? "%s\"%s\"" : "%s%s", sep, words[i]);
            sep = json ? "," : ", ";
        }
}

/* --- JSON --- */

static void json_text(struct buf *b, const char *key, const char *value)
{
    if (value == NULL)
        return;
    buf_putf(b, ",\"%s\":", key);
    buf_put_json(b, str_of(value));
}

static void json_choices(struct buf *b, const char *choices)
{
    const char *sep = "";

    if (choices == NULL)
        return;
    buf_puts(b, ",\"choices\":[");
    for (size_t n; *choices != 0; choices += n + (choices[n] == '|')) {
        n = strcspn(choices, "|");
        buf_puts(b, sep);
        buf_put_json(b, (struct str){choices, n});
        sep = ",";
    }
    buf_putc(b, ']');
}

static void json_option(struct buf *b, const struct option *o)
{
    buf_puts(b, "{\"name\":");
    buf_put_json(b, str_of(o->name));
    json_text(b, "type", TYPES[o->type]);
    json_text(b, "default", o->def);
    json_text(b, "min", o->min);
    json_text(b, "max", o->max);
    json_choices(b, o->choices);
    buf_putf(b, ",\"required\":%s,\"secret\":%s", o->flags & OPT_REQUIRED ? "true" : "false",
             o->flags & OPT_SECRET ? "true" : "false");
    json_text(b, "help", o->help);
    buf_putc(b, '}');
}

static void put_as_json(struct buf *b, const struct plugin *p, const char *file)
{
    const garnet_plugin *d = &p->def;

    buf_puts(b, "{\"name\":");
    buf_put_json(b, str_of(d->name));
    json_text(b, "version", d->version);
    json_text(b, "about", d->about);
    json_text(b, "file", file);
    buf_putf(b, ",\"abi\":\"1.%u\",\"roles\":[", d->abi_minor);
    put_bits(b, ROLES, roles_of(d), true);
    buf_puts(b, "],\"flags\":[");
    put_bits(b, FLAGS, d->flags, true);
    buf_puts(b, "],\"values\":[");
    put_bits(b, VALUES, values_of(d), true);
    buf_putf(b, "],\"lines\":%u,\"counters\":\"%s\",\"options\":[", d->lines,
             COUNTERS[d->counters]);
    for (size_t i = 0; i < d->noptions; i++) {
        if (i > 0)
            buf_putc(b, ',');
        json_option(b, &p->options.rows[i]);
    }
    buf_puts(b, "]}\n");
}

/* --- text --- */

static void put_option_text(struct buf *b, const struct option *o)
{
    buf_putf(b, "  %s: %s", o->name, TYPES[o->type]);
    if (o->choices != NULL)
        buf_putf(b, " %s", o->choices);
    if (o->min != NULL)
        buf_putf(b, ", at least %s", o->min);
    if (o->max != NULL)
        buf_putf(b, ", at most %s", o->max);
    if (o->def != NULL)
        buf_putf(b, o->type == OPT_STRING ? ", default \"%s\"" : ", default %s", o->def);
    buf_putf(b, "%s%s\n      %s\n", o->flags & OPT_REQUIRED ? ", required" : "",
             o->flags & OPT_SECRET ? ", secret" : "", o->help);
}

static void put_as_text(struct buf *b, const struct plugin *p, const char *file)
{
    const garnet_plugin *d = &p->def;

    buf_putf(b, "%s %s (ABI 1.%u): %s\n", d->name, d->version, d->abi_minor, d->about);
    buf_putf(b, "file:     %s\nroles:    ", file);
    put_bits(b, ROLES, roles_of(d), false);
    buf_puts(b, "\nflags:    ");
    put_bits(b, FLAGS, d->flags, false);
    buf_puts(b, d->flags == 0 ? "none\nvalues:   " : "\nvalues:   ");
    put_bits(b, VALUES, values_of(d), false);
    if (d->lines > 0)
        buf_putf(b, "\nlines:    %u per metric", d->lines);
    else
        buf_puts(b, "\nlines:    not made of lines");
    buf_putf(b, "\ncounters: %s\noptions:%s\n", COUNTERS[d->counters],
             d->noptions == 0 ? "  none" : "");
    for (size_t i = 0; i < d->noptions; i++)
        put_option_text(b, &p->options.rows[i]);
}

int plugin_describe(const char *file, bool json)
{
    struct buf b = {0};
    struct plugin p;
    int status = EXIT_CONFIG;

    if (!plugin_load(&p, file)) {
        say(stderr, "garnet plugin: %s", plugin_why(&p));
    } else {
        if (json)
            put_as_json(&b, &p, file);
        else
            put_as_text(&b, &p, file);
        say_text(stdout, (struct str){b.p, b.n});
        status = buf_ok(&b) && ferror(stdout) == 0 ? 0 : EXIT_WORLD;
    }
    buf_free(&b);
    plugin_unload(&p);
    return status;
}
