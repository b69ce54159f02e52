/* tests/rig/loads.c - real files, read and checked by a real child */
#include "rig/loads.h"

#include <stdio.h>

struct loads loads;

static void on_loaded(void *arg, struct generation *g)
{
    (void)arg;
    loads.accepted += g != NULL;
    loads.refused += g == NULL;
    if (g != NULL) {
        generation_unref(loads.generation);
        loads.generation = g;
    }
    if (loads.end_when_loaded)
        reload_end(&loads.reload);
}

void loads_begin(const char *conf, const char *check)
{
    static char path[128], program[128];

    stand_begin(&loads.stand);
    (void)snprintf(path, sizeof path, "%s", stand_configure(&loads.stand, conf));
    (void)snprintf(program, sizeof program, "%s", stand_script(&loads.stand, "check", check));
    stand_keepers(&loads.stand);
    reload_init(&loads.reload, &loads.stand.keepers, path, program, on_loaded, NULL);
}

void loads_go(void)
{
    int before = loads.accepted + loads.refused;

    reload_request(&loads.reload);
    cr_assert(loads.reload.loading);
    STAND_UNTIL(&loads.stand, loads.accepted + loads.refused > before);
}

void loads_end(void)
{
    reload_free(&loads.reload);
    generation_unref(loads.generation);
    stand_end(&loads.stand);
}

const struct conf_collector *loads_collector(const char *name)
{
    const struct conf_collector *k = loads.generation->conf->collectors;

    while (k != NULL && strcmp(k->name, name) != 0)
        k = k->next;
    return k;
}

pid_t loads_child(void)
{
    STAND_UNTIL(&loads.stand, loads.reload.child.pid > 0);
    return loads.reload.child.pid;
}

void loads_turn(int64_t ns)
{
    for (int64_t until = clock_mono() + ns; clock_mono() < until;)
        (void)loop_turn(loads.stand.loop, 20 * NS_PER_MS);
}
