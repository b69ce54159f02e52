/* tests/rig/host_rig.h - a subject of the host, and files in place of /proc and /sys
 *
 * A header alone: of the unit tests only those of the collectors link garnet_host.
 */
#pragma once
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "collector.h"
#include "host/host.h"
#include "rig/files.h"

struct host_rig {
    char dir[64], proc[80], sys[80];
    struct host h;
    struct client c;
};

static inline void host_rig_open(struct host_rig *r)
{
    *r = (struct host_rig){.dir = "/tmp/garnet-host-XXXXXX"};
    cr_assert_neq(mkdtemp(r->dir), NULL);
    (void)snprintf(r->proc, sizeof r->proc, "%s/proc", r->dir);
    (void)snprintf(r->sys, sizeof r->sys, "%s/sys", r->dir);
    host_start(&r->h, r->proc, r->sys);
    r->h.page = r->h.socket_page = 4096;
    r->h.ticks = 100;
    client_init(&r->c, "test", "/test");
}

static inline void host_rig_close(struct host_rig *r)
{
    host_free(&r->h);
    client_close(&r->c);
    remove_tree(r->dir);
}

/* `name` as in the tables: "/proc/net/dev". The file stays the same one, with other contents. */
static inline void host_rig_write(const struct host_rig *r, const char *name, const char *text,
                                  size_t n)
{
    char path[300];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s%s", r->dir, name);
    for (char *slash = path + strlen(r->dir); (slash = strchr(slash + 1, '/')) != NULL;
         *slash = '/') {
        *slash = 0;
        cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST, "%s", path);
    }
    f = fopen(path, "we");
    cr_assert_neq(f, NULL, "%s", path);
    cr_assert_eq(fwrite(text, 1, n, f), n);
    cr_assert_eq(fclose(f), 0);
}

/* One round of one subject: the JSON of its samples, "" where there are none, until the next. */
static inline const char *host_rig_read(struct host_rig *r, const struct subject *s)
{
    host_begin(&r->h);
    (void)host_read(&r->h, s);
    buf_reset(&r->c.out);
    samples_send(&r->h.out, &r->c, 0);
    cr_assert_str_eq(r->c.error, "");
    return r->c.out.n > 0 ? r->c.out.p : "";
}

/* The same, of a file with this text. */
static inline const char *host_rig_text(struct host_rig *r, const struct subject *s,
                                        const char *name, const char *text)
{
    host_rig_write(r, name, text, strlen(text));
    return host_rig_read(r, s);
}

/* What is wrong after it; below the folder's name. */
static inline const char *host_rig_why(const struct host_rig *r)
{
    const char *at = strstr(r->h.why.text, r->dir);
    static char shown[WHY_SIZE];

    if (at == NULL)
        return r->h.why.text;
    (void)snprintf(shown, sizeof shown, "%.*s%s", (int)(at - r->h.why.text), r->h.why.text,
                   at + strlen(r->dir));
    return shown;
}
