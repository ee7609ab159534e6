/* `varve acl`. */
#include "cli/cli_internal.h"

int acl_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_usage("acl", "is not offered");
}
