/* fuzz_echo.c - what ping-check makes of a packet that anybody may have sent
 *
 * The first byte says of which version it is, and whether it begins with a header of IPv4. What is taken for a reply is long
 * enough for one, and is the reply to the request that has the same in it.
 */
#include "checks/echo.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    bool v6 = n > 0 && (p[0] & 1) != 0, ip = n > 0 && (p[0] & 2) != 0;
    uint8_t request[ECHO_SIZE], *exact;
    struct echo e;

    if (n < 1 || n > ECHO_MOST)
        return 0;
    exact = malloc(n - 1 + (n == 1)); /* to the byte, for the sanitizer's sake */
    HOLDS(exact != NULL);
    memcpy(exact, p + 1, n - 1);
    if (echo_read(exact, n - 1, v6, ip, &e)) {
        size_t front = ip ? (size_t)(exact[0] & 15) * 4 : 0;

        HOLDS(n - 1 == front + ECHO_SIZE);
        echo_write(request, v6, 0, &e);
        HOLDS(memcmp(exact + front + 8, request + 8, ECHO_SIZE - 8) == 0);
    }
    free(exact);
    return 0;
}
