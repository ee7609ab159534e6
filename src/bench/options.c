/* Options of `varve bench mqtt`: one table row each, then what must hold between them. */
#include "options_internal.h"

#include "base/str.h"
#include "mqtt/mqtt.h"

#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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
    "for every message that it delays.\n"
    "\n"
    "exit codes: 0 done, 1 failed, 2 usage\n"
    "\n"
    "example: 100 subscribers of one publisher, QoS 1, for ten seconds\n"
    "  varve bench mqtt --pubs 1 --subs 100 --topics 1 --qos 1 --window 100 --duration 10\n";

enum { OPTION_LONG = 256 };

enum kind { KIND_TEXT, KIND_NATURAL, KIND_SECONDS, KIND_FLAG, KIND_VERSION };

/* One option: its field in struct bench_options and the values that it takes. */
struct row {
    const char *name;
    char letter; /* 0: long form only */
    enum kind kind;
    size_t offset;
    size_t size; /* bytes of the field, for KIND_NATURAL */
    uint64_t min;
    uint64_t max;
};

#define FIELD(member) offsetof(struct bench_options, member), sizeof((struct bench_options *)NULL)->member

static const struct row rows[] = {
    {"host", 'h', KIND_TEXT, FIELD(host), 0, 0},
    {"port", 'p', KIND_NATURAL, FIELD(port), 0, 65535},
    {"pubs", 0, KIND_NATURAL, FIELD(pubs), 0, OPTIONS_LINKS_MAX},
    {"subs", 0, KIND_NATURAL, FIELD(subs), 0, OPTIONS_LINKS_MAX},
    {"topics", 0, KIND_NATURAL, FIELD(topics), 1, OPTIONS_LINKS_MAX},
    {"qos", 'q', KIND_NATURAL, FIELD(qos), 0, 2},
    {"payload", 0, KIND_NATURAL, FIELD(payload_bytes), OPTIONS_PAYLOAD_MIN, OPTIONS_PAYLOAD_MAX},
    {"rate", 0, KIND_NATURAL, FIELD(rate), 0, 1000000000},
    {"tick", 0, KIND_NATURAL, FIELD(tick_us), 0, 1000000},
    {"window", 0, KIND_NATURAL, FIELD(window), 0, OPTIONS_WINDOW_MAX},
    {"max-lag", 0, KIND_NATURAL, FIELD(max_lag), 0, UINT32_MAX - 1},
    {"duration", 0, KIND_SECONDS, FIELD(duration_ms), 0, 0},
    {"warmup", 0, KIND_SECONDS, FIELD(warmup_ms), 0, 0},
    {"count", 0, KIND_NATURAL, FIELD(count), 0, UINT64_MAX},
    {"threads", 0, KIND_NATURAL, FIELD(threads), 1, OPTIONS_THREADS_MAX},
    {"version", 'V', KIND_VERSION, FIELD(version), 0, 0},
    {"idle", 0, KIND_NATURAL, FIELD(idle), 1, OPTIONS_LINKS_MAX},
    {"idle-subscribe", 0, KIND_FLAG, FIELD(idle_subscribe), 0, 0},
    {"connect-rate", 0, KIND_NATURAL, FIELD(connect_rate), 0, 10000000},
    {"pid", 0, KIND_NATURAL, FIELD(pid), 1, INT32_MAX},
    {"client-prefix", 0, KIND_TEXT, FIELD(client_prefix), 0, 0},
    {"topic-prefix", 0, KIND_TEXT, FIELD(topic_prefix), 0, 0},
    {"username", 'u', KIND_TEXT, FIELD(username), 0, 0},
    {"password", 'P', KIND_TEXT, FIELD(password), 0, 0},
    {"relay", 0, KIND_FLAG, FIELD(relay), 0, 0},
    {"json", 0, KIND_FLAG, FIELD(json), 0, 0},
    {"help", 0, KIND_FLAG, FIELD(help), 0, 0},
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
        .threads = cpus >= 4 ? (uint32_t)(cpus / 2) : 1,
        .client_prefix = "bench",
        .topic_prefix = "bench",
    };
    if (options->threads > OPTIONS_THREADS_MAX)
        options->threads = OPTIONS_THREADS_MAX;
}

static void natural_store(struct bench_options *options, const struct row *row, uint64_t value)
{
    void *field = (char *)options + row->offset;
    switch (row->size) {
    case 1: *(uint8_t *)field = (uint8_t)value; break;
    case 2: *(uint16_t *)field = (uint16_t)value; break;
    case 4: *(uint32_t *)field = (uint32_t)value; break;
    default: *(uint64_t *)field = value; break;
    }
}

static bool natural_parse(struct bench_options *options, const struct row *row, const char *text,
                          struct error *err)
{
    uint64_t value;
    if (!str_to_u64(str_of(text), &value, NULL) || value < row->min || value > row->max) {
        if (row->max == UINT64_MAX)
            return error_set(err, ERR_INVALID, "--%s %s: expected a whole number", row->name, text);
        return error_set(err, ERR_INVALID, "--%s %s: expected a whole number from %llu to %llu", row->name,
                         text, (unsigned long long)row->min, (unsigned long long)row->max);
    }
    natural_store(options, row, value);
    return true;
}

static bool seconds_parse(struct bench_options *options, const struct row *row, const char *text,
                          struct error *err)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 1e6))
        return error_set(err, ERR_INVALID, "--%s %s: expected seconds, such as 5 or 0.5", row->name, text);
    *(int64_t *)(void *)((char *)options + row->offset) = llround(seconds * 1000);
    return true;
}

static bool version_parse(struct bench_options *options, const char *text, struct error *err)
{
    struct str version = str_of(text);
    if (str_is(version, "3.1.1") || str_is(version, "311") || str_is(version, "4"))
        options->version = MQTT_3_1_1;
    else if (str_is(version, "5") || str_is(version, "5.0"))
        options->version = MQTT_5;
    else
        return error_set(err, ERR_INVALID, "--version %s: expected 3.1.1 or 5", text);
    return true;
}

static bool row_parse(struct bench_options *options, const struct row *row, const char *text,
                      struct error *err)
{
    void *field = (char *)options + row->offset;
    switch (row->kind) {
    case KIND_TEXT: *(const char **)field = text; return true;
    case KIND_NATURAL: return natural_parse(options, row, text, err);
    case KIND_SECONDS: return seconds_parse(options, row, text, err);
    case KIND_VERSION: return version_parse(options, text, err);
    case KIND_FLAG: *(bool *)field = true; return true;
    }
    return error_set(err, ERR_INTERNAL, "option --%s has no kind", row->name);
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

static void tables_build(struct option *longs, char *shorts)
{
    size_t at = 0;
    shorts[at++] = '+'; /* the first word that is no option ends the options */
    shorts[at++] = ':';
    for (size_t i = 0; i < ROWS; i++) {
        int has_arg = rows[i].kind == KIND_FLAG ? no_argument : required_argument;
        longs[i] = (struct option){rows[i].name, has_arg, NULL, OPTION_LONG + (int)i};
        if (rows[i].letter != 0) {
            shorts[at++] = rows[i].letter;
            if (has_arg == required_argument)
                shorts[at++] = ':';
        }
    }
    longs[ROWS] = (struct option){NULL, 0, NULL, 0};
    shorts[at] = '\0';
}

static const struct row *row_of(int option)
{
    if (option >= OPTION_LONG)
        return &rows[option - OPTION_LONG];
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].letter == option)
            return &rows[i];
    }
    return NULL;
}

bool bench_options_parse(struct bench_options *options, int argc, char **argv, struct error *err)
{
    struct option longs[ROWS + 1];
    char shorts[2 * ROWS + 3];
    tables_build(longs, shorts);
    opterr = 0;
    optind = 0; /* glibc: forget an earlier scan of other arguments */
    for (int option; (option = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const struct row *row = option == '?' || option == ':' ? NULL : row_of(option);
        if (option == ':')
            return error_set(err, ERR_INVALID, "%s: needs a value", argv[optind - 1]);
        if (row == NULL)
            return error_set(err, ERR_INVALID, "%s: unknown option", argv[optind - 1]);
        if (!row_parse(options, row, optarg, err))
            return false;
    }
    if (options->help)
        return true;
    if (optind < argc)
        return error_set(err, ERR_INVALID, "%s: unexpected argument", argv[optind]);
    return options_settle(options, err);
}
