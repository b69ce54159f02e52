/* scrape - garnet-scrape, which `garnet scrape` hands over to: one GET, by libcurl
 *
 * A body that broke off may end in half a number, so nothing is printed before all of it is there. The
 * limits of time and size are for the whole, redirects, names and packed contents included; so nobody
 * who answers slowly, for ever or with a bomb holds it up or fills the memory.
 *
 * A password in the URL is in nobody's log: messages show the URL without it. (ps shows it while this runs.)
 *
 * Where it fails it ends at once, without libcurl's clean-up: that would wait for a thread that looks up a name.
 *
 * Fails with EXIT_USAGE; with EXIT_CONFIG for an answer that is of no use; with EXIT_WORLD where there is none.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/number.h"
#include "base/terminal.h"

enum { REDIRECTS = 5, STATUS_OK = 200 };

static const char ACCEPT[] =
    "Accept: text/plain;version=0.0.4, application/openmetrics-text;q=0.5, */*;q=0.1";

struct asked {
    const char *url, *ca, *timeout, *max_size;
    bool insecure;
    int64_t timeout_ns, most;
};

/* --- the command line --- */

static _Noreturn void wrong_usage(const char *text, const char *arg)
{
    say(stderr, "garnet scrape: %s%.200s", text, arg);
    (void)fputs("(see `garnet scrape --help`)\n", stderr);
    exit(EXIT_USAGE);
}

static void parse(struct asked *a, int argc, char *const argv[])
{
    const struct {
        const char *name, **value;
    } options[] = {{"--timeout", &a->timeout}, {"--max-size", &a->max_size}, {"--ca", &a->ca}};
    struct why why;

    *a = (struct asked){.timeout = "10s", .max_size = "16MiB"};
    for (int i = 1; i < argc; i++) {
        size_t o = 0;

        while (o < 3 && strcmp(argv[i], options[o].name) != 0)
            o++;
        if (o < 3 && i + 1 == argc)
            wrong_usage(argv[i], " needs a value");
        else if (o < 3)
            *options[o].value = argv[++i];
        else if (strcmp(argv[i], "--insecure") == 0)
            a->insecure = true;
        else if (argv[i][0] == '-')
            wrong_usage("unknown option ", argv[i]);
        else if (a->url != NULL)
            wrong_usage("nothing may follow the URL but options", ""); /* a password may be in it */
        else
            a->url = argv[i];
    }
    if (a->url == NULL)
        wrong_usage("URL is missing", "");
    if (!units_duration(a->timeout, &a->timeout_ns, &why))
        wrong_usage("--timeout ", why.text);
    if (!units_size(a->max_size, &a->most, &why))
        wrong_usage("--max-size ", why.text);
    if (a->timeout_ns < 1000000 || a->timeout_ns > INT64_C(86400000000000))
        wrong_usage("--timeout: give 1ms to 1d, not ", a->timeout);
    if (a->most < 1 || a->most > 1 << 30)
        wrong_usage("--max-size: give 1B to 1GiB, not ", a->max_size);
}

/* --- one GET --- */

struct fetch {
    CURL *curl;
    CURLU *url;
    const char *shown;  /* the URL, without a password */
    const char *socket; /* NULL: it is none of a Unix socket */
    struct buf body;
    char error[CURL_ERROR_SIZE];
};

static _Noreturn void fail(const struct fetch *f, int status, const char *text, const char *more)
{
    say(stderr, "garnet scrape: %s: %s%s", f->shown, text, more);
    _exit(status);
}

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;

    buf_put(&f->body, p, size * n);
    return buf_ok(&f->body) ? size * n : 0;
}

/* unix:/run/x.sock:/metrics, whose path on the server is /metrics unless it is there. */
static char *take_socket(struct fetch *f, const char *url)
{
    char *path = strdup(url + strlen("unix:")), *colon;
    struct buf http = {0};

    if (path == NULL)
        fail(f, EXIT_WORLD, "out of memory", "");
    colon = strstr(path, ":/");
    buf_puts(&http, "http://localhost");
    buf_puts(&http, colon != NULL ? colon + 1 : "/metrics");
    buf_putc(&http, 0);
    if (!buf_ok(&http))
        fail(f, EXIT_WORLD, "out of memory", "");
    if (colon != NULL)
        *colon = 0;
    if (path[0] != '/')
        wrong_usage("unix: needs an absolute path, as in unix:/run/x.sock:/metrics, not ", url);
    f->socket = path;
    return http.p;
}

static void take_url(struct fetch *f, const char *url)
{
    char *http = strncmp(url, "unix:", 5) == 0 ? take_socket(f, url) : NULL;
    CURLU *shown;
    char *scheme, *text;
    CURLUcode r;

    f->url = curl_url();
    r = f->url == NULL ? CURLUE_OUT_OF_MEMORY
                       : curl_url_set(f->url, CURLUPART_URL, http != NULL ? http : url, 0);
    free(http);
    if (r != CURLUE_OK)
        wrong_usage("this is no URL such as http://localhost:9100/metrics: ", curl_url_strerror(r));
    shown = curl_url_dup(f->url);
    if (shown == NULL || curl_url_set(shown, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
        curl_url_set(shown, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK ||
        curl_url_get(shown, CURLUPART_URL, &text, 0) != CURLUE_OK ||
        curl_url_get(f->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        fail(f, EXIT_WORLD, "out of memory", "");
    f->shown = f->socket != NULL ? url : text;
    curl_url_cleanup(shown);
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        wrong_usage("only http, https and unix can be fetched, not ", scheme);
    curl_free(scheme);
}

#define SET(option, value) (ok = ok && curl_easy_setopt(f->curl, option, value) == CURLE_OK)

static void set_up(struct fetch *f, const struct asked *a)
{
    struct curl_slist *headers = curl_slist_append(NULL, ACCEPT);
    bool ok = headers != NULL, secure = strncasecmp(f->shown, "https:", 6) == 0;

    SET(CURLOPT_ERRORBUFFER, f->error);
    SET(CURLOPT_CURLU, f->url);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_USERAGENT, "garnet/" GARNET_VERSION);
    SET(CURLOPT_ACCEPT_ENCODING, "");
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, f);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_TIMEOUT_MS, (long)(a->timeout_ns / 1000000));
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(a->timeout_ns / 1000000));
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)a->most);
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)REDIRECTS);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    if (f->socket != NULL)
        SET(CURLOPT_UNIX_SOCKET_PATH, f->socket);
    if (a->ca != NULL) {
        SET(CURLOPT_CAINFO, a->ca);
        SET(CURLOPT_CAPATH, NULL);
    }
    if (a->insecure) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!ok)
        fail(f, EXIT_WORLD, "libcurl cannot be set up", "");
}

/* An answer that is of no use, and not the lack of one. */
static bool is_answer(CURLcode r)
{
    return r == CURLE_WRITE_ERROR || r == CURLE_FILESIZE_EXCEEDED || r == CURLE_PARTIAL_FILE ||
           r == CURLE_TOO_MANY_REDIRECTS || r == CURLE_BAD_CONTENT_ENCODING ||
           r == CURLE_UNSUPPORTED_PROTOCOL;
}

/* An answer had begun when the other side broke the connection. */
static bool broke_off(const struct fetch *f, CURLcode r)
{
    long status = 0;

    return r == CURLE_RECV_ERROR &&
           curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status != 0;
}

static void get(struct fetch *f, const struct asked *a)
{
    CURLcode r = curl_easy_perform(f->curl);
    long status = 0, error = 0;
    char number[24];

    if (r == CURLE_COULDNT_CONNECT && f->socket != NULL &&
        curl_easy_getinfo(f->curl, CURLINFO_OS_ERRNO, &error) == CURLE_OK && error != 0)
        fail(f, EXIT_WORLD, "cannot connect to this socket: ", strerror((int)error));
    if (r == CURLE_WRITE_ERROR || r == CURLE_FILESIZE_EXCEEDED)
        fail(f, EXIT_CONFIG, "the answer is larger than --max-size ", a->max_size);
    if (r != CURLE_OK)
        fail(f, is_answer(r) || broke_off(f, r) ? EXIT_CONFIG : EXIT_WORLD,
             f->error[0] != 0 ? f->error : curl_easy_strerror(r), "");
    (void)curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != STATUS_OK) {
        (void)snprintf(number, sizeof number, "%ld", status);
        fail(f, EXIT_CONFIG, "the answer's status is not 200 but ", number);
    }
}

int main(int argc, char *argv[])
{
    struct fetch f = {.shown = "libcurl"};
    struct asked a;

    if (fcntl(STDOUT_FILENO, F_GETFD) < 0) { /* else a connection would take its number */
        say(stderr, "garnet scrape: cannot write to standard output: %s", strerror(errno));
        return EXIT_WORLD;
    }
    if (fd_fill_stdio() < 0)
        return EXIT_WORLD;
    parse(&a, argc, argv);
    f.body.max = (size_t)a.most;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (f.curl = curl_easy_init()) == NULL)
        fail(&f, EXIT_WORLD, "it cannot be set up", "");
    take_url(&f, a.url);
    set_up(&f, &a);
    get(&f, &a);
    if (print_bytes(f.body.p, f.body.n) < 0) {
        say(stderr, "garnet scrape: cannot write to standard output: %s", strerror(errno));
        _exit(EXIT_WORLD);
    }
    _exit(0); /* libcurl's clean-up has nothing to save, and would only take time */
}
