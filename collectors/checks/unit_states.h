/* unit_states.h - what systemd says of its units, without its library; and systemd-units' table. Pure */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "host/figure.h"

enum {
    UNITS_COUNT,
    UNIT_ACTIVE,
    UNIT_FAILED,
    UNIT_UNCHANGED,
    UNIT_RESTARTS,
    UNIT_MEMORY,
    UNIT_FIGURES
};
extern const struct figure unit_figures[UNIT_FIGURES];

/* Those of ActiveState, and what a later systemd may have besides. */
enum unit_state {
    STATE_ACTIVE,
    STATE_RELOADING,
    STATE_INACTIVE,
    STATE_FAILED,
    STATE_ACTIVATING,
    STATE_DEACTIVATING,
    STATE_OTHER,
    STATES
};
enum unit_state unit_state(const char *text);
const char *unit_state_name(enum unit_state s);
/* Whether it does what it is there for. */
static inline bool unit_is_active(enum unit_state s)
{
    return s == STATE_ACTIVE || s == STATE_RELOADING;
}
/* "Service" for cron.service: the end of the name of the D-Bus interface that has MemoryCurrent. NULL: such units have none. */
const char *unit_kind(const char *name);
