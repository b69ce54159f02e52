/* conf/yaml.c - libyaml's events, read by one function a kind of node
 *
 * What this subset refuses is reported and read past, so that one run finds all of it; only what
 * libyaml itself cannot go on after (syntax, bytes that are not UTF-8) and what is out of bounds
 * (depth, number of values, size) ends the reading, without a tree. Dies of nothing: without memory
 * it returns NULL and the arena says so. The time is bounded too: looking for duplicates is
 * quadratic, hence MAX_NODES.
 */
#include "conf/yaml.h"

#include <yaml.h>

#include "conf/place.h"

#define BOM "\xef\xbb\xbf" /* some editors begin a file with it */
enum { MAX_DEPTH = 16, MAX_NODES = 10000, MAX_TEXT = 1 << 20 };

/* Brackets or braces that are open at the moment: the innermost, and where they opened. */
struct flow {
    bool open;
    struct pos at;
    char c;
};

struct reader {
    yaml_parser_t y;
    yaml_event_t ev; /* the current event; owned */
    struct arena *a;
    struct errors *e;
    struct places places;
    unsigned depth, nodes;
    struct flow flow;
};

static struct node *read_node(struct reader *r);

/* --- events --- */

static struct pos place(struct reader *r, yaml_mark_t m)
{
    return place_find(&r->places, m.line, m.column);
}

static const char *hint(const char *problem)
{
    static const struct {
        const char *problem, *hint;
    } hints[] = {
        {"found character that cannot start any token",
         ": indent with spaces, not tabs, and quote a value that starts with a special character"},
        {"mapping values are not allowed in this context",
         ": check the indentation, and quote a value that holds \": \""},
        {"did not find expected alphabetic or numeric character",
         ": quote a value that starts with * or &"},
        {"did not find expected key", ": check the indentation"},
        {"did not find expected '-' indicator", ": check the indentation"},
        {"could not find expected ':'", ": write \"key: value\", with a space after the colon"},
    };

    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcmp(problem, hints[i].problem) == 0)
            return hints[i].hint;
    return "";
}

/* What is not closed goes wrong anywhere behind it: the error names the place where it opens. */
static bool report_opening(struct reader *r, const char *problem)
{
    const yaml_parser_t *y = &r->y;
    struct pos found = place(r, y->problem_mark);

    if (y->context != NULL && strcmp(y->context, "while scanning a quoted scalar") == 0 &&
        strcmp(problem, "found unexpected end of stream") == 0)
        errors_add(r->e, place(r, y->context_mark), "not valid YAML: this quote is not closed");
    else if (r->flow.open && (r->flow.at.line != found.line ||
                              strncmp(problem, "did not find expected ','", 25) == 0))
        errors_add(r->e, r->flow.at,
                   "not valid YAML: this %c is not closed, or something in it is wrong, before "
                   "line %u, column %u",
                   r->flow.c, found.line, found.col);
    else
        return false;
    return true;
}

static void yaml_report(struct reader *r)
{
    const yaml_parser_t *y = &r->y;
    const char *problem = y->problem != NULL ? y->problem : "unreadable";

    if (y->error == YAML_MEMORY_ERROR)
        r->a->failed = true;
    else if (y->error == YAML_READER_ERROR)
        errors_add(r->e, place_of_byte(&r->places, y->problem_offset), "not valid YAML: %s%s",
                   problem, strstr(problem, "UTF-8") != NULL ? ": save the file as UTF-8" : "");
    else if (report_opening(r, problem))
        return;
    else if (y->context != NULL && y->context_mark.line != y->problem_mark.line)
        errors_add(r->e, place(r, y->problem_mark),
                   "not valid YAML: %s, %s that starts in line %zu%s", problem, y->context,
                   y->context_mark.line + 1, hint(problem));
    else
        errors_add(r->e, place(r, y->problem_mark), "not valid YAML: %s%s", problem, hint(problem));
}

static bool yaml_next(struct reader *r)
{
    yaml_event_delete(&r->ev);
    if (yaml_parser_parse(&r->y, &r->ev))
        return true;
    yaml_report(r);
    return false;
}

/* --- nodes --- */

static const char *control(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i], d = i + 1 < n ? (unsigned char)s[i + 1] : 0;

        if (c < 0x20 || c == 0x7f || (c == 0xc2 && d >= 0x80 && d < 0xa0))
            return s + i;
    }
    return NULL;
}

static void refuse_properties(struct reader *r, const unsigned char *anchor,
                              const unsigned char *tag)
{
    static const char standard[] = "tag:yaml.org,2002:";
    struct pos at = place(r, r->ev.start_mark);
    const char *t = (const char *)tag;

    if (anchor != NULL)
        errors_add(r->e, at, "anchors (&%s) are not supported: write the value where it is needed",
                   (const char *)anchor);
    if (t != NULL && strncmp(t, standard, strlen(standard)) == 0)
        errors_add(r->e, at, "YAML types (!!%s) are not supported: remove it",
                   t + strlen(standard));
    else if (t != NULL)
        errors_add(r->e, at, "YAML types (%s) are not supported: remove it", t);
}

static struct node *new_node(struct reader *r, enum node_kind kind)
{
    struct node *n;

    if (++r->nodes > MAX_NODES) {
        errors_add(r->e, place(r, r->ev.start_mark), "more than %d values in one file", MAX_NODES);
        return NULL;
    }
    n = arena_alloc(r->a, sizeof *n);
    if (n != NULL) {
        n->kind = kind;
        n->at = place(r, r->ev.start_mark);
    }
    return n;
}

static struct node *read_scalar(struct reader *r)
{
    const char *s = (const char *)r->ev.data.scalar.value;
    size_t len = r->ev.data.scalar.length;
    const char *bad = control(s, len);
    struct node *n = new_node(r, bad != NULL ? NODE_BAD : NODE_SCALAR);

    refuse_properties(r, r->ev.data.scalar.anchor, r->ev.data.scalar.tag);
    if (n == NULL)
        return NULL;
    if (bad != NULL)
        errors_add(r->e, n->at, "control characters (byte 0x%02x) are not allowed here",
                   (unsigned char)*bad);
    n->plain = r->ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->text = bad != NULL ? "" : arena_strndup(r->a, s, len);
    return n->text != NULL ? n : NULL;
}

static struct node *read_alias(struct reader *r)
{
    errors_add(r->e, place(r, r->ev.start_mark),
               "aliases (*%s) are not supported: write the value out",
               (const char *)r->ev.data.alias.anchor);
    return new_node(r, NODE_BAD);
}

/* At the event that begins a list or map. What was open before, to be put back at its end. */
static struct flow open_flow(struct reader *r)
{
    struct flow before = r->flow;
    struct pos at = place(r, r->ev.start_mark);
    char c = place_char(&r->places);

    if (c == '[' || c == '{')
        r->flow = (struct flow){true, at, c};
    return before;
}

static bool nest(struct reader *r)
{
    if (++r->depth <= MAX_DEPTH)
        return true;
    errors_add(r->e, place(r, r->ev.start_mark), "nested deeper than %d levels", MAX_DEPTH);
    return false;
}

static struct node *read_list(struct reader *r)
{
    struct node *list = new_node(r, NODE_LIST), **end, *item;
    struct flow before = open_flow(r);

    refuse_properties(r, r->ev.data.sequence_start.anchor, r->ev.data.sequence_start.tag);
    if (list == NULL || !nest(r))
        return NULL;
    for (end = &list->first;; end = &item->next) {
        if (!yaml_next(r))
            return NULL;
        if (r->ev.type == YAML_SEQUENCE_END_EVENT)
            break;
        if ((item = read_node(r)) == NULL)
            return NULL;
        *end = item;
        list->n++;
    }
    r->depth--;
    r->flow = before;
    return list;
}

/* Whether this key may stand in this map; if not, says why. */
static bool key_ok(struct reader *r, const struct node *map, const struct node *key)
{
    const struct node *first;

    if (key->kind == NODE_BAD)
        return false;
    if (key->kind != NODE_SCALAR) {
        errors_add(r->e, key->at, "a key must be plain text, not a %s",
                   key->kind == NODE_LIST ? "list" : "map");
        return false;
    }
    if (key->plain && strcmp(key->text, "<<") == 0) {
        errors_add(r->e, key->at, "merge keys (<<) are not supported: write the keys out");
        return false;
    }
    if ((first = node_get(map, key->text)) != NULL) {
        errors_add(r->e, key->at, "duplicate key \"%s\": first at line %u", key->text,
                   first->key_at.line);
        return false;
    }
    return true;
}

static struct node *read_map(struct reader *r)
{
    struct node *map = new_node(r, NODE_MAP), **end, *key, *val;
    struct flow before = open_flow(r);

    refuse_properties(r, r->ev.data.mapping_start.anchor, r->ev.data.mapping_start.tag);
    if (map == NULL || !nest(r))
        return NULL;
    for (end = &map->first;;) {
        if (!yaml_next(r))
            return NULL;
        if (r->ev.type == YAML_MAPPING_END_EVENT)
            break;
        if ((key = read_node(r)) == NULL || !yaml_next(r) || (val = read_node(r)) == NULL)
            return NULL;
        if (!key_ok(r, map, key))
            continue;
        val->key = key->text;
        val->key_at = key->at;
        *end = val;
        end = &val->next;
        map->n++;
    }
    r->depth--;
    r->flow = before;
    return map;
}

/* Reads the node that the current event begins, up to its last event. NULL: nothing more comes. */
static struct node *read_node(struct reader *r)
{
    switch (r->ev.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r);
    case YAML_ALIAS_EVENT:
        return read_alias(r);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(r);
    case YAML_MAPPING_START_EVENT:
        return read_map(r);
    default:
        return NULL; /* no other event can begin a node */
    }
}

static struct node *empty_map(struct reader *r)
{
    struct node *n = arena_alloc(r->a, sizeof *n);

    if (n != NULL) {
        n->kind = NODE_MAP;
        n->at = (struct pos){r->places.file, 1, 1};
    }
    return n;
}

static struct node *read_document(struct reader *r)
{
    struct node *root;

    if (!yaml_next(r)) /* STREAM-START */
        return NULL;
    if (!yaml_next(r)) /* DOCUMENT-START, or the end of an empty file */
        return NULL;
    if (r->ev.type == YAML_STREAM_END_EVENT)
        return empty_map(r);
    if (!yaml_next(r) || (root = read_node(r)) == NULL)
        return NULL;
    if (!yaml_next(r)) /* DOCUMENT-END */
        return NULL;
    if (!yaml_next(r)) /* STREAM-END, or the start of another */
        return NULL;
    if (r->ev.type != YAML_STREAM_END_EVENT)
        errors_add(r->e, place(r, r->ev.start_mark),
                   "a second document starts here: a file holds one, remove this and what follows");
    return node_is_null(root) ? empty_map(r) : root;
}

struct node *yaml_parse(struct arena *a, const char *file, struct str text, struct errors *e)
{
    struct reader r = {.a = a, .e = e, .places = {.file = arena_strdup(a, file)}};
    struct node *root;

    if (r.places.file == NULL)
        return NULL;
    if (text.n >= strlen(BOM) && memcmp(text.s, BOM, strlen(BOM)) == 0)
        text = (struct str){text.s + strlen(BOM), text.n - strlen(BOM)};
    r.places.text = text;
    if (text.n > MAX_TEXT) {
        errors_add(e, (struct pos){r.places.file, 0, 0}, "is larger than 1 MiB");
        return NULL;
    }
    if (!yaml_parser_initialize(&r.y)) {
        a->failed = true;
        return NULL;
    }
    yaml_parser_set_encoding(&r.y, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.y, (const unsigned char *)text.s, text.n);
    root = read_document(&r);
    yaml_event_delete(&r.ev);
    yaml_parser_delete(&r.y);
    return root;
}

struct node *node_get(const struct node *map, const char *key)
{
    if (map == NULL || map->kind != NODE_MAP)
        return NULL;
    for (struct node *n = map->first; n != NULL; n = n->next)
        if (strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

bool node_is_null(const struct node *n)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

    if (n->kind != NODE_SCALAR || !n->plain)
        return false;
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        if (strcmp(n->text, nulls[i]) == 0)
            return true;
    return false;
}
