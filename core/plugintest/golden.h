/* plugintest/golden.h - one case of a golden folder: metrics in, exact bytes out */
#ifndef PLUGINTEST_GOLDEN_H
#define PLUGINTEST_GOLDEN_H

/* For child_run(), with a struct trial whose `golden` is the case's folder. Prints what is wrong, and nothing
 * if nothing is. */
int check_golden(void *trial);

#endif
