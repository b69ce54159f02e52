/* What printf writes for a decimal point in other locales, which need not be installed here, is a dot in JSON. */
#include <criterion/criterion.h>

#include "base/number.h"

static const char *point = ",";

static void put_f64_there(struct buf *b, double v)
{
    buf_putf(b, "%d%s%02d", (int)v, point, (int)(v * 100) % 100);
}
#define buf_put_f64 put_f64_there
#include "client/client.c"
#undef buf_put_f64

Test(client_locale, a_dot)
{
    static const char *const POINTS[] = {",", "\xd9\xab", "."};

    for (size_t i = 0; i < sizeof POINTS / sizeof *POINTS; i++) {
        struct client c;

        point = POINTS[i];
        client_init(&c, "test", "/test");
        client_begin(&c, &(struct client_series){.name = "a,b", .time = 17.25});
        client_f64(&c, "x,y", 3.75);
        client_end(&c);
        cr_assert_str_eq(c.out.p, "{\"name\":\"a,b\",\"time\":17.25,\"values\":{\"x,y\":3.75}}\n");
        client_close(&c);
    }
}
