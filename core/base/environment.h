/* base/environment.h - what of our environment goes on to others, who are not to have it all
 */
#pragma once

enum { ENVIRONMENT_PASSED = 5 };
extern const char *const environment_passed[ENVIRONMENT_PASSED]; /* names */

/* For execve(): those, and what tells the loader, a sanitizer or a test what to do. Static, and good until
 * the next call, or a change of the environment; beyond some fifty it is cut. */
const char *const *environment_small(void);
