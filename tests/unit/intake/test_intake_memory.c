/* tests/unit/intake/test_intake_memory.c - every allocation of a client's life fails once
 *
 * The allocator is this file's own, in front of the C library's; the sanitizers have theirs, so
 * under them there is only a test that says so.
 */
#include "rig/intake_rig.h"

TestSuite(memory, .init = intake_rig_start, .fini = intake_rig_end);

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED

Test(memory, not_under_a_sanitizer)
{
    cr_skip("the allocator is the sanitizer's");
}

#else

static struct intake_rig *const rig = &intake_rig;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t k, size_t n);
void *__libc_realloc(void *p, size_t n);

static unsigned failing; /* the failing-th allocation from now on; 0: none */

static bool fails(void)
{
    if (failing == 0 || --failing > 0)
        return false;
    errno = ENOMEM;
    return true;
}

__attribute__((visibility("default"))) void *malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}

__attribute__((visibility("default"))) void *calloc(size_t k, size_t n)
{
    return fails() ? NULL : __libc_calloc(k, n);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}

/* The other side may have closed already. */
static void send_and_turn(int fd, const char *s)
{
    (void)send(fd, s, strlen(s), MSG_NOSIGNAL);
    turn_loop();
}

static void exchange(unsigned nth, struct buf *reply)
{
    /* With escapes, which are not the quick reader's: that allocates nothing. */
    static const char FIRST[] = "{\"name\":\"\\u0061\",\"tags\":{\"k\":\"v\"},\"val";
    static const char SECOND[] =
        "ue\":1}\n{\"name\":\"b\",\"value\":\n{\"name\":\"\\u0063\",\"valu";
    static const char THIRD[] = "e\":2}\n{\"name\":\"d\",\"value\":\"3\"}\n";
    int fd = connect_client();

    (void)buf_room(reply, 4096); /* what the test needs itself is there before */
    failing = nth;
    send_and_turn(fd, FIRST);
    send_and_turn(fd, SECOND);
    send_and_turn(fd, THIRD);
    (void)shutdown(fd, SHUT_WR);
    receive_to_end(fd, reply);
    (void)close(fd);
}

/* Answered, or closed without a word when there was no memory for the words. */
Test(memory, every_allocation_fails_once, .timeout = 100)
{
    struct buf reply = {0};
    unsigned nth = 1, refused = 0, told = 0, silent = 0;
    bool reached = true;

    (void)buf_room(&rig->spool, 1 << 20);
    exchange(0, &reply); /* what is made once is made */
    for (; reached; nth++) {
        struct buf after = {0};

        buf_reset(&reply);
        exchange(nth, &reply);
        reached = failing == 0;
        failing = 0;
        refused += strstr(text_of(&reply), "no memory: try again later") != NULL;
        told += strstr(reply.p, "no memory") != NULL;
        silent += reply.n == 0;
        cr_assert(reply.n == 0 || reply.p[reply.n - 1] == '\n', "%u: half a reply: %s", nth,
                  reply.p);
        cr_assert_null(strstr(reply.p, "is not JSON"), "%u: %s", nth, reply.p);
        exchange(0, &after); /* it has recovered */
        cr_assert_not_null(strstr(text_of(&after), "{\"accepted\":2,\"rejected\":2,"), "%u: %s",
                           nth, after.p);
        cr_assert_eq(intake_connections(rig->in), 0);
        buf_free(&after);
    }
    cr_log_info("%u allocations: %u refused, %u told, %u closed", nth - 2, refused, told, silent);
    cr_assert_gt(nth, 30);
    cr_assert_geq(refused, 1);
    cr_assert_geq(told, 20);
    cr_assert_leq(silent, 4);
    buf_free(&reply);
}

#endif
