/* intake/names.h - the names that have come, each with when it came last and whose it was: for `garnet explain`
 *
 * Up to NAMES_MOST: near that a new one takes the place of one that has not come for longest, among the few that it
 * could stand beside. So what is not here may have come all the same, and `since` and `displaced` say how far the memory
 * reaches. To look costs as much as a short copy, so no more than NAMES_A_SECOND are looked at: at a higher rate one in so
 * many, spread over time, which still meets what comes again and again. Without memory a name is passed over.
 */
#pragma once
#include <stdint.h>

#include "model/metric.h"

enum { NAMES_MOST = 16384, NAMES_A_SECOND = 65536, NAMES_LENGTH = 255 };

struct names_set;

struct names { /* its own to write, but for the counts, which are there to be read */
    struct names_set *sets;
    size_t nsets, n;
    uint64_t seed;
    int64_t earned;           /* monotonic: what has been looked at was earned by then */
    int64_t turn;             /* mono: of this turn of the loop, */
    uint32_t turn_wall;       /* which is that second */
    int64_t since;            /* wall ns: nothing before is known */
    uint64_t looked, skipped; /* metrics */
    uint64_t displaced;       /* names that are not known any more */
};

struct name_seen {        /* borrowed until the next call */
    struct str name;      /* with its prefix, if it has one: */
    size_t prefix;        /* bytes of that, its dot included */
    struct str collector; /* n == 0: the shared socket's, or Garnet's own */
    int64_t at;           /* wall ns, to the second */
};

void names_init(struct names *s);
void names_free(struct names *s);
/* One has come. `mono` is now; it may be that of the turn. */
void names_saw(struct names *s, const struct metric *m, int64_t mono);
/* The next of all, in no order; *at is 0 at first. */
bool names_next(const struct names *s, size_t *at, struct name_seen *out);
/* The one that is written most like it, of as many as can be looked at until then (mono); n == 0: none is near. */
struct str names_near(const struct names *s, const char *name, int64_t until);
