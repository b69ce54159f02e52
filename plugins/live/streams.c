/* live/streams.c - readers of the ring as libmicrohttpd's responses
 *
 * A stream is freed with its response, which libmicrohttpd does when the connection ends.
 */
#include "streams.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16 * 1024 };

struct stream {
    struct streams *streams;
    struct MHD_Connection *connection;
    struct json first;
    size_t sent; /* of it */
    uint64_t at;
    bool waits;
    LIST_ENTRY(stream) link;
};

static ssize_t read_stream(void *cls, uint64_t pos, char *to, size_t most)
{
    struct stream *s = cls;
    size_t left = s->first.n - s->sent, part = left < most ? left : most;
    ptrdiff_t n;

    (void)pos;
    if (left > 0) {
        memcpy(to, s->first.s + s->sent, part);
        s->sent += part;
        return (ssize_t)part;
    }
    if ((n = feed_read(&s->streams->feed, &s->at, to, most)) > 0)
        return n;
    if (n < 0) {
        s->streams->cut++;
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    s->waits = true;
    MHD_suspend_connection(s->connection);
    return 0;
}

static void free_stream(void *cls)
{
    struct stream *s = cls;

    LIST_REMOVE(s, link);
    feed_leave(&s->streams->feed);
    json_free(&s->first);
    free(s);
}

bool streams_full(const struct streams *all)
{
    return all->feed.readers >= all->most;
}

struct MHD_Response *streams_open(struct streams *all, struct MHD_Connection *c,
                                  const struct json *first)
{
    struct stream *s = calloc(1, sizeof *s);
    struct MHD_Response *r;

    if (s == NULL)
        return NULL;
    json_text(&s->first, "data: ");
    json_raw(&s->first, first->s, first->n);
    json_text(&s->first, "\n\n");
    s->streams = all;
    s->connection = c;
    if (s->first.failed || !feed_join(&all->feed, &s->at)) {
        json_free(&s->first);
        free(s);
        return NULL;
    }
    LIST_INSERT_HEAD(&all->all, s, link);
    r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, s, free_stream);
    if (r == NULL)
        free_stream(s);
    return r;
}

void streams_wake(struct streams *all, bool everybody)
{
    struct stream *s;

    LIST_FOREACH (s, &all->all, link)
        if (s->waits && (everybody || s->at != all->feed.end)) {
            s->waits = false;
            MHD_resume_connection(s->connection);
        }
}
