/* cli/scrape.c - hands over to garnet-scrape, which alone has libcurl
 *
 * A Garnet that was built without that library has no such program. Fails with EXIT_WORLD then.
 */
#include "cli/scrape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/program.h"
#include "base/terminal.h"

const char SCRAPE_HELP[] =
    "usage: garnet scrape [--timeout TIME] [--max-size SIZE] [--ca FILE] [--insecure] URL\n"
    "\n"
    "Gets what an exporter says, and prints it to standard output: all of it, or nothing.\n"
    "  URL              http://HOST:PORT/metrics, https://..., or unix:/PATH/OF/SOCKET:/metrics\n"
    "  --timeout TIME   for all of it, such as 500ms; default 10s\n"
    "  --max-size SIZE  of the answer, as it is when unpacked; default 16MiB\n"
    "  --ca FILE        the certificates to trust, in PEM, instead of the system's\n"
    "  --insecure       trust any certificate\n"
    "Up to 5 redirects are followed, from https to https alone. No proxy is used, whatever the\n"
    "environment says.\n"
    "Exit status: 0 it is printed; 1 the answer is no use: its status is not 200, it is too large, "
    "or\n"
    "it broke off; 2 wrong usage; 111 there was no answer: nobody listens, the time is over, the\n"
    "certificate is not trusted.\n";

int scrape_main(int argc, char *const argv[])
{
    char beside[PROGRAM_PATH];
    const char *program =
        program_beside(beside, "garnet-scrape", GARNET_LIBEXEC_DIR "/garnet-scrape");

    (void)argc;
    (void)execv(program, argv);
    if (errno == ENOENT)
        say(stderr, "garnet scrape: there is no %s: this Garnet was built without libcurl",
            program);
    else
        say(stderr, "garnet scrape: cannot run %s: %s", program, strerror(errno));
    return EXIT_WORLD;
}
