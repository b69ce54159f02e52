/* base/privileges.c - giving up what somebody else's code must not have: capabilities
 *
 * By the system calls themselves: libcap would be a library for two of them.
 */
#include "base/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Ends at the first that the kernel does not know, or will not let go. */
void privileges_bound(void)
{
    unsigned long capability = 0;

    while (prctl(PR_CAPBSET_DROP, capability, 0L, 0L, 0L) == 0)
        capability++;
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
