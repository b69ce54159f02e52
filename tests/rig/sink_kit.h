/* tests/rig/sink_kit.h - a folder, a sink as the configuration would have it, a plugin, metrics
 *
 * The test owns the kit. All assert. */
#pragma once
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/metric.h"
#include "plugin/plugin.h"

#define TEST_PLUGIN(name) TEST_BUILD "/tests/plugins/" name ".so"
#define GRAPHITE          TEST_BUILD "/plugins/graphite.so"

struct kit {
    char dir[64];
    struct arena arena;
    struct conf_sink sink;
    struct errors e;
};

void kit_open(struct kit *k);
void kit_close(struct kit *k); /* the folder, too */

/* A sink called main whose map in garnet.yaml is `yaml`. */
void kit_sink(struct kit *k, const char *plugin_file, const char *yaml);
/* Loads, configures and opens: all must work. */
void kit_plugin(struct kit *k, struct plugin *p, const char *file, const char *yaml);
const char *kit_errors(struct kit *k);
struct metric kit_metric(const char *name, int64_t value);

char *kit_path(struct kit *k, const char *name);       /* of a file in the folder */
const char *kit_read(struct kit *k, const char *path); /* "" when it is not there */
void kit_write(const char *path, const char *text);
