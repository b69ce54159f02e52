/* fuzz_host.c - what the collectors of the host make of a file of arbitrary bytes
 *
 * The first byte chooses the file, the rest is in it: all subjects read it. What is sent is of their tables, finite, has the
 * tags that its row has, none of them empty, and stays below what one collector may send. The JSON of it is read by
 * garnetd's own reader in fuzz_intake.
 */
#include "host.h"

static const char *const FILES[] = {
    "stat",         "meminfo",       "loadavg",     "uptime",         "vmstat",
    "diskstats",    "swaps",         "net/dev",     "net/snmp",       "net/netstat",
    "net/snmp6",    "net/sockstat",  "pressure/io", "sys/fs/file-nr", "net/stat/nf_conntrack",
    "pressure/cpu", "net/sockstat6",
};
enum { NFILES = sizeof FILES / sizeof *FILES };

static const struct host_there THERE[] = {
    {"net", NULL}, {"net/stat", NULL}, {"pressure", NULL},
    {"sys", NULL}, {"sys/fs", NULL},   {NULL, NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    const char *name = FILES[n > 0 ? p[0] % NFILES : 0];
    struct host h;
    struct client c;
    int fd = host_folder(THERE);

    fuzz_file(fd, name, p + (n > 0), n - (n > 0));
    host_start(&h, fuzz_path, fuzz_path);
    h.options = UINT32_MAX;
    client_init(&c, "fuzz", "/fuzz");
    for (size_t i = 0; host_subjects[i] != NULL; i++) {
        host_begin(&h);
        (void)host_read(&h, host_subjects[i]);
        host_is_sound(&h.out, host_subjects[i]);
        samples_send(&h.out, &c, 0);
        HOLDS(c.error[0] == 0);
    }
    client_close(&c);
    host_free(&h);
    HOLDS(unlinkat(fd, name, 0) == 0);
    return 0;
}
