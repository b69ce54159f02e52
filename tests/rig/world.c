/* tests/rig/world.c - facts as conf/facts.h has their texts */
#include "rig/world.h"

/* The spools whose rows few tests are about. */
static const char *const ROOMS[] = {"room:/var/lib/garnet/spool", "room:/s", "room:/t"};

void world_file(struct snapshot *s, const char *path, const char *text, size_t n)
{
    struct snapshot_file *f = snapshot_add(s, path);

    f->text = (struct str){arena_strndup(&s->arena, text, n), n};
    for (size_t i = 0; i < sizeof ROOMS / sizeof *ROOMS; i++)
        cr_assert(snapshot_put(s, f, ROOMS[i], ""));
}

void world_put(struct snapshot *s, const char *key, const char *value)
{
    for (struct snapshot_file *f = s->files; f; f = f->next)
        cr_assert(snapshot_put(s, f, key, value));
}

void world_put_all(struct snapshot *s)
{
    world_put(s, "file:/p/graphite.so", PROGRAM);
    world_put(s, "file:/bin/cpu", PROGRAM);
    world_put(s, "file:/run", FOLDER);
    world_put(s, "file:/run/g", "error does not exist");
    world_put(s, "folder:/run", "");
    world_put(s, "folder:/run/g", "");
    world_put(s, "file:/s", FOLDER);
    world_put(s, "file:/t", FOLDER);
    world_put(s, "trust:-1:/p/graphite.so", "");
    world_put(s, "trust:-1:/bin/cpu", "");
    world_put(s, "trust:7:/bin/cpu", "");
    world_put(s, "exec:\n/bin/cpu", "");
    world_put(s, "cgroup", "");
    world_put(s, "self", "0 0 ffffffffff");
    world_put(s, "user:garnet", "");
    world_put(s, "user:0", "0 0 0");
    world_put(s, "user:u", "7 8 8 9");
    world_put(s, "user:v", "7 8 8 9 10");
    world_put(s, "group:g", "11");
    world_put(s, "group:wheel", "10");
}

struct conf *world_parse(const char *text, const char *cpu, struct errors *e)
{
    struct snapshot s = {0};
    struct conf *c;

    world_file(&s, "/etc/garnet.yaml", text, strlen(text));
    world_file(&s, "/etc/collectors.d/cpu.yaml", cpu, strlen(cpu));
    world_put_all(&s);
    c = conf_parse(&s, e);
    snapshot_free(&s); /* the conf must not need it any more */
    cr_assert_not_null(c);
    return c;
}

struct conf *world_parse_good(const char *text, const char *cpu)
{
    struct errors e = {0};
    struct conf *c = world_parse(text, cpu, &e);

    cr_assert_eq(e.n, 0, "%.*s", (int)e.text.n, e.text.p);
    cr_assert_null(c->wanted);
    errors_free(&e);
    return c;
}
