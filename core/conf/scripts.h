/* conf/scripts.h - the folder of scripts: each program in a folder of it that is called like an interval is a collector
 *
 *     scripts.d/30s/mail.nagios     runs each 30 s, and prints what Nagios plugins do: the collector mail
 *     scripts.d/30s/mail.yaml       a collector's file beside it, if there is one: what it says, wins
 *
 * They stand in the snapshot among the collectors' files, under the name of the file beside them, or else their own. Reads folders,
 * and so may hang: for processes that may wait.
 */
#pragma once
#include "conf/ask.h"
#include "conf/snapshot.h"

struct conf;

/* What a script is, without a file: of snapshot_file.script. */
struct script_means {
    const char *path;
    int64_t interval, output;
};
/* Into the arena. False: no memory. */
bool script_means(struct arena *a, const char *script, struct script_means *out);
/* Of a path: its last part without what follows its last dot. The name of a collector. */
struct str script_stem(const char *path);

/* Adds all of them; `had`: there were some before. A folder that cannot be read stands in the snapshot like a file. */
void scripts_load(struct snapshot *s, const char *folder, bool written, bool had);
/* Two files that are collectors of one name get each other's as `twice`: neither is to be used. */
void scripts_compare(struct snapshot *s);
/* Whether a script has come that has not changed for `settled` ns, or one has gone from a folder that has not. */
bool scripts_differ(const struct snapshot *s, const struct conf *c, int64_t settled);
/* Of what has just been loaded from `folder`: those of `s` become what they were there, whatever is in their files now;
 * who came or went in the last `settled` ns did not. */
void scripts_settle(struct snapshot *now, const struct snapshot *s, const char *folder,
                    int64_t settled);
