/* figure.h - a row of a collector's table: one metric, and where it comes from
 *
 * The row drives the code, docs/collectors.md and its test, so none of them has a name, a unit or a type of its own.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { FIGURE_TAGS = 3 }; /* the most that one has */

/* What the kernel counts in, and so what its number is to be multiplied by. */
enum scale {
    AS_IS,
    KIBIBYTES,      /* to bytes */
    SAID_KIBIBYTES, /* likewise, and "kB" must stand behind the number */
    SECTORS,        /* of 512 bytes, whatever the device's own are; to bytes */
    PAGES,          /* to bytes */
    SOCKET_PAGES,   /* likewise, those that memory of sockets is counted in */
    TICKS,          /* of the clock, to ms */
};

struct figure {
    const char
        *name; /* "disk.reads": up to its last dot it is the name of an object, then the key */
    const char *unit;              /* of Metrics 2.0; NULL: it is a plain number */
    const char *type;              /* "gauge", "counter" */
    const char *tags[FIGURE_TAGS]; /* keys; NULL: no more */
    const char *file;              /* below /proc or /sys */
    const char *field;             /* in that file */
    enum scale scale;
    /* What others call the same, or what is nearest; NULL: they do not have it. */
    const char *diamond, *collectd, *node_exporter;
};
