/* `varve doctor`. */
#include "cli/cli_internal.h"

int doctor_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_usage("doctor", "is not offered");
}
