/* live/files.h - the files of the page, which are built in (embed.cmake) */
#pragma once
#include <stddef.h>

struct file {
    const char *path, *type, *etag;
    const unsigned char *bytes;
    size_t n;
};

extern const struct file page_files[]; /* the last one has no path */
