/* fuzz_control.c - a request on the control socket, of arbitrary bytes
 *
 * It is taken, or refused with a sentence of one line's length.
 */
#include "control/request.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct control_request r = {0};
    struct why why = {0};

    if (n > CONTROL_LINE)
        return 0;
    if (control_request_read(&r, (struct str){(const char *)p, n}, &why))
        HOLDS(r.ask == CONTROL_EXPLAIN ? r.metric[0] != '\0' && strlen(r.metric) <= CONTROL_METRIC
                                       : r.ask == CONTROL_STATUS || r.ask == CONTROL_RELOAD);
    else
        HOLDS(why.text[0] != '\0' && strlen(why.text) < WHY_SIZE);
    return 0;
}
