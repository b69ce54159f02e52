/* unit.c - tables of symbols, prefixes and spellings
 *
 * A unit is [prefix]symbol, or two of these with a "/" between. The tables are the spec's: its
 * union of all SI units and prefixes, the IEC prefixes, and its extensions. Another spelling of one
 * unit is a row in `spellings`. What can mean two things is no such row: "KB" is 1000 bytes to
 * some and 1024 to others, and so it is not listed. Nothing here allocates or fails.
 */
#include "unit.h"

#include <string.h>

#define COUNT(all) (sizeof(all) / sizeof *(all))

#define MU      "\u03BC" /* the Greek letter, as in the spec */
#define MICRO   "\u00B5" /* the compatibility character that keyboards have */
#define OMEGA   "\u03A9"
#define OHM     "\u2126" /* likewise */
#define CELSIUS "\u00B0C"

enum kind {
    NONE,
    MEASURED,
    FREQUENCY,
    COUNTED, /* has a spelling with "ps" for "/s": kbps, pcktps */
    SHARE    /* takes no prefix */
};

struct spelling {
    const char *from, *to;
};

static const char *const measured[] = {
    /* SI: base units (the gram for the kilogram), then those with names of their own */
    "s", "m", "g", "A", "K", "mol", "cd", "rad", "sr", "N", "Pa", "J", "W", "C", "V", "F", OMEGA,
    "S", "Wb", "T", "H", CELSIUS, "lm", "lx", "Gy", "Sv", "kat",
    /* the spec's extensions: minute, hour, day, week, month; probability */
    "M", "h", "d", "w", "mo", "P"};

static const char *const frequency[] = {"Hz", "Bq"};

static const char *const counted[] = {
    "b",    "B",   "err",  "warn", "conn", "event",   "ino",  "email",  "jiff",   "job",   "file",
    "load", "msg", "page", "pckt", "req",  "process", "sock", "thread", "ticket", "metric"};

/* SI lets it stand beside its units; the spec leaves open how percent is written. */
static const char *const share[] = {"%"};

static const struct spelling spellings[] = {{"pct", "%"},   {"percent", "%"}, {"sec", "s"},
                                            {"bit", "b"},   {"bits", "b"},    {"byte", "B"},
                                            {"bytes", "B"}, {OHM, OMEGA},     {"Ohm", OMEGA},
                                            {"ohm", OMEGA}, {"degC", CELSIUS}};

static const struct spelling prefixes[] = {
    {"", ""},     {"q", "q"},   {"r", "r"},   {"y", "y"},   {"z", "z"},   {"a", "a"},
    {"f", "f"},   {"p", "p"},   {"n", "n"},   {MU, MU},     {MICRO, MU},  {"u", MU},
    {"m", "m"},   {"c", "c"},   {"d", "d"},   {"da", "da"}, {"h", "h"},   {"k", "k"},
    {"M", "M"},   {"G", "G"},   {"T", "T"},   {"P", "P"},   {"E", "E"},   {"Z", "Z"},
    {"Y", "Y"},   {"R", "R"},   {"Q", "Q"},   {"Ki", "Ki"}, {"Mi", "Mi"}, {"Gi", "Gi"},
    {"Ti", "Ti"}, {"Pi", "Pi"}, {"Ei", "Ei"}, {"Zi", "Zi"}, {"Yi", "Yi"}};

/* --- text --- */

/* Both give up at the first byte that differs: most rows of the tables cost no more than that. */
static bool is(garnet_str s, const char *text)
{
    for (size_t i = 0; i < s.n; i++)
        if (text[i] == 0 || text[i] != s.s[i])
            return false;
    return text[s.n] == 0;
}

static bool starts(garnet_str s, const char *with)
{
    for (size_t i = 0; with[i] != 0; i++)
        if (i == s.n || with[i] != s.s[i])
            return false;
    return true;
}

static bool ends(garnet_str s, const char *with)
{
    size_t n = strlen(with);

    return s.n >= n && memcmp(s.s + s.n - n, with, n) == 0;
}

static garnet_str from(garnet_str s, size_t first)
{
    return (garnet_str){s.s + first, s.n - first};
}

static void append(struct unit *u, const char *s, size_t n)
{
    size_t room = sizeof u->s - u->n;

    n = n < room ? n : room;
    memcpy(u->s + u->n, s, n);
    u->n += n;
}

/* --- symbols --- */

static const char *among(const char *const all[], size_t n, garnet_str text)
{
    for (size_t i = 0; i < n; i++)
        if (is(text, all[i]))
            return all[i];
    return NULL;
}

/* The spec's words once began with a capital, and tools still write them so: Err, Pckt. */
static const char *capital_word(garnet_str text)
{
    if (text.n < 3 || text.s[0] < 'A' || text.s[0] > 'Z')
        return NULL;
    for (size_t i = 0; i < COUNT(counted); i++)
        if (text.s[0] - 'A' + 'a' == counted[i][0] && is(from(text, 1), counted[i] + 1))
            return counted[i];
    return NULL;
}

static const char *respelt(garnet_str text)
{
    for (size_t i = 0; i < COUNT(spellings); i++)
        if (is(text, spellings[i].from))
            return spellings[i].to;
    return capital_word(text);
}

/* A symbol without a prefix, in the spec's form. */
static enum kind find(garnet_str text, const char **symbol)
{
    const char *other = respelt(text);

    if (other != NULL)
        text = (garnet_str){other, strlen(other)};
    if ((*symbol = among(measured, COUNT(measured), text)) != NULL)
        return MEASURED;
    if ((*symbol = among(counted, COUNT(counted), text)) != NULL)
        return COUNTED;
    if ((*symbol = among(frequency, COUNT(frequency), text)) != NULL)
        return FREQUENCY;
    return (*symbol = among(share, COUNT(share), text)) != NULL ? SHARE : NONE;
}

/* Appends [prefix]symbol in the spec's form; NONE, and nothing appended, if it is not listed. */
static enum kind read_symbol(struct unit *u, garnet_str text)
{
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        const char *symbol, *prefix = prefixes[i].from;
        enum kind kind;

        if (!starts(text, prefix))
            continue;
        kind = find(from(text, strlen(prefix)), &symbol);
        if (kind == NONE || (kind == SHARE && *prefix != 0))
            continue;
        append(u, prefixes[i].to, strlen(prefixes[i].to));
        append(u, symbol, strlen(symbol));
        return kind;
    }
    return NONE;
}

static bool read_quotient(struct unit *u, garnet_str text)
{
    const char *slash = memchr(text.s, '/', text.n);
    size_t at = slash != NULL ? (size_t)(slash - text.s) : text.n;

    if (slash == NULL || read_symbol(u, (garnet_str){text.s, at}) == NONE)
        return false;
    append(u, "/", 1);
    return read_symbol(u, from(text, at + 1)) != NONE;
}

/* "kbps". Only what is counted: "ps" is the picosecond, and "amps" are no attometres. */
static bool read_ps(struct unit *u, garnet_str text)
{
    if (!ends(text, "ps") || read_symbol(u, (garnet_str){text.s, text.n - 2}) != COUNTED)
        return false;
    append(u, "/s", 2);
    return true;
}

static bool read_listed(struct unit *u, garnet_str text)
{
    enum kind kind = read_symbol(u, text);

    u->rate = kind == FREQUENCY;
    if (kind != NONE)
        return true;
    u->rate = read_quotient(u, text);
    if (u->rate)
        return true;
    u->n = 0;
    u->rate = read_ps(u, text);
    return u->rate;
}

void unit_read(struct unit *u, garnet_str text)
{
    u->n = 0;
    u->listed = read_listed(u, text);
    if (u->listed)
        return;
    u->n = 0;
    append(u, text.s, text.n);
}

void unit_recall(struct units *units, struct unit *u, garnet_str text)
{
    size_t at =
        text.n == 0 ? 0 : text.n + (unsigned char)text.s[0] + (unsigned char)text.s[text.n - 1];

    at %= COUNT(units->seen);
    if (units->seen[at].n != text.n || memcmp(units->seen[at].text, text.s, text.n) != 0) {
        memcpy(units->seen[at].text, text.s, text.n);
        units->seen[at].n = text.n;
        unit_read(&units->seen[at].unit, text);
    }
    *u = units->seen[at].unit;
}

bool unit_same(const struct unit *a, const struct unit *b)
{
    return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
}

void unit_make_rate(struct unit *u)
{
    if (!u->rate)
        append(u, "/s", 2);
    u->rate = true;
}

bool unit_has_picoseconds(const struct unit *u)
{
    return u->listed && ends((garnet_str){u->s, u->n}, "ps");
}

/* What is not ASCII only listed units have. */
static const struct spelling *to_ascii(garnet_str text)
{
    static const struct spelling ascii[] = {
        {MU, "u"}, {OMEGA, "Ohm"}, {CELSIUS, "degC"}, {"%", "pct"}};

    for (size_t i = 0; i < COUNT(ascii); i++)
        if (starts(text, ascii[i].from))
            return &ascii[i];
    return NULL;
}

void unit_make_node(struct unit *u)
{
    const struct unit in = *u;
    garnet_str rest = {in.s, in.n};

    u->n = 0;
    while (rest.n > 0) {
        const struct spelling *ascii = in.listed ? to_ascii(rest) : NULL;

        if (ascii != NULL)
            append(u, ascii->to, strlen(ascii->to));
        else if (is(rest, "/s"))
            append(u, "p", 1);
        else
            append(u, rest.s, 1);
        rest = from(rest, ascii != NULL ? strlen(ascii->from) : 1);
    }
}
