/* unit_states.c - tables */
#include "checks/unit_states.h"

#include <string.h>

#define UNIT(key, of_unit, of_type, of_field, of_node)                                             \
    {                                                                                              \
        .name = "systemd.unit." key, .unit = (of_unit), .type = (of_type), .tags = {"unit"},       \
        .file = "org.freedesktop.systemd1", .field = (of_field), .node_exporter = (of_node)        \
    }

const struct figure unit_figures[UNIT_FIGURES] = {
    [UNITS_COUNT] = {.name = "systemd.units",
                     .type = "gauge",
                     .tags = {"state"},
                     .file = "org.freedesktop.systemd1",
                     .field = "ListUnits, number by ActiveState",
                     .node_exporter = "node_systemd_units"},
    [UNIT_ACTIVE] = UNIT("active", NULL, "gauge", "ActiveState is active or reloading, 0 or 1",
                         "node_systemd_unit_state{state=\"active\"}"),
    [UNIT_FAILED] = UNIT("failed", NULL, "gauge", "ActiveState is failed, 0 or 1",
                         "node_systemd_unit_state{state=\"failed\"}"),
    [UNIT_UNCHANGED] = UNIT("unchanged", "s", "gauge", "now - StateChangeTimestampMonotonic", NULL),
    [UNIT_RESTARTS] =
        UNIT("restarts", "event", "counter", "NRestarts", "node_systemd_service_restart_total"),
    [UNIT_MEMORY] = UNIT("memory", "B", "gauge", "MemoryCurrent", NULL),
};

static const char *const NAMES[STATES] = {"active",     "reloading",    "inactive", "failed",
                                          "activating", "deactivating", "other"};

enum unit_state unit_state(const char *text)
{
    int s = 0;

    while (s < STATE_OTHER && strcmp(text, NAMES[s]) != 0)
        s++;
    return (enum unit_state)s;
}

const char *unit_state_name(enum unit_state s)
{
    return NAMES[s];
}

const char *unit_kind(const char *name)
{
    static const char *const KINDS[][2] = {{".service", "Service"}, {".scope", "Scope"},
                                           {".slice", "Slice"},     {".socket", "Socket"},
                                           {".mount", "Mount"},     {".swap", "Swap"}};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(dot, KINDS[i][0]) == 0)
            return KINDS[i][1];
    return NULL;
}
