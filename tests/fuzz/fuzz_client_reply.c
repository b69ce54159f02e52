/* fuzz_client_reply.c - what the C client is told, of arbitrary bytes
 *
 * It is a reply or none. What is handed out lies within the line, ends there, and has no control character.
 */
#include "fuzz.h"
#include "reply.h"

static void is_clean(const char *s, const char *line, size_t n)
{
    HOLDS(s >= line && s + strlen(s) <= line + n);
    for (; *s != 0; s++)
        HOLDS((unsigned char)*s >= 0x20 && *s != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    char *line = malloc(n + 1);
    struct reply r;

    HOLDS(line != NULL);
    memcpy(line, p, n);
    line[n] = 0;
    if (reply_read(&r, line)) {
        HOLDS(r.told.nfaults <= REPLY_FAULTS && r.told.faults == r.faults);
        for (size_t i = 0; i < r.told.nfaults; i++) {
            is_clean(r.faults[i].text, line, n);
            if (r.faults[i].field[0] != 0)
                is_clean(r.faults[i].field, line, n);
        }
    } else {
        HOLDS(r.told.accepted == 0 && r.told.rejected == 0 && r.told.nfaults == 0);
    }
    free(line);
    return 0;
}
