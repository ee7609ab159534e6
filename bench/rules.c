/* What evaluating a rule costs, on one thread.
 *
 *     bench_rules [milliseconds of each measurement] [name of the only one]      default 1000, all
 *
 * Time is that of the processor for this thread, so that other work on the machine does not count.
 *
 * Each rule sees the same message again and again: 200 bytes of JSON, nine keys, as a device would send them; the
 * columns are read where they are asked for, as the rule engine does it. "select all" does not look at the payload;
 * "filter and pick" is the rule that docs/performance.md quotes. Then decoding and encoding JSON alone, and a template of
 * an object's key. */
#include "sql/json.h"
#include "sql/program.h"
#include "sql/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUND 1000 /* evaluations between two looks at the clock */

static const char payload[] =
    "{\"a\":\"sensor-0042/line-7\",\"b\":21.5,\"unit\":\"celsius\",\"seq\":18446744,\"ok\":true,"
    "\"gps\":{\"lat\":48.137154,\"lon\":11.576124},\"tags\":[\"north\",\"roof\",\"v2\"],"
    "\"firmware\":\"4.11.0-rc3+build.2222\",\"ts\":1700000000123}";

_Static_assert(sizeof payload - 1 == 200, "the payload has 200 bytes");

struct message {
    struct str topic;
    struct str clientid;
    struct str payload;
};

static bool get_column(void *source, struct str name, struct sql_scope *scope, struct sql_value *out,
                       struct error *err)
{
    const struct message *message = source;
    (void)scope;
    (void)err;
    if (str_is(name, "payload"))
        *out = sql_string(message->payload);
    else if (str_is(name, "topic"))
        *out = sql_string(message->topic);
    else if (str_is(name, "clientid"))
        *out = sql_string(message->clientid);
    else if (str_is(name, "qos"))
        *out = sql_int(1);
    else if (str_is(name, "timestamp"))
        *out = sql_int(1700000000123);
    return true;
}

static bool all_columns(void *source, struct sql_map_builder *into, struct error *err)
{
    static const char *const names[] = {"payload", "topic", "clientid", "qos", "timestamp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sql_value value = sql_undefined();
        if (!get_column(source, str_of(names[i]), into->scope, &value, err) ||
            !sql_map_put(into, str_of(names[i]), value, err))
            return false;
    }
    return true;
}

static struct message message = {
    .topic = {"t/line-7/42", 11}, .clientid = {"device-0042", 11}, .payload = {payload, sizeof payload - 1}};
static const struct sql_columns columns = {.source = &message, .get = get_column, .all = all_columns};
static struct sql_scope scope;
static int64_t run_ns = 1000000000;
static const char *only; /* NULL: all */

typedef bool work_fn(const void *what, struct error *err);

static int64_t thread_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* Repeats the work for run_ns and prints what one takes. */
static void measure(const char *name, work_fn *work, const void *what)
{
    struct error err;
    uint64_t count = 0;
    if (only != NULL && strcmp(only, name) != 0)
        return;
    int64_t start = thread_ns();
    int64_t took;
    do {
        for (int i = 0; i < ROUND; i++) {
            if (!work(what, &err)) {
                fprintf(stderr, "%s: %s\n", name, err.text);
                abort();
            }
        }
        count += ROUND;
        took = thread_ns() - start;
    } while (took < run_ns);
    printf("%-22s %8.1f ns %8.0f k/s\n", name, (double)took / (double)count,
           (double)count * 1e6 / (double)took);
}

static bool evaluate(const void *what, struct error *err)
{
    struct sql_result result;
    sql_scope_begin(&scope, NULL);
    return sql_evaluate(what, &columns, &scope, &result, err);
}

static void measure_rule(const char *name, const char *text)
{
    struct error err;
    struct sql_program *program = sql_compile(str_of(text), NULL, &err);
    if (program == NULL) {
        fprintf(stderr, "%s: %s\n", name, err.text);
        abort();
    }
    measure(name, evaluate, program);
    sql_program_free(program);
}

static bool decode(const void *what, struct error *err)
{
    struct sql_value value;
    (void)what;
    sql_scope_begin(&scope, NULL);
    return sql_json_decode(&scope, message.payload, &value, err);
}

static bool encode(const void *what, struct error *err)
{
    static struct buf out;
    buf_reset(&out);
    return sql_json_append(&out, what, SIZE_MAX, err);
}

static bool render(const void *what, struct error *err)
{
    static struct buf out;
    buf_reset(&out);
    sql_scope_begin(&scope, NULL);
    return sql_template_render(what, &columns, &scope, SQL_MISSING_IS_ERROR, &out, SIZE_MAX, err);
}

static void measure_json(void)
{
    struct error err;
    struct sql_scope kept = {0};
    struct sql_value value;
    measure("decode", decode, NULL);
    sql_scope_begin(&kept, NULL);
    if (!sql_json_decode(&kept, message.payload, &value, &err))
        abort();
    measure("encode", encode, &value);
    sql_scope_free(&kept);
}

static void measure_template(void)
{
    struct error err;
    struct sql_template *key = sql_template_new(STR("msgs/${clientid}_${timestamp}.json"), &err);
    if (key == NULL)
        abort();
    measure("key template", render, key);
    sql_template_free(key);
}

int main(int argc, char **argv)
{
    long ms = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    if (ms <= 0 || argc > 3) {
        fprintf(stderr, "usage: bench_rules [milliseconds of each measurement] [name of the only one]\n");
        return 2;
    }
    run_ns = ms * 1000000;
    only = argc > 2 ? argv[2] : NULL;
    measure_rule("select all", "SELECT * FROM \"t/#\"");
    measure_rule("columns", "SELECT clientid, topic, payload FROM \"t/#\"");
    measure_rule("filter and pick", "SELECT payload.a as a, clientid FROM \"t/#\" WHERE payload.b > 10");
    measure_rule("filter, no match", "SELECT payload.a as a, clientid FROM \"t/#\" WHERE payload.b > 90");
    measure_rule("filter by column", "SELECT * FROM \"t/#\" WHERE clientid = 'device-0043'");
    measure_rule("arithmetic",
                 "SELECT payload.b * 9 / 5 + 32 as f, upper(payload.unit) as unit FROM \"t/#\"");
    measure_rule("each tag", "FOREACH payload.tags as tag DO tag, clientid FROM \"t/#\"");
    measure_json();
    measure_template();
    sql_scope_free(&scope);
    return 0;
}
