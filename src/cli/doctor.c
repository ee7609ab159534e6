/* `varve doctor`: whether a broker would start here and be well. Reads the configuration, then looks at the machine, the
 * data directory and the listeners, and says for each what it found and what to do. Changes nothing; it may run beside
 * a broker. Of a connector it tells what its store honours: a running broker tries that (probe.c). */
#include "cli/cli_internal.h"
#include "cli/doctor_internal.h"
#include "cli/manage_internal.h"
#include "cli/probe_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

extern char **environ;

#define READY_TIMEOUT_MS 5000

static const char *const verdict_names[VERDICT_COUNT] = {"ok", "warning", "failed"};

static void print_help(void)
{
    puts(
        "usage: varve doctor [-c FILE] [--data DIR] [--set key=value]... [--json]\n"
        "       varve doctor CONNECTOR [--bucket B] [--prefix P] [--json]\n"
        "       varve doctor --ready [--data DIR] [--url URL]\n\n"
        "Checks configuration, limits of the system, data directory, catalog, stations, certificates and "
        "ports, and "
        "says what to\n"
        "do about what is not well. Run it as the user who runs the broker. Exit code 1 if a check "
        "failed.\n\n"
        "  -c, --config FILE   configuration, as for varve serve\n"
        "      --data DIR      data directory (default ./data)\n"
        "      --set key=value overrides a key, as for varve serve\n"
        "      --json          output for machines\n"
        "      --help\n\n"
        "With a CONNECTOR, such as s3:archive, the running broker tries what that store honours: writes, "
        "reads, "
        "ranges,\n"
        "conditional writes, checksums, batch deletes, its clock; and the guarantee that follows is told.\n\n"
        "      --bucket B      to be tried; default: the connector's\n"
        "      --prefix P      of the keys that are written, and deleted again\n"
        "      --url, --key, --ca   as for varve connector\n\n"
        "With --ready it only asks the running broker whether it lives and takes clients: exit code 0 or 1, "
        "for health "
        "checks.\n\n"
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
    json_decref(doctor->run);
    bool printed = manage_print(&doctor->out);
    return printed && counts[VERDICT_FAILED] == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* What is given besides, for a connector. */
struct asked {
    struct remote_command command;
    struct probe_options probe;
    bool given; /* an option that is for a connector alone */
    bool ready; /* only whether the running broker is */
};

/* -1: go on; else the exit code. */
static int parse_options(struct doctor *doctor, struct asked *asked, int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"bucket", required_argument, NULL, 'b'},
        {"prefix", required_argument, NULL, 'x'},
        {"ready", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        REMOTE_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    optind = 0;
    for (int option; (option = cli_option(argc, argv, "c:h", options)) != -1;) {
        if (remote_option(&asked->command.remote, option, optarg)) {
            asked->given = asked->given || (option != REMOTE_DATA && option != REMOTE_JSON);
            continue;
        }
        switch (option) {
        case 'c': doctor->config_path = optarg; break;
        case 's':
            if (doctor->set_count == DOCTOR_SETS_MAX)
                return cli_usage("doctor", "at most %d --set", DOCTOR_SETS_MAX);
            doctor->sets[doctor->set_count++] = optarg;
            break;
        case 'b': asked->probe.bucket = optarg; break;
        case 'x': asked->probe.prefix = optarg; break;
        case 'r': asked->ready = true; break;
        case 'h': print_help(); return EXIT_DONE;
        default: return EXIT_USAGE;
        }
    }
    asked->given = asked->given || asked->probe.bucket != NULL || asked->probe.prefix != NULL;
    asked->command.name = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        return cli_usage("doctor", "\"%s\" is one argument too many", argv[optind]);
    if (asked->ready &&
        (asked->command.name != NULL || asked->probe.bucket != NULL || asked->probe.prefix != NULL ||
         doctor->config_path != NULL || doctor->set_count > 0 || asked->command.remote.json))
        return cli_usage("doctor", "--ready takes --data, --url and --ca alone");
    if (asked->ready)
        return -1;
    if (asked->command.name != NULL && strchr(asked->command.name, ':') == NULL)
        return cli_usage("doctor", "\"%s\" is not the name of a connector, such as s3:archive",
                         asked->command.name);
    if (asked->command.name != NULL && (doctor->config_path != NULL || doctor->set_count > 0))
        return cli_usage("doctor", "a connector takes none of --config, --set");
    if (asked->command.name == NULL && asked->given)
        return cli_usage("doctor", "--bucket, --prefix, --url, --key and --ca are for a connector: which?");
    return -1;
}

static int check_connector(struct asked *asked)
{
    struct error err;
    asked->command.subcommand = "doctor";
    asked->command.remote.http.timeout_ms = PROBE_TIMEOUT_MS;
    asked->command.client = remote_open(&asked->command.remote, &err);
    if (asked->command.client == NULL)
        return cli_fail("doctor", &err);
    int code = probe_run(&asked->command, &asked->probe, &err);
    http_client_free(asked->command.client);
    return code;
}

static bool answers_200(struct http_client *client, const char *path, struct error *err)
{
    struct http_answer answer = {0};
    const struct http_request request = {.method = "GET", .path = path};
    bool ok = http_client_ask(client, &request, &answer, err) &&
              (answer.status == 200 || http_answer_error(&answer, err));
    buf_free(&answer.body);
    return ok;
}

/* No key is needed, so none is looked for. */
static int check_ready(struct asked *asked)
{
    struct error err;
    asked->command.remote.http.key = "nobody:";
    asked->command.remote.http.timeout_ms = READY_TIMEOUT_MS;
    struct http_client *client = remote_open(&asked->command.remote, &err);
    if (client == NULL)
        return cli_fail("doctor", &err);
    bool ok = answers_200(client, "/healthz", &err) && answers_200(client, "/readyz", &err);
    http_client_free(client);
    if (!ok)
        return cli_fail("doctor", &err);
    puts("ready");
    return EXIT_DONE;
}

int doctor_main(int argc, char **argv)
{
    struct doctor doctor = {0};
    struct asked asked = {0};
    int code = parse_options(&doctor, &asked, argc, argv);
    if (code >= 0)
        return code;
    if (asked.ready)
        return check_ready(&asked);
    if (asked.command.name != NULL)
        return check_connector(&asked);
    doctor.dir = asked.command.remote.http.dir != NULL ? asked.command.remote.http.dir : CLI_DATA_DEFAULT;
    doctor.json = asked.command.remote.json;
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
    doctor_check_http(&doctor);
    return finish(&doctor);
}
