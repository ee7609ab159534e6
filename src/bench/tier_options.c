/* Options of `varve bench tier`: one table row each, then what must hold between them. */
#include "tier_options_internal.h"

#include "args/args.h"
#include "base/str.h"
#include "telemetry_internal.h"

#include <string.h>

#define BUCKET_DEFAULT "varve"
#define BYTES_MIN      (UINT64_C(64) << 10)
#define BYTES_MAX      (UINT64_C(1) << 40)
#define NAME_BYTES_MAX 200

const char tier_options_help[] =
    "usage: varve bench tier [options]\n"
    "\n"
    "Measures the second tier in this process, without a broker: a station's log, the tier, a store. Each "
    "step is a\n"
    "process of its own, so that what the one before has cached is not there:\n"
    "\n"
    "  migrate    the log's messages to Parquet, to the store, into the table\n"
    "  replay     all of them read again in order, with nothing on local disk\n"
    "  seek       the first message at a place that nobody has read: by offset, and by time\n"
    "  restore    the table's files back to local disk\n"
    "  verify     every message compared with the one that was appended\n"
    "\n"
    "Megabytes are those of the payloads; \"a core\" is by the time that the processors have worked for this "
    "process. Memory\n"
    "is what a step has taken at its peak over what its process had before.\n"
    "\n"
    "      --count N             messages (default 2000000)\n"
    "      --random              random bytes instead of 200 bytes of JSON telemetry: what no codec makes "
    "smaller\n"
    "      --payload BYTES       with --random: payload size (default 200)\n"
    "      --upload-bytes SIZE   what a station collects before it migrates (default 32MiB)\n"
    "      --memory SIZE         row groups that readers keep in memory (default 32MiB)\n"
    "      --seeks N             places, half of them by time (default 10)\n"
    "      --no-verify           do not compare what was read\n"
    "      --dir DIR             for log, ledger and cache, and the objects of a directory; must not exist "
    "(default:\n"
    "                            below the working directory); removed at the end, unless --keep\n"
    "      --keep                leave DIR and the table\n"
    "\n"
    "The store (default: a directory, DIR/objects):\n"
    "      --endpoint URL        an S3 server, such as http://127.0.0.1:9000\n"
    "      --bucket NAME         (default varve)\n"
    "      --prefix TEXT         the table is below it (default: a random one)\n"
    "      --region NAME         (default: from the endpoint, else us-east-1)\n"
    "      --access-key-id KEY, --secret-access-key KEY\n"
    "                            also env:NAME or file:///path (default: as the AWS command line finds "
    "them)\n"
    "      --access HOW          path, vhost or auto (default path)\n"
    "      --ca-file FILE        certificates to trust instead of the system's\n"
    "\n"
    "      --json                one JSON object on standard output\n"
    "      --help\n"
    "\n"
    "exit codes: 0 done, 1 failed, 2 usage\n"
    "\n"
    "example: a million messages to an S3 server on this machine\n"
    "  varve bench tier --count 1000000 --endpoint http://127.0.0.1:9000 --bucket bench\n";

static bool bytes_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    uint64_t *field = (uint64_t *)(void *)((char *)target + option->offset);
    if (!str_to_bytes(str_of(text), field, NULL) || *field < option->min || *field > option->max)
        return error_set(err, ERR_INVALID, "--%s %s: expected a size such as 32MiB", option->name, text);
    return true;
}

#define FIELD(member) ARGS_FIELD(struct tier_bench_options, member)

static const struct args_option rows[] = {
    {"count", 0, args_natural, FIELD(count), 100, TIER_COUNT_MAX},
    {"random", 0, args_flag, FIELD(random), 0, 0},
    {"payload", 0, args_natural, FIELD(payload_bytes), 1, 1024 * 1024},
    {"upload-bytes", 0, bytes_take, FIELD(upload_bytes), BYTES_MIN, BYTES_MAX},
    {"memory", 0, bytes_take, FIELD(memory_bytes), BYTES_MIN, BYTES_MAX},
    {"seeks", 0, args_natural, FIELD(seeks), 0, TIER_SEEKS_MAX},
    {"keep", 0, args_flag, FIELD(keep), 0, 0},
    {"no-verify", 0, args_flag, FIELD(no_verify), 0, 0},
    {"dir", 0, args_text, FIELD(dir), 0, 0},
    {"endpoint", 0, args_text, FIELD(endpoint), 0, 0},
    {"bucket", 0, args_text, FIELD(bucket), 0, 0},
    {"prefix", 0, args_text, FIELD(prefix), 0, 0},
    {"region", 0, args_text, FIELD(region), 0, 0},
    {"access-key-id", 0, args_text, FIELD(access_key), 0, 0},
    {"secret-access-key", 0, args_text, FIELD(secret_key), 0, 0},
    {"access", 0, args_text, FIELD(access), 0, 0},
    {"ca-file", 0, args_text, FIELD(ca_file), 0, 0},
    {"json", 0, args_flag, FIELD(json), 0, 0},
    {"help", 0, args_flag, FIELD(help), 0, 0},
};

static bool is_access(const char *text)
{
    return strcmp(text, "path") == 0 || strcmp(text, "vhost") == 0 || strcmp(text, "auto") == 0;
}

/* What one option cannot say for itself. */
static bool settle(const struct tier_bench_options *options, struct error *err)
{
    const char *s3_only[][2] = {{"region", options->region},
                                {"access-key-id", options->access_key},
                                {"secret-access-key", options->secret_key},
                                {"ca-file", options->ca_file}};
    for (size_t i = 0; options->endpoint == NULL && i < sizeof s3_only / sizeof s3_only[0]; i++) {
        if (s3_only[i][1] != NULL)
            return error_set(err, ERR_INVALID, "--%s is of an S3 server: say which with --endpoint",
                             s3_only[i][0]);
    }
    if ((options->access_key == NULL) != (options->secret_key == NULL))
        return error_set(err, ERR_INVALID, "--access-key-id and --secret-access-key go together");
    if (!options->random && options->payload_bytes != TELEMETRY_PAYLOAD_BYTES)
        return error_set(err, ERR_INVALID, "--payload %u: telemetry has %u bytes; see --random",
                         options->payload_bytes, TELEMETRY_PAYLOAD_BYTES);
    if (!is_access(options->access))
        return error_set(err, ERR_INVALID, "--access %s: expected path, vhost or auto", options->access);
    if (strlen(options->bucket) > NAME_BYTES_MAX ||
        (options->prefix != NULL && strlen(options->prefix) > NAME_BYTES_MAX))
        return error_set(err, ERR_INVALID, "--bucket, --prefix: more than %d bytes", NAME_BYTES_MAX);
    return true;
}

bool tier_options_parse(struct tier_bench_options *options, int argc, char **argv, struct error *err)
{
    *options = (struct tier_bench_options){
        .count = 2000000,
        .payload_bytes = TELEMETRY_PAYLOAD_BYTES,
        .upload_bytes = UINT64_C(32) << 20,
        .memory_bytes = UINT64_C(32) << 20,
        .seeks = 10,
        .bucket = BUCKET_DEFAULT,
        .access = "path",
    };
    int words = args_parse(rows, sizeof rows / sizeof rows[0], options, argc, argv, err);
    if (words < 0)
        return false;
    if (options->help)
        return true;
    if (words < argc)
        return error_set(err, ERR_INVALID, "%s: unexpected argument", argv[words]);
    return settle(options, err);
}
