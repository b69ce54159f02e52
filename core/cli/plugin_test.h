/* cli/plugin_test.h - `garnet plugin test`: what is wrong with a plugin, a check a line */
#ifndef CLI_PLUGIN_TEST_H
#define CLI_PLUGIN_TEST_H

/* argv[0] is "test". Returns an exit status (base/exit.h). */
int plugin_test_main(int argc, char *const argv[]);

#endif
