/* daemon/check.c - conf_load(), then the check of each plugin, then once more with what those have found */
#include "daemon/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/privileges.h"
#include "base/process.h"
#include "conf/facts.h"
#include "conf/load.h"
#include "daemon/generation.h"
#include "daemon/plugin_check.h"
#include "keep/warder.h"

/* What is wrong goes to `e`; to the snapshot, as a fact, if the text is not to blame, or without an `e`.
 * False: no memory. */
static bool note_check(const struct plugin_check *c, struct snapshot *snap, struct errors *e)
{
    struct buf lines = {0};
    bool ok = true;

    if (c->of_text && e != NULL) {
        errors_join(e, &c->said, false);
    } else if (c->said.n > 0) {
        buf_put(&lines, c->said.text.p, c->said.text.n);
        buf_putc(&lines, '\0');
        ok = buf_ok(&lines) && fact_put_check(snap, c->sink->name, lines.p);
        buf_free(&lines);
    }
    return ok;
}

/* Those that are not refused, and were in `was` (NULL: all), also where the text of another of their keys is
 * wrong; to NULL: how many they are. */
static size_t choose_sinks(const struct conf *c, const struct conf *was, struct plugin_check *to)
{
    const struct conf_sink *old;
    size_t n = 0;

    for (const struct conf_sink *s = c->sinks; s != NULL; s = s->next) {
        if (!s->loadable || s->refused ||
            (was != NULL && (old = conf_sink_named(was, s->name)) != NULL && !old->refused))
            continue;
        if (to != NULL)
            to[n].sink = s;
        n++;
    }
    return n;
}

/* False: there was no memory, no descriptor or no process. */
static bool check_sinks(struct snapshot *snap, const struct conf *c, const struct conf *was,
                        const char *program, int hung, struct errors *e)
{
    size_t n = choose_sinks(c, was, NULL);
    struct plugin_check *checks = calloc(n + 1, sizeof *checks);
    struct buf bytes = {0};
    bool ok;
    int fd;

    if (checks == NULL)
        return false;
    (void)choose_sinks(c, was, checks);
    snapshot_write(snap, &bytes);
    fd = buf_ok(&bytes) ? generation_seal((struct str){bytes.p, bytes.n}) : -1;
    ok = fd >= 0 && plugin_check_all(checks, n, program, fd, hung);
    for (size_t i = 0; i < n; i++) {
        ok = ok && note_check(&checks[i], snap, e);
        errors_free(&checks[i].said);
    }
    fd_close(&fd);
    buf_free(&bytes);
    free(checks);
    return ok;
}

/* What of `next` may not change while garnetd runs; NULL: nothing of that changed. */
static const char *what_stays(const struct conf *now, const struct conf *next)
{
    const struct conf_socket *a = &now->socket, *b = &next->socket;

    if (!text_same(a->path, b->path) || a->mode != b->mode || a->group != b->group)
        return "socket";
    if (!text_same(now->control.path, next->control.path) ||
        now->control.group != next->control.group)
        return "control";
    return !text_same(now->spool.dir, next->spool.dir) ? "spool.dir" : NULL;
}

static void check_against(const struct snapshot *now, const struct conf *next, struct errors *e)
{
    struct conf *c = now != NULL ? conf_parse_known(now) : NULL;
    const char *stays = c != NULL ? what_stays(c, next) : NULL;

    if (stays != NULL)
        errors_add(e, (struct pos){next->root->at.file, 0, 0},
                   "`%s` cannot change while garnetd runs: restart it", stays);
    conf_free(c);
}

/* Of all errors, those of the main file. */
static void keep_main_errors(struct snapshot *s, const struct errors *checks, struct errors *e)
{
    s->files->next = NULL;
    errors_free(e);
    conf_free(conf_parse(s, e));
    errors_join(e, checks, false);
}

bool check_configuration(const char *path, const struct snapshot *now, struct asking *of,
                         const char *sink_program, struct buf *snapshot, struct errors *e)
{
    struct snapshot snap = {0};
    struct errors checks = {0};
    struct conf *c = conf_load(&snap, path, now, of, e);

    if (c == NULL) {
        if (!errors_fatal(e))
            errors_world(e, (struct pos){.file = path},
                         "cannot be read: there is no memory, or no process, left");
    } else {
        if (!errors_fatal(e))
            check_against(now, c, &checks);
        if (checks.n == 0 && !check_sinks(&snap, c, NULL, sink_program, of->table, &checks))
            errors_world(&checks, (struct pos){.file = path}, "cannot be checked: %s",
                         strerror(errno));
        conf_free(c); /* once more, with what the checks have found */
        errors_free(e);
        c = conf_parse(&snap, e);
        errors_join(e, &checks, false);
    }
    if (c != NULL && c->sinks == NULL && !errors_fatal(e))
        errors_warn(e, (struct pos){snap.files->path, 0, 0}, CHECK_NO_SINK);
    if (now != NULL && c != NULL && errors_fatal(e))
        keep_main_errors(&snap, &checks, e);
    snapshot_write(&snap, snapshot);
    if ((c == NULL || !buf_ok(snapshot)) && !errors_fatal(e))
        errors_world(e, (struct pos){.file = path}, "cannot be checked: out of memory");
    errors_free(&checks);
    conf_free(c);
    snapshot_free(&snap);
    return !errors_fatal(e);
}

/* Of two configurations of the same files. */
static bool same_refused(const struct conf *a, const struct conf *b)
{
    const struct conf_refused *of_a = a->refused, *of_b = b->refused;

    for (; of_a != NULL && of_b != NULL; of_a = of_a->next, of_b = of_b->next)
        if (!conf_refused_alike(b, of_a))
            return false;
    return of_a == NULL && of_b == NULL;
}

/* Likewise: the same collectors, of the same files. Both lists are sorted by name. */
static bool same_collectors(const struct conf *a, const struct conf *b)
{
    const struct conf_collector *of_a = a->collectors, *of_b = b->collectors;

    for (; of_a != NULL && of_b != NULL; of_a = of_a->next, of_b = of_b->next)
        if (strcmp(of_a->name, of_b->name) != 0 ||
            strcmp(of_a->node->at.file, of_b->node->at.file) != 0)
            return false;
    return of_a == NULL && of_b == NULL;
}

/* The look at what was refused for the world, and at the scripts: conf_load_refused(), and the checks of sinks that
 * are not refused any more. 1: something is different; 0: nothing is; -1: there was no memory. */
static int check_refused(struct snapshot *now, int64_t settled, struct asking *of,
                         const char *sink_program, struct buf *bytes)
{
    struct errors ignored = {0};
    struct conf *before = conf_parse_known(now), *after = NULL;
    int different = -1;

    if (before != NULL)
        after = conf_load_refused(now, settled, of, &ignored);
    if (after != NULL && check_sinks(now, after, before, sink_program, of->table, NULL)) {
        conf_free(after);
        after = conf_parse_known(now);
        snapshot_write(now, bytes);
        if (after != NULL && buf_ok(bytes))
            different = !same_refused(before, after) || !same_collectors(before, after);
    }
    errors_free(&ignored);
    conf_free(before);
    conf_free(after);
    return different;
}

/* --- in a process of its own --- */

static int send_answer(int out, char kind, const struct buf *more)
{
    return fd_write_all(out, &kind, 1) < 0 || fd_write_all(out, more->p, more->n) < 0;
}

/* The collectors' files beside the main file in use, which may be another one. */
static bool load_beside(struct snapshot *now, struct asking *of, const struct errors *wrong,
                        struct buf *answer)
{
    uint32_t n = (uint32_t)wrong->text.n;
    struct errors e = {0};
    struct conf *c = conf_load_beside(now, of, &e);
    bool good = c != NULL && !errors_fatal(&e);

    buf_reset(answer);
    buf_put(answer, &n, sizeof n);
    buf_put(answer, wrong->text.p, n);
    snapshot_write(now, answer);
    errors_free(&e);
    conf_free(c);
    return good && buf_ok(answer);
}

static int check_anew(const struct ward_job *j, struct snapshot *now)
{
    struct asking of = {.table = j->fds[CHECK_HUNG]};
    struct buf answer = {0};
    struct errors e = {0};

    if (check_configuration(j->argv[1], now, &of, j->argv[2], &answer, &e))
        return send_answer(j->fds[CHECK_ANSWER], 'S', &answer);
    if (now != NULL && load_beside(now, &of, &e, &answer))
        return send_answer(j->fds[CHECK_ANSWER], 'M', &answer);
    return send_answer(j->fds[CHECK_ANSWER], errors_only_world(&e) ? 'W' : 'E', &e.text);
}

static int look_again(const struct ward_job *j, struct snapshot *now)
{
    struct asking of = {.table = j->fds[CHECK_HUNG]};
    struct buf snapshot = {0};
    int different = check_refused(now, j->word * NS_PER_MS, &of, j->argv[2], &snapshot);
    int out = j->fds[CHECK_ANSWER];

    if (different < 0)
        return 1;
    return different > 0 ? send_answer(out, 'S', &snapshot)
                         : send_answer(out, 'N', &(struct buf){0});
}

/* It keeps garnetd's capabilities, to read what garnetd may and to switch users for a check. What it
 * starts, or has started for it by a directory service's library, gets no others. */
int check_in_child(void *arg)
{
    const struct ward_job *j = arg;
    struct buf bytes = {0};
    struct snapshot now = {0};
    int fd = j->fds[CHECK_NOW];

    signals_release(); /* it has no handlers */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (privileges_no_new() < 0)
        return 1;
    if (fd >= 0 &&
        (fd_read_all(fd, 0, &bytes) < 0 || !snapshot_read(&now, (struct str){bytes.p, bytes.n})))
        return 1;
    if (j->word != 0)
        return look_again(j, &now);
    return check_anew(j, fd >= 0 ? &now : NULL);
}
