/* convert/asked.h - the command line of what converts: FORMAT [--status N | --status-fd N] [SOCKET] */
#pragma once
#include "base/why.h"
#include "convert/format.h"

struct asked {
    const struct format *format;
    const char *socket; /* borrowed; NULL: none is named */
    int status;         /* how the command ended, or FORMAT_STATUS_UNKNOWN */
    int status_fd;      /* who knows that writes it there at its end; -1: nobody */
};

/* For help texts. */
#define ASKED_FORMATS                                                                              \
    "  lines       NAME VALUE [TIME], as Graphite takes it and Diamond's user scripts print it\n"  \
    "  influx      InfluxDB's line protocol, as scripts for Telegraf print it\n"                   \
    "  prometheus  what exporters serve: Prometheus' text format, and OpenMetrics\n"               \
    "  nagios      a Nagios plugin's perfdata, and its exit status\n"                              \
    "  munin       a Munin plugin's values, and its config before them\n"                          \
    "  putval      PUTVAL lines, as a program for collectd's exec plugin prints them\n"            \
    "  json        Garnet's own, passed on as it is\n"
#define ASKED_STATUS                                                                               \
    "  --status N     the exit status of the command that printed it: nagios makes a metric of "   \
    "it\n"                                                                                         \
    "  --status-fd N  it is read there, when the input has ended: a number, and a line end;\n"     \
    "                 nothing, if the command was killed: then a last line without its end is\n"   \
    "                 left out, since it may be half of one\n"

/* argv[0] is not looked at; `socket` says whether one may be named. False: `why` is what is wrong. */
bool asked_read(struct asked *a, int argc, char *const argv[], bool socket, struct why *why);
