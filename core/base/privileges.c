/* base/privileges.c - the system calls themselves
 *
 * libcap would be a library for two of them.
 */
#include "base/privileges.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Ends at the first that the kernel does not know, or will not let go. To look costs a tenth. */
void privileges_bound(void)
{
    int has;

    for (unsigned long c = 0; (has = prctl(PR_CAPBSET_READ, c, 0L, 0L, 0L)) >= 0; c++)
        if (has > 0 && prctl(PR_CAPBSET_DROP, c, 0L, 0L, 0L) < 0)
            return;
}

/* The kernel keeps the ambient set within the two others. */
int privileges_drop(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return (int)syscall(SYS_capset, &head, none);
}

int privileges_no_new(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
}

/* --- who we are --- */

static bool has_group(const gid_t *list, size_t n, gid_t g)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == g)
            return true;
    return false;
}

/* The kernel sorts them, and may keep one that is named twice twice. */
static bool groups_are(const gid_t *groups, size_t ngroups)
{
    static gid_t now[NGROUPS_MAX]; /* too large for a stack */
    int n = getgroups(NGROUPS_MAX, now);
    bool same = n >= 0;

    for (size_t i = 0; same && i < ngroups; i++)
        same = has_group(now, (size_t)n, groups[i]);
    for (int i = 0; same && i < n; i++)
        same = has_group(groups, ngroups, now[i]);
    return same;
}

static bool user_is(uid_t uid)
{
    uid_t r, e, s;

    return uid == (uid_t)-1 || (getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid);
}

static bool group_is(gid_t gid)
{
    gid_t r, e, s;

    return gid == (gid_t)-1 || (getresgid(&r, &e, &s) == 0 && r == gid && e == gid && s == gid);
}

/* Not by the library's functions, which have all threads of the process do the same: in a child that shares the
 * memory of one with threads (base/starter.h) they would wait for these for ever. */
#ifdef SYS_setresuid32
enum { SET_GROUPS = SYS_setgroups32, SET_GID = SYS_setresgid32, SET_UID = SYS_setresuid32 };
#else
enum { SET_GROUPS = SYS_setgroups, SET_GID = SYS_setresgid, SET_UID = SYS_setresuid };
#endif

int privileges_become(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups)
{
    if (uid != (uid_t)-1 && syscall(SET_GROUPS, ngroups, groups) < 0)
        return -1;
    if (gid != (gid_t)-1 && syscall(SET_GID, gid, gid, gid) < 0)
        return -1;
    if (uid != (uid_t)-1 && syscall(SET_UID, uid, uid, uid) < 0)
        return -1;
    if (user_is(uid) && group_is(gid) && (uid == (uid_t)-1 || groups_are(groups, ngroups)))
        return 0;
    errno = EPERM;
    return -1;
}
