/* files - how many files are open on the whole host, and how many can be
 *
 * /proc/sys/fs/file-nr. The kernel's second number, of those that are allocated and free, has been 0 since Linux 2.6. Where
 * nobody has set a maximum it is 2^63-1, or near to it.
 */
#include "host/reading.h"

#define FILE_NAME "/proc/sys/fs/file-nr"

static const struct figure FIGURES[] = {
    {.name = "files.allocated",
     .unit = "file",
     .type = "gauge",
     .file = FILE_NAME,
     .field = "1st",
     .diamond = "files.assigned",
     .node_exporter = "node_filefd_allocated"},
    {.name = "files.max",
     .unit = "file",
     .type = "gauge",
     .file = FILE_NAME,
     .field = "3rd",
     .diamond = "files.max",
     .node_exporter = "node_filefd_maximum"},
};

static void files_read(struct host *h)
{
    uint64_t v[3];
    char path[512];
    struct str text, line;

    if (!host_text(h, FILE_NAME, &text))
        return;
    if (!field_line(&text, &line) || !field_next(&line, &v[0]) || !field_next(&line, &v[1]) ||
        !field_next(&line, &v[2])) {
        host_complain(h, "%s: not three numbers", host_path(h, FILE_NAME, path, sizeof path));
        return;
    }
    host_u64(h, &FIGURES[0], v[0]);
    host_u64(h, &FIGURES[1], v[2]);
}

const struct subject files_subject = {
    .name = "files",
    .about = "how many files are open on the whole host: files.allocated of files.max",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = files_read,
};
