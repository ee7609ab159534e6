/* Options of `varve bench mqtt`: one table row each, then what must hold between them. */
#include "options_internal.h"

#include "base/str.h"
#include "mqtt/mqtt.h"

#include <string.h>
#include <unistd.h>

const char bench_options_help[] =
    "usage: varve bench mqtt [options]           load any MQTT broker\n"
    "       varve bench mqtt --idle N [options]  memory of idle connections\n"
    "       varve bench mqtt --relay [options]   be a null broker: the limit of this machine\n"
    "\n"
    "Publisher i publishes to topic i % topics, subscriber j subscribes to topic j % topics.\n"
    "\n"
    "  -h, --host HOST           broker (default 127.0.0.1)\n"
    "  -p, --port PORT           port (default 1883; with --relay 0 picks a free one)\n"
    "      --pubs N              publishers (default 1)\n"
    "      --subs N              subscribers (default 1)\n"
    "      --topics N            topics (default 1)\n"
    "  -q, --qos 0|1|2           of publications and subscriptions (default 0)\n"
    "      --payload BYTES       payload size, at least 24 (default 64)\n"
    "      --rate N              messages a second, all publishers together (default 0: as fast as "
    "possible)\n"
    "      --tick US             with --rate: messages leave at multiples of this many microseconds\n"
    "                            (default 0: each message at its own time)\n"
    "      --window N            messages in flight for each publisher (default 1000 for QoS 0, 100 for 1 "
    "and 2;\n"
    "                            0: no limit). QoS 0: published, not yet at the slowest subscriber;\n"
    "                            QoS 1 and 2: not yet acknowledged by the broker\n"
    "      --max-lag N           QoS 1 and 2: also stop while the slowest subscriber is this far behind\n"
    "      --duration S          seconds to measure (default 5)\n"
    "      --warmup S            seconds before measuring (default 1)\n"
    "      --count N             publish N messages in all instead of measuring by time\n"
    "      --threads N           generator or relay threads (default: half the processors)\n"
    "  -V, --version 3.1.1|5     protocol version (default 3.1.1)\n"
    "      --idle N              open N idle connections and hold them for --duration\n"
    "      --idle-subscribe      each with one subscription\n"
    "      --connect-rate N      connections a second (default 0: as fast as the broker accepts)\n"
    "      --pid PID             the broker's process, for its memory (default: who listens on the port)\n"
    "      --client-prefix TEXT  of client ids (default bench)\n"
    "      --topic-prefix TEXT   of topics (default bench)\n"
    "  -u, --username NAME, -P, --password TEXT\n"
    "      --relay               null broker: relays the bytes of PUBLISH packets in the batches in which "
    "they come\n"
    "      --json                one JSON object on standard output\n"
    "      --help\n"
    "\n"
    "Latency is from a message's send time; with --rate from the time at which it was due, so that a stall "
    "counts\n"
    "for every message that it delays. It ends when a subscriber has the message; with --subs 0 and QoS 1 or "
    "2, when\n"
    "the broker has acknowledged it.\n"
    "\n"
    "exit codes: 0 done, 1 failed, 2 usage\n"
    "\n"
    "example: 100 subscribers of one publisher, QoS 1, for ten seconds\n"
    "  varve bench mqtt --pubs 1 --subs 100 --topics 1 --qos 1 --window 100 --duration 10\n";

bool bench_version_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    uint8_t *field = (uint8_t *)target + option->offset;
    struct str version = str_of(text);
    if (str_is(version, "3.1.1") || str_is(version, "311") || str_is(version, "4"))
        *field = MQTT_3_1_1;
    else if (str_is(version, "5") || str_is(version, "5.0"))
        *field = MQTT_5;
    else
        return error_set(err, ERR_INVALID, "--%s %s: expected 3.1.1 or 5", option->name, text);
    return true;
}

bool bench_bytes_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    uint64_t *field = (uint64_t *)(void *)((char *)target + option->offset);
    if (!str_to_bytes(str_of(text), field, NULL) || *field < option->min || *field > option->max)
        return error_set(err, ERR_INVALID, "--%s %s: expected a size such as 64MiB", option->name, text);
    return true;
}

#define FIELD(member) ARGS_FIELD(struct bench_options, member)

static const struct args_option rows[] = {
    {"host", 'h', args_text, FIELD(host), 0, 0},
    {"port", 'p', args_natural, FIELD(port), 0, 65535},
    {"pubs", 0, args_natural, FIELD(pubs), 0, OPTIONS_LINKS_MAX},
    {"subs", 0, args_natural, FIELD(subs), 0, OPTIONS_LINKS_MAX},
    {"topics", 0, args_natural, FIELD(topics), 1, OPTIONS_LINKS_MAX},
    {"qos", 'q', args_natural, FIELD(qos), 0, 2},
    {"payload", 0, args_natural, FIELD(payload_bytes), OPTIONS_PAYLOAD_MIN, OPTIONS_PAYLOAD_MAX},
    {"rate", 0, args_natural, FIELD(rate), 0, 1000000000},
    {"tick", 0, args_natural, FIELD(tick_us), 0, 1000000},
    {"window", 0, args_natural, FIELD(window), 0, OPTIONS_WINDOW_MAX},
    {"max-lag", 0, args_natural, FIELD(max_lag), 0, UINT32_MAX - 1},
    {"duration", 0, args_seconds, FIELD(duration_ms), 0, OPTIONS_TIME_MAX_MS},
    {"warmup", 0, args_seconds, FIELD(warmup_ms), 0, OPTIONS_TIME_MAX_MS},
    {"count", 0, args_natural, FIELD(count), 0, UINT64_MAX},
    {"threads", 0, args_natural, FIELD(threads), 1, OPTIONS_THREADS_MAX},
    {"version", 'V', bench_version_take, FIELD(version), 0, 0},
    {"idle", 0, args_natural, FIELD(idle), 1, OPTIONS_LINKS_MAX},
    {"idle-subscribe", 0, args_flag, FIELD(idle_subscribe), 0, 0},
    {"connect-rate", 0, args_natural, FIELD(connect_rate), 0, 10000000},
    {"pid", 0, args_natural, FIELD(pid), 1, INT32_MAX},
    {"client-prefix", 0, args_text, FIELD(client_prefix), 0, 0},
    {"topic-prefix", 0, args_text, FIELD(topic_prefix), 0, 0},
    {"username", 'u', args_text, FIELD(username), 0, 0},
    {"password", 'P', args_text, FIELD(password), 0, 0},
    {"relay", 0, args_flag, FIELD(relay), 0, 0},
    {"json", 0, args_flag, FIELD(json), 0, 0},
    {"help", 0, args_flag, FIELD(help), 0, 0},
};

#define ROWS (sizeof rows / sizeof rows[0])

/* Not chosen by the user: the default depends on other options. */
#define WINDOW_UNSET UINT32_MAX

void bench_options_default(struct bench_options *options)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    *options = (struct bench_options){
        .host = "127.0.0.1",
        .port = 1883,
        .pubs = 1,
        .subs = 1,
        .topics = 1,
        .version = MQTT_3_1_1,
        .payload_bytes = 64,
        .window = WINDOW_UNSET,
        .duration_ms = 5000,
        .warmup_ms = 1000,
        .quiet_ms = 2000,
        .threads = cpus >= 4 ? (uint32_t)(cpus / 2) : 1,
        .client_prefix = "bench",
        .topic_prefix = "bench",
        .sub_qos = OPTIONS_QOS_SAME,
    };
    if (options->threads > OPTIONS_THREADS_MAX)
        options->threads = OPTIONS_THREADS_MAX;
}

/* What one option cannot say for itself. */
static bool options_settle(struct bench_options *options, struct error *err)
{
    if (options->window == WINDOW_UNSET)
        options->window = options->qos == 0 ? 1000 : 100;
    if (options->qos > 0 && (options->window == 0 || options->window > 65535))
        options->window = 65535; /* there are no more packet ids */
    if (options->qos == 0)
        options->max_lag = 0; /* the window is the same bound */
    if (options->relay && options->idle > 0)
        return error_set(err, ERR_INVALID, "--relay and --idle exclude each other");
    if (!options->relay && options->port == 0)
        return error_set(err, ERR_INVALID, "--port 0: a broker has a port from 1 to 65535");
    if (!options->relay && options->idle == 0 && options->pubs == 0)
        return error_set(err, ERR_INVALID, "--pubs 0: expected at least one publisher");
    if (options->pubs > 0 && options->idle == 0 && options->subs > 0 && options->topics > options->subs &&
        options->topics > options->pubs)
        return error_set(err, ERR_INVALID, "--topics %u: more than publishers and subscribers",
                         options->topics);
    if (options->password != NULL && options->username == NULL && options->version != MQTT_5)
        return error_set(err, ERR_INVALID, "--password without --username needs --version 5");
    if (options->count == 0 && options->duration_ms == 0)
        return error_set(err, ERR_INVALID, "--duration 0: expected more than 0 seconds, or --count");
    return true;
}

/* ---- By mode --------------------------------------------------------------------------------------------- */

unsigned bench_mode_parse(const char *const *names, unsigned count, const char *text)
{
    unsigned mode = 0;
    while (mode < count && strcmp(text, names[mode]) != 0)
        mode++;
    return mode;
}

bool bench_rows_parse(const struct bench_row *of_all, size_t count, unsigned mode, void *target,
                      const bool *help, int argc, char **argv, struct error *err)
{
    struct args_option table[ARGS_OPTIONS_MAX];
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        if ((of_all[i].modes & 1u << mode) != 0)
            table[taken++] = of_all[i].option;
    }
    int words = args_parse(table, taken, target, argc, argv, err);
    if (words < 0)
        return false;
    if (!*help && words < argc)
        return error_set(err, ERR_INVALID, "%s: unexpected argument", argv[words]);
    return true;
}

bool bench_options_parse(struct bench_options *options, int argc, char **argv, struct error *err)
{
    int words = args_parse(rows, ROWS, options, argc, argv, err);
    if (words < 0)
        return false;
    if (options->help)
        return true;
    if (words < argc)
        return error_set(err, ERR_INVALID, "%s: unexpected argument", argv[words]);
    return options_settle(options, err);
}
