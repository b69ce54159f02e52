/* unit.h - the units of the Metrics 2.0 spec: SI and its extensions, with SI and IEC prefixes
 *
 * Recognises a unit, writes it as the spec does ("kbps" is "kb/s"), and knows how it stands in a
 * Graphite key. Pure functions of their arguments: nothing fails.
 */
#pragma once
#include <garnet/plugin.h>
#include <stdbool.h>

enum { UNIT_MOST = 64 }; /* bytes of a unit as it comes in */

struct unit {
    char s[2 * UNIT_MOST];
    size_t n;
    bool listed; /* in the spec's tables; else s is the text that came in */
    bool rate;   /* one thing per another ("B/s"), or a frequency */
};

/* Units that were read before: a collector has few, and reading goes through all tables. Begins
 * as zeros. */
struct units {
    struct {
        char text[UNIT_MOST];
        size_t n;
        struct unit unit;
    } seen[16];
};

/* text.n <= UNIT_MOST */
void unit_read(struct unit *u, garnet_str text);
/* The same, remembered. */
void unit_recall(struct units *units, struct unit *u, garnet_str text);
bool unit_same(const struct unit *a, const struct unit *b);
/* Appends "/s", unless it is a rate already. */
void unit_make_rate(struct unit *u);
/* Does it end in the picosecond ("ps", "B/ps")? In a key that would be read as "/s". */
bool unit_has_picoseconds(const struct unit *u);
/* As it stands in a Graphite key, where "/" is a folder to whisper: "Bps" for "B/s", which
 * carbon-tagger turns back; and ASCII for what is not. */
void unit_make_node(struct unit *u);
