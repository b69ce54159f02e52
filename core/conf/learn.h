/* conf/learn.h - finds out about the world what parsing must know
 *
 * Nearly all of this can block for as long as a network disk or a directory service likes, and is
 * therefore done by processes that may (conf/ask.h): never by garnetd itself. What cannot be found out
 * is a fact too, with its reason.
 */
#pragma once
#include "conf/facts.h"

/* Appends the fact that has this key; out->failed without memory. */
void learn_fact(const char *key, struct buf *out);
/* It can be learnt where nothing may block. */
bool learn_cannot_hang(const char *key);
/* For struct trust: a group of the user's own, of the same name and with nobody else in it; noted in
 * the buffer `arg`, unless that is NULL. */
bool learn_own_group(void *arg, uid_t uid, gid_t gid);
