/* live/access.c - comparisons of texts */
#include "access.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* It goes into a cookie as it is. */
const char *access_token_fault(const char *token)
{
    size_t n = strlen(token);

    if (n < TOKEN_LEAST)
        return "is shorter than 16 characters: `openssl rand -hex 32` makes a good one";
    if (n > TOKEN_MOST)
        return "is longer than 256 characters";
    for (; *token != 0; token++)
        if (*token <= ' ' || *token > '~' || strchr("\",;\\", *token) != NULL)
            return "may hold only visible ASCII characters, and none of \" , ; and \\";
    return NULL;
}

const char *access_host_fault(const char *host)
{
    size_t n = strcspn(host, "/@ \t");

    if (n == 0 || host[n] != 0)
        return "is no host: write a name or an address, without a port or a scheme";
    if (*host != '[' && strchr(host, ':') != NULL)
        return "is to be without its port: any will do. IPv6 stands in brackets";
    return NULL;
}

/* How much of a Host is the host. A port is digits; 0: it is no Host. */
static size_t host_length(const char *s)
{
    size_t n = *s == '[' ? strcspn(s, "]") : strcspn(s, ":");

    if (*s == '[' && s[n] == ']')
        n++;
    if (s[n] == ':' && s[n + 1 + strspn(s + n + 1, "0123456789")] == 0)
        return n;
    return s[n] == 0 ? n : 0;
}

static bool same_host(const char *given, size_t n, const char *ours)
{
    return ours != NULL && strlen(ours) == n && strncasecmp(given, ours, n) == 0;
}

bool access_host(const struct access *a, const char *host)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t n = host != NULL ? host_length(host) : 0;

    if (n == 0)
        return false;
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++)
        if (same_host(host, n, loopback[i]))
            return true;
    for (size_t i = 0; i < a->hosts.n; i++)
        if (same_host(host, n, a->hosts.v[i].s))
            return true;
    return same_host(host, n, a->host);
}

bool access_token(const struct access *a, const char *given)
{
    size_t n = strlen(a->token), given_n = strlen(given);
    volatile size_t differ = n ^ given_n;

    for (size_t i = 0; i < given_n; i++)
        differ |= (size_t)(unsigned char)(given[i] ^ a->token[i % n]);
    return differ == 0;
}

bool access_reader(const struct access *a, const char *authorization, const char *cookie)
{
    static const char scheme[] = "Bearer ";
    enum { SCHEME = sizeof scheme - 1 };

    if (a->token == NULL)
        return true;
    if (authorization != NULL && strncasecmp(authorization, scheme, SCHEME) == 0)
        return access_token(a, authorization + SCHEME);
    return cookie != NULL && access_token(a, cookie);
}
