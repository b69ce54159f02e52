/* tests/unit/daemon/test_beside.c - daemon/reload.h: a main file with errors keeps the old one, and collectors' files are
 * applied beside it */
#include <unistd.h>

#include "rig/loads.h"

TestSuite(beside, .timeout = 60);

/* What it says, or without a text: there is none. */
static void break_main_file(const char *text, const char *said)
{
    int before = stand_logged(&loads.stand, said);

    if (text != NULL)
        write_text(stand_path(&loads.stand, "garnet.yaml"), text);
    else
        cr_assert_eq(unlink(stand_path(&loads.stand, "garnet.yaml")), 0);
    loads_go();
    cr_assert_eq(stand_logged(&loads.stand, said), before + 1, "%s", stand_log_text(&loads.stand));
    cr_assert(loads.reload.beside);
    cr_assert_eq(loads.refused, 0);
}

Test(beside, a_wrong_main_file_keeps_the_old_one_and_no_collectors_file_waits)
{
    uint64_t digest, failures;

    loads_begin("", GOOD);
    stand_collector(&loads.stand, "good", RUNS);
    stand_collector(&loads.stand, "odd", RUNS "interval: 7s\n");
    loads_go();
    digest = loads.generation->conf->collectors->digest;
    failures = loads.reload.failures;
    stand_collector(&loads.stand, "odd", "command: [/bin/true]\ninterval: 5s\n");
    stand_collector(&loads.stand, "new", "command: [/bin/true]\n");
    stand_collector(&loads.stand, "wrong", "intervall: 5s\n");
    break_main_file("tags: {env: other}\nnonsense: 1\ncollectors: elsewhere\n",
                    "garnet.yaml:2:1: unknown key");
    cr_assert_eq(stand_logged(&loads.stand, "garnet.yaml is not used: the old one stays"), 1);
    cr_assert_eq(loads.reload.failures, failures + 1);
    cr_assert_not_null(loads_collector("new"));
    cr_assert_eq(loads_collector("odd")->interval, 5 * NS_PER_S);
    cr_assert_eq(loads_collector("good")->digest, digest, "it is not touched");
    cr_assert_str_eq(loads.generation->conf->refused->collector, "wrong");
    cr_assert_eq(stand_logged(&loads.stand, "wrong.yaml:1:1: unknown key"), 1, "once: %s",
                 stand_log_text(&loads.stand));
    break_main_file("# nothing\n", "garnet.yaml: has no key");
    break_main_file(NULL, "garnet.yaml: does not exist");
    stand_collector(&loads.stand, "new", NULL);
    break_main_file("host: [\n", "garnet.yaml:1:7: not valid YAML");
    cr_assert_null(loads_collector("new"));
    cr_assert_eq(loads_collector("good")->digest, digest);
    (void)stand_configure(&loads.stand, "tags: {env: other}\n");
    loads_go();
    cr_assert_not(loads.reload.beside);
    cr_assert_neq(loads_collector("good")->digest, digest);
    loads_end();
}

/* What its plugin says is an error of the main file too. */
Test(beside, a_look_goes_on_beside_a_wrong_main_file)
{
    loads_begin(SINK, "#!/bin/sh\n. \"${0%/*}/how\"\n");
    write_text(stand_path(&loads.stand, "how"), "exit 0\n");
    stand_collector(&loads.stand, "odd", MISSING);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    write_text(stand_path(&loads.stand, "how"), "echo 'garnet.yaml:6:3: no prefix' >&6; exit 1\n");
    loads_go();
    cr_assert(loads.reload.beside);
    cr_assert_eq(loads.refused, 0);
    cr_assert_eq(stand_logged(&loads.stand, "garnet.yaml:6:3: no prefix"), 1);
    cr_assert_not(loads.generation->conf->sinks->refused);
    (void)stand_script(&loads.stand, "collectors.d/later", "#!/bin/sh\n");
    STAND_UNTIL(&loads.stand, loads.generation->conf->refused == NULL);
    cr_assert_str_eq(loads.generation->conf->collectors->name, "odd");
    loads_end();
}
