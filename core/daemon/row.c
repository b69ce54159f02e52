/* daemon/row.c - what a round leaves out is decided here, for whoever takes it */
#include "daemon/row.h"

static void pass_row(const struct self_round *at, int level, const struct self_row *row)
{
    if (at->level >= level && (row->type == METRIC_COUNTER || !at->only_counters))
        at->take(at->to, at, row);
}

static void pass_whole(const struct self_round *at, int level, struct self_row row, uint64_t v)
{
    row.value.u = at->zero ? 0 : v;
    row.vtype = v <= INT64_MAX ? METRIC_I64 : METRIC_U64;
    pass_row(at, level, &row);
}

void self_count(const struct self_round *at, int level, const char *name, const char *unit,
                const char *why, uint64_t v)
{
    pass_whole(at, level, (struct self_row){name, unit, why, .type = METRIC_COUNTER}, v);
}

void self_gauge(const struct self_round *at, int level, const char *name, const char *unit,
                uint64_t v)
{
    pass_whole(at, level, (struct self_row){name, unit, NULL, .type = METRIC_GAUGE}, v);
}

void self_signed(const struct self_round *at, int level, const char *name, const char *unit,
                 int64_t v)
{
    const struct self_row row = {name,        unit, NULL, .type = METRIC_GAUGE, .vtype = METRIC_I64,
                                 .value.i = v};

    pass_row(at, level, &row);
}

void self_real(const struct self_round *at, int level, const char *name, const char *unit, double v)
{
    const struct self_row row = {name,        unit, NULL, .type = METRIC_GAUGE, .vtype = METRIC_F64,
                                 .value.f = v};

    pass_row(at, level, &row);
}
