/* checks.c - options that several have */
#include "checks/checks.h"

#include "base/clock.h"
#include "base/number.h"

bool check_int(const char *text, const char *option, int64_t least, int64_t most, int64_t other,
               int64_t *v, struct why *why)
{
    struct why clause;

    *v = other;
    if (text == NULL)
        return true;
    if (!units_int(text, v, &clause))
        return why_set(why, "%s \"%.100s\" %.200s", option, text, clause.text);
    if (*v < least || *v > most)
        return why_set(why, "%s \"%.100s\": give %lld to %lld", option, text, (long long)least,
                       (long long)most);
    return true;
}

bool check_time(const char *text, const char *other, int64_t *ns, struct why *why)
{
    struct why clause;

    if (!units_duration(text != NULL ? text : other, ns, &clause))
        return why_set(why, "--timeout \"%.100s\" %.200s", text, clause.text);
    if (*ns < 10 * NS_PER_MS || *ns > 600 * NS_PER_S)
        return why_set(why, "--timeout \"%.100s\": give 10ms to 10m", text);
    return true;
}
