/* convert/putval_types.c - those types that are not one gauge alone, sorted by name */
#include "convert/putval_types.h"

#include <stdlib.h>

#include "convert/words.h"

/* Each value's letter (C: COUNTER, D: DERIVE, A: ABSOLUTE, G: GAUGE) and, where there are several, its name. */
static const struct row {
    const char *name, *values;
} ROWS[] = {
    {"absolute", "A"},
    {"apache_bytes", "D"},
    {"apache_requests", "D"},
    {"ath_stat", "D"},
    {"cache_eviction", "D"},
    {"cache_operation", "D"},
    {"cache_result", "D"},
    {"ceph_rate", "D"},
    {"compression", "Duncompressed Dcompressed"},
    {"connections", "D"},
    {"contextswitch", "D"},
    {"counter", "C"},
    {"cpu", "D"},
    {"derive", "D"},
    {"df", "Gused Gfree"},
    {"disk_io_time", "Dio_time Dweighted_io_time"},
    {"disk_latency", "Gread Gwrite"},
    {"disk_merged", "Dread Dwrite"},
    {"disk_octets", "Dread Dwrite"},
    {"disk_ops", "Dread Dwrite"},
    {"disk_ops_complex", "D"},
    {"disk_time", "Dread Dwrite"},
    {"dns_answer", "D"},
    {"dns_notify", "D"},
    {"dns_octets", "Dqueries Dresponses"},
    {"dns_opcode", "D"},
    {"dns_qtype", "D"},
    {"dns_query", "D"},
    {"dns_question", "D"},
    {"dns_rcode", "D"},
    {"dns_reject", "D"},
    {"dns_request", "D"},
    {"dns_resolver", "D"},
    {"dns_response", "D"},
    {"dns_transfer", "D"},
    {"dns_update", "D"},
    {"dns_zops", "D"},
    {"drbd_resource", "D"},
    {"fork_rate", "D"},
    {"fscache_stat", "D"},
    {"hash_collisions", "D"},
    {"http_request_methods", "D"},
    {"http_requests", "D"},
    {"http_response_codes", "D"},
    {"if_collisions", "D"},
    {"if_dropped", "Drx Dtx"},
    {"if_errors", "Drx Dtx"},
    {"if_multicast", "D"},
    {"if_octets", "Drx Dtx"},
    {"if_packets", "Drx Dtx"},
    {"if_rx_errors", "D"},
    {"if_rx_octets", "D"},
    {"if_tx_errors", "D"},
    {"if_tx_octets", "D"},
    {"invocations", "D"},
    {"io_octets", "Drx Dtx"},
    {"io_packets", "Drx Dtx"},
    {"ipt_bytes", "D"},
    {"ipt_packets", "D"},
    {"irq", "D"},
    {"load", "Gshortterm Gmidterm Glongterm"},
    {"memcached_command", "D"},
    {"memcached_octets", "Drx Dtx"},
    {"memcached_ops", "D"},
    {"mutex_operations", "D"},
    {"mysql_bpool_counters", "D"},
    {"mysql_commands", "D"},
    {"mysql_handler", "D"},
    {"mysql_innodb_data", "D"},
    {"mysql_innodb_dblwr", "D"},
    {"mysql_innodb_log", "D"},
    {"mysql_innodb_pages", "D"},
    {"mysql_innodb_row_lock", "D"},
    {"mysql_innodb_rows", "D"},
    {"mysql_locks", "D"},
    {"mysql_log_position", "D"},
    {"mysql_octets", "Drx Dtx"},
    {"mysql_select", "D"},
    {"mysql_sort", "D"},
    {"nfs_procedure", "D"},
    {"nginx_requests", "D"},
    {"node_octets", "Drx Dtx"},
    {"node_stat", "D"},
    {"operations", "D"},
    {"packets", "D"},
    {"pf_counters", "D"},
    {"pf_limits", "D"},
    {"pf_source", "D"},
    {"pf_state", "D"},
    {"pg_blks", "D"},
    {"pg_n_tup_c", "D"},
    {"pg_scan", "D"},
    {"pg_xact", "D"},
    {"protocol_counter", "D"},
    {"ps_count", "Gprocesses Gthreads"},
    {"ps_cputime", "Duser Dsyst"},
    {"ps_disk_octets", "Dread Dwrite"},
    {"ps_disk_ops", "Dread Dwrite"},
    {"ps_pagefaults", "Dminflt Dmajflt"},
    {"serial_octets", "Drx Dtx"},
    {"smart_attribute", "Gcurrent Gworst Gthreshold Gpretty"},
    {"swap_io", "D"},
    {"total_bytes", "D"},
    {"total_connections", "D"},
    {"total_objects", "D"},
    {"total_operations", "D"},
    {"total_requests", "D"},
    {"total_sessions", "D"},
    {"total_threads", "D"},
    {"total_time_in_ms", "D"},
    {"total_values", "D"},
    {"virt_cpu_total", "D"},
    {"virt_vcpu", "D"},
    {"vmpage_action", "D"},
    {"vmpage_faults", "Dminflt Dmajflt"},
    {"vmpage_io", "Din Dout"},
    {"voltage_threshold", "Gvalue Gthreshold"},
};

static int compare_row(const void *name, const void *row)
{
    return str_cmp(*(const struct str *)name, str_of(((const struct row *)row)->name));
}

static const char *mtype_of(char letter)
{
    return letter == 'G' ? NULL : letter == 'A' ? "count" : "counter";
}

bool putval_type(struct str name, struct putval_type *t)
{
    const struct row *row =
        bsearch(&name, ROWS, sizeof ROWS / sizeof *ROWS, sizeof *ROWS, compare_row);
    struct str rest, word;

    *t = (struct putval_type){.n = 0};
    if (row == NULL)
        return false;
    for (rest = str_of(row->values); t->n < PUTVAL_VALUES && word_next(&rest, &word); t->n++) {
        t->value[t->n].mtype = mtype_of(word.s[0]);
        t->value[t->n].name = (struct str){word.s + 1, word.n - 1};
    }
    return true;
}
