/* model/statboard.h: what is believed of a page that a plugin may write over */
#include <criterion/criterion.h>
#include <string.h>

#include "model/metric.h"
#include "model/statboard.h"

static struct statboard board;
static const struct stat_row ROWS[] = {{METRIC_COUNTER, "sent", "B"}, {METRIC_GAUGE, "open", ""}};
static const char LONG[] = "a23456789_123456789_123456789_12"; /* 32 */

TestSuite(statboard, .timeout = 60);

static void fault(uint32_t type, const char *name, const char *unit, const char *part)
{
    const char *said = stat_fault(type, name, unit);

    cr_assert_not_null(said, "%s", name);
    cr_assert_not_null(strstr(said, part), "%s", said);
}

Test(statboard, what_a_row_may_be)
{
    cr_assert_null(stat_fault(METRIC_COUNTER, LONG, LONG));
    cr_assert_null(stat_fault(METRIC_GAUGE, "a", ""));
    for (size_t i = 0; i < 5; i++)
        fault(METRIC_GAUGE, (const char *[]){"", "A", "1a", "a.b", "a b"}[i], "", "a name");
    fault(METRIC_GAUGE, "a23456789_123456789_123456789_123", "", "a name");
    fault(METRIC_GAUGE, "a", "a23456789_123456789_123456789_123", "a unit");
    fault(METRIC_GAUGE, "a", "\n", "a unit");
    fault(METRIC_GAUGE, "a", "\xc2\xb5s", "a unit");
    fault(METRIC_RATE, "a", "", "a type");
    fault(0, "a", "", "a type");
}

Test(statboard, what_is_shown_is_read)
{
    struct stat_row row;

    cr_assert_eq(statboard_rows(&board), -1);
    statboard_show(&board, ROWS, 0);
    cr_assert_eq(statboard_rows(&board), 0);
    statboard_show(&board, ROWS, 2);
    cr_assert_eq(statboard_rows(&board), 2);
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert(statboard_row(&board, i, &row));
        cr_assert_eq(row.type, ROWS[i].type);
        cr_assert_str_eq(row.name, ROWS[i].name);
        cr_assert_str_eq(row.unit, ROWS[i].unit);
    }
    statboard_add(&board, 0, 5);
    statboard_add(&board, 0, 6);
    statboard_set(&board, 1, -3);
    cr_assert_eq(statboard_value(&board, 0), 11);
    cr_assert_eq(statboard_value(&board, 1), -3);
    statboard_add(&board, 0, INT64_MAX);
    statboard_add(&board, 0, 1);
    cr_assert_eq(statboard_value(&board, 0), INT64_MAX, "it stays there");
    statboard_clear(&board);
    cr_assert_eq(statboard_rows(&board), -1);
    cr_assert_eq(statboard_value(&board, 0), 0);
}

Test(statboard, what_a_plugin_scribbles_is_no_row_and_no_index)
{
    struct stat_row row;

    for (int byte = 1; byte < 256; byte++) {
        memset((void *)&board, byte, sizeof board);
        cr_assert_eq(statboard_rows(&board), STATS_MAX);
        for (uint32_t i = 0; i < STATS_MAX; i++) {
            cr_assert_not(statboard_row(&board, i, &row));
            cr_assert_leq(strlen(row.name), STAT_TEXT);
        }
    }
    statboard_show(&board, ROWS, 2);
    board.rows[0].name[1] = '\n';
    cr_assert_not(statboard_row(&board, 0, &row));
    cr_assert(statboard_row(&board, 1, &row));
}
