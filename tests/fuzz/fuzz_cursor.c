/* fuzz_cursor.c - a cursor and a list of sinks of arbitrary bytes
 *
 * The first byte says how. 'r': the rest is the cursor as it is. 'f': its two slots are given right
 * checksums first. 'l': it is the list of sinks.
 */
#include <endian.h>
#include <xxhash.h>

#include "fuzz.h"
#include "spool/cursor.h"

enum { SLOT = 512 };

static void check_state(const struct cursor_state *s)
{
    HOLDS(s->start <= s->position && s->keep <= s->position && s->owed <= s->position);
}

/* As a worker: what it stores is what is read from then on. */
static void use(int dirfd)
{
    struct cursor_state s = {0};
    struct cursor c;

    if (cursor_read(dirfd, "x", &s) < 0) {
        HOLDS(cursor_open(&c, dirfd, "x") < 0 && c.fd < 0);
        return;
    }
    check_state(&s);
    HOLDS(cursor_open(&c, dirfd, "x") == 0);
    HOLDS(memcmp(&c.state, &s, sizeof s) == 0);
    c.state.dropped[DROP_SKIPPED]++;
    s = c.state;
    HOLDS(cursor_store(&c) == 0);
    cursor_close(&c);
    HOLDS(cursor_read(dirfd, "x", &c.state) == 0);
    HOLDS(c.generation == 0 || memcmp(&c.state, &s, sizeof s) == 0);
}

static void check_name(void *arg, const char *name)
{
    size_t *total = arg;

    HOLDS(name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL);
    *total += strlen(name);
}

static void list(int dirfd, const uint8_t *p, size_t n)
{
    size_t total = 0;

    fuzz_file(dirfd, "sinks", p, n);
    HOLDS(cursor_list_each(dirfd, check_name, &total) == 0);
    HOLDS(total <= n);
    (void)unlinkat(dirfd, "sinks", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    int dirfd = fuzz_folder();
    uint8_t copy[4 * SLOT] = {0};
    uint64_t sum;

    if (n < 1 || n > sizeof copy)
        return 0;
    if (p[0] == 'l') {
        list(dirfd, p + 1, n - 1);
        return 0;
    }
    memcpy(copy, p + 1, n - 1);
    for (uint8_t *slot = copy; p[0] == 'f' && slot < copy + 2 * SLOT; slot += SLOT) {
        sum = htole64(XXH3_64bits(slot, SLOT - 8));
        memcpy(slot + SLOT - 8, &sum, sizeof sum);
    }
    (void)mkdirat(dirfd, "cursors", 0750);
    fuzz_file(dirfd, "cursors/x", copy, p[0] == 'f' ? 2 * SLOT : n - 1);
    use(dirfd);
    (void)unlinkat(dirfd, "cursors/x", 0);
    return 0;
}
