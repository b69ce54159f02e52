/* tests/unit/intake/test_room.c - who may connect, and who has to give way: without a connection */
#include <criterion/criterion.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "intake/room.h"

enum { ENTRIES = 20 };

static struct holder {
    struct pool_entry entry;
    bool busy, looked_at; /* what its user says */
} e[ENTRIES];
static struct conf_intake limits;
static struct room r;
static struct loop *loop;
static struct origin shared, disk = {.set.collector = "disk"};
static struct pool_entry *silent;
static struct why why;

static bool may_close(void *arg, unsigned *looks)
{
    struct holder *p = arg;

    if (p->busy)
        return false;
    ++*looks;
    return !p->looked_at;
}

static void init(void)
{
    limits = (struct conf_intake){
        .max_connections = 4, .max_connections_per_user = 3, .idle = 10 * NS_PER_S};
    loop = loop_new();
    r = (struct room){.loop = loop, .limits = &limits, .may_close = may_close};
    cr_assert_not_null(loop);
    (void)loop_turn(loop, 0);
}

static struct guest guest(struct origin *o, uid_t uid)
{
    return (struct guest){.origin = o, .peer.uid = uid, .fd = 3};
}

static void enter(unsigned i, struct origin *o, uid_t uid, int64_t silence)
{
    struct guest g = guest(o, uid);

    e[i].entry.arg = &e[i];
    cr_assert(pool_enter(o == &shared ? &r.users : &r.collectors, room_key(&g), &e[i].entry,
                         loop_now(loop) - silence));
}

static struct pool *ask(struct origin *o, uid_t uid)
{
    struct guest g = guest(o, uid);

    return room_for(&r, &g, &silent, &why);
}

static void fini(void)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        pool_leave(&e[i].entry);
    loop_free(loop);
}

TestSuite(room, .init = init, .fini = fini);

Test(room, collectors_and_users_have_a_pool_each)
{
    for (unsigned i = 0; i < 4; i++)
        enter(i, &shared, 1 + i, (4 - i) * NS_PER_S);
    cr_assert_eq(ask(&disk, 1), &r.collectors);
    cr_assert_null(silent);
    cr_assert_eq(ask(&shared, 9), &r.users);
    cr_assert_eq(silent, &e[0].entry, "the longest silent of those who have most");
}

Test(room, who_has_his_fill_gives_up_one_of_his_own_after_idle)
{
    for (unsigned i = 0; i < 3; i++)
        enter(i, &shared, 7, (int64_t)(9 - i) * NS_PER_S);
    cr_assert_null(ask(&shared, 7));
    cr_assert_str_eq(why.text, "too many connections of user 7: at most 3");
    limits.idle = 8 * NS_PER_S;
    cr_assert_eq(ask(&shared, 7), &r.users);
    cr_assert_eq(silent, &e[0].entry);
    cr_assert_str_eq(why.text, "silent for 9s, and there are too many connections: connect again");
    cr_assert_eq(ask(&shared, 8), &r.users);
    cr_assert_null(silent, "another has room");
    for (unsigned i = 3; i < 6; i++)
        enter(i, &disk, 0, 0);
    cr_assert_null(ask(&disk, 0));
    cr_assert_str_eq(why.text, "too many connections of this collector: at most 3");
}

Test(room, the_busy_are_spared_and_looks_are_bounded)
{
    limits.max_connections = limits.max_connections_per_user = ENTRIES;
    for (unsigned i = 0; i < ENTRIES; i++) {
        enter(i, &shared, 7, NS_PER_S);
        e[i].busy = i < 10;
        e[i].looked_at = i < 17;
    }
    limits.max_connections_per_user++;
    cr_assert_eq(ask(&shared, 7), &r.users);
    cr_assert_eq(silent, &e[17].entry, "the eighth at whose socket it looks");
    e[9].busy = false;
    cr_assert_null(ask(&shared, 7));
    cr_assert_str_eq(why.text, "too many connections: at most 20");
}

Test(room, descriptors_are_left_for_others)
{
    struct rlimit l;
    struct guest g = guest(&shared, 1);

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_cur = l.rlim_cur < 1000 ? l.rlim_cur : 1000;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
    r.sockets = 2;
    g.fd = (int)l.rlim_cur - 2 * (32 + 4 * 2) - 1;
    cr_assert_eq(room_for(&r, &g, &silent, &why), &r.users);
    cr_assert_null(silent);
    g.fd++;
    cr_assert_null(room_for(&r, &g, &silent, &why));
    cr_assert_str_eq(why.text, "no descriptors left: try again later");
    g.origin = &disk;
    cr_assert_eq(room_for(&r, &g, &silent, &why), &r.collectors);
    enter(0, &shared, 1, NS_PER_S);
    g.fd = (int)l.rlim_cur - (32 + 4 * 2);
    cr_assert_eq(room_for(&r, &g, &silent, &why), &r.collectors);
    cr_assert_eq(silent, &e[0].entry, "the shared socket's go first");
}
