/* live/answers.c - readers that libmicrohttpd asks for the next piece */
#include "answers.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "store.h"

enum { BLOCK = 16 * 1024 };

struct answer {
    const struct store *store;
    struct json piece; /* the one at hand */
    size_t sent;       /* of it */
    size_t next, n;    /* which is to come: of the store's places, or of ids */
    bool all, begun, ended;
    uint64_t ids[];
};

/* The next series, or NULL at the end. */
static const struct series *next_series(struct answer *a)
{
    const struct series *e = NULL;

    while (e == NULL && a->next < (a->all ? store_places(a->store) : a->n)) {
        e = a->all ? store_at(a->store, a->next) : store_find(a->store, a->ids[a->next]);
        a->next++;
    }
    return e;
}

static void make_piece(struct answer *a)
{
    const struct series *e = next_series(a);

    json_reset(&a->piece);
    a->sent = 0;
    if (e == NULL) {
        json_text(&a->piece, a->all ? "]}" : "]");
        a->ended = true;
        return;
    }
    if (a->begun)
        json_text(&a->piece, ",\n");
    a->begun = true;
    if (a->all)
        json_series(&a->piece, e);
    else
        json_points(&a->piece, e);
}

static ssize_t read_answer(void *cls, uint64_t pos, char *to, size_t most)
{
    struct answer *a = cls;
    size_t n = 0;

    (void)pos;
    while (n < most) {
        size_t left = a->piece.n - a->sent, part = left < most - n ? left : most - n;

        if (left == 0 && a->ended)
            break;
        if (left == 0) {
            make_piece(a);
            if (a->piece.failed)
                return MHD_CONTENT_READER_END_WITH_ERROR;
            continue;
        }
        memcpy(to + n, a->piece.s + a->sent, part);
        a->sent += part;
        n += part;
    }
    return n > 0 ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_answer(void *cls)
{
    struct answer *a = cls;

    json_free(&a->piece);
    free(a);
}

static struct MHD_Response *respond(struct answer *a)
{
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_answer, a, free_answer);

    if (r == NULL)
        free_answer(a);
    return r;
}

struct MHD_Response *answer_catalog(const struct store *s, int64_t now_ms)
{
    struct answer *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    a->store = s;
    a->all = true;
    json_text(&a->piece, "{\"now\":");
    json_int(&a->piece, now_ms);
    json_text(&a->piece, ",\"series\":[");
    return respond(a);
}

struct MHD_Response *answer_points(const struct store *s, const char *ids)
{
    struct answer *a = calloc(1, sizeof *a + ANSWER_SERIES_MOST * sizeof *a->ids);

    if (a == NULL)
        return NULL;
    a->store = s;
    json_text(&a->piece, "[");
    while (*ids != 0 && a->n < ANSWER_SERIES_MOST) {
        char *end;
        uint64_t id = strtoull(ids, &end, 10);

        if (end == ids)
            break;
        a->ids[a->n++] = id;
        ids = end + (*end == ',');
    }
    return respond(a);
}
