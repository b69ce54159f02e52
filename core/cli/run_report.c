/* cli/run_report.c - the words are those of garnetd's log where it has some (run_describe()) */
#include "cli/run_report.h"

#include <inttypes.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"

static double in_seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

static bool has_run(const struct run_result *r)
{
    return r->receipt.outcome != OUTCOME_SPAWN && r->receipt.outcome != OUTCOME_LOST &&
           r->receipt.pid > 0;
}

bool run_succeeded(const struct run_result *r, const struct conf_collector *k)
{
    if (r->rejected > 0 || outcome_failed(r->receipt.outcome) || r->stop == RUN_STOP_OUTPUT)
        return false;
    return r->receipt.outcome == OUTCOME_OK || k->mode == MODE_DAEMON;
}

/* --- for people --- */

static void put_ending(struct buf *b, const struct run_result *r, const struct conf_collector *k)
{
    static const char *const stopped[] = {
        [RUN_STOP_SIGNAL] = "ended because you asked",
        [RUN_STOP_KILL] = "killed because you asked twice",
        [RUN_STOP_TIME] = "ended because its --for was over",
        [RUN_STOP_OUTPUT] = "ended because standard output takes nothing more",
    };
    struct why why = {""};

    if (r->stop != RUN_STOP_NONE) {
        buf_puts(b, stopped[r->stop]);
        if (r->stop == RUN_STOP_KILL || !has_run(r))
            return;
        buf_puts(b, ": ");
    } else if (outcome_failed(r->receipt.outcome)) {
        buf_puts(b, "failed: ");
    } else {
        buf_puts(b, "ok: ");
    }
    run_describe(&r->receipt, k, &why);
    buf_puts(b, why.text);
    if (k->mode == MODE_DAEMON && r->stop == RUN_STOP_NONE)
        buf_puts(b, "; it is a daemon: garnetd would start it again");
}

static void put_process(struct buf *b, const struct keeper_report *p)
{
    buf_putf(b, "  took     %.3f s; CPU %.3f s (user %.3f s, system %.3f s); memory %.1f MiB\n",
             in_seconds(p->duration_ns), in_seconds(p->user_ns + p->system_ns),
             in_seconds(p->user_ns), in_seconds(p->system_ns), (double)p->max_rss / (1 << 20));
    if (p->left_behind > 0)
        buf_putf(b, "  left     %" PRIu32 " process%s behind, killed: wait for what you start\n",
                 p->left_behind, p->left_behind > 1 ? "es" : "");
}

void run_report_put(struct buf *b, const struct run_result *r, const struct conf_collector *k,
                    const char *user)
{
    buf_putf(b, "collector %s: ", k->name);
    put_ending(b, r, k);
    buf_putf(b, "\n  metrics  %" PRIu64 " accepted, %" PRIu64 " rejected%s\n", r->accepted,
             r->rejected, r->rejected > 0 ? ": the reasons are above" : "");
    if (has_run(r))
        put_process(b, &r->receipt.report);
    buf_putf(b, "  user     %s\n", user);
}

/* --- for programs --- */

static void put_process_json(struct buf *b, const struct keeper_report *p)
{
    if (WIFEXITED(p->status))
        buf_putf(b, ",\"exit_status\":%d", WEXITSTATUS(p->status));
    if (WIFSIGNALED(p->status))
        buf_putf(b, ",\"signal\":%d", WTERMSIG(p->status));
    buf_putf(b,
             ",\"duration\":%.6f,\"cpu_user\":%.6f,\"cpu_system\":%.6f,\"max_rss\":%" PRId64
             ",\"left_behind\":%" PRIu32,
             in_seconds(p->duration_ns), in_seconds(p->user_ns), in_seconds(p->system_ns),
             p->max_rss, p->left_behind);
}

void run_report_put_json(struct buf *b, const struct run_result *r, const struct conf_collector *k,
                         const char *user)
{
    struct buf verdict = {0};

    put_ending(&verdict, r, k);
    buf_puts(b, "{\"run\":{\"collector\":");
    buf_put_json(b, str_of(k->name));
    buf_putf(b, ",\"success\":%s", run_succeeded(r, k) ? "true" : "false");
    buf_put_member(b, "outcome", str_of(outcome_name(r->receipt.outcome)));
    buf_put_member(b, "verdict", (struct str){verdict.p, verdict.n});
    buf_put_member(b, "user", str_of(user));
    buf_putf(b, ",\"accepted\":%" PRIu64 ",\"rejected\":%" PRIu64, r->accepted, r->rejected);
    if (has_run(r))
        put_process_json(b, &r->receipt.report);
    buf_puts(b, "}}\n");
    b->failed |= !buf_ok(&verdict);
    buf_free(&verdict);
}

void run_report_put_log_json(struct buf *b, struct str line)
{
    const char *colon = memmem(line.s, line.n, ": ", 2);
    size_t n = colon != NULL ? (size_t)(colon - line.s) : 0, skip = colon != NULL ? n + 2 : 0;

    buf_puts(b, "{\"log\":");
    buf_put_json(b, (struct str){line.s, n});
    buf_put_member(b, "text", (struct str){line.s + skip, line.n - skip});
    buf_puts(b, "}\n");
}
