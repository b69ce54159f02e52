/* sink/lookup.c: the name of a metric that was read before */
#include "rig/worker_rig.h"
#include "sink/lookup.h"

TestSuite(lookup, .init = worker_rig_start, .fini = worker_rig_end, .timeout = 60);

static void is_called(uint64_t seq, const char *want)
{
    struct buf name = {0};

    cr_assert_eq(lookup_name(append_dirfd(worker_rig.spool), seq, &name), want != NULL);
    if (want != NULL)
        cr_assert(str_eq((struct str){name.p, name.n}, str_of(want)), "%.*s", (int)name.n, name.p);
    buf_free(&name);
}

Test(lookup, each_is_found_in_its_frame)
{
    uint64_t first = append_next_seq(worker_rig.spool);

    accept_metrics(3);
    accept_in_thousands(2000);
    accept_metrics(1);
    is_called(first, "m.0");
    is_called(first + 2, "m.2");
    is_called(first + 3, "m.3");
    is_called(first + 1500, "m.1500");
    is_called(first + 2003, "m.2003");
    is_called(first + 2004, NULL);
}
