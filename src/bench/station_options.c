/* Options of `varve bench station MODE`: one table for all modes, each row with the modes that take it. What a mode does
 * not take is an unknown option there. */
#include "station_options_internal.h"

#include "args/args.h"
#include "base/mem.h"
#include "base/str.h"
#include "log/log.h"
#include "mqtt/mqtt.h"

#include <string.h>

#define BATCH_BYTES_MAX  (8u << 20) /* a log's batch has at most 16 MiB, its records' heads included */
#define APPEND_BYTES_MAX (UINT64_C(2) << 30)
#define NAME_BYTES_MAX   128 /* of a station */
#define START_BYTES_MAX  64
#define PREFIX_BYTES_MAX 200

const char station_options_help[] =
    "usage: varve bench station MODE [options]\n"
    "\n"
    "  produce    publish with QoS 1: acknowledged messages a second, time until the acknowledgement\n"
    "  consume    the same with subscribers at the station's end: delivered messages a second, time until "
    "then\n"
    "  replay     publish --count messages, then read them from the beginning\n"
    "  groups     publish --count messages, then read them with the members of one consumer group\n"
    "  append     no broker: append to the segment log in this process, beside plain writes to the same "
    "disk\n"
    "  recovery   fill a broker's stations, kill -9 it, and measure how long it takes to start again\n"
    "\n"
    "What was published is read again and checked: what is lost, came twice or out of order is counted.\n"
    "\n"
    "The broker (produce, consume, replay, groups):\n"
    "  -h, --host HOST           (default 127.0.0.1)\n"
    "  -p, --port PORT           (default 1883, or what --data says)\n"
    "      --data DIR            the broker's data directory: its ports and its key are taken from there\n"
    "      --station NAME        (default bench)\n"
    "      --create              create the station, and delete it at the end\n"
    "      --keep                do not delete it\n"
    "      --sync HOW            with --create: commit, none, or an interval (default commit)\n"
    "      --url URL             HTTP API, for --create (default http://127.0.0.1:18083)\n"
    "      --key KEY:SECRET      (default: $VARVE_API_KEY, or DIR/admin.key)\n"
    "  -V, --version 3.1.1|5     protocol version (default 3.1.1)\n"
    "  -u, --username NAME, -P, --password TEXT\n"
    "\n"
    "Publishing:\n"
    "      --pubs N              publishers (default 16)\n"
    "      --payload BYTES       payload size, at least 24 (default 200)\n"
    "      --window N            messages of a publisher that are not acknowledged (default 1000)\n"
    "      --count N             messages in all (replay, groups: default 1000000; else by time)\n"
    "      --duration S          seconds to measure (default 5)\n"
    "      --warmup S            seconds before measuring (default 1)\n"
    "      --rate N              consume: messages a second (default 0: as fast as possible)\n"
    "      --topic-prefix TEXT   topics are TEXT/0, TEXT/1, … (default bench: the station captures bench/#)\n"
    "\n"
    "Reading:\n"
    "      --subs N              consume, replay: subscribers, each of which gets everything (default 1)\n"
    "      --members N           groups: members, each message goes to one of them (default 4)\n"
    "  -q, --qos 0|1|2           consume, replay: of the subscriptions (default 0)\n"
    "      --start START         where reading begins (default earliest)\n"
    "      --quiet S             seconds without a message until what is missing is lost (default 10)\n"
    "      --no-verify           produce, append: do not read what was written\n"
    "\n"
    "append:\n"
    "      --dir DIR             directory of the log, which must not exist (default: below the working\n"
    "                            directory); removed at the end, unless --keep\n"
    "      --payload BYTES       size of a record (default 200)\n"
    "      --batch N             records of a batch (default 256)\n"
    "      --depth N             batches of a thread that wait for the disk (default 16)\n"
    "      --segment BYTES       size of a segment, such as 64MiB (default)\n"
    "      --seconds S           of appending, and as many of plain writes (default 5)\n"
    "      --threads N           (default 2)\n"
    "\n"
    "recovery:\n"
    "      --dir DIR             data directory, which must not exist; as above\n"
    "      --broker PATH         the broker's binary (default: this one)\n"
    "      --stations N          (default 1)\n"
    "      --bytes SIZE          payload in all of them, such as 10GiB (default 1GiB; 0: none)\n"
    "      --payload BYTES       (default 65536)\n"
    "      --age S               seconds between publishing and kill -9 (default 0)\n"
    "      --rounds N            starts after kill -9, of which the median counts (default 5)\n"
    "\n"
    "      --threads N           generator threads (default: half the processors)\n"
    "      --json                one JSON object on standard output\n"
    "      --help\n"
    "\n"
    "exit codes: 0 done, 1 failed, 2 usage\n"
    "\n"
    "example: replay a million messages from a broker on this machine\n"
    "  varve bench station replay --data ./data --create --count 1000000\n";

static const char *const mode_names[STATION_MODES] = {"produce", "consume", "replay",
                                                      "groups",  "append",  "recovery"};

const char *station_mode_name(enum station_mode mode)
{
    return mode_names[mode];
}

static bool sync_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    struct station_options *options = target;
    int64_t ms;
    options->sync = text;
    if (strcmp(text, "commit") == 0)
        options->sync_ms = LOG_SYNC_COMMIT;
    else if (strcmp(text, "none") == 0)
        options->sync_ms = LOG_SYNC_NONE;
    else if (str_to_duration_ms(str_of(text), &ms, NULL) && ms > 0)
        options->sync_ms = ms;
    else
        return error_set(err, ERR_INVALID, "--%s %s: expected commit, none or an interval such as 100ms",
                         option->name, text);
    return true;
}

#define FIELD(member) ARGS_FIELD(struct station_options, member)
#define M(mode)       (1u << STATION_##mode)
#define BROKER        (M(PRODUCE) | M(CONSUME) | M(REPLAY) | M(GROUPS))
#define BY_TIME       (M(PRODUCE) | M(CONSUME))
#define ALL           (BROKER | M(APPEND) | M(RECOVERY))
#define LOCAL         (M(APPEND) | M(RECOVERY))

static const struct bench_row rows[] = {
    {BROKER, {"host", 'h', args_text, FIELD(load.host), 0, 0}},
    {BROKER, {"port", 'p', args_natural, FIELD(load.port), 1, 65535}},
    {BROKER, {"data", 0, args_text, FIELD(data), 0, 0}},
    {BROKER, {"station", 0, args_text, FIELD(station), 0, 0}},
    {BROKER, {"create", 0, args_flag, FIELD(create), 0, 0}},
    {ALL, {"keep", 0, args_flag, FIELD(keep), 0, 0}},
    {ALL, {"sync", 0, sync_take, FIELD(sync), 0, 0}},
    {BROKER, {"url", 0, args_text, FIELD(url), 0, 0}},
    {BROKER, {"key", 0, args_text, FIELD(key), 0, 0}},
    {BROKER, {"version", 'V', bench_version_take, FIELD(load.version), 0, 0}},
    {BROKER, {"username", 'u', args_text, FIELD(load.username), 0, 0}},
    {BROKER, {"password", 'P', args_text, FIELD(load.password), 0, 0}},
    {BROKER | M(RECOVERY), {"pubs", 0, args_natural, FIELD(load.pubs), 1, OPTIONS_LINKS_MAX}},
    {ALL, {"payload", 0, args_natural, FIELD(load.payload_bytes), OPTIONS_PAYLOAD_MIN, OPTIONS_PAYLOAD_MAX}},
    {BROKER | M(RECOVERY), {"window", 0, args_natural, FIELD(load.window), 1, 65535}},
    {BROKER, {"count", 0, args_natural, FIELD(load.count), 1, UINT64_MAX}},
    {BY_TIME, {"duration", 0, args_seconds, FIELD(load.duration_ms), 1, OPTIONS_TIME_MAX_MS}},
    {M(APPEND), {"seconds", 0, args_seconds, FIELD(load.duration_ms), 1, OPTIONS_TIME_MAX_MS}},
    {BY_TIME, {"warmup", 0, args_seconds, FIELD(load.warmup_ms), 0, OPTIONS_TIME_MAX_MS}},
    {M(CONSUME), {"rate", 0, args_natural, FIELD(load.rate), 0, 1000000000}},
    {M(CONSUME), {"tick", 0, args_natural, FIELD(load.tick_us), 0, 1000000}},
    {BROKER, {"quiet", 0, args_seconds, FIELD(load.quiet_ms), 1, OPTIONS_TIME_MAX_MS}},
    {BROKER, {"topic-prefix", 0, args_text, FIELD(load.topic_prefix), 0, 0}},
    {M(CONSUME) | M(REPLAY), {"subs", 0, args_natural, FIELD(load.subs), 1, OPTIONS_LINKS_MAX}},
    {M(GROUPS), {"members", 0, args_natural, FIELD(load.subs), 1, STATION_MEMBERS_MAX}},
    {M(CONSUME) | M(REPLAY), {"qos", 'q', args_natural, FIELD(load.sub_qos), 0, 2}},
    {M(PRODUCE) | M(REPLAY) | M(GROUPS), {"start", 0, args_text, FIELD(start), 0, 0}},
    {M(PRODUCE) | M(APPEND), {"no-verify", 0, args_flag, FIELD(no_verify), 0, 0}},
    {LOCAL, {"dir", 0, args_text, FIELD(dir), 0, 0}},
    {M(APPEND), {"batch", 0, args_natural, FIELD(batch_count), 1, STATION_BATCH_MAX}},
    {M(APPEND), {"depth", 0, args_natural, FIELD(depth), 1, 4096}},
    {M(APPEND), {"segment", 0, bench_bytes_take, FIELD(segment_bytes), 1024 * 1024, UINT64_C(1) << 40}},
    {M(RECOVERY), {"broker", 0, args_text, FIELD(broker), 0, 0}},
    {M(RECOVERY), {"stations", 0, args_natural, FIELD(stations), 1, STATION_STATIONS_MAX}},
    {M(RECOVERY), {"bytes", 0, bench_bytes_take, FIELD(bytes), 0, UINT64_C(1) << 50}},
    {M(RECOVERY), {"age", 0, args_seconds, FIELD(age_ms), 0, OPTIONS_TIME_MAX_MS}},
    {M(RECOVERY), {"rounds", 0, args_natural, FIELD(rounds), 1, STATION_ROUNDS_MAX}},
    {ALL, {"threads", 0, args_natural, FIELD(load.threads), 1, OPTIONS_THREADS_MAX}},
    {ALL, {"json", 0, args_flag, FIELD(load.json), 0, 0}},
    {ALL, {"help", 0, args_flag, FIELD(load.help), 0, 0}},
};

#define ROWS (sizeof rows / sizeof rows[0])

_Static_assert(ROWS <= ARGS_OPTIONS_MAX, "one table holds the options of a mode");

static void defaults(struct station_options *options, enum station_mode mode)
{
    *options = (struct station_options){.mode = mode,
                                        .station = "bench",
                                        .start = "earliest",
                                        .sync = "commit",
                                        .sync_ms = LOG_SYNC_COMMIT,
                                        .batch_count = 256,
                                        .depth = 16,
                                        .segment_bytes = UINT64_C(64) << 20,
                                        .stations = 1,
                                        .bytes = UINT64_C(1) << 30,
                                        .rounds = 5};
    bench_options_default(&options->load);
    options->load.port = 0; /* unless it is given: what `data` says, or MQTT's */
    options->load.pubs = 16;
    options->load.qos = 1;
    options->load.window = 1000;
    options->load.payload_bytes = 200;
    options->load.sub_qos = 0;
    options->load.quiet_ms = 10000; /* a disk is in the way */
    if (mode == STATION_REPLAY || mode == STATION_GROUPS)
        options->load.count = 1000000;
    if (mode == STATION_GROUPS) {
        options->load.subs = 4;
        options->load.sub_qos = OPTIONS_QOS_SAME;
    }
    if (mode == STATION_APPEND)
        options->load.threads = 2;
    if (mode == STATION_RECOVERY) {
        options->load.payload_bytes = 65536;
        options->load.window = 64;
    }
}

static bool fits(const char *option, const char *text, size_t bytes_max, struct error *err)
{
    return strlen(text) <= bytes_max ||
           error_set(err, ERR_INVALID, "--%s: more than %zu bytes", option, bytes_max);
}

static bool settle(struct station_options *options, struct error *err)
{
    struct bench_options *load = &options->load;
    load->group = options->mode == STATION_GROUPS;
    load->fill = options->mode != STATION_CONSUME;
    if (options->mode == STATION_PRODUCE)
        load->subs = options->no_verify ? 0 : 1;
    if (options->mode == STATION_RECOVERY)
        load->subs = 0;
    if (!fits("station", options->station, NAME_BYTES_MAX, err) ||
        !fits("start", options->start, START_BYTES_MAX, err) ||
        !fits("topic-prefix", load->topic_prefix, PREFIX_BYTES_MAX, err))
        return false;
    if (load->password != NULL && load->username == NULL && load->version != MQTT_5)
        return error_set(err, ERR_INVALID, "--password without --username needs --version 5");
    if (options->keep && (1u << options->mode & BROKER) != 0 && !options->create)
        return error_set(err, ERR_INVALID, "--keep: only what --create has made is deleted");
    uint64_t batch_bytes = (uint64_t)options->batch_count * load->payload_bytes;
    if (options->mode == STATION_APPEND && batch_bytes > BATCH_BYTES_MAX)
        return error_set(err, ERR_INVALID, "--batch %u of --payload %u bytes: more than %u MiB",
                         options->batch_count, load->payload_bytes, BATCH_BYTES_MAX >> 20);
    if (options->mode == STATION_APPEND && batch_bytes * options->depth * load->threads > APPEND_BYTES_MAX)
        return error_set(err, ERR_INVALID, "--depth %u of --threads %u: more than %llu MiB are on their way",
                         options->depth, load->threads, (unsigned long long)(APPEND_BYTES_MAX >> 20));
    if (load->count > 0 && load->count < load->pubs)
        return error_set(err, ERR_INVALID, "--count %llu: fewer than publishers",
                         (unsigned long long)load->count);
    return true;
}

bool station_options_parse(struct station_options *options, int argc, char **argv, struct error *err)
{
    *options = (struct station_options){0};
    if (argc < 2) {
        return error_set(err, ERR_INVALID,
                         "say what to measure: produce, consume, replay, groups, append or "
                         "recovery");
    }
    options->load.help = strcmp(argv[1], "--help") == 0;
    if (options->load.help)
        return true;
    unsigned mode = bench_mode_parse(mode_names, STATION_MODES, argv[1]);
    if (mode == STATION_MODES)
        return error_set(err, ERR_INVALID,
                         "%s: expected produce, consume, replay, groups, append or recovery", argv[1]);
    defaults(options, (enum station_mode)mode);
    if (!bench_rows_parse(rows, ROWS, mode, options, &options->load.help, argc - 1, argv + 1, err))
        return false;
    return options->load.help || settle(options, err);
}
