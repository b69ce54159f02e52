/* http_answer.c - a list of numbers, and a date in the two forms that libcurl has: OpenSSL's and its own */
#include "checks/http_answer.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "host/fields.h"

#define FIGURE(key, of_unit, of_field, of_diamond, of_collectd)                                    \
    {                                                                                              \
        .name = "http." key, .unit = (of_unit), .type = "gauge", .tags = {"url"}, .file = "URL",   \
        .field = (of_field), .diamond = (of_diamond), .collectd = (of_collectd)                    \
    }

const struct figure http_figures[HTTP_FIGURES] = {
    [HTTP_OK] = FIGURE("ok", NULL, "0 or 1", NULL, NULL),
    [HTTP_STATUS] = FIGURE("status", NULL, "of the answer", NULL, "curl-PAGE/response_code"),
    [HTTP_BYTES] = FIGURE("bytes", "B", "of the body, unpacked", "http.URL.size", NULL),
    [HTTP_TIME] =
        FIGURE("time", "ms", "until all was there", "http.URL.time", "curl-PAGE/response_time"),
    [HTTP_RESOLVE] = FIGURE("phase.resolve", "ms", "until the name was known", NULL, NULL),
    [HTTP_CONNECT] = FIGURE("phase.connect", "ms", "from there to the connection", NULL, NULL),
    [HTTP_TLS] = FIGURE("phase.tls", "ms", "from there to the end of the handshake", NULL, NULL),
    [HTTP_WAIT] = FIGURE("phase.wait", "ms", "from there to the first byte", NULL, NULL),
    [HTTP_TRANSFER] = FIGURE("phase.transfer", "ms", "from there to the last", NULL, NULL),
    [HTTP_CERTIFICATE] =
        FIGURE("certificate", "d", "until the first of its certificates expires", NULL, NULL),
};

/* Three digits. */
static bool take_status(struct str text, size_t *status)
{
    uint64_t v;

    if (!field_u64(text, &v) || v < HTTP_STATUS_LEAST || v > HTTP_STATUS_MOST)
        return false;
    *status = (size_t)v;
    return true;
}

static bool take_range(struct str text, bool *good)
{
    const char *hyphen = memchr(text.s, '-', text.n);
    size_t n = hyphen != NULL ? (size_t)(hyphen - text.s) : text.n, from, to;

    if (!take_status((struct str){text.s, n}, &from))
        return false;
    to = from;
    if (hyphen != NULL && !take_status((struct str){hyphen + 1, text.n - n - 1}, &to))
        return false;
    for (size_t i = from; i <= to; i++)
        good[i] = true;
    return from <= to;
}

bool http_statuses(const char *text, bool good[HTTP_STATUS_MOST + 1], struct why *why)
{
    const char *p = text;

    memset(good, 0, sizeof(bool[HTTP_STATUS_MOST + 1]));
    for (;; p++) {
        size_t n = strcspn(p, ",");

        if (!take_range((struct str){p, n}, good))
            return why_set(why, "is no list of statuses: write 200,204 or 200-399");
        p += n;
        if (*p == 0)
            return true;
    }
}

bool http_expires(const char *line, time_t *at)
{
    static const char KEY[] = "Expire date:";
    static const char *const FORMS[] = {"%b %d %H:%M:%S %Y GMT", "%Y-%m-%d %H:%M:%S GMT"};

    if (strncasecmp(line, KEY, strlen(KEY)) != 0)
        return false;
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        struct tm tm = {0};
        const char *end = strptime(line + strlen(KEY), FORMS[i], &tm);

        if (end != NULL && *end == 0) {
            *at = timegm(&tm);
            return true;
        }
    }
    return false;
}
