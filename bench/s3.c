/* What a bare client reaches on an S3 server: libcurl's multi interface and nothing of ours but options, so many connections, each of them
 * always with a request on its way. The peer of the second tier's uploads and replays, and of actions in direct mode.
 *
 *     bench_s3 --endpoint URL --bucket NAME [--region NAME] [--prefix TEXT] [--connections N] [--count N] [--bytes SIZE]
 *         [--range SIZE] [--no-get] [--keep]
 *
 * Puts so many objects of so many random bytes, gets them again in ranges, deletes them; prints one JSON object. The keys are
 * AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. libcurl signs; the bodies are not signed (UNSIGNED-PAYLOAD), so that the client
 * need not even read them. */
#include "args/args.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CONNECTIONS_MAX 1024
#define URL_BYTES       2048
#define WAIT_MS         1000
#define REQUEST_MS      120000L

struct options {
    const char *endpoint;
    const char *bucket;
    const char *region;
    const char *prefix;
    uint32_t connections;
    uint64_t count;
    uint64_t bytes; /* of an object */
    uint64_t range; /* of a GET */
    bool no_get;
    bool keep;
    bool help;
};

enum verb { PUT, GET, DELETE };

/* One connection's request. */
struct slot {
    CURL *curl;
    const struct options *options;
    uint64_t sent; /* of the body */
    uint64_t got;
};

struct bench {
    struct options options;
    CURLM *multi;
    struct curl_slist *headers;
    char userpwd[512];
    char sign[128];
    struct slot *slots;
};

struct outcome {
    uint64_t requests;
    uint64_t failed;
    uint64_t bytes;
    double seconds;
    double cpu_seconds;
};

static char *body; /* of every object */

static size_t give(char *out, size_t size, size_t count, void *arg)
{
    struct slot *slot = arg;
    uint64_t left = slot->options->bytes - slot->sent;
    size_t some = left < size * count ? (size_t)left : size * count;
    memcpy(out, body + slot->sent, some);
    slot->sent += some;
    return some;
}

static size_t take(char *data, size_t size, size_t count, void *arg)
{
    struct slot *slot = arg;
    (void)data;
    slot->got += size * count;
    return size * count;
}

static int rewind_body(void *arg, curl_off_t offset, int origin)
{
    struct slot *slot = arg;
    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    slot->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static uint64_t ranges_each(const struct options *options)
{
    return (options->bytes + options->range - 1) / options->range;
}

static void prepare(struct bench *bench, struct slot *slot, enum verb verb, uint64_t number)
{
    const struct options *options = &bench->options;
    char url[URL_BYTES], range[64];
    CURL *curl = slot->curl;
    uint64_t ranges = verb == GET ? ranges_each(options) : 1;
    uint64_t first = number % ranges * options->range;
    slot->sent = 0;
    slot->got = 0;
    curl_easy_reset(curl);
    snprintf(url, sizeof url, "%s/%s/%s/%08" PRIu64, options->endpoint, options->bucket, options->prefix,
             number / ranges);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, bench->sign);
    curl_easy_setopt(curl, CURLOPT_USERPWD, bench->userpwd);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, bench->headers);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, REQUEST_MS);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, slot);
    if (verb == PUT) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)options->bytes);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(curl, CURLOPT_READDATA, slot);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, slot);
        curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
        curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L); /* no round trip before a large body */
    } else if (verb == GET) {
        snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, first, first + options->range - 1);
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
        curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L * 1024);
    } else {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    }
    curl_multi_add_handle(bench->multi, curl);
}

/* All that have ended; each is given the next request. */
static void reap(struct bench *bench, enum verb verb, uint64_t total, uint64_t *next, uint64_t *away,
                 struct outcome *outcome)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(bench->multi, &left)) != NULL;) {
        struct slot *slot;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
        curl_multi_remove_handle(bench->multi, slot->curl);
        (*away)--;
        outcome->requests++;
        if (result != CURLE_OK) {
            long status = 0;
            curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
            if (outcome->failed++ == 0)
                fprintf(stderr, "bench_s3: %s, status %ld\n", curl_easy_strerror(result), status);
        } else {
            outcome->bytes += verb == PUT ? slot->sent : slot->got;
        }
        if (*next < total) {
            prepare(bench, slot, verb, (*next)++);
            (*away)++;
        }
    }
}

static struct outcome run(struct bench *bench, enum verb verb)
{
    const struct options *options = &bench->options;
    struct outcome outcome = {0};
    uint64_t total = options->count * (verb == GET ? ranges_each(options) : 1);
    uint64_t next = 0, away = 0;
    int64_t begin_ns = clock_mono_ns();
    double cpu = cpu_seconds();
    while (away < options->connections && next < total) {
        prepare(bench, &bench->slots[away], verb, next++);
        away++;
    }
    while (away > 0) {
        int running;
        if (curl_multi_perform(bench->multi, &running) != CURLM_OK)
            break;
        reap(bench, verb, total, &next, &away, &outcome);
        if (away > 0)
            curl_multi_poll(bench->multi, NULL, 0, WAIT_MS, NULL);
    }
    outcome.seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    outcome.cpu_seconds = cpu_seconds() - cpu;
    return outcome;
}

static void print(const char *name, const struct outcome *outcome)
{
    double seconds = outcome->seconds > 0 ? outcome->seconds : 1;
    printf(
        ",\"%s\":{\"requests\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"bytes\":%" PRIu64
        ",\"seconds\":%.4f,\"cpu_seconds\":%.4f,\"requests_per_second\":%.1f,\"megabytes_per_second\":%.1f}",
        name, outcome->requests, outcome->failed, outcome->bytes, outcome->seconds, outcome->cpu_seconds,
        (double)outcome->requests / seconds, (double)outcome->bytes / 1e6 / seconds);
}

static bool bytes_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    uint64_t *field = (uint64_t *)(void *)((char *)target + option->offset);
    if (!str_to_bytes(str_of(text), field, NULL) || *field < option->min || *field > option->max)
        return error_set(err, ERR_INVALID, "--%s %s: expected a size such as 8MiB", option->name, text);
    return true;
}

#define FIELD(member) ARGS_FIELD(struct options, member)

static const struct args_option rows[] = {
    {"endpoint", 0, args_text, FIELD(endpoint), 0, 0},
    {"bucket", 0, args_text, FIELD(bucket), 0, 0},
    {"region", 0, args_text, FIELD(region), 0, 0},
    {"prefix", 0, args_text, FIELD(prefix), 0, 0},
    {"connections", 0, args_natural, FIELD(connections), 1, CONNECTIONS_MAX},
    {"count", 0, args_natural, FIELD(count), 1, 100000000},
    {"bytes", 0, bytes_take, FIELD(bytes), 1, UINT64_C(1) << 30},
    {"range", 0, bytes_take, FIELD(range), 1, UINT64_C(1) << 30},
    {"no-get", 0, args_flag, FIELD(no_get), 0, 0},
    {"keep", 0, args_flag, FIELD(keep), 0, 0},
    {"help", 0, args_flag, FIELD(help), 0, 0},
};

static bool parse(struct options *options, int argc, char **argv, struct error *err)
{
    *options = (struct options){.region = "us-east-1",
                                .prefix = "bench-s3",
                                .connections = 8,
                                .count = 1000,
                                .bytes = 200,
                                .range = UINT64_C(8) << 20};
    int words = args_parse(rows, sizeof rows / sizeof rows[0], options, argc, argv, err);
    if (words < 0)
        return false;
    if (words < argc)
        return error_set(err, ERR_INVALID, "%s: unexpected argument", argv[words]);
    return options->help || (options->endpoint != NULL && options->bucket != NULL) ||
           error_set(err, ERR_INVALID, "--endpoint and --bucket are needed");
}

static bool open_all(struct bench *bench)
{
    const char *key = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    if (key == NULL || secret == NULL) {
        fprintf(stderr, "bench_s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set\n");
        return false;
    }
    snprintf(bench->userpwd, sizeof bench->userpwd, "%.250s:%.250s", key, secret);
    snprintf(bench->sign, sizeof bench->sign, "aws:amz:%.64s:s3", bench->options.region);
    bench->headers = curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
    bench->multi = curl_multi_init();
    curl_multi_setopt(bench->multi, CURLMOPT_MAXCONNECTS, (long)bench->options.connections);
    bench->slots = mem_zalloc(bench->options.connections * sizeof *bench->slots);
    for (uint32_t i = 0; i < bench->options.connections; i++)
        bench->slots[i] = (struct slot){.curl = curl_easy_init(), .options = &bench->options};
    body = mem_alloc((size_t)bench->options.bytes);
    random_bytes(body, (size_t)bench->options.bytes);
    return true;
}

static void close_all(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->options.connections; i++)
        curl_easy_cleanup(bench->slots[i].curl);
    curl_multi_cleanup(bench->multi);
    curl_slist_free_all(bench->headers);
    mem_wipe(bench->userpwd, sizeof bench->userpwd);
    mem_free(bench->slots);
    mem_free(body);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    struct error err = {0};
    if (!parse(&bench.options, argc, argv, &err)) {
        fprintf(stderr, "bench_s3: %s\n", err.text);
        return 2;
    }
    if (bench.options.help) {
        puts("usage: bench_s3 --endpoint URL --bucket NAME [--region NAME] [--prefix TEXT] [--connections N] "
             "[--count N]\n"
             "           [--bytes SIZE] [--range SIZE] [--no-get] [--keep]\n"
             "Keys are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
        return 0;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (!open_all(&bench))
        return 1;
    struct outcome put = run(&bench, PUT), get = {0};
    if (!bench.options.no_get)
        get = run(&bench, GET);
    if (!bench.options.keep)
        run(&bench, DELETE);
    printf("{\"objects\":%" PRIu64 ",\"object_bytes\":%" PRIu64 ",\"connections\":%u", bench.options.count,
           bench.options.bytes, bench.options.connections);
    print("put", &put);
    if (!bench.options.no_get)
        print("get", &get);
    puts("}");
    close_all(&bench);
    return put.failed + get.failed > 0 ? 1 : 0;
}
