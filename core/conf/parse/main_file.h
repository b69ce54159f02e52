/* conf/parse/main_file.h - garnet.yaml: all but the sinks
 *
 * Tags of every metric, socket, spool, limits of the intake, where collectors and plugins are.
 */
#ifndef CONF_PARSE_MAIN_FILE_H
#define CONF_PARSE_MAIN_FILE_H
#include "conf/parse/parsing.h"
#include "conf/section.h"

extern const struct section main_section;

void parse_main_file(struct parsing *p, const struct node *root);
/* Where the collector files are, for who reads them before the rest is parsed: absolute, or NULL
 * without memory. *written: the file says so, it is not the default. */
const char *parse_collectors_folder(struct arena *a, const char *main_path, const struct node *root,
                                    bool *written);

#endif
