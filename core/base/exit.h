/* base/exit.h - what the exit statuses of our programs mean */
#pragma once

enum {
    EXIT_CONFIG = 1,  /* what was asked for is wrong: configuration, options, plugin */
    EXIT_USAGE = 2,   /* the command line is wrong                                   */
    EXIT_PLUGIN = 3,  /* of a worker: its plugin gives up                            */
    EXIT_REFUSED = 3, /* of garnetd -t: single collectors or sinks, not all of it    */
    EXIT_WORLD = 111, /* the system said no; the same may work later                 */
};
