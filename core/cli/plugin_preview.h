/* cli/plugin_preview.h - `garnet plugin preview`: the bytes that each sink would send */
#ifndef CLI_PLUGIN_PREVIEW_H
#define CLI_PLUGIN_PREVIEW_H

/* argv[0] is "preview". Returns an exit status (base/exit.h). */
int plugin_preview_main(int argc, char *const argv[]);

#endif
