/* http_check - what servers answer, and how soon: libcurl, all URLs at the same time
 *
 * Each has a limit of time and of size, and a connection of its own that is made anew each time, or there would be nothing to
 * measure: none waits for another. libcurl looks up each name in a thread, which nothing ends before the system's look-up does:
 * so a round is a process of its own (asking.h), and what hangs ends with that. What it finds is in memory that it shares with us.
 *
 * Where a server says no, or nothing, http.ok is 0, and a remark says why, in words that stay the same from round to
 * round: libcurl's own have milliseconds in them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/process.h"
#include "checks/checks.h"
#include "checks/http_answer.h"
#include "host/asking.h"
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

enum { LOOK_MS = 1000, DAY = 86400 };
static const int64_t SLACK = NS_PER_S; /* that libcurl has, and its process besides */

enum stamp { NAME, CONNECT, TLS, FIRST, TOTAL, STAMPS };

struct answer { /* of one URL, in one round */
    bool known; /* the rest is */
    CURLcode result;
    long status;           /* 0: none came */
    long error;            /* errno of the connection; 0: none */
    size_t bytes;          /* of the body */
    bool has_text;         /* that of --body */
    curl_off_t at[STAMPS]; /* us since the request began; 0: it did not come to that */
    bool certified;
    time_t expires; /* the first of the certificates that the server sent */
    char text[CURL_ERROR_SIZE];
};

struct get { /* the same, in the process */
    CURL *curl;
    struct answer *to;
    struct buf body; /* only where a text is looked for */
};

/* As the command line has it, for all rounds. */
static struct {
    struct http_url *urls;
    struct http_rules rules;
    bool good[HTTP_STATUS_MOST + 1];
    const char *body;
    struct answer *answers; /* shared with the process */
    size_t n;
} options;

/* --- in the process --- */

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
    struct get *g = arg;

    g->to->bytes += size * n;
    if (options.body != NULL)
        buf_put(&g->body, p, size * n);
    return g->to->bytes <= (size_t)options.rules.most && buf_ok(&g->body) ? size * n : 0;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(g->curl, option, value) == CURLE_OK)

static bool set_up(struct get *g, const struct http_url *url)
{
    bool ok;

    g->curl = curl_easy_init();
    ok = g->curl != NULL && http_set_up(g->curl, url, &options.rules);
    SET(CURLOPT_PRIVATE, g);
    SET(CURLOPT_ERRORBUFFER, g->to->text);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, g);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    SET(CURLOPT_CERTINFO, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L); /* or it would wait for the thread that looks up a name */
#endif
    return ok;
}

/* Of those that the server sent the first that expires. */
static void take_certificate(CURL *curl, struct answer *a)
{
    struct curl_certinfo *info = NULL;
    time_t at;

    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL)
        return;
    for (int i = 0; i < info->num_of_certs; i++)
        for (const struct curl_slist *line = info->certinfo[i]; line != NULL; line = line->next)
            if (http_expires(line->data, &at) && (!a->certified || at < a->expires)) {
                a->certified = true;
                a->expires = at;
            }
}

static void take_answer(struct get *g, struct answer *a, CURLcode result)
{
    static const CURLINFO STAMP[STAMPS] = {CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T,
                                           CURLINFO_APPCONNECT_TIME_T,
                                           CURLINFO_STARTTRANSFER_TIME_T, CURLINFO_TOTAL_TIME_T};

    a->result = result;
    (void)curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &a->status);
    (void)curl_easy_getinfo(g->curl, CURLINFO_OS_ERRNO, &a->error);
    for (int i = 0; i < STAMPS; i++)
        (void)curl_easy_getinfo(g->curl, STAMP[i], &a->at[i]);
    if (options.body != NULL && g->body.n > 0)
        a->has_text = memmem(g->body.p, g->body.n, options.body, strlen(options.body)) != NULL;
    take_certificate(g->curl, a);
    buf_free(&g->body);
    a->known = true;
}

static void take_answers(CURLM *multi)
{
    const CURLMsg *m;
    struct get *g;
    int left;

    while ((m = curl_multi_info_read(multi, &left)) != NULL)
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &g) == CURLE_OK)
            take_answer(g, g->to, m->data.result);
}

/* Until all have an end. Each has its own limit of time, so that is soon; the other one is for a libcurl that forgets one. */
static bool await_all(CURLM *multi)
{
    int64_t until = clock_mono() + options.rules.timeout_ns + SLACK;
    int running = 1;
    bool ok = true;

    while (ok && running > 0 && clock_mono() < until) {
        ok = curl_multi_perform(multi, &running) == CURLM_OK;
        take_answers(multi);
        if (ok && running > 0)
            ok = curl_multi_poll(multi, NULL, 0, LOOK_MS, NULL) == CURLM_OK;
    }
    return ok;
}

/* All of it is left to the end of the process. *answer: whether libcurl could do it. */
static void ask_all(const void *unused, void *answer)
{
    static struct get *gets;
    CURLM *multi = curl_multi_init();
    bool ok;

    (void)unused;
    gets = calloc(options.n, sizeof *gets);
    ok = gets != NULL && multi != NULL;
    spawn_raise_files(); /* a name that is looked up takes three besides the connection */
    for (size_t i = 0; ok && i < options.n; i++) {
        gets[i].to = &options.answers[i];
        ok = set_up(&gets[i], &options.urls[i]) &&
             curl_multi_add_handle(multi, gets[i].curl) == CURLM_OK;
    }
    ok = ok && await_all(multi);
    for (size_t i = 0; ok && i < options.n; i++)
        if (!options.answers[i].known)
            take_answer(&gets[i], &options.answers[i], CURLE_OPERATION_TIMEDOUT);
    *(bool *)answer = ok;
}

/* --- what came --- */

/* In ms, of two stamps of a request in us; what goes back is nothing. */
static void put_phase(struct host *h, int figure, curl_off_t from, curl_off_t to)
{
    if (to >= from)
        samples_f64(&h->out, &http_figures[figure], (double)(to - from) / 1000);
}

static void put_times(struct host *h, const struct answer *a)
{
    const curl_off_t *at = a->at;
    curl_off_t ready = at[TLS] > 0 ? at[TLS] : at[CONNECT];

    put_phase(h, HTTP_TIME, 0, at[TOTAL]);
    put_phase(h, HTTP_RESOLVE, 0, at[NAME]);
    put_phase(h, HTTP_CONNECT, at[NAME], at[CONNECT]);
    if (at[TLS] > 0)
        put_phase(h, HTTP_TLS, at[CONNECT], at[TLS]);
    put_phase(h, HTTP_WAIT, ready, at[FIRST]);
    put_phase(h, HTTP_TRANSFER, at[FIRST], at[TOTAL]);
}

static void remark_failure(struct host *h, const char *url, const struct answer *a)
{
    bool large = a->bytes > (size_t)options.rules.most || a->result == CURLE_FILESIZE_EXCEEDED;

    if (large)
        host_remark(h, "%s: the answer is larger than --max-size %s", url,
                    h->values[MAX_SIZE] != NULL ? h->values[MAX_SIZE] : "1MiB");
    else if (a->result == CURLE_OPERATION_TIMEDOUT)
        host_remark(h, "%s: no whole answer within --timeout %s", url,
                    h->values[TIMEOUT] != NULL ? h->values[TIMEOUT] : "10s");
    else if (a->result == CURLE_COULDNT_CONNECT && a->error != 0)
        host_remark(h, "%s: cannot connect: %s", url, strerror((int)a->error));
    else if (a->result == CURLE_UNSUPPORTED_PROTOCOL)
        host_remark(h, "%s: the answer is not in HTTP's protocol, or leads to another one", url);
    else if (a->result == CURLE_PEER_FAILED_VERIFICATION && a->text[0] != 0)
        host_remark(h, "%s: %s", url, a->text);
    else
        host_remark(h, "%s: %s", url, curl_easy_strerror(a->result));
}

static bool is_good(struct host *h, const char *url, const struct answer *a)
{
    if (a->result != CURLE_OK) {
        remark_failure(h, url, a);
        return false;
    }
    if (a->status < 0 || a->status > HTTP_STATUS_MOST || !options.good[a->status]) {
        host_remark(h, "%s: the answer's status is %ld", url, a->status);
        return false;
    }
    if (options.body != NULL && !a->has_text) {
        host_remark(h, "%s: the answer does not have the text of --body", url);
        return false;
    }
    return true;
}

static void put_answer(struct host *h, const char *url, const struct answer *a)
{
    bool good;

    if (a->result == CURLE_SSL_CACERT_BADFILE) { /* that says nothing of the server */
        host_complain(h, "%s: %s", url, a->text[0] != 0 ? a->text : curl_easy_strerror(a->result));
        return;
    }
    good = is_good(h, url, a);
    if (!host_tag(h, str_of(url)))
        return;
    samples_u64(&h->out, &http_figures[HTTP_OK], good);
    if (a->status > 0)
        samples_u64(&h->out, &http_figures[HTTP_STATUS], (uint64_t)a->status);
    if (a->result == CURLE_OK) {
        samples_u64(&h->out, &http_figures[HTTP_BYTES], a->bytes);
        put_times(h, a);
    }
    if (a->certified)
        samples_f64(&h->out, &http_figures[HTTP_CERTIFICATE],
                    ((double)a->expires - (double)clock_wall() / (double)NS_PER_S) / DAY);
}

/* --- a round --- */

static void http_check_read(struct host *h)
{
    struct asking asking;
    bool ok = false, answered;
    int64_t until = clock_mono() + options.rules.timeout_ns + 2 * SLACK;

    memset(options.answers, 0, options.n * sizeof *options.answers);
    asking_begin(
        h, &asking,
        &(struct question){.shown = "libcurl", .key = "", .ask = ask_all, .size = sizeof ok});
    answered = asking_end(h, &asking, until, &ok);
    if (answered && !ok)
        host_complain(h, "libcurl cannot do it: out of memory, perhaps");
    asking_reap(&asking, clock_mono() + ASKING_KILLED);
    for (size_t i = 0; i < options.n; i++)
        if (options.answers[i].known)
            put_answer(h, options.urls[i].shown, &options.answers[i]);
}

/* --- the command line --- */

static bool take_urls(struct host *h, struct why *why)
{
    options.n = h->nwords;
    options.urls = calloc(options.n, sizeof *options.urls);
    options.answers = mmap(NULL, options.n * sizeof *options.answers, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (options.urls == NULL || options.answers == MAP_FAILED ||
        curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return why_set(why, "libcurl cannot be set up");
    for (size_t i = 0; i < options.n; i++) {
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
