/* Processes by name: which they are, and sums that never go back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/chosen.h"

static struct chosen c;
static struct why why;

static void end(void)
{
    chosen_free(&c);
}

TestSuite(chosen, .fini = end);

static void add(const char *text)
{
    cr_assert(chosen_add(&c, text, &why), "%s: %s", text, why.text);
}

static int match(const char *comm, const char *line)
{
    return chosen_match(&c, str_of(comm), line);
}

Test(chosen, by_name)
{
    add("nginx");
    add("a b) (c\n");
    cr_expect_eq(match("nginx", NULL), 0);
    cr_expect_eq(match("a b) (c\n", NULL), 1);
    cr_expect_eq(match("nginx2", NULL), CHOSEN_NONE);
    cr_expect_eq(match("ngin", NULL), CHOSEN_NONE);
    cr_expect_eq(match("", NULL), CHOSEN_NONE);
}

Test(chosen, a_name_that_the_kernel_cuts_is_in_the_command_line)
{
    add("prometheus-node-exporter");
    add("fifteen-bytes-x");
    cr_expect_eq(match("fifteen-bytes-x", NULL), 1);
    cr_expect_eq(match("prometheus-node", NULL), CHOSEN_ASKS);
    cr_expect_eq(match("prometheus-node", "prometheus-node-exporter"), 0);
    cr_expect_eq(match("prometheus-node", "/usr/bin/prometheus-node-exporter --a"), 0);
    cr_expect_eq(match("prometheus-node", "python3 /opt/prometheus-node-exporter -x"), 0);
    cr_expect_eq(match("prometheus-node", "sh -c prometheus-node-exporter"), CHOSEN_NONE);
    cr_expect_eq(match("prometheus-node", "/usr/bin/prometheus-node-exporter2"), CHOSEN_NONE);
    cr_expect_eq(match("prometheus-node", "/a/my-prometheus-node-exporter"), CHOSEN_NONE);
    cr_expect_eq(match("prometheus-node", ""), CHOSEN_NONE);
    cr_expect_eq(match("prometheus-nod", NULL), CHOSEN_NONE);
}

Test(chosen, a_thread_of_the_kernel_has_a_long_name_whole)
{
    add("rcu_tasks_kthread");
    cr_expect_eq(match("rcu_tasks_kthread", NULL), 0);
    cr_expect_eq(match("rcu_tasks_kthread2", NULL), CHOSEN_NONE);
}

/* As any user can make one: the C library alone takes a minute for it. */
Test(chosen, a_long_line_takes_no_longer_than_it_is_long, .timeout = 5)
{
    static char line[128 << 10];

    add("x=(java)+.*-Dname=x");
    add("y=^java(java)*z|w$");
    for (size_t i = 0; i + 4 < sizeof line; i += 4)
        memcpy(line + i, "java", 4);
    cr_expect_eq(match("java", line), CHOSEN_NONE);
    line[sizeof line - 5] = 'w';
    cr_expect_eq(match("java", line), 1);
}

Test(chosen, by_command_line_and_the_first_wins)
{
    add("sh");
    add("db=^postgres: |mysqld$");
    add("python3");
    add("all=.");
    cr_expect_eq(match("sh", NULL), 0);
    cr_expect_eq(match("python3", NULL), CHOSEN_ASKS);
    cr_expect_eq(match("python3", "python3 x"), 2);
    cr_expect_eq(match("postgres", "postgres: idle"), 1);
    cr_expect_eq(match("x", "/usr/sbin/mysqld"), 1);
    cr_expect_eq(match("x", "a postgres: "), 3);
}

Test(chosen, what_is_no_name)
{
    const struct {
        const char *text, *why;
    } cases[] = {
        {"", "has no name: give NAME or NAME=REGEX"},
        {"=x", "has no name: give NAME or NAME=REGEX"},
        {"a=", "has nothing behind the =: give a regular expression"},
        {"a=(", "is no extended regular expression: Unmatched ( or \\("},
        {"a=)(", "is no extended regular expression: Unmatched ( or \\("},
        {"a=(x)\\\\(y)\\2", "refers back (\\1): an extended regular expression cannot"},
        {"more than fifteen", "has more than 15 bytes and a blank: give NAME=REGEX"},
        {"b=x", "has a name that was there before: one can be NAME=REGEX|REGEX"},
    };
    static char names[CHOSEN_NAMES][8];

    add("b");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(!chosen_add(&c, cases[i].text, &why));
        cr_expect_str_eq(why.text, cases[i].why);
    }
    for (int i = 1; i < CHOSEN_NAMES; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%d", i);
        add(names[i]);
    }
    cr_expect(!chosen_add(&c, "more", &why));
    cr_expect_str_eq(why.text, "is one too many: 64 names are possible");
}

/* --- sums --- */

/* A process in a round: pid, parent, start, user ticks, bytes read; -1: they are not known. */
static void take(uint64_t pid, uint64_t parent, uint64_t start, uint64_t user, int64_t bytes)
{
    const struct chosen_process p = {
        .pid = pid,
        .parent = parent,
        .start = start,
        .io = bytes >= 0,
        .counters = {[CHOSEN_USER] = user, [CHOSEN_READ] = bytes < 0 ? 0 : (uint64_t)bytes}};

    chosen_take(&c, &p);
}

static void sums(uint64_t user, uint64_t bytes)
{
    cr_assert(chosen_end(&c));
    cr_expect_eq(c.names[0].sums[CHOSEN_USER], user, "%llu",
                 (unsigned long long)c.names[0].sums[CHOSEN_USER]);
    cr_expect_eq(c.names[0].sums[CHOSEN_READ], bytes, "%llu",
                 (unsigned long long)c.names[0].sums[CHOSEN_READ]);
}

Test(chosen, from_the_first_round_on_and_over_ends)
{
    add("x");
    chosen_begin(&c, 1000);
    take(9, 1, 10, 500, 5000); /* in no order */
    take(7, 1, 10, 100, 1000);
    sums(0, 0);
    chosen_begin(&c, 2000);
    take(7, 1, 10, 103, 1007);
    take(9, 1, 10, 550, 5000);
    sums(53, 7);
    chosen_begin(&c, 3000); /* 9 has ended */
    take(7, 1, 10, 104, 1007);
    sums(54, 7);
    chosen_begin(&c, 4000);
    sums(54, 7);
    chosen_begin(&c, 5000);
    sums(54, 7);
}

Test(chosen, one_that_is_new_has_used_all_of_it)
{
    add("x");
    chosen_begin(&c, 1000);
    sums(0, 0);
    chosen_begin(&c, 2000);
    take(7, 1, 1500, 30, 300);  /* began since */
    take(8, 1, 20, 4000, 4000); /* was there, under another name */
    sums(30, 300);
    chosen_begin(&c, 3000);
    take(7, 1, 2500, 5, 50); /* the same number, another process */
    take(8, 1, 20, 4001, 4001);
    sums(36, 351);
}

Test(chosen, a_counter_that_goes_back_adds_nothing)
{
    add("x");
    chosen_begin(&c, 1000);
    take(7, 1, 10, 100, 100);
    sums(0, 0);
    chosen_begin(&c, 2000);
    take(7, 1, 10, 90, 90);
    sums(0, 0);
    chosen_begin(&c, 3000);
    take(7, 1, 10, 100, 95); /* it was counted before */
    sums(0, 0);
    chosen_begin(&c, 4000);
    take(7, 1, 10, 103, 104);
    sums(3, 4);
}

Test(chosen, io_that_is_not_always_known)
{
    add("x");
    chosen_begin(&c, 1000);
    take(7, 1, 10, 0, -1);
    sums(0, 0);
    chosen_begin(&c, 2000);
    take(7, 1, 10, 0, 500); /* since when is not known */
    sums(0, 0);
    chosen_begin(&c, 3000);
    take(7, 1, 10, 0, 510);
    take(8, 1, 2500, 0, -1);
    sums(0, 10);
    chosen_begin(&c, 4000);
    take(7, 1, 10, 0, -1); /* not now; the next time it is all there */
    sums(0, 10);
    chosen_begin(&c, 5000);
    take(7, 1, 10, 0, 530);
    sums(0, 30);
}

Test(chosen, who_has_a_parents_pid_by_now_is_no_parent)
{
    add("x");
    chosen_begin(&c, 1000);
    take(7, 1, 10, 0, 0);
    take(8, 7, 20, 0, 100);
    sums(0, 0);
    chosen_begin(&c, 2000);
    take(7, 1, 1500, 0, 60);
    sums(0, 60);
}

/* The kernel adds a child's bytes to those of who has waited for it. */
Test(chosen, what_a_child_has_read_counts_once)
{
    add("x");
    chosen_begin(&c, 1000);
    take(7, 1, 10, 0, 0);
    take(8, 7, 20, 0, 100);
    sums(0, 0);
    chosen_begin(&c, 2000);
    take(7, 1, 10, 0, 0);
    take(8, 7, 20, 0, 150);
    sums(0, 50);
    cr_expect_eq(chosen_before(&c, 8, 20), 0);
    cr_expect_eq(chosen_before(&c, 8, 21), CHOSEN_NONE);
    cr_expect_eq(chosen_before(&c, 9, 20), CHOSEN_NONE);
    chosen_begin(
        &c, 3000); /* it read 30 more, was waited for, and one came and went meanwhile with 4 */
    take(7, 1, 10, 0, 3 + 180 + 4);
    take(8, 7, 2500, 0, 6); /* the number again */
    sums(0, 50 + 3 + 30 + 4 + 6);
    chosen_begin(&c, 4000); /* nobody has waited for it */
    take(7, 1, 10, 0, 187);
    sums(0, 93);
}

Test(chosen, out_of_memory_is_said)
{
    add("x");
    c.own.max = sizeof(struct chosen_process) - 1;
    chosen_begin(&c, 1000);
    take(7, 1, 10, 0, 0);
    cr_expect(!chosen_end(&c));
}
