/* layout.c - where each member of a header's structs lies, one a line, to compare two headers */
#include HEADER

#include <stdio.h>

#define SHOW(T, m) printf(#T "." #m " %zu %zu\n", offsetof(T, m), sizeof(((T *)0)->m))
#define IS(name)   printf(#name " %d\n", (int)(name))
#define FIXED(T)   printf(#T " %zu\n", sizeof(T))

/* No padding behind the last member: what is appended must lie behind what there was, or GARNET_HAS() would find it in
 * what was built before. */
#define ENDS(T, m)                                                                                 \
    _Static_assert(offsetof(T, m) + sizeof(((T *)0)->m) == sizeof(T), #T " ends with padding")
ENDS(garnet_metric, prefix);
ENDS(garnet_batch, flags);
ENDS(garnet_option, offset);
ENDS(garnet_stat, help);
ENDS(garnet, hostname);
ENDS(garnet_host, measure);
ENDS(garnet_plugin, stat_size);

int main(void)
{
    FIXED(garnet_str), FIXED(garnet_tag), FIXED(garnet_list), FIXED(garnet_map);
    SHOW(garnet_str, s), SHOW(garnet_str, n), SHOW(garnet_tag, key), SHOW(garnet_tag, val);
    SHOW(garnet_list, v), SHOW(garnet_list, n), SHOW(garnet_map, v), SHOW(garnet_map, n);
    SHOW(garnet_metric, size), SHOW(garnet_metric, type), SHOW(garnet_metric, vtype);
    SHOW(garnet_metric, ntags), SHOW(garnet_metric, nmeta), SHOW(garnet_metric, flags);
    SHOW(garnet_metric, time_ns), SHOW(garnet_metric, interval_ns), SHOW(garnet_metric, v);
    SHOW(garnet_metric, name), SHOW(garnet_metric, unit), SHOW(garnet_metric, tags);
    SHOW(garnet_metric, meta), SHOW(garnet_metric, collector), SHOW(garnet_metric, prefix);
    SHOW(garnet_batch, size), SHOW(garnet_batch, nmetrics), SHOW(garnet_batch, data);
    SHOW(garnet_batch, n), SHOW(garnet_batch, id), SHOW(garnet_batch, attempt);
    SHOW(garnet_batch, flags), SHOW(garnet_option, type), SHOW(garnet_option, flags);
    SHOW(garnet_option, name), SHOW(garnet_option, def), SHOW(garnet_option, min);
    SHOW(garnet_option, max), SHOW(garnet_option, choices), SHOW(garnet_option, help);
    SHOW(garnet_option, offset), SHOW(garnet_host, size), SHOW(garnet_host, abi_minor);
    SHOW(garnet_host, put), SHOW(garnet_host, putf), SHOW(garnet_host, putv);
    SHOW(garnet_host, tell), SHOW(garnet_host, patch), SHOW(garnet_host, fail);
    SHOW(garnet_host, bad), SHOW(garnet_host, log), SHOW(garnet_host, reject);
    SHOW(garnet_host, confirm), SHOW(garnet_host, watch), SHOW(garnet_host, timer);
    SHOW(garnet_host, retry_after), SHOW(garnet_host, measure);
    SHOW(garnet_stat, type), SHOW(garnet_stat, flags), SHOW(garnet_stat, name);
    SHOW(garnet_stat, unit), SHOW(garnet_stat, help);
    SHOW(garnet, size), SHOW(garnet, host), SHOW(garnet, conf), SHOW(garnet, state);
    SHOW(garnet, sink), SHOW(garnet, hostname), SHOW(garnet_plugin, size);
    SHOW(garnet_plugin, abi_minor), SHOW(garnet_plugin, name), SHOW(garnet_plugin, version);
    SHOW(garnet_plugin, about), SHOW(garnet_plugin, options), SHOW(garnet_plugin, noptions);
    SHOW(garnet_plugin, option_size), SHOW(garnet_plugin, conf_size), SHOW(garnet_plugin, flags);
    SHOW(garnet_plugin, hints), SHOW(garnet_plugin, batch_metrics), SHOW(garnet_plugin, flush);
    SHOW(garnet_plugin, batch_size);
    SHOW(garnet_plugin, vtypes), SHOW(garnet_plugin, lines), SHOW(garnet_plugin, counters);
    SHOW(garnet_plugin, check), SHOW(garnet_plugin, open), SHOW(garnet_plugin, close);
    SHOW(garnet_plugin, begin), SHOW(garnet_plugin, format), SHOW(garnet_plugin, end);
    SHOW(garnet_plugin, deliver), SHOW(garnet_plugin, event);
    SHOW(garnet_plugin, max_pending), SHOW(garnet_plugin, stats);
    SHOW(garnet_plugin, nstats), SHOW(garnet_plugin, stat_size);
    IS(GARNET_OK), IS(GARNET_SKIP), IS(GARNET_RETRY), IS(GARNET_REJECT), IS(GARNET_FATAL);
    IS(GARNET_PENDING), IS(GARNET_GAUGE), IS(GARNET_COUNTER), IS(GARNET_RATE), IS(GARNET_COUNT);
    IS(GARNET_TIMESTAMP), IS(GARNET_I64), IS(GARNET_U64), IS(GARNET_F64);
    IS(GARNET_TIME_ASSIGNED), IS(GARNET_STRING), IS(GARNET_CHOICE), IS(GARNET_INT);
    IS(GARNET_REAL), IS(GARNET_BOOL), IS(GARNET_DURATION), IS(GARNET_SIZE), IS(GARNET_PATH);
    IS(GARNET_LIST), IS(GARNET_MAP), IS(GARNET_REQUIRED), IS(GARNET_SECRET);
    IS(GARNET_IDEMPOTENT), IS(GARNET_UNTIMED), IS(GARNET_LIVE), IS(GARNET_ORDERED),
        IS(GARNET_COUNTERS_RAW);
    IS(GARNET_COUNTERS_RATE), IS(GARNET_COUNTERS_DELTA), IS(GARNET_READABLE);
    IS(GARNET_WRITABLE), IS(GARNET_HANGUP), IS(GARNET_INFO), IS(GARNET_WARN), IS(GARNET_ERROR);
    IS(GARNET_STR_), IS(GARNET_REAL_), IS(GARNET_INT_), IS(GARNET_LIST_);
    IS(GARNET_MAP_), IS(GARNET_ABOVE_);
    return 0;
}
