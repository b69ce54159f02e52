/* cli/run_choose.c - load, find, and whose rights count
 *
 * The garnetd that the shipped unit starts is not root, and neither are its collectors; `sudo garnet run` is. So for a
 * collector without a user of its own root becomes whoever owns the spool, which is garnetd's user and nobody else ever,
 * and reads and judges once more.
 *
 * Fails with EXIT_USAGE where there is no such collector, or no configuration to look in; with EXIT_CONFIG where it is
 * refused, is disabled, or garnet.yaml is wrong; with EXIT_WORLD for want of memory or processes.
 */
#include "cli/run_choose.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/privileges.h"
#include "base/terminal.h"
#include "conf/load.h"
#include "conf/nearest.h"
#include "conf/path.h"

enum { NAMES_SHOWN = 8, MOST_GROUPS = 256 };

bool run_is_file(const char *what)
{
    return strchr(what, '/') != NULL || path_ends(what, ".yaml");
}

/* --- what is wrong --- */

/* Of lines as in struct errors, those of one file. */
static void say_lines(const char *before, struct str lines, const char *file)
{
    size_t n = strlen(file);
    struct str line;

    while (str_line(&lines, &line))
        if (line.n > n && strncmp(line.s, file, n) == 0 && line.s[n] == ':')
            say(stderr, "%s%.*s", before, (int)line.n, line.s);
}

/* What can be read and done is the caller's to have, and garnetd may have more. */
static void say_whose_rights(void)
{
    if (geteuid() != 0)
        say(stderr,
            "garnet run: a garnetd of user %ld would say so. For what that user may not do, such "
            "as "
            "become another, run this as root: sudo garnet run ...",
            (long)geteuid());
}

static int refuse_main(const struct run_choice *c)
{
    if (c->snapshot.files == NULL || c->errors.n == 0) {
        say(stderr, "garnet run: cannot begin: there is no memory, or no process, left");
        return EXIT_WORLD;
    }
    say_lines("", (struct str){c->errors.text.p, c->errors.text.n}, c->snapshot.files->path);
    if (errors_only_world(&c->errors))
        say_whose_rights();
    return EXIT_CONFIG;
}

static int refuse_collector(const struct conf_refused *r)
{
    (void)fputs(r->lines, stderr);
    if (r->world)
        say_whose_rights();
    return EXIT_CONFIG;
}

/* --- the one that is meant --- */

static const char *name_of(const struct conf_refused *r)
{
    return r->collector != NULL ? r->collector : r->sink == NULL ? path_base(r->file) : "";
}

/* By the collector's name; of a file whose name can be none of a collector's, by that. */
static const struct conf_refused *find_refused(const struct conf *c, const char *name)
{
    const struct conf_refused *r = c->refused;

    while (r != NULL && strcmp(name_of(r), name) != 0)
        r = r->next;
    return r;
}

static int say_unknown(const struct conf *c, const char *name)
{
    struct nearest near = nearest_to(name);
    struct buf names = {0};
    unsigned n = 0;

    for (const struct conf_collector *k = c->collectors; k != NULL; k = k->next, n++) {
        nearest_try(&near, k->name);
        if (n < NAMES_SHOWN)
            buf_putf(&names, "%s%s", n > 0 ? ", " : "", k->name);
    }
    for (const struct conf_refused *r = c->refused; r != NULL; r = r->next)
        if (r->collector != NULL)
            nearest_try(&near, r->collector);
    if (n > NAMES_SHOWN)
        buf_putf(&names, " and %u more", n - NAMES_SHOWN);
    say(stderr, "garnet run: there is no collector \"%s\"%s%s%s", name,
        near.found != NULL ? ": did you mean \"" : "", near.found != NULL ? near.found : "",
        near.found != NULL ? "\"?" : "");
    say(stderr, "%s has %.*s; a file is named with a slash or .yaml: garnet run ./%s.yaml",
        c->collectors_folder, names.n > 0 ? (int)names.n : 4, names.n > 0 ? names.p : "none", name);
    buf_free(&names);
    return EXIT_USAGE;
}

static int say_disabled(const struct conf_collector *k)
{
    say(stderr,
        "%s: enabled: false, so garnetd does not run it: for a try take that key out of a copy, "
        "and run the copy",
        k->node->at.file);
    return EXIT_CONFIG;
}

/* The collector, or what is refused of it, or neither. */
static const struct conf_refused *find_named(struct run_choice *c, const char *what)
{
    const char *base = path_base(what);
    size_t n = strlen(base) - (path_ends(base, ".yaml") ? strlen(".yaml") : 0);
    const struct conf_refused *r;
    char name[NAME_MAX + 1];

    (void)snprintf(name, sizeof name, "%.*s", (int)n, base);
    if ((c->collector = conf_collector_named(c->conf, name)) != NULL)
        return NULL;
    if ((r = find_refused(c->conf, name)) == NULL)
        r = find_refused(c->conf, base);
    if (r == NULL && !run_is_file(what))
        r = conf_refused_file(c->conf, c->conf->collectors_folder);
    return r;
}

static int check(const struct run_choice *c, const char *what, const struct conf_refused *r)
{
    if (r != NULL)
        return refuse_collector(r);
    if (c->collector == NULL)
        return say_unknown(c->conf, what);
    return c->collector->enabled ? 0 : say_disabled(c->collector);
}

/* --- who it is --- */

/* For good, with its groups, and the variables that a service manager would give garnetd. */
static bool become(const struct passwd *pw)
{
    gid_t groups[MOST_GROUPS];
    int n = MOST_GROUPS;

    errno = E2BIG;
    if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) < 0 ||
        privileges_become(pw->pw_uid, pw->pw_gid, groups, (size_t)n) < 0)
        return false;
    (void)setenv("HOME", pw->pw_dir, 1);
    (void)setenv("USER", pw->pw_name, 1);
    (void)setenv("LOGNAME", pw->pw_name, 1);
    return true;
}

/* 1: we are another user now. 0: there is no need to. -1: said. */
static int become_garnetds(const struct run_choice *c, const struct conf_refused *r)
{
    bool own = c->collector != NULL ? c->collector->identity.user == NULL : r != NULL && r->world;
    const char *dir = c->conf->spool.dir;
    const struct passwd *pw;
    struct stat st;

    if (!own || geteuid() != 0 || dir == NULL || stat(dir, &st) < 0 || st.st_uid == 0)
        return 0;
    errno = 0;
    if ((pw = getpwuid(st.st_uid)) != NULL && become(pw))
        return 1;
    say(stderr, "garnet run: cannot become user %ld, who owns %s and so is garnetd's: %s",
        (long)st.st_uid, dir, errno != 0 ? strerror(errno) : "there is no such account");
    return -1;
}

static bool name_user(struct run_choice *c, bool changed)
{
    const char *user = c->collector->identity.user;
    const struct passwd *pw = user == NULL ? getpwuid(geteuid()) : NULL;

    user = pw != NULL ? pw->pw_name : user != NULL ? user : "the caller";
    c->user = arena_printf(&c->conf->arena, "%s%s", user, changed ? ", who owns the spool" : "");
    return c->user != NULL;
}

/* --- all --- */

static int check_command_line(const char *what, const char *config)
{
    if (run_is_file(what) && !path_ends(what, ".yaml")) {
        say(stderr,
            "garnet run: %s is not the name of a collector's file, which ends in .yaml and says "
            "which command to run, for example: {command: %s, interval: 10s}",
            what, what);
        return EXIT_USAGE;
    }
    if (config == NULL && access(GARNET_CONFIG, F_OK) != 0 &&
        (errno == ENOENT || errno == ENOTDIR)) {
        say(stderr,
            "garnet run: there is no " GARNET_CONFIG ": name garnetd's configuration with -c FILE");
        return EXIT_USAGE;
    }
    return 0;
}

static int load(struct run_choice *c, const char *what, const char *config)
{
    struct asking asking = {.table = -1};

    *c = (struct run_choice){.user = NULL};
    c->conf =
        conf_load_with(&c->snapshot, config, run_is_file(what) ? what : NULL, &asking, &c->errors);
    return c->conf == NULL || c->snapshot.files->error != NULL ||
                   (errors_fatal(&c->errors) && !errors_only_world(&c->errors))
               ? refuse_main(c)
               : 0;
}

int run_choose(struct run_choice *c, const char *what, const char *config)
{
    const struct conf_refused *r;
    int status = check_command_line(what, config), became;

    *c = (struct run_choice){.user = NULL};
    config = config != NULL ? config : GARNET_CONFIG;
    if (status != 0 || (status = load(c, what, config)) != 0)
        return status;
    r = find_named(c, what);
    if ((became = become_garnetds(c, r)) < 0)
        return EXIT_WORLD;
    if (became > 0) {
        run_choice_free(c);
        if ((status = load(c, what, config)) != 0)
            return status;
        r = find_named(c, what);
    }
    if (errors_fatal(&c->errors)) /* such as the socket's folder, which is nothing to a run */
        say_lines("warning: ", (struct str){c->errors.text.p, c->errors.text.n},
                  c->snapshot.files->path);
    if ((status = check(c, what, r)) != 0)
        return status;
    say_lines("warning: ", (struct str){c->errors.warnings.p, c->errors.warnings.n},
              c->collector->node->at.file);
    return name_user(c, became > 0) ? 0 : EXIT_WORLD;
}

void run_choice_free(struct run_choice *c)
{
    conf_free(c->conf);
    snapshot_free(&c->snapshot);
    errors_free(&c->errors);
}
