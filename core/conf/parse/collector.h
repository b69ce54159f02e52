/* conf/parse/collector.h - one collector's file
 *
 * The collector's name is the file's. A file with errors costs that collector alone; what is
 * reported about it stands beside everything else.
 */
#ifndef CONF_PARSE_COLLECTOR_H
#define CONF_PARSE_COLLECTOR_H
#include "conf/parse/parsing.h"
#include "conf/section.h"

extern const struct section collector_section;

void parse_collector(struct parsing *p, const struct snapshot_file *f);
/* When all collectors are there: whether each limit on processes will hold. */
void parse_check_processes(struct parsing *p);

#endif
