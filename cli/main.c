/* solcheck - the program.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <fcntl.h>

#include "cli/session.h"

/* A file that is opened while a standard stream is closed would take its number, and what
 * is printed would end up in it. What is read-only fails when it is printed to, so that a
 * closed output is noticed. */
static void occupy_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDONLY);
}

int main(int argc, char **argv)
{
    occupy_streams();
    return cli_main(argc, argv);
}
