/* scrape - garnet-scrape, which `garnet scrape` hands over to: one GET, by libcurl
 *
 * A body that broke off may end in half a number, so nothing is printed before all of it is there. The
 * limits of time and size are for the whole, redirects, names and packed contents included; so nobody
 * who answers slowly, for ever or with a bomb holds it up or fills the memory.
 *
 * Where it fails it ends at once, without libcurl's clean-up: that would wait for a thread that looks up a name.
 *
 * Fails with EXIT_USAGE; with EXIT_CONFIG for an answer that is of no use; with EXIT_WORLD where there is none.
 */
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
#include "http.h"

enum { STATUS_OK = 200 };

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
    struct http_url url;
    struct buf body;
    char error[CURL_ERROR_SIZE];
};

static _Noreturn void fail(const struct fetch *f, int status, const char *text, const char *more)
{
    say(stderr, "garnet scrape: %s: %s%s", f->url.shown != NULL ? f->url.shown : "libcurl", text,
        more);
    _exit(status);
}

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;

    buf_put(&f->body, p, size * n);
    return buf_ok(&f->body) ? size * n : 0;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(f->curl, option, value) == CURLE_OK)

static void set_up(struct fetch *f, const struct asked *a)
{
    const struct http_rules rules = {.ca = a->ca,
                                     .insecure = a->insecure,
                                     .follow = true,
                                     .timeout_ns = a->timeout_ns,
                                     .most = a->most};
    struct curl_slist *headers = curl_slist_append(NULL, ACCEPT);
    bool ok = headers != NULL && http_set_up(f->curl, &f->url, &rules);

    SET(CURLOPT_ERRORBUFFER, f->error);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, f);
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

    if (r == CURLE_COULDNT_CONNECT && f->url.socket != NULL &&
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
    struct fetch f = {0};
    struct why why;
    struct asked a;
    int wrong;

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
    wrong = http_url_take(&f.url, a.url, &why);
    if (wrong == EXIT_USAGE)
        wrong_usage(why.text, "");
    if (wrong != 0)
        fail(&f, EXIT_WORLD, why.text, "");
    set_up(&f, &a);
    get(&f, &a);
    if (print_bytes(f.body.p, f.body.n) < 0) {
        say(stderr, "garnet scrape: cannot write to standard output: %s", strerror(errno));
        _exit(EXIT_WORLD);
    }
    _exit(0); /* libcurl's clean-up has nothing to save, and would only take time */
}
