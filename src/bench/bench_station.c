/* `varve bench station MODE`: options, the mode's run, its report. */
#include "bench.h"

#include "base/mem.h"
#include "station_internal.h"

#include <stdio.h>

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

static int fail(const struct error *err, int code)
{
    fprintf(stderr, "varve bench station: %s%s%s\n", err->text, err->hint[0] != '\0' ? "; " : "", err->hint);
    return code;
}

static bool run(struct station_options *options, struct buf *out, struct error *err)
{
    /* Their histograms are large for a stack. */
    static struct load_result load;
    static struct append_result append;
    static struct recovery_result recovery;
    bool fine;
    switch (options->mode) {
    case STATION_APPEND:
        fine = append_run(options, &append, err);
        if (fine)
            report_append(out, options, &append);
        return fine;
    case STATION_RECOVERY:
        fine = recovery_run(options, &recovery, err);
        if (fine)
            report_recovery(out, options, &recovery);
        return fine;
    default:
        fine = station_load_run(options, &load, err);
        if (fine)
            report_station_load(out, options, &load);
        return fine;
    }
}

int bench_station_main(int argc, char **argv)
{
    struct station_options options;
    struct error err = {0};
    struct buf out = {0};
    if (!station_options_parse(&options, argc, argv, &err)) {
        error_hint(&err, "see varve bench station --help");
        return fail(&err, EXIT_USAGE);
    }
    if (options.load.help) {
        fputs(station_options_help, stdout);
        return EXIT_DONE;
    }
    bool fine = run(&options, &out, &err);
    if (fine && (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0))
        fine = error_set(&err, ERR_IO, "cannot write the result to standard output");
    buf_free(&out);
    return fine ? EXIT_DONE : fail(&err, EXIT_FAILED);
}
