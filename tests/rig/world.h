/* tests/rig/world.h - a configuration from a snapshot that is made here, without a disk, and what is known of the world
 * for it; all assert */
#pragma once
#include <criterion/criterion.h>

#include "conf/conf.h"
#include "conf/facts.h"

#define MAIN                                                                                       \
    "host: h\n"                                                                                    \
    "socket: {path: /run/g.sock, mode: '0660', group: wheel}\n"                                    \
    "tags: {env: prod}\n"                                                                          \
    "spool: {dir: /s, max_size: 64MiB}\n"                                                          \
    "sinks:\n"                                                                                     \
    "  - name: main\n"                                                                             \
    "    plugin: /p/graphite.so\n"                                                                 \
    "    to: [tcp://h:1, \"file:x\"]\n"                                                            \
    "    path: a.{b}\n"
#define CPU     "command: [/bin/cpu, -a]\ninterval: 1s\ntags: {a: 'b'}\nprefix: \"x\"\n"
#define PROGRAM "1 2 3 4 5 33261 0" /* mode 0100755 */
#define FOLDER  "1 2 3 4 5 16877 0" /* mode 040755 */

void world_file(struct snapshot *s, const char *path, const char *text, size_t n);
/* Known whichever file asks; what is put last counts. */
void world_put(struct snapshot *s, const char *key, const char *value);
void world_put_all(struct snapshot *s); /* what MAIN and CPU ask, and other users */
/* These two files, with all that. */
struct conf *world_parse(const char *text, const char *cpu, struct errors *e);
struct conf *world_parse_good(const char *text, const char *cpu);
