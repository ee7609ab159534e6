/* `varve doctor`: whether a broker would start here and be well. Reads the configuration, then looks at the machine, the
 * data directory and the listeners, and says for each what it found and what to do. Changes nothing; it may run beside
 * a broker. */
#include "cli/cli_internal.h"
#include "cli/doctor_internal.h"
#include "cli/manage_internal.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

extern char **environ;

static const char *const verdict_names[VERDICT_COUNT] = {"ok", "warning", "failed"};

static void print_help(void)
{
    puts("usage: varve doctor [-c FILE] [--data DIR] [--set key=value]... [--json]\n\n"
         "Checks configuration, limits of the system, data directory, catalog, certificates and ports, and "
         "says what to\n"
         "do about what is not well. Run it as the user who runs the broker. Exit code 1 if a check "
         "failed.\n\n"
         "  -c, --config FILE   configuration, as for varve serve\n"
         "      --data DIR      data directory (default ./data)\n"
         "      --set key=value overrides a key, as for varve serve\n"
         "      --json          output for machines\n"
         "      --help\n\n"
         "example: before the first start of a service\n"
         "  varve doctor -c /etc/varve/varve.yaml --data /var/lib/varve");
}

static void report_json(struct doctor *doctor, enum verdict verdict, const char *check, const char *text,
                        const char *hint)
{
    buf_append_str(&doctor->out, doctor->out.len == 0 ? STR("{\"checks\":[\n ") : STR(",\n "));
    struct buf object = {0};
    buf_append_byte(&object, '{');
    manage_json_text(&object, "check", check);
    manage_json_text(&object, "verdict", verdict_names[verdict]);
    manage_json_text(&object, "text", text);
    manage_json_text(&object, "hint", hint);
    buf_append_byte(&object, '}');
    buf_append_str(&doctor->out, buf_str(&object));
    buf_free(&object);
}

void doctor_report(struct doctor *doctor, enum verdict verdict, const char *check, const char *hint,
                   const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (hint != NULL && hint[0] == '\0')
        hint = NULL;
    doctor->counts[verdict]++;
    if (doctor->json) {
        report_json(doctor, verdict, check, text, hint);
        return;
    }
    buf_printf(&doctor->out, "%-8s %-15s %s\n", verdict_names[verdict], check, text);
    if (hint != NULL)
        buf_printf(&doctor->out, "%24s %s\n", "", hint);
}

void doctor_report_error(struct doctor *doctor, const char *check, const struct error *err)
{
    doctor_report(doctor, VERDICT_FAILED, check, err->hint, "%s", err->text);
}

static void check_config(struct doctor *doctor)
{
    struct error err;
    doctor->has_config = serve_config_load(&doctor->config, doctor->config_path, doctor->sets,
                                           doctor->set_count, environ, &err);
    if (!doctor->has_config) {
        doctor_report_error(doctor, "configuration", &err);
        return;
    }
    bool none = doctor->config.listener_count == 0;
    doctor_report(doctor, none ? VERDICT_FAILED : VERDICT_OK, "configuration",
                  none ? "set listeners.tcp.default.enabled: true" : NULL, "%s; listeners: %zu",
                  doctor->config_path != NULL ? doctor->config_path : "defaults",
                  doctor->config.listener_count);
}

static int finish(struct doctor *doctor)
{
    const unsigned *counts = doctor->counts;
    if (doctor->json) {
        buf_printf(&doctor->out, "\n],\"ok\":%u,\"warnings\":%u,\"failed\":%u}\n", counts[VERDICT_OK],
                   counts[VERDICT_WARNING], counts[VERDICT_FAILED]);
    } else {
        buf_printf(&doctor->out, "\n%u ok, %u warnings, %u failed\n", counts[VERDICT_OK],
                   counts[VERDICT_WARNING], counts[VERDICT_FAILED]);
    }
    if (doctor->has_config)
        serve_config_free(&doctor->config);
    bool printed = manage_print(&doctor->out);
    return printed && counts[VERDICT_FAILED] == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* -1: go on; else the exit code. */
static int parse_options(struct doctor *doctor, int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"data", required_argument, NULL, 'd'},
        {"set", required_argument, NULL, 's'},    {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c': doctor->config_path = optarg; break;
        case 'd': doctor->dir = optarg; break;
        case 's':
            if (doctor->set_count == DOCTOR_SETS_MAX)
                return cli_usage("doctor", "at most %d --set", DOCTOR_SETS_MAX);
            doctor->sets[doctor->set_count++] = optarg;
            break;
        case 'j': doctor->json = true; break;
        case 'h': print_help(); return EXIT_DONE;
        default: return cli_usage("doctor", "bad option");
        }
    }
    if (optind < argc)
        return cli_usage("doctor", "\"%s\" is not an option", argv[optind]);
    return -1;
}

int doctor_main(int argc, char **argv)
{
    struct doctor doctor = {.dir = CLI_DATA_DEFAULT};
    int code = parse_options(&doctor, argc, argv);
    if (code >= 0)
        return code;
    check_config(&doctor);
    doctor_check_files(&doctor);
    doctor_check_backlog(&doctor);
    doctor_check_memory(&doctor);
    doctor_check_clock(&doctor);
    doctor_check_processor(&doctor);
    doctor_check_dir(&doctor);
    doctor_check_broker(&doctor);
    doctor_check_space(&doctor);
    doctor_check_fsync(&doctor);
    doctor_check_catalog(&doctor);
    doctor_check_listeners(&doctor);
    return finish(&doctor);
}
