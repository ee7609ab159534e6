/* `varve ban`. */
#include "cli/cli_internal.h"

int ban_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_usage("ban", "is not offered");
}
