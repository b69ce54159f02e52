/* conf/change.h - what a reload does to a collector or a sink: by what it was and what it is to be
 *
 * For garnetd, which says so in a reload's receipt, and for `garnet check --plan`, which says so before.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum conf_change { CHANGE_NONE, CHANGE_STARTS, CHANGE_STOPS, CHANGE_RESTARTS };

struct conf_part { /* all zero: it is not there, or not to run */
    bool runs;
    uint64_t digest;
};

static inline enum conf_change conf_change_of(struct conf_part before, struct conf_part now)
{
    if (before.runs != now.runs)
        return now.runs ? CHANGE_STARTS : CHANGE_STOPS;
    return now.runs && before.digest != now.digest ? CHANGE_RESTARTS : CHANGE_NONE;
}

static inline const char *conf_change_name(enum conf_change c)
{
    static const char *const names[] = {"unchanged", "starts", "stops", "restarts"};

    return names[c];
}
