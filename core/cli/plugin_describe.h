/* cli/plugin_describe.h - `garnet plugin describe`: what a plugin says of itself, as text or JSON */
#ifndef CLI_PLUGIN_DESCRIBE_H
#define CLI_PLUGIN_DESCRIBE_H

/* argv[0] is "describe". Returns an exit status (base/exit.h). */
int plugin_describe_main(int argc, char *const argv[]);

#endif
