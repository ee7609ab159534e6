/* `varve bench sink MODE`: options, the run, its report. */
#include "bench.h"

#include "sink_internal.h"

#include <stdio.h>

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

static int fail(const struct error *err, int code)
{
    fprintf(stderr, "varve bench sink: %s%s%s\n", err->text, err->hint[0] != '\0' ? "; " : "", err->hint);
    return code;
}

int bench_sink_main(int argc, char **argv)
{
    static struct sink_result result; /* its histogram is large for a stack */
    struct sink_options options;
    struct error err = {0};
    struct buf out = {0};
    if (!sink_options_parse(&options, argc, argv, &err)) {
        error_hint(&err, "see varve bench sink --help");
        return fail(&err, EXIT_USAGE);
    }
    if (options.load.help) {
        fputs(sink_options_help, stdout);
        return EXIT_DONE;
    }
    bool fine = sink_run(&options, &result, &err);
    if (fine) {
        report_sink(&out, &options, &result);
        if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
            fine = error_set(&err, ERR_IO, "cannot write the result to standard output");
    }
    buf_free(&out);
    return fine ? EXIT_DONE : fail(&err, EXIT_FAILED);
}
