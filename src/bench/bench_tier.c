/* `varve bench tier`: options, the run, its report. */
#include "bench.h"

#include "tier_internal.h"

#include <stdio.h>

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

static int fail(const struct error *err, int code)
{
    fprintf(stderr, "varve bench tier: %s%s%s\n", err->text, err->hint[0] != '\0' ? "; " : "", err->hint);
    return code;
}

int bench_tier_main(int argc, char **argv)
{
    struct tier_bench_options options;
    struct tier_bench_result result = {0};
    struct error err = {0};
    struct buf out = {0};
    if (!tier_options_parse(&options, argc, argv, &err)) {
        error_hint(&err, "see varve bench tier --help");
        return fail(&err, EXIT_USAGE);
    }
    if (options.help) {
        fputs(tier_options_help, stdout);
        return EXIT_DONE;
    }
    bool fine = tier_bench_run(&options, &result, &err);
    if (fine) {
        report_tier(&out, &options, &result);
        if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
            fine = error_set(&err, ERR_IO, "cannot write the result to standard output");
    }
    buf_free(&out);
    return fine ? EXIT_DONE : fail(&err, EXIT_FAILED);
}
