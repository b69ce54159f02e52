/* plugins/metrics20: every unit that the Metrics 2.0 spec has. Its tables stand here once more, as
 * one reads them there: each symbol with each prefix, alone and per second, of each mtype, in each
 * style. Nothing fails but the plugin. */
#include "base/log.h"
#include "plugin/batch.h"
#include "rig/sink_kit.h"

#define METRICS20 TEST_BUILD "/plugins/metrics20.so"
#define COUNT(a)  (sizeof(a) / sizeof *(a))

/* "prefixes" of the spec by way of SI (those of 2022 included) and IEC. */
static const char *const prefixes[] = {
    "",  "q", "r", "y", "z", "a", "f", "p", "n",  "μ",  "m",  "c",  "d",  "da", "h",  "k", "M",
    "G", "T", "P", "E", "Z", "Y", "R", "Q", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
/* SI's base units, those with names of their own, and the spec's extensions, in its order. */
static const char *const symbols[] = {
    "s",    "m",       "g",    "A",    "K",      "mol",   "cd",     "Hz",   "rad",  "sr",
    "N",    "Pa",      "J",    "W",    "C",      "V",     "F",      "Ω",    "S",    "Wb",
    "T",    "H",       "°C",   "lm",   "lx",     "Bq",    "Gy",     "Sv",   "kat",  "b",
    "B",    "M",       "h",    "d",    "w",      "mo",    "err",    "warn", "conn", "event",
    "ino",  "email",   "jiff", "job",  "file",   "load",  "metric", "msg",  "P",    "page",
    "pckt", "process", "req",  "sock", "thread", "ticket"};
/* What has an own spelling of "per second": what is counted. */
static const char *const counted[] = {
    "b",    "B",      "err", "warn", "conn", "event",   "ino", "email", "jiff",   "job",   "file",
    "load", "metric", "msg", "page", "pckt", "process", "req", "sock",  "thread", "ticket"};

enum { CARBON2, KEY, KEY_IS, STYLES };
enum { NODES_MOST = COUNT(prefixes) * COUNT(symbols) * 2 };

static struct kit k;
static struct plugin p;
static struct batch b;
static int style;

static void start(int s)
{
    static const char *const options[] = {"{to: stdout}", "{to: stdout, style: key}",
                                          "{to: stdout, style: key_is}"};

    log_set_level(LOG_L_ERROR);
    style = s;
    kit_open(&k);
    kit_plugin(&k, &p, METRICS20, options[s]);
    cr_assert(batch_init(&b, &p, 65536));
}

static void end(void)
{
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

/* The unit in the line of a metric with this unit and type; NULL: it has no line. */
static const char *written(const char *unit, uint8_t type)
{
    static char out[256];
    static const char *const before[] = {" unit=", ".unit=", ".unit_is_"};
    static const char *const behind[] = {" what=n  agent=garnet 1 1700000000\n",
                                         ".what=n 1 1700000000\n", ".what_is_n 1 1700000000\n"};
    struct metric m = kit_metric("n", 1);
    const char *at, *to;

    m.unit = str_of(unit);
    m.type = type;
    batch_begin(&b);
    cr_assert_eq(batch_add(&b, &m, 0, 1), BATCH_ADDED);
    cr_assert_eq(b.rejected, 0);
    if (b.nmetrics == 0)
        return NULL;
    snprintf(out, sizeof out, "%.*s", (int)b.bytes.n, b.bytes.p);
    at = strstr(out, before[style]);
    to = strstr(out, behind[style]);
    cr_assert(at != NULL && to != NULL && at < to, "%s: %s", unit, out);
    out[to - out] = 0;
    return at + strlen(before[style]);
}

/* In a key: ASCII, and "ps" for a final "/s". */
static const char *in_style(const char *unit)
{
    static const char *const nodes[][2] = {{"μ", "u"}, {"Ω", "Ohm"}, {"°C", "degC"}, {"/s", "ps"}};
    static char s[64];
    size_t n = 0;

    if (style == CARBON2)
        return unit;
    while (*unit != 0) {
        size_t i = 0;

        while (i < COUNT(nodes) && strncmp(unit, nodes[i][0], strlen(nodes[i][0])) != 0)
            i++;
        if (i < COUNT(nodes) && (strcmp(nodes[i][0], "/s") != 0 || unit[2] == 0)) {
            n += (size_t)snprintf(s + n, sizeof s - n, "%s", nodes[i][1]);
            unit += strlen(nodes[i][0]);
        } else {
            s[n++] = *unit++;
        }
    }
    s[n] = 0;
    return s;
}

static void is_written(const char *unit, uint8_t type, const char *want)
{
    const char *got = written(unit, type);

    cr_assert_not_null(got, "%s of type %d has no line: %s", unit, type, plugin_why(&p));
    cr_assert_str_eq(got, in_style(want), "%s of type %d: %s", unit, type, got);
}

static bool is_frequency(const char *symbol)
{
    return strcmp(symbol, "Hz") == 0 || strcmp(symbol, "Bq") == 0;
}

/* A picosecond reads as "per second" in a key: it has none there, and nothing else has none. */
static void try_unit(const char *unit, const char *rate)
{
    static const uint8_t others[] = {METRIC_GAUGE, METRIC_COUNTER, METRIC_COUNT, METRIC_TIMESTAMP};

    for (size_t i = 0; i < COUNT(others); i++)
        if (style != CARBON2 && strcmp(unit, "ps") == 0)
            cr_assert_null(written(unit, others[i]));
        else
            is_written(unit, others[i], unit);
    is_written(unit, METRIC_RATE, rate);
}

static void every_unit(int s)
{
    start(s);
    for (size_t i = 0; i < COUNT(prefixes); i++)
        for (size_t j = 0; j < COUNT(symbols); j++) {
            char unit[32], rate[64];

            snprintf(unit, sizeof unit, "%s%s", prefixes[i], symbols[j]);
            snprintf(rate, sizeof rate, "%s/s", unit);
            try_unit(unit, is_frequency(symbols[j]) ? unit : rate);
            try_unit(rate, rate);
        }
    end();
}

Test(metrics20_units, carbon2)
{
    every_unit(CARBON2);
}

Test(metrics20_units, key)
{
    every_unit(KEY);
}

Test(metrics20_units, key_is)
{
    every_unit(KEY_IS);
}

/* kbps is kb/s, for all that is counted, with all prefixes, of any type; with a capital as well. */
Test(metrics20_units, other_spellings_of_what_is_counted)
{
    start(CARBON2);
    for (size_t i = 0; i < COUNT(prefixes); i++)
        for (size_t j = 0; j < COUNT(counted); j++) {
            char unit[32], rate[64], ps[64];

            snprintf(unit, sizeof unit, "%s%s", prefixes[i], counted[j]);
            snprintf(rate, sizeof rate, "%s/s", unit);
            snprintf(ps, sizeof ps, "%sps", unit);
            is_written(ps, METRIC_GAUGE, rate);
            is_written(ps, METRIC_RATE, rate);
            if (strlen(counted[j]) < 3)
                continue;
            ps[strlen(prefixes[i])] -= 'a' - 'A';
            is_written(ps, METRIC_RATE, rate);
            ps[strlen(ps) - 2] = 0;
            is_written(ps, METRIC_GAUGE, unit);
        }
    end();
}

static int by_text(const void *a, const void *b_)
{
    return strcmp(a, b_);
}

/* No two units are one text in a key; "cd" is one unit, whatever it means. */
Test(metrics20_units, nodes_are_distinct)
{
    static char nodes[NODES_MOST][64];
    size_t n = 0;

    start(KEY);
    for (size_t i = 0; i < COUNT(prefixes); i++)
        for (size_t j = 0; j < 2 * COUNT(symbols); j++) {
            char unit[32];
            const char *got;

            snprintf(unit, sizeof unit, "%s%s%s", prefixes[i], symbols[j / 2], j % 2 ? "/s" : "");
            if ((got = written(unit, METRIC_GAUGE)) != NULL)
                snprintf(nodes[n++], sizeof *nodes, "%s %s", got, unit);
        }
    end();
    cr_assert_gt(n, NODES_MOST - 2);
    qsort(nodes, n, sizeof *nodes, by_text);
    for (size_t i = 1; i < n; i++)
        cr_assert(strcmp(nodes[i - 1], nodes[i]) == 0 ||
                      strcspn(nodes[i - 1], " ") != strcspn(nodes[i], " ") ||
                      strncmp(nodes[i - 1], nodes[i], strcspn(nodes[i], " ")) != 0,
                  "%s and %s", nodes[i - 1], nodes[i]);
}

/* What ends in "ps" in a key is "/s" to its readers: so nothing else may. */
Test(metrics20_units, no_node_reads_as_another_unit)
{
    static const char *const never[] = {"ps", "B/ps", "req/ps"};

    start(KEY);
    for (size_t i = 0; i < COUNT(never); i++)
        cr_assert_null(written(never[i], METRIC_GAUGE), "%s: %s", never[i],
                       written(never[i], METRIC_GAUGE));
    end();
}

/* Written as they come: none of these is the spec's, or two things could be meant. */
Test(metrics20_units, units_that_are_not_the_specs)
{
    static const char *const foreign[] = {
        "KB",   "kiB", "fps", "iops", "rpm",   "min", "day", "dBm", "amps",    "psi", "l",     "t",
        "KBps", "B/",  "/s",  "B//s", "B/s/s", "k",   "Ki",  "k%",  "unknown", "bs",  "Mbps/s"};

    start(CARBON2);
    for (size_t i = 0; i < COUNT(foreign); i++) {
        is_written(foreign[i], METRIC_GAUGE, foreign[i]);
        is_written(foreign[i], METRIC_RATE, foreign[i]);
    }
    end();
}
