/* conf/yaml.c - libyaml's events, read by one function a kind of node
 *
 * What this subset refuses is reported and read past, so that one run finds all of it; only what
 * libyaml itself cannot go on after (syntax, bytes that are not UTF-8) and what is out of bounds
 * (depth, size, number of values: looking for duplicates is quadratic) ends the reading, without a
 * tree. Dies of nothing: without memory it returns NULL and the arena says so.
 */
#include "conf/yaml.h"

#include <yaml.h>

#define BOM "\xef\xbb\xbf" /* some editors begin a file with it */
enum { MAX_DEPTH = 16, MAX_NODES = 10000, MAX_TEXT = 1 << 20 };

/* libyaml counts columns in characters; editors and compilers, and so Garnet, in bytes. */
struct places {
    const char *file;
    struct str text;
    /* the place found last, from where the next is looked for: most are further on */
    size_t line, line_start, column, byte;
};

struct flow { /* the innermost bracket or brace that is open at the moment; c == 0: none */
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

/* --- places --- */

/* Bytes of the line break at s by YAML 1.1; 0 = there is none. */
static size_t break_len(const char *s, size_t left)
{
    if (s[0] == '\r')
        return left > 1 && s[1] == '\n' ? 2 : 1;
    if (s[0] == '\n')
        return 1;
    if (left > 1 && memcmp(s, "\xc2\x85", 2) == 0)
        return 2;
    if (left > 2 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0))
        return 3;
    return 0;
}

/* Over one character, or line break. */
static void place_step(struct places *p)
{
    size_t n = break_len(p->text.s + p->byte, p->text.n - p->byte);

    if (n > 0) {
        p->line_start = p->byte += n;
        p->line++;
        p->column = 0;
        return;
    }
    do
        p->byte++;
    while (p->byte < p->text.n && ((unsigned char)p->text.s[p->byte] & 0xc0) == 0x80);
    p->column++;
}

static struct pos place_of_mark(struct places *p, yaml_mark_t m)
{
    if (m.line < p->line || (m.line == p->line && m.column < p->column))
        *p = (struct places){.file = p->file, .text = p->text};
    while (p->byte < p->text.n && (p->line < m.line || (p->line == m.line && p->column < m.column)))
        place_step(p);
    return (struct pos){p->file, (uint32_t)m.line + 1, (uint32_t)(p->byte - p->line_start) + 1};
}

static struct pos place_of_byte(const struct places *whole, size_t offset)
{
    struct places p = {.file = whole->file, .text = whole->text};

    while (p.byte < offset && p.byte < p.text.n)
        place_step(&p);
    return (struct pos){p.file, (uint32_t)p.line + 1, (uint32_t)(offset - p.line_start) + 1};
}

/* --- events --- */

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
    struct pos found = place_of_mark(&r->places, y->problem_mark);

    if (y->context != NULL && strcmp(y->context, "while scanning a quoted scalar") == 0 &&
        strcmp(problem, "found unexpected end of stream") == 0)
        errors_add(r->e, place_of_mark(&r->places, y->context_mark),
                   "not valid YAML: this quote is not closed");
    else if (r->flow.c != 0 && (r->flow.at.line != found.line ||
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
        errors_add(r->e, place_of_mark(&r->places, y->problem_mark),
                   "not valid YAML: %s, %s that starts in line %zu%s", problem, y->context,
                   y->context_mark.line + 1, hint(problem));
    else
        errors_add(r->e, place_of_mark(&r->places, y->problem_mark), "not valid YAML: %s%s",
                   problem, hint(problem));
}

static bool yaml_next(struct reader *r, unsigned events)
{
    while (events-- > 0) {
        yaml_event_delete(&r->ev);
        if (!yaml_parser_parse(&r->y, &r->ev)) {
            yaml_report(r);
            return false;
        }
    }
    return true;
}

/* --- nodes --- */

static struct pos here(struct reader *r)
{
    return place_of_mark(&r->places, r->ev.start_mark);
}

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
    struct pos at = here(r);
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
        errors_add(r->e, here(r), "more than %d values in one file", MAX_NODES);
        return NULL;
    }
    n = arena_alloc(r->a, sizeof *n);
    if (n != NULL) {
        n->kind = kind;
        n->at = here(r);
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

/* At the event that begins a list or map. What was open before, to be put back at its end. */
static struct flow open_flow(struct reader *r)
{
    struct flow before = r->flow;
    struct pos at = here(r);
    char c = r->places.byte < r->places.text.n ? r->places.text.s[r->places.byte] : 0;

    if (c == '[' || c == '{')
        r->flow = (struct flow){at, c};
    return before;
}

/* Makes it the key of v, if it may be that in this map; if not, says why. */
static bool take_key(struct reader *r, const struct node *map, const struct node *key,
                     struct node *v)
{
    const struct node *first;

    if (key->kind == NODE_BAD)
        return false;
    if (key->kind != NODE_SCALAR)
        errors_add(r->e, key->at, "a key must be plain text, not a %s",
                   key->kind == NODE_LIST ? "list" : "map");
    else if (key->plain && strcmp(key->text, "<<") == 0)
        errors_add(r->e, key->at, "merge keys (<<) are not supported: write the keys out");
    else if ((first = node_get(map, key->text)) != NULL)
        errors_add(r->e, key->at, "duplicate key \"%s\": first at line %u", key->text,
                   first->key_at.line);
    else
        v->key = key->text;
    v->key_at = key->at;
    return v->key != NULL;
}

/* A list or a map, up to its last event. */
static struct node *read_children(struct reader *r, enum node_kind kind, yaml_event_type_t last)
{
    struct node *all = new_node(r, kind), **end, *key = NULL, *v;
    struct flow before = open_flow(r);

    if (all == NULL)
        return NULL;
    if (++r->depth > MAX_DEPTH) {
        errors_add(r->e, here(r), "nested deeper than %d levels", MAX_DEPTH);
        return NULL;
    }
    for (end = &all->first;;) {
        if (!yaml_next(r, 1))
            return NULL;
        if (r->ev.type == last)
            break;
        if (kind == NODE_MAP && ((key = read_node(r)) == NULL || !yaml_next(r, 1)))
            return NULL;
        if ((v = read_node(r)) == NULL)
            return NULL;
        if (key != NULL && !take_key(r, all, key, v))
            continue;
        *end = v;
        end = &v->next;
        all->n++;
    }
    r->depth--;
    r->flow = before;
    return all;
}

/* Reads the node that the current event begins, up to its last event. NULL: nothing more comes. */
static struct node *read_node(struct reader *r)
{
    const yaml_event_t *e = &r->ev;

    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r);
    case YAML_ALIAS_EVENT:
        errors_add(r->e, here(r), "aliases (*%s) are not supported: write the value out",
                   (const char *)e->data.alias.anchor);
        return new_node(r, NODE_BAD);
    case YAML_SEQUENCE_START_EVENT:
        refuse_properties(r, e->data.sequence_start.anchor, e->data.sequence_start.tag);
        return read_children(r, NODE_LIST, YAML_SEQUENCE_END_EVENT);
    case YAML_MAPPING_START_EVENT:
        refuse_properties(r, e->data.mapping_start.anchor, e->data.mapping_start.tag);
        return read_children(r, NODE_MAP, YAML_MAPPING_END_EVENT);
    default:
        return NULL; /* no other event can begin a node */
    }
}

static struct node *read_document(struct reader *r)
{
    struct node *root;

    if (!yaml_next(r, 2)) /* STREAM-START, and DOCUMENT-START or the end of nothing */
        return NULL;
    if (r->ev.type == YAML_STREAM_END_EVENT)
        return yaml_empty(r->a, r->places.file);
    if (!yaml_next(r, 1) || (root = read_node(r)) == NULL)
        return NULL;
    if (!yaml_next(r, 2)) /* DOCUMENT-END, and STREAM-END or the start of another */
        return NULL;
    if (r->ev.type != YAML_STREAM_END_EVENT)
        errors_add(r->e, here(r),
                   "a second document starts here: a file holds one, remove this and what follows");
    return node_is_null(root) ? yaml_empty(r->a, r->places.file) : root;
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

struct node *yaml_empty(struct arena *a, const char *file)
{
    struct node *n = arena_alloc(a, sizeof *n);

    if (n != NULL)
        *n = (struct node){.kind = NODE_MAP, .at = {arena_strdup(a, file), 1, 1}};
    return n;
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
