/* fuzz_conf.c - a configuration of arbitrary bytes
 *
 * The input is the main file and, after a NUL byte, a collector's; or a whole snapshot as it goes
 * over a pipe. Facts that the parser asks for are given, until it asks for no more. It answers with
 * a configuration or with errors, each of one line, and never with both or neither.
 */
#include "conf/conf.h"
#include "conf/facts.h"
#include "fuzz.h"

enum { ROUNDS = 8 };

static void add_file(struct snapshot *s, const char *path, const uint8_t *p, size_t n)
{
    struct snapshot_file *f = snapshot_add(s, path);

    HOLDS(f != NULL);
    f->text = (struct str){arena_strndup(&s->arena, (const char *)p, n), n};
}

static const char *fact(const char *key)
{
    if (strncmp(key, "file:", 5) == 0)
        return strchr(key, 'x') ? "error does not exist" : "1 2 3 4 5 33261 0";
    if (strncmp(key, "trust:", 6) == 0 || strncmp(key, "folder:", 7) == 0)
        return strchr(key, 'z') ? "error belongs to user 7, who could alter it" : "";
    if (strncmp(key, "exec:", 5) == 0)
        return strchr(key, 'y') ? "error is empty" : "";
    if (strncmp(key, "user:", 5) == 0)
        return strchr(key, 'x') ? "" : "7 8 8 9";
    if (strncmp(key, "group:", 6) == 0)
        return strchr(key, 'x') ? "" : "11";
    return strcmp(key, "self") == 0 ? "0 0 ffffffffff" : strcmp(key, "hostname") == 0 ? "h" : "";
}

static void answer(struct snapshot *s, const struct fact_want *w)
{
    for (struct snapshot_file *f = s->files; f; f = f->next)
        if (f == w->file)
            HOLDS(snapshot_get(f, w->key) == NULL && snapshot_put(s, f, w->key, fact(w->key)));
}

static void check_errors(const struct errors *e)
{
    unsigned lines = 0;

    HOLDS(buf_ok(&e->text));
    for (size_t i = 0; i < e->text.n; i++) {
        HOLDS(e->text.p[i] != '\0');
        lines += e->text.p[i] == '\n';
    }
    HOLDS(lines == e->n);
}

static void parse(struct snapshot *s)
{
    bool wants = true;

    for (int i = 0; wants; i++) {
        struct errors e = {0};
        struct conf *c = conf_parse(s, &e);

        HOLDS(i < ROUNDS);
        HOLDS(c != NULL);
        check_errors(&e);
        wants = c->wanted != NULL;
        for (const struct fact_want *w = c->wanted; w; w = w->next)
            answer(s, w);
        conf_free(c);
        errors_free(&e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    const uint8_t *second = memchr(p, 0, n);
    struct snapshot s = {0};

    if (n == 0 || n > 16 << 10)
        return 0;
    if (snapshot_read(&s, (struct str){(const char *)p, n})) {
        if (s.files != NULL)
            parse(&s);
        snapshot_free(&s);
        return 0;
    }
    snapshot_free(&s);
    s = (struct snapshot){0};
    add_file(&s, "/etc/garnet.yaml", p, second ? (size_t)(second - p) : n);
    if (second)
        add_file(&s, "/etc/collectors.d/cpu.yaml", second + 1, n - 1 - (size_t)(second - p));
    parse(&s);
    snapshot_free(&s);
    return 0;
}
