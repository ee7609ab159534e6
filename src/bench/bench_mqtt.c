/* `varve bench mqtt`: options, then one of three runs: load, idle connections, relay. */
#include "bench.h"

#include "load_internal.h"
#include "relay_internal.h"
#include "report_internal.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

static int fail(const struct error *err, int code)
{
    fprintf(stderr, "varve bench mqtt: %s%s%s\n", err->text, err->hint[0] != '\0' ? "; " : "", err->hint);
    return code;
}

static int relay_main(const struct bench_options *options)
{
    struct error err = {0};
    uint16_t port = options->port;
    sigset_t ends;
    int signal;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    struct relay *relay = relay_start(options->host, &port, options->threads, &err);
    if (relay == NULL)
        return fail(&err, EXIT_FAILED);
    printf("{\"relay\":true,\"host\":\"%s\",\"port\":%u,\"threads\":%u,\"pid\":%ld}\n", options->host, port,
           options->threads, (long)getpid());
    fflush(stdout);
    sigwait(&ends, &signal);
    relay_stop(relay);
    return EXIT_DONE;
}

static int run_main(const struct bench_options *options)
{
    static struct load_result load; /* its histogram is large for a stack */
    struct idle_result idle;
    struct error err = {0};
    struct buf out = {0};
    bool fine = options->idle > 0 ? load_run_idle(options, &idle, &err) : load_run(options, &load, &err);
    if (!fine)
        return fail(&err, EXIT_FAILED);
    if (options->idle > 0)
        report_idle(&out, options, &idle);
    else
        report_load(&out, options, &load);
    bool written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buf_free(&out);
    if (!written) {
        error_set(&err, ERR_IO, "cannot write the result to standard output");
        return fail(&err, EXIT_FAILED);
    }
    return EXIT_DONE;
}

int bench_mqtt_main(int argc, char **argv)
{
    struct bench_options options;
    struct error err = {0};
    bench_options_default(&options);
    if (!bench_options_parse(&options, argc, argv, &err)) {
        error_hint(&err, "see varve bench mqtt --help");
        return fail(&err, EXIT_USAGE);
    }
    if (options.help) {
        fputs(bench_options_help, stdout);
        return EXIT_DONE;
    }
    return options.relay ? relay_main(&options) : run_main(&options);
}
