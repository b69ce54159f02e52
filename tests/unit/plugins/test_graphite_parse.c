/* plugins/graphite, read back: random metrics with hostile text go in, and a small reader must find
 * the same identity, value and time in the one line that comes out. */
#include "base/log.h"
#include "plugin/batch.h"
#include "rig/hostile.h"
#include "rig/read_graphite.h"

enum { LINE = 4097, TEXT = 64, TAGS = 6 };

/* --- what goes in --- */

static const char *const pieces[] = {
    "a",
    "k",
    "B",
    "1",
    "10",
    "-",
    "_",
    " ",
    ".",
    "..",
    "=",
    ";",
    ";a=b",
    "!",
    "^",
    "~",
    "%",
    "%41",
    "\"",
    "{",
    "\"}",
    "'",
    "\\",
    "/",
    "../",
    ",",
    "*",
    ":",
    "name",
    "_name",
    "host",
    "\xC3\xBC",         /* u with two dots */
    "\xC2\xA0",         /* blanks of Unicode, where Python's split() divides */
    "\xE2\x80\xA8",     /* the same */
    "\xE2\x80\x8B",     /* no blank: zero width */
    "\xF0\x9F\x98\x80", /* a face */
};

struct made {
    char name[TEXT], key[TAGS][TEXT], val[TAGS][TEXT];
    struct metric m;
};

static void make_text(char *s)
{
    size_t n = 1 + any_below(4), used = 0;

    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(s + used, TEXT - used, "%s",
                                 pieces[any_below(sizeof pieces / sizeof *pieces)]);
}

static void make_metric(struct made *x)
{
    uint32_t ntags = any_below(TAGS + 1);

    x->m = kit_metric("", 0);
    make_value(&x->m);
    make_time(&x->m);
    make_text(x->name);
    x->m.name = str_of(x->name);
    for (uint32_t i = 0; i < ntags; i++) {
        make_text(x->key[i]);
        make_text(x->val[i]);
        metric_tag(x->m.tags, &x->m.ntags, str_of(x->key[i]), str_of(x->val[i]), false);
    }
}

/* --- both together --- */

/* One metric through the plugin and back; false when it has no line, as it should. */
static bool there_and_back(struct batch *b, bool tagged)
{
    static struct made x;
    char line[LINE];
    bool has_line;

    make_metric(&x);
    has_line = tagged || has_node(x.name);
    batch_begin(b);
    cr_assert_eq(batch_add(b, &x.m, 0, 1), BATCH_ADDED);
    cr_assert_eq(b->rejected, 0, "%s", plugin_why(b->plugin));
    cr_assert_eq(b->nmetrics, has_line, "%s: %s", x.name, plugin_why(b->plugin));
    if (!has_line)
        return false;
    cr_assert(b->bytes.n < sizeof line && b->bytes.p[b->bytes.n - 1] == '\n');
    snprintf(line, sizeof line, "%.*s", (int)b->bytes.n - 1, b->bytes.p);
    cr_assert(strlen(line) == b->bytes.n - 1 && strchr(line, '\n') == NULL, "%s", line);
    same_time(&x.m, cut_last(line));
    same_value(&x.m, cut_last(line));
    if (tagged)
        read_tagged(&x.m, line);
    else
        read_plain(&x.m, line);
    return true;
}

static void run_style(const char *options, bool tagged)
{
    size_t rounds = hostile_rounds(), n = 0;
    struct kit k;
    struct plugin p;
    struct batch b;

    log_set_level(LOG_L_ERROR);
    hostile_seed = 11;
    kit_open(&k);
    kit_plugin(&k, &p, GRAPHITE, options);
    cr_assert(batch_init(&b, &p, 1 << 20));
    for (size_t i = 0; i < rounds; i++)
        n += there_and_back(&b, tagged);
    cr_assert(n > rounds / 2 && (n == rounds) == tagged, "%zu", n); /* plain: both kinds */
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

Test(graphite_parse, plain)
{
    run_style("{to: stdout, path: '{name}.{tags}'}", false);
}

Test(graphite_parse, tagged)
{
    run_style("{to: stdout, style: tagged}", true);
}
