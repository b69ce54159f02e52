/* intake/hush.c - so many log lines in ten seconds, and a count of those left out
 *
 * Nothing here fails.
 */
#include "intake/hush.h"

bool hush_may(struct hush *h, unsigned most, int64_t now, uint64_t *left_out)
{
    if (h->said == 0 || now - h->since >= HUSH_NS) {
        h->since = now;
        h->said = 0;
    }
    if (h->said >= most) {
        h->left_out++;
        return false;
    }
    h->said++;
    *left_out = h->left_out;
    h->left_out = 0;
    return true;
}
