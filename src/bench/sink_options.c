/* Options of `varve bench sink MODE`: one table for both modes, each row with the modes that take it. */
#include "sink_options_internal.h"

#include "args/args.h"
#include "base/str.h"
#include "mqtt/mqtt.h"
#include "telemetry_internal.h"

#include <string.h>

#define PREFIX_BYTES_MAX 200
#define TEXT_BYTES_MAX   1000

const char sink_options_help[] =
    "usage: varve bench sink MODE [options]\n"
    "\n"
    "Publishes to a broker that runs, where a rule gives every message to an action; measures from the "
    "first\n"
    "publication until the action says that all of them are in the store. Connector, rule and action are "
    "made for that,\n"
    "and deleted at the end; what is stored stays.\n"
    "\n"
    "  direct       an object for each message\n"
    "  aggregated   objects of many messages\n"
    "\n"
    "The broker:\n"
    "  -h, --host HOST           (default 127.0.0.1)\n"
    "  -p, --port PORT           (default 1883, or what --data says)\n"
    "      --data DIR            its data directory: its ports and its key are taken from there\n"
    "      --url URL             HTTP API (default http://127.0.0.1:18083)\n"
    "      --key KEY:SECRET      (default: $VARVE_API_KEY, or DIR/admin.key)\n"
    "  -V, --version 3.1.1|5     protocol version (default 3.1.1)\n"
    "  -u, --username NAME, -P, --password TEXT\n"
    "\n"
    "Publishing: 200 bytes of JSON, each publisher to a topic of its own\n"
    "      --pubs N              publishers (default 16)\n"
    "  -q, --qos 1|2             (default 1)\n"
    "      --window N            messages of a publisher that are not acknowledged (default 1000)\n"
    "      --count N             messages in all (default: direct 20000, aggregated 2000000)\n"
    "      --topic-prefix TEXT   topics are TEXT/0, TEXT/1, … (default bench-sink)\n"
    "      --quiet S             seconds without progress until what is missing counts as not stored "
    "(default 30)\n"
    "      --threads N           generator threads (default: half the processors)\n"
    "\n"
    "The store (default: the connector directory:local):\n"
    "      --connector ID        a connector of the broker, such as s3:archive\n"
    "      --directory PATH      a directory on the broker's machine\n"
    "      --endpoint URL        an S3 server, with --access-key-id KEY and --secret-access-key KEY (also "
    "env:NAME or\n"
    "                            file:///path, both of the broker), --region NAME, --access path|vhost|auto\n"
    "      --bucket NAME         (default varve)\n"
    "      --connections N       of the connector; direct: twice as many requests at a time (default 32)\n"
    "\n"
    "The rule:\n"
    "      --select COLUMNS      (default: clientid, topic, timestamp, payload)\n"
    "\n"
    "aggregated:\n"
    "      --container TYPE      json_lines or csv (default json_lines)\n"
    "      --compression HOW     none, gzip or zstd (default none)\n"
    "      --interval S          an object ends after so many seconds (default 1),\n"
    "      --records N           or with so many messages (default 1000000),\n"
    "      --object-bytes SIZE   or with so many bytes (default 64MiB)\n"
    "\n"
    "      --json                one JSON object on standard output\n"
    "      --help\n"
    "\n"
    "exit codes: 0 done, 1 failed, 2 usage\n"
    "\n"
    "example: two million messages as JSON Lines in the data directory of a broker on this machine\n"
    "  varve bench sink aggregated --data ./data\n";

static const char *const mode_names[SINK_MODES] = {"direct", "aggregated"};

const char *sink_mode_name(enum sink_mode mode)
{
    return mode_names[mode];
}

#define FIELD(member) ARGS_FIELD(struct sink_options, member)
#define DIRECT        (1u << SINK_DIRECT)
#define AGGREGATED    (1u << SINK_AGGREGATED)
#define BOTH          (DIRECT | AGGREGATED)

static const struct bench_row rows[] = {
    {BOTH, {"host", 'h', args_text, FIELD(load.host), 0, 0}},
    {BOTH, {"port", 'p', args_natural, FIELD(load.port), 1, 65535}},
    {BOTH, {"data", 0, args_text, FIELD(data), 0, 0}},
    {BOTH, {"url", 0, args_text, FIELD(url), 0, 0}},
    {BOTH, {"key", 0, args_text, FIELD(key), 0, 0}},
    {BOTH, {"version", 'V', bench_version_take, FIELD(load.version), 0, 0}},
    {BOTH, {"username", 'u', args_text, FIELD(load.username), 0, 0}},
    {BOTH, {"password", 'P', args_text, FIELD(load.password), 0, 0}},
    {BOTH, {"pubs", 0, args_natural, FIELD(load.pubs), 1, OPTIONS_LINKS_MAX}},
    {BOTH, {"qos", 'q', args_natural, FIELD(load.qos), 1, 2}},
    {BOTH, {"window", 0, args_natural, FIELD(load.window), 1, 65535}},
    {BOTH, {"count", 0, args_natural, FIELD(load.count), 1, UINT64_MAX}},
    {BOTH, {"topic-prefix", 0, args_text, FIELD(load.topic_prefix), 0, 0}},
    {BOTH, {"quiet", 0, args_seconds, FIELD(load.quiet_ms), 1, OPTIONS_TIME_MAX_MS}},
    {BOTH, {"threads", 0, args_natural, FIELD(load.threads), 1, OPTIONS_THREADS_MAX}},
    {BOTH, {"connector", 0, args_text, FIELD(connector), 0, 0}},
    {BOTH, {"directory", 0, args_text, FIELD(directory), 0, 0}},
    {BOTH, {"endpoint", 0, args_text, FIELD(endpoint), 0, 0}},
    {BOTH, {"bucket", 0, args_text, FIELD(bucket), 0, 0}},
    {BOTH, {"region", 0, args_text, FIELD(region), 0, 0}},
    {BOTH, {"access-key-id", 0, args_text, FIELD(access_key), 0, 0}},
    {BOTH, {"secret-access-key", 0, args_text, FIELD(secret_key), 0, 0}},
    {BOTH, {"access", 0, args_text, FIELD(access), 0, 0}},
    {BOTH, {"connections", 0, args_natural, FIELD(connections), 1, SINK_CONNECTIONS_MAX}},
    {BOTH, {"select", 0, args_text, FIELD(select), 0, 0}},
    {AGGREGATED, {"container", 0, args_text, FIELD(container), 0, 0}},
    {AGGREGATED, {"compression", 0, args_text, FIELD(compression), 0, 0}},
    {AGGREGATED, {"interval", 0, args_seconds, FIELD(interval_ms), 1000, OPTIONS_TIME_MAX_MS}},
    {AGGREGATED, {"records", 0, args_natural, FIELD(records), 1, 1000000000}},
    {AGGREGATED, {"object-bytes", 0, bench_bytes_take, FIELD(object_bytes), 1, UINT64_C(1) << 40}},
    {BOTH, {"json", 0, args_flag, FIELD(load.json), 0, 0}},
    {BOTH, {"help", 0, args_flag, FIELD(load.help), 0, 0}},
};

#define ROWS (sizeof rows / sizeof rows[0])

_Static_assert(ROWS <= ARGS_OPTIONS_MAX, "one table holds the options of a mode");

static void defaults(struct sink_options *options, enum sink_mode mode)
{
    *options = (struct sink_options){
        .mode = mode,
        .bucket = "varve",
        .access = "path",
        .select = "clientid, topic, timestamp, payload",
        .connections = 32,
        .container = "json_lines",
        .compression = "none",
        .interval_ms = 1000,
        .records = 1000000,
        .object_bytes = UINT64_C(64) << 20,
    };
    bench_options_default(&options->load);
    options->load.port = 0; /* unless it is given: what `data` says, or MQTT's */
    options->load.pubs = 16;
    options->load.subs = 0;
    options->load.qos = 1;
    options->load.window = 1000;
    options->load.payload_bytes = TELEMETRY_PAYLOAD_BYTES;
    options->load.topic_prefix = "bench-sink";
    options->load.quiet_ms = 30000;
    options->load.count = mode == SINK_DIRECT ? 20000 : 2000000;
}

static bool fits(const char *option, const char *text, size_t bytes_max, struct error *err)
{
    return text == NULL || strlen(text) <= bytes_max ||
           error_set(err, ERR_INVALID, "--%s: more than %zu bytes", option, bytes_max);
}

static bool settle(struct sink_options *options, struct error *err)
{
    struct bench_options *load = &options->load;
    int stores = (options->connector != NULL) + (options->endpoint != NULL) + (options->directory != NULL);
    if (stores > 1)
        return error_set(err, ERR_INVALID, "--connector, --endpoint and --directory exclude each other");
    if ((options->access_key == NULL) != (options->secret_key == NULL))
        return error_set(err, ERR_INVALID, "--access-key-id and --secret-access-key go together");
    if (options->endpoint == NULL && (options->access_key != NULL || options->region != NULL))
        return error_set(err, ERR_INVALID,
                         "--access-key-id and --region are of an S3 server: see --endpoint");
    if (load->password != NULL && load->username == NULL && load->version != MQTT_5)
        return error_set(err, ERR_INVALID, "--password without --username needs --version 5");
    if (load->count < load->pubs)
        return error_set(err, ERR_INVALID, "--count %llu: fewer than publishers",
                         (unsigned long long)load->count);
    load->topics = load->pubs;
    return fits("topic-prefix", load->topic_prefix, PREFIX_BYTES_MAX, err) &&
           fits("select", options->select, TEXT_BYTES_MAX, err) &&
           fits("connector", options->connector, TEXT_BYTES_MAX, err);
}

bool sink_options_parse(struct sink_options *options, int argc, char **argv, struct error *err)
{
    *options = (struct sink_options){0};
    if (argc < 2)
        return error_set(err, ERR_INVALID, "say what to measure: direct or aggregated");
    options->load.help = strcmp(argv[1], "--help") == 0;
    if (options->load.help)
        return true;
    unsigned mode = bench_mode_parse(mode_names, SINK_MODES, argv[1]);
    if (mode == SINK_MODES)
        return error_set(err, ERR_INVALID, "%s: expected direct or aggregated", argv[1]);
    defaults(options, (enum sink_mode)mode);
    if (!bench_rows_parse(rows, ROWS, mode, options, &options->load.help, argc - 1, argv + 1, err))
        return false;
    return options->load.help || settle(options, err);
}
