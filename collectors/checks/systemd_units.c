/* systemd_units - what systemd says of its units: how many are in which state, and more of those that are chosen
 *
 * Asked over the system bus, by libsystemd's sd-bus, without a call that waits for longer than --timeout in all: each is sent, and
 * its reply comes to a callback. (A bus or a systemd that is stopped would hold up one that waits.) Each round has a connection of its
 * own. A bus lets a client have so many calls open, so there are never more than WINDOW.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/glob.h"
#include "checks/checks.h"
#include "checks/unit_states.h"
#include "host/host.h"

static const char SERVICE[] = "org.freedesktop.systemd1";

static const struct subject_value VALUES[] = {
    {"--timeout", "TIME", "for all that is asked in a round; 5s"},
    {NULL, NULL, NULL},
};
enum { TIMEOUT };

enum { UNITS = 256 /* that are chosen, at most */, WINDOW = 64 };
enum property { STATE, CHANGED, RESTARTS, MEMORY, PROPERTIES };

static int64_t timeout;

struct unit {
    const char *name, *path; /* in the reply, or a word of the command line and `made` */
    char *made;              /* NULL: the path is in the reply */
    enum unit_state state;
    bool open; /* the state is not known (yet) */
    bool known[PROPERTIES];
    uint64_t v[PROPERTIES];
};

struct wanted { /* a property that was asked for */
    struct round *r;
    struct unit *of;
    enum property which;
};

struct round {
    struct host *h;
    sd_bus *bus;
    int64_t until;
    sd_bus_message *list; /* the reply to ListUnits; NULL: none yet */
    bool failed;          /* it is an error, and said */
    size_t pending;       /* calls */
    uint64_t count[STATES];
    struct unit units[UNITS];
    size_t nunits;
    struct wanted wanted[UNITS * PROPERTIES];
    size_t nwanted;
};

/* Until not more than so many calls are open. 0, or less: -errno. */
static int await_calls(struct round *r, size_t most)
{
    int n = 0;

    while (r->pending > most && n >= 0) {
        int64_t left = r->until - clock_mono();

        if (left <= 0)
            return -ETIMEDOUT;
        n = sd_bus_process(r->bus, NULL);
        if (n == 0)
            n = sd_bus_wait(r->bus, (uint64_t)left / 1000 + 1);
        if (n == -EINTR)
            n = 0;
    }
    return n < 0 ? n : 0;
}

static bool complain_of_bus(struct round *r, int error)
{
    const char *at = "the system bus";

    if (error == -ETIMEDOUT)
        host_complain(r->h, "%s: no answer within --timeout %s", at,
                      r->h->values[TIMEOUT] != NULL ? r->h->values[TIMEOUT] : "5s");
    else
        host_complain(r->h, "%s: %s: does systemd run this host?", at, strerror(-error));
    return false;
}

/* --- the list --- */

static int take_list(sd_bus_message *m, void *arg, sd_bus_error *unused)
{
    struct round *r = arg;
    const sd_bus_error *e = sd_bus_message_get_error(m);

    (void)unused;
    r->pending--;
    if (e != NULL) {
        host_complain(r->h, "systemd does not list its units: %s",
                      e->message != NULL ? e->message : e->name);
        r->failed = true;
        return 0;
    }
    r->list = sd_bus_message_ref(m);
    return 0;
}

/* Whether something on the command line chooses it (a name may have backslashes of its own, as in dev-disk\x2d1.device); where
 * there is nothing, the failed ones are chosen. */
static bool is_chosen(const struct host *h, const struct unit *u)
{
    for (size_t i = 0; i < h->nwords; i++)
        if (strcmp(h->words[i], u->name) == 0 || glob_match(h->words[i], str_of(u->name)))
            return true;
    return h->nwords == 0 && u->state == STATE_FAILED;
}

static void choose(struct round *r, const struct unit *u)
{
    if (r->nunits < UNITS)
        r->units[r->nunits] = *u;
    else if (r->nunits == UNITS)
        host_complain(r->h, "more than %d units are chosen: what is beyond is left out", UNITS);
    if (r->nunits <= UNITS)
        r->nunits++;
}

static bool is_listed(const struct round *r, const char *name)
{
    for (size_t i = 0; i < r->nunits && i < UNITS; i++)
        if (strcmp(r->units[i].name, name) == 0)
            return true;
    return false;
}

/* One that is named and not listed: either systemd has forgotten it, as it does with units that nobody needs, or it is another
 * name of a unit, as sshd.service is of Debian's ssh.service. So its state is asked for, as systemctl does. */
static void choose_unlisted(struct round *r)
{
    for (size_t i = 0; i < r->h->nwords && r->nunits <= UNITS; i++) {
        struct unit u = {.name = r->h->words[i], .open = true};

        if (strpbrk(u.name, "*?[\\") != NULL || is_listed(r, u.name))
            continue;
        if (r->nunits < UNITS &&
            sd_bus_path_encode("/org/freedesktop/systemd1/unit", u.name, &u.made) < 0) {
            host_complain(r->h, "out of memory");
            return;
        }
        u.path = u.made;
        choose(r, &u);
    }
}

static int read_list(struct round *r)
{
    int n = sd_bus_message_enter_container(r->list, 'a', "(ssssssouso)");

    while (n >= 0) {
        struct unit u = {0};
        const char *active;

        n = sd_bus_message_read(r->list, "(ssssssouso)", &u.name, NULL, NULL, &active, NULL, NULL,
                                &u.path, NULL, NULL, NULL);
        if (n <= 0)
            break;
        u.state = unit_state(active);
        r->count[u.state]++;
        if (is_chosen(r->h, &u))
            choose(r, &u);
    }
    return n;
}

/* False, with a complaint: there is none. */
static bool list_units(struct round *r)
{
    int n =
        sd_bus_call_method_async(r->bus, NULL, SERVICE, "/org/freedesktop/systemd1",
                                 "org.freedesktop.systemd1.Manager", "ListUnits", take_list, r, "");

    if (n >= 0) {
        r->pending++;
        n = await_calls(r, 0);
    }
    if (n >= 0 && r->list != NULL)
        n = read_list(r);
    if (n < 0 && r->list != NULL) {
        host_complain(r->h, "what systemd says of its units cannot be read: %s", strerror(-n));
        return false;
    }
    return n < 0 ? complain_of_bus(r, n) : !r->failed;
}

/* --- more of those that are chosen --- */

/* A unit that has gone, or that has no such property, has none; but without its state nothing is known of it. */
static int take_property(sd_bus_message *m, void *arg, sd_bus_error *unused)
{
    const struct wanted *w = arg;
    const sd_bus_error *e = sd_bus_message_get_error(m);
    const char *text = NULL;
    uint32_t small = 0;
    uint64_t v = 0;
    int n = 0;

    (void)unused;
    w->r->pending--;
    if (w->which == STATE) {
        n = e == NULL ? sd_bus_message_read(m, "v", "s", &text) : 0;
        w->of->open = n <= 0;
        if (n > 0)
            w->of->state = unit_state(text);
        else
            host_complain(w->r->h, "%s: systemd does not say its state: %s", w->of->name,
                          e == NULL            ? strerror(-n)
                          : e->message != NULL ? e->message
                                               : e->name);
    } else if (e == NULL && w->which == RESTARTS) {
        n = sd_bus_message_read(m, "v", "u", &small);
        v = small;
    } else if (e == NULL) {
        n = sd_bus_message_read(m, "v", "t", &v);
    }
    w->of->known[w->which] = n > 0;
    w->of->v[w->which] = v;
    return 0;
}

static int want(struct round *r, struct unit *u, enum property which, const char *kind,
                const char *name)
{
    struct wanted *w = &r->wanted[r->nwanted++];
    char interface[64];
    int n = await_calls(r, WINDOW - 1);

    *w = (struct wanted){.r = r, .of = u, .which = which};
    (void)snprintf(interface, sizeof interface, "%s.%s", SERVICE, kind);
    if (n >= 0)
        n = sd_bus_call_method_async(r->bus, NULL, SERVICE, u->path,
                                     "org.freedesktop.DBus.Properties", "Get", take_property, w,
                                     "ss", interface, name);
    if (n >= 0)
        r->pending++;
    return n;
}

static void ask_more(struct round *r)
{
    int n = 0;

    for (size_t i = 0; i < r->nunits && n >= 0; i++) {
        struct unit *u = &r->units[i];
        const char *kind = unit_kind(u->name);

        if (u->made != NULL)
            n = want(r, u, STATE, "Unit", "ActiveState");
        if (n >= 0)
            n = want(r, u, CHANGED, "Unit", "StateChangeTimestampMonotonic");
        if (n >= 0 && kind != NULL)
            n = want(r, u, MEMORY, kind, "MemoryCurrent");
        if (n >= 0 && kind != NULL && strcmp(kind, "Service") == 0)
            n = want(r, u, RESTARTS, kind, "NRestarts");
    }
    if (n >= 0)
        n = await_calls(r, 0);
    if (n < 0)
        (void)complain_of_bus(r, n);
}

/* --- a round --- */

static void put_unit(struct host *h, const struct unit *u)
{
    struct timespec t;
    uint64_t now;

    if (u->open || !host_tag(h, str_of(u->name)))
        return;
    samples_u64(&h->out, &unit_figures[UNIT_ACTIVE], unit_is_active(u->state));
    samples_u64(&h->out, &unit_figures[UNIT_FAILED], u->state == STATE_FAILED);
    now = clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (uint64_t)clock_ns(t) / 1000 : 0;
    if (u->known[CHANGED] && u->v[CHANGED] > 0 && u->v[CHANGED] <= now) /* 0: not since boot */
        samples_f64(&h->out, &unit_figures[UNIT_UNCHANGED],
                    (double)(now - u->v[CHANGED]) / 1000000);
    if (u->known[RESTARTS])
        samples_u64(&h->out, &unit_figures[UNIT_RESTARTS], u->v[RESTARTS]);
    if (u->known[MEMORY] && u->v[MEMORY] != UINT64_MAX) /* it is not counted */
        samples_u64(&h->out, &unit_figures[UNIT_MEMORY], u->v[MEMORY]);
}

static void put_all(struct round *r)
{
    for (int s = 0; s < STATES; s++) {
        if ((s == STATE_OTHER && r->count[s] == 0) ||
            !host_tag(r->h, str_of(unit_state_name((enum unit_state)s))))
            continue;
        samples_u64(&r->h->out, &unit_figures[UNITS_COUNT], r->count[s]);
    }
    for (size_t i = 0; i < r->nunits; i++)
        put_unit(r->h, &r->units[i]);
}

static void systemd_units_read(struct host *h)
{
    static struct round r; /* too large for a stack */
    int n;

    memset(&r, 0, sizeof r);
    r.h = h;
    r.until = clock_mono() + timeout;
    n = sd_bus_open_system(&r.bus);
    if (n < 0) {
        (void)complain_of_bus(&r, n);
        return;
    }
    (void)sd_bus_set_method_call_timeout(r.bus, (uint64_t)timeout / 1000 * 2); /* ours is first */
    if (list_units(&r)) {
        choose_unlisted(&r);
        r.nunits = r.nunits < UNITS ? r.nunits : UNITS;
        ask_more(&r);
        put_all(&r);
    }
    for (size_t i = 0; i < r.nunits && i < UNITS; i++)
        free(r.units[i].made);
    (void)sd_bus_message_unref(r.list);
    sd_bus_close(r.bus);
    (void)sd_bus_unref(r.bus);
}

static bool systemd_units_prepare(struct host *h, struct why *why)
{
    for (size_t i = 0; i < h->nwords; i++) {
        const char *fault = glob_fault(h->words[i]);

        if (fault != NULL)
            return why_set(why, "\"%.200s\" %s", h->words[i], fault);
        if (strchr(h->words[i], '.') == NULL && strpbrk(h->words[i], "*?[") == NULL)
            return why_set(why, "\"%.200s\": give its kind, too, as in %.100s.service", h->words[i],
                           h->words[i]);
    }
    return check_time(h->values[TIMEOUT], "5s", &timeout, why);
}

const struct subject systemd_units_subject = {
    .name = "systemd-units",
    .about = "how many units of systemd are in which state, and more of each UNIT, a name or a "
             "pattern, or of failed ones",
    .figures = unit_figures,
    .nfigures = UNIT_FIGURES,
    .read = systemd_units_read,
    .elsewhere = true,
    .words = "[UNIT]...",
    .values = VALUES,
    .prepare = systemd_units_prepare,
};
