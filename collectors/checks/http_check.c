/* http_check - what servers answer, and how soon: libcurl, all URLs at the same time
 *
 * Each has a limit of time and of size, and a connection of its own that is made anew each time, or there would be nothing to
 * measure: none waits for another. A name that nobody looks up for us in time is given up, too; libcurl's thread for it is left to
 * itself, since to wait for that would hold up the round.
 *
 * Where a server says no, or nothing, http.ok is 0, and a remark says why, in words that stay the same from round to
 * round: libcurl's own have milliseconds in them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "checks/checks.h"
#include "checks/http_answer.h"
#include "host/host.h"
#include "http.h"

static const struct subject_option FLAGS[] = {
    {"--follow", 1, "follows redirects, five at most"},
    {"--insecure", 2, "takes any certificate"},
    {NULL, 0, NULL},
};
enum { FOLLOW = 1, INSECURE = 2 };

static const struct subject_value VALUES[] = {
    {"--status", "LIST", "the statuses that are good; 200-399"},
    {"--body", "TEXT", "it must be in the answer, or that is not good"},
    {"--ca", "FILE", "trusts the certificates in FILE instead of the system's"},
    {"--timeout", "TIME", "for each URL; 10s"},
    {"--max-size", "SIZE", "of an answer; 1MiB"},
    {NULL, NULL, NULL},
};
enum { STATUS, BODY, CA, TIMEOUT, MAX_SIZE };

enum { SLACK_MS = 1000, LOOK_MS = 1000, DAY = 86400 };

struct get { /* one URL, in one round */
    CURL *curl;
    CURLcode result;
    size_t bytes;
    struct buf body; /* only where a text is looked for */
    char error[CURL_ERROR_SIZE];
};

/* As the command line has it, for all rounds. */
static struct {
    struct http_url *urls;
    struct http_rules rules;
    bool good[HTTP_STATUS_MOST + 1];
    const char *body;
} options;

/* --- asking --- */

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
    struct get *g = arg;

    g->bytes += size * n;
    if (options.body != NULL)
        buf_put(&g->body, p, size * n);
    return g->bytes <= (size_t)options.rules.most && buf_ok(&g->body) ? size * n : 0;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(g->curl, option, value) == CURLE_OK)

static bool set_up(struct get *g, const struct http_url *url)
{
    bool ok;

    g->curl = curl_easy_init();
    ok = g->curl != NULL && http_set_up(g->curl, url, &options.rules);
    SET(CURLOPT_PRIVATE, g);
    SET(CURLOPT_ERRORBUFFER, g->error);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, g);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    SET(CURLOPT_CERTINFO, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L);
#endif
    return ok;
}

static void take_results(CURLM *multi)
{
    const CURLMsg *m;
    struct get *g;
    int left;

    while ((m = curl_multi_info_read(multi, &left)) != NULL)
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &g) == CURLE_OK)
            g->result = m->data.result;
}

/* Until all have an end. Each has its own limit of time, so that is soon; the other one is for a libcurl that forgets one. */
static bool await_all(CURLM *multi)
{
    int64_t until = clock_mono() + options.rules.timeout_ns + SLACK_MS * NS_PER_MS;
    int running = 1;
    bool ok = true;

    while (ok && running > 0 && clock_mono() < until) {
        ok = curl_multi_perform(multi, &running) == CURLM_OK;
        take_results(multi);
        if (ok && running > 0)
            ok = curl_multi_poll(multi, NULL, 0, LOOK_MS, NULL) == CURLM_OK;
    }
    return ok;
}

/* --- what came --- */

/* In ms, of two stamps of a request in us; what goes back is nothing. */
static void put_phase(struct host *h, int figure, curl_off_t from, curl_off_t to)
{
    if (to >= from)
        samples_f64(&h->out, &http_figures[figure], (double)(to - from) / 1000);
}

static curl_off_t stamp(const struct get *g, CURLINFO which)
{
    curl_off_t us = 0;

    return curl_easy_getinfo(g->curl, which, &us) == CURLE_OK ? us : 0;
}

static void put_times(struct host *h, const struct get *g)
{
    curl_off_t name = stamp(g, CURLINFO_NAMELOOKUP_TIME_T),
               connect = stamp(g, CURLINFO_CONNECT_TIME_T),
               tls = stamp(g, CURLINFO_APPCONNECT_TIME_T),
               first = stamp(g, CURLINFO_STARTTRANSFER_TIME_T),
               total = stamp(g, CURLINFO_TOTAL_TIME_T);

    put_phase(h, HTTP_TIME, 0, total);
    put_phase(h, HTTP_RESOLVE, 0, name);
    put_phase(h, HTTP_CONNECT, name, connect);
    if (tls > 0)
        put_phase(h, HTTP_TLS, connect, tls);
    put_phase(h, HTTP_WAIT, tls > 0 ? tls : connect, first);
    put_phase(h, HTTP_TRANSFER, first, total);
}

/* Of those that the server sent the first that expires. */
static void put_certificate(struct host *h, const struct get *g)
{
    struct curl_certinfo *info = NULL;
    time_t at, first = 0;

    if (curl_easy_getinfo(g->curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL)
        return;
    for (int i = 0; i < info->num_of_certs; i++)
        for (const struct curl_slist *line = info->certinfo[i]; line != NULL; line = line->next)
            if (http_expires(line->data, &at) && (first == 0 || at < first))
                first = at;
    if (first != 0)
        samples_f64(&h->out, &http_figures[HTTP_CERTIFICATE],
                    ((double)first - (double)clock_wall() / (double)NS_PER_S) / DAY);
}

static void remark_failure(struct host *h, const char *url, const struct get *g)
{
    long error = 0;

    if (g->result == CURLE_WRITE_ERROR || g->result == CURLE_FILESIZE_EXCEEDED)
        host_remark(h, "%s: the answer is larger than --max-size %s", url,
                    h->values[MAX_SIZE] != NULL ? h->values[MAX_SIZE] : "1MiB");
    else if (g->result == CURLE_OPERATION_TIMEDOUT)
        host_remark(h, "%s: no whole answer within --timeout %s", url,
                    h->values[TIMEOUT] != NULL ? h->values[TIMEOUT] : "10s");
    else if (g->result == CURLE_COULDNT_CONNECT &&
             curl_easy_getinfo(g->curl, CURLINFO_OS_ERRNO, &error) == CURLE_OK && error != 0)
        host_remark(h, "%s: cannot connect: %s", url, strerror((int)error));
    else if (g->result == CURLE_PEER_FAILED_VERIFICATION && g->error[0] != 0)
        host_remark(h, "%s: %s", url, g->error);
    else
        host_remark(h, "%s: %s", url, curl_easy_strerror(g->result));
}

static bool is_good(struct host *h, const char *url, const struct get *g, long status)
{
    if (g->result != CURLE_OK) {
        remark_failure(h, url, g);
        return false;
    }
    if (status < 0 || status > HTTP_STATUS_MOST || !options.good[status]) {
        host_remark(h, "%s: the answer's status is %ld", url, status);
        return false;
    }
    if (options.body != NULL && (g->body.n == 0 || memmem(g->body.p, g->body.n, options.body,
                                                          strlen(options.body)) == NULL)) {
        host_remark(h, "%s: the answer does not have the text of --body", url);
        return false;
    }
    return true;
}

static void put_get(struct host *h, const struct http_url *url, const struct get *g)
{
    long status = 0;
    bool good;

    (void)curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
    good = is_good(h, url->shown, g, status);
    if (!host_tag(h, str_of(url->shown)))
        return;
    samples_u64(&h->out, &http_figures[HTTP_OK], good);
    if (status > 0)
        samples_u64(&h->out, &http_figures[HTTP_STATUS], (uint64_t)status);
    if (g->result == CURLE_OK) {
        samples_u64(&h->out, &http_figures[HTTP_BYTES], g->bytes);
        put_times(h, g);
    }
    put_certificate(h, g);
}

/* --- a round --- */

static void http_check_read(struct host *h)
{
    struct get *gets = calloc(h->nwords, sizeof *gets);
    CURLM *multi = curl_multi_init();
    bool ok = gets != NULL && multi != NULL;

    for (size_t i = 0; ok && i < h->nwords; i++) {
        gets[i].result = CURLE_OPERATION_TIMEDOUT;
        ok = set_up(&gets[i], &options.urls[i]) &&
             curl_multi_add_handle(multi, gets[i].curl) == CURLM_OK;
    }
    ok = ok && await_all(multi);
    for (size_t i = 0; ok && i < h->nwords; i++)
        put_get(h, &options.urls[i], &gets[i]);
    if (!ok)
        host_complain(h, "libcurl cannot do it: out of memory, perhaps");
    for (size_t i = 0; gets != NULL && i < h->nwords; i++) {
        if (multi != NULL && gets[i].curl != NULL)
            (void)curl_multi_remove_handle(multi, gets[i].curl);
        curl_easy_cleanup(gets[i].curl);
        buf_free(&gets[i].body);
    }
    (void)curl_multi_cleanup(multi);
    free(gets);
}

/* --- the command line --- */

static bool take_urls(struct host *h, struct why *why)
{
    options.urls = calloc(h->nwords, sizeof *options.urls);
    if (options.urls == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return why_set(why, "libcurl cannot be set up");
    for (size_t i = 0; i < h->nwords; i++) {
        if (http_url_take(&options.urls[i], h->words[i], why) != 0)
            return false;
        for (size_t k = 0; k < i; k++)
            if (strcmp(options.urls[i].shown, options.urls[k].shown) == 0)
                return why_set(why, "\"%s\" is there twice", options.urls[i].shown);
    }
    return true;
}

static bool http_check_prepare(struct host *h, struct why *why)
{
    const char *size = h->values[MAX_SIZE] != NULL ? h->values[MAX_SIZE] : "1MiB";
    const char *status = h->values[STATUS] != NULL ? h->values[STATUS] : "200-399";
    struct http_rules *r = &options.rules;
    struct why clause;

    options.body = h->values[BODY];
    r->ca = h->values[CA];
    r->follow = (h->options & FOLLOW) != 0;
    r->insecure = (h->options & INSECURE) != 0;
    if (!http_statuses(status, options.good, &clause))
        return why_set(why, "--status \"%.100s\" %.200s", status, clause.text);
    if (!units_size(size, &r->most, &clause))
        return why_set(why, "--max-size \"%.100s\" %.200s", size, clause.text);
    if (options.body != NULL && options.body[0] == 0)
        return why_set(why, "--body \"\": give a text that must be in the answer");
    if (r->most < 1 || r->most > 1 << 30)
        return why_set(why, "--max-size \"%.100s\": give 1B to 1GiB", size);
    return check_time(h->values[TIMEOUT], "10s", &r->timeout_ns, why) && take_urls(h, why);
}

const struct subject http_check_subject = {
    .name = "http-check",
    .about = "whether each URL (http, https, unix:) has a good answer, its status, times and "
             "certificate",
    .figures = http_figures,
    .nfigures = HTTP_FIGURES,
    .read = http_check_read,
    .options = FLAGS,
    .elsewhere = true,
    .words = "URL...",
    .needs_words = true,
    .values = VALUES,
    .prepare = http_check_prepare,
};
