/* tags.h - a metric's tags as Graphite 1.1 has them: ";key=value;key=value"
 *
 * In carbon's own order and without a byte that carbon could not read: README.md has the rules. What
 * cannot be carried as it is becomes %XX, and "%" too, so that different tags are different text.
 */
#pragma once
#include "common/template.h"

enum { TAGS_MOST = 128, TAGS_TEXT_MOST = 4096 }; /* the host allows 64 tags, a line 4096 bytes */

struct tags {
    garnet_str v[TAGS_MOST]; /* each one ";key=value", in `text` */
    size_t n, used;
    bool full;
    char text[TAGS_TEXT_MOST];
};

/* Those that are not in the path. NULL, or why they have no form. */
const char *tags_of(struct tags *t, const struct template *path, const garnet_metric *m);
