/* keep/ward.c - the keeper's answers, in the order in which they come; who goes without a report has lost its process */
#include "keep/ward.h"

#include <signal.h>

#include "keep/keeping.h"

static int send_to(int control, const void *job)
{
    return warder_send(control, job);
}

static void hear(struct ward *w, int word)
{
    if (word == KEEPING_HANGS && w->ev.hangs != NULL)
        w->ev.hangs(w->ev.arg);
    else if (word == KEEPING_STOPPED || word == KEEPING_GOES_ON)
        w->stopped = word == KEEPING_STOPPED;
}

static void on_ward_said(void *arg)
{
    struct ward *w = arg;
    struct ward_end end = {0};
    int control = w->keeper->control, word, error;

    if (w->pid == 0)
        w->pid = keeping_pid(control);
    while ((word = keeping_hear(control)) != KEEPING_NOTHING)
        hear(w, word);
    if (!keeping_take(control, &end, sizeof end)) {
        error = keeping_refused(control);
        if (error == 0 && !keeping_gone(control))
            return;
        end = (struct ward_end){.error = error, .lost = error == 0};
    }
    ward_abandon(w);
    w->ev.ended(w->ev.arg, &end);
}

int ward_start(struct ward *w, struct keepers *k, const char *who, const struct ward_job *job,
               const struct ward_events *ev)
{
    const struct keeper_use use = {.kind = NURSERY_WARD,
                                   .who = who,
                                   .job = job,
                                   .send = send_to,
                                   .said = on_ward_said,
                                   .arg = w};

    *w = (struct ward){.ev = *ev};
    w->keeper = keepers_begin(k, &use);
    return w->keeper != NULL ? 0 : -1;
}

bool ward_runs(const struct ward *w)
{
    return w->keeper != NULL;
}

/* Its keeper may be stopped. */
void ward_signal(const struct ward *w, int signo)
{
    if (w->keeper == NULL)
        return;
    keepers_wake(w->keeper);
    keeping_tell(w->keeper->control, signo == SIGKILL ? KEEPING_KILL : KEEPING_TERM);
}

void ward_abandon(struct ward *w)
{
    if (w->keeper != NULL)
        keepers_give_back(w->keeper, false);
    w->keeper = NULL;
    w->stopped = false;
}

void ward_move(struct ward *to, struct ward *from, const struct ward_events *ev)
{
    *to = *from;
    to->ev = *ev;
    if (to->keeper != NULL)
        to->keeper->arg = to;
    *from = (struct ward){0};
}
