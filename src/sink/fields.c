/* What is in an action of type s3: EMQX's keys, and ours. */
#include "base/mem.h"
#include "sink/sink_internal.h"

#include <stdio.h>

#define HOUR_MS     INT64_C(3600000)
#define YEAR_MS     (365 * 24 * HOUR_MS)
#define MIB         ((uint64_t)1024 * 1024)
#define GIB         (1024 * MIB)
#define HEADERS_MAX (UPLOAD_HEADERS_MAX - 1) /* with ours */

#define NO_EFFECT "of no effect; taken because EMQX has it"

static const char *const modes[] = {"direct", "aggregated", NULL};
static const char *const acls[] = {"private",
                                   "public_read",
                                   "public_read_write",
                                   "authenticated_read",
                                   "bucket_owner_read",
                                   "bucket_owner_full_control",
                                   NULL};
static const char *const query_modes[] = {"async", "sync", NULL};
static const char *const full_policies[] = {"drop_oldest", "block", NULL};
static const char *const dispatches[] = {"per_clientid", "random", NULL};

static const char *const containers[] = {"csv", "json_lines", "parquet", "iceberg", NULL};
static const char *const compressions[] = {"none", "gzip", "zstd", "snappy", NULL};
static const char *const schema_types[] = {"avro_inline", "avro_ref", NULL};

static const struct spec_key schema_keys[] = {
    {"type", SPEC_CHOICE, NULL, .choices = schema_types, .about = "how the columns are declared"},
    {"def", SPEC_TEXT, "''", 0, 65536, .about = "avro_inline: a record, as JSON"},
    {"name", SPEC_TEXT, "''", 0, SPEC_TEXT_MAX, .about = "avro_ref: not offered"},
    {0},
};

static const struct spec_key container_keys[] = {
    {"type", SPEC_CHOICE, "'csv'", .choices = containers, .about = "what an object of many messages is"},
    {"column_order", SPEC_TEXTS, "[]", 0, 1000, .about = "csv: the first columns; the others come by name"},
    {"compression", SPEC_CHOICE, NULL, .choices = compressions,
     .about = "of the object; parquet, iceberg: of its pages, zstd if nothing is said"},
    {"columns", SPEC_MAP, "{}", 0, COLUMNS_MAX,
     .about = "parquet, iceberg: names to types; what is not there is inferred"},
    {"schema", SPEC_OBJECT, .inner = schema_keys, .about = "parquet, iceberg: the same as an Avro record"},
    {"default_compression", SPEC_CHOICE, NULL, .choices = compressions,
     .about = "EMQX's name of compression"},
    {"max_row_group_bytes", SPEC_SIZE, "'128MiB'", MIB, GIB, .about = "parquet, iceberg: before compression"},
    {"write_old_list_structure", SPEC_BOOL, "false", .about = NO_EFFECT},
    {"enable_dictionary", SPEC_BOOL, "false", .about = NO_EFFECT},
    {"data_page_header_version", SPEC_COUNT, "2", 1, 2, .about = NO_EFFECT},
    {0},
};

static const struct spec_key aggregation_keys[] = {
    {"time_interval", SPEC_DURATION, "'30m'", 1000, YEAR_MS, .about = "an object ends with it"},
    {"max_records", SPEC_COUNT, "100000", 1, 1000000000, .about = "of an object"},
    {"max_bytes", SPEC_SIZE, "'64MiB'", 1, 1024 * GIB, .about = "of an object: it ends once it has so many"},
    {0},
};

static const struct spec_key parameter_keys[] = {
    {"mode", SPEC_CHOICE, "'direct'", .choices = modes, .about = "an object for each message, or for many"},
    {"bucket", SPEC_TEXT, "''", 0, 1024,
     .about = "a template, aggregated: a name; default: that of the connector"},
    {"key", SPEC_TEXT, "''", 0, SPEC_TEXT_MAX,
     .about = "of the object, a template; aggregated: of action, node, sequence, datetime.F, "
              "datetime_until.F; iceberg: the "
              "table's place"},
    {"content", SPEC_TEXT, "'${.}'", 0, SPEC_TEXT_MAX,
     .about = "of the object, a template; ${.}: all that was selected, as JSON"},
    {"acl", SPEC_CHOICE, NULL, .choices = acls, .about = "of the object, if the bucket has such"},
    {"content_type", SPEC_TEXT, "''", 0, 255, .about = "of the object, a template"},
    {"headers", SPEC_MAP, "{}", 0, 32, .about = "of the request: templates, aggregated: texts"},
    {"container", SPEC_OBJECT, .inner = container_keys, .about = "aggregated: the form of objects"},
    {"aggregation", SPEC_OBJECT, .inner = aggregation_keys, .about = "aggregated: when an object is whole"},
    {"min_part_size", SPEC_SIZE, "'5MiB'", 5 * MIB, 5 * GIB, .about = NO_EFFECT},
    {"max_part_size", SPEC_SIZE, "'5GiB'", 5 * MIB, 5 * GIB, .about = NO_EFFECT},
    {0},
};

static const struct spec_key resource_keys[] = {
    {"worker_pool_size", SPEC_COUNT, "16", 1, 1024, .about = "lanes: a client always has the same"},
    {"inflight_window", SPEC_COUNT, "100", 1, 10000,
     .about = "requests at a time; 1: one in each lane, so that the order of each client is strict"},
    {"query_mode", SPEC_CHOICE, "'async'", .choices = query_modes,
     .about = "what a publisher's acknowledgement waits for: the buffer, or the store"},
    {"request_ttl", SPEC_TEXT, "'infinity'", 1, 32,
     .about = "how long a message is tried; infinity: until it is stored"},
    {"max_buffer_bytes", SPEC_SIZE, "'256MiB'", MIB, UINT64_MAX >> 1, .about = "of what waits, on disk"},
    {"buffer_full", SPEC_CHOICE, "'drop_oldest'", .choices = full_policies,
     .about = "block refuses publishers (0x97, or no acknowledgement)"},
    {"health_check_interval", SPEC_DURATION, "'15s'", 1, HOUR_MS,
     .about = "between attempts while the store fails"},
    {"health_check_interval_jitter", SPEC_DURATION, "'0'", 0, HOUR_MS, .about = NO_EFFECT},
    {"health_check_timeout", SPEC_DURATION, "'60s'", 1, HOUR_MS, .about = NO_EFFECT},
    {"start_after_created", SPEC_BOOL, "true", .about = NO_EFFECT},
    {"start_timeout", SPEC_DURATION, "'5s'", 1, HOUR_MS, .about = NO_EFFECT},
    {"dispatch_strategy", SPEC_CHOICE, "'per_clientid'", .choices = dispatches, .about = NO_EFFECT},
    {"batch_size", SPEC_COUNT, "100", 1, 1000000, .about = NO_EFFECT},
    {"batch_time", SPEC_DURATION, "'10ms'", 0, HOUR_MS, .about = NO_EFFECT},
    {"resume_interval", SPEC_DURATION, "'1s'", 1, HOUR_MS, .about = "the first pause after a failure"},
    {0},
};

const struct spec_key sink_keys[] = {
    {"connector", SPEC_TEXT, NULL, 1, CONNECTOR_ID_MAX, .about = "its name, or its id: directory:local"},
    {"enable", SPEC_BOOL, "true", .about = "whether it takes messages"},
    {"tags", SPEC_TEXTS, "[]", 0, 100, .about = "for people"},
    {"description", SPEC_TEXT, "''", 0, SPEC_TEXT_MAX, .about = "a remark for people"},
    {"parameters", SPEC_OBJECT, .inner = parameter_keys, .about = "what is written where"},
    {"resource_opts", SPEC_OBJECT, .inner = resource_keys, .about = "how it is delivered"},
    {"fallback_actions", SPEC_LIST, "[]", 0, 16,
     .about = "who gets a message that is given up: {kind: reference, type, name}, {kind: republish, args}"},
    {0},
};

const struct spec_key *sink_object_keys(void)
{
    return sink_keys;
}

/* ---- The plan -------------------------------------------------------------------------------------------- */

static bool set_template(struct sql_template **out, const char *text, const char *key, struct error *err)
{
    *out = sql_template_new(str_of(text), err);
    return *out != NULL || error_wrap(err, "parameters: %s", key);
}

static bool add_header(struct sink_plan *plan, const char *name, const char *value, struct error *err)
{
    struct header_template *header = &plan->headers[plan->header_count];
    if (!set_template(&header->value, value, name, err))
        return false;
    header->name = mem_strdup(name);
    plan->header_count++;
    return true;
}

/* "public_read" as S3 writes it: "public-read". */
static bool add_acl(struct sink_plan *plan, const char *acl, struct error *err)
{
    char text[64];
    snprintf(text, sizeof(text), "%s", acl);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '_' ? '-' : *at;
    return add_header(plan, "x-amz-acl", text, err);
}

static bool read_headers(struct sink_plan *plan, const json_t *parameters, struct error *err)
{
    const json_t *map = json_object_get(parameters, "headers");
    plan->headers = mem_zalloc((json_object_size(map) + 2) * sizeof(*plan->headers));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)map, name, value)
    {
        if (!add_header(plan, name, json_string_value(value), err))
            return false;
    }
    const char *type = spec_text(parameters, "content_type"), *acl = spec_text(parameters, "acl");
    return (type[0] == '\0' || add_header(plan, "content-type", type, err)) &&
           (acl[0] == '\0' || add_acl(plan, acl, err));
}

static bool read_ttl(struct sink_plan *plan, const json_t *resource, struct error *err)
{
    const char *text = spec_text(resource, "request_ttl");
    if (strcmp(text, "infinity") == 0)
        return true;
    if (!str_to_duration_ms(str_of(text), &plan->ttl_ms, NULL) || plan->ttl_ms <= 0 || plan->ttl_ms > YEAR_MS)
        return error_set(err, ERR_INVALID,
                         "resource_opts: request_ttl: expected infinity, or a time such as 45s");
    return true;
}

/* "gzip" of a list: 1. What has been read is of the list. */
static unsigned choice_of(const char *const *choices, const char *text)
{
    unsigned i = 0;
    while (choices[i + 1] != NULL && strcmp(choices[i], text) != 0)
        i++;
    return i;
}

enum sink_mode plan_mode(const json_t *object)
{
    return choice_of(modes, spec_text(json_object_get(object, "parameters"), "mode")) == 0 ? SINK_DIRECT
                                                                                           : SINK_AGGREGATED;
}

/* The templates are taken as they are written. */
static bool headers_are_plain(const struct sink_plan *plan, struct error *err)
{
    if (plan->header_count > HEADERS_MAX)
        return error_set(err, ERR_INVALID, "parameters: headers: expected at most %d", HEADERS_MAX);
    for (size_t i = 0; i < plan->header_count; i++) {
        struct str text = sql_template_text(plan->headers[i].value);
        for (size_t c = 0; c < text.len; c++) {
            if ((uint8_t)text.data[c] < 32 || text.data[c] == 127) {
                return error_set(err, ERR_INVALID,
                                 "parameters: headers: %s: a control character in the value",
                                 plan->headers[i].name);
            }
        }
    }
    return true;
}

static bool read_compression(struct container_format *format, const json_t *container, struct error *err)
{
    const char *text = spec_text(container, "compression");
    if (text[0] == '\0')
        text = spec_text(container, "default_compression");
    if (text[0] == '\0')
        text = is_columnar(format->type) ? "zstd" : "none";
    static const enum parquet_codec codecs[] = {[COMPRESSION_NONE] = PARQUET_UNCOMPRESSED,
                                                [COMPRESSION_GZIP] = PARQUET_GZIP,
                                                [COMPRESSION_ZSTD] = PARQUET_ZSTD,
                                                [COMPRESSION_SNAPPY] = PARQUET_SNAPPY};
    format->compression = choice_of(compressions, text);
    format->sheet.codec = codecs[format->compression];
    return is_columnar(format->type) || format->compression != COMPRESSION_SNAPPY ||
           error_set(err, ERR_INVALID,
                     "parameters: container: compression: snappy is of parquet and iceberg");
}

static bool read_schema(struct container_format *format, const json_t *schema, struct error *err)
{
    const char *type = spec_text(schema, "type");
    if (type[0] == '\0')
        return true;
    if (strcmp(type, "avro_ref") == 0) {
        return error_set(
            err, ERR_UNSUPPORTED,
            "parameters: container: schema: there is no registry of schemas; say avro_inline and def");
    }
    return declared_read_avro(str_of(spec_text(schema, "def")), &format->declared, err) ||
           error_wrap(err, "parameters: container: schema: def");
}

static bool read_format(struct container_format *format, const json_t *container, struct error *err)
{
    const json_t *columns = json_object_get(container, "column_order");
    format->type = choice_of(containers, spec_text(container, "type"));
    format->column_order = mem_zalloc((json_array_size(columns) + 1) * sizeof(*format->column_order));
    for (size_t i = 0; i < json_array_size(columns); i++) {
        format->column_order[format->column_count++] =
            mem_strdup(json_string_value(json_array_get(columns, i)));
    }
    format->sheet.row_group_bytes = spec_size(container, "max_row_group_bytes");
    if (!read_compression(format, container, err))
        return false;
    if (!is_columnar(format->type))
        return true;
    return (declared_read(json_object_get(container, "columns"), &format->declared, err) ||
            error_wrap(err, "parameters: container: columns")) &&
           read_schema(format, json_object_get(container, "schema"), err);
}

/* Where a table is: "lake/events". */
static bool read_table(struct aggregate_plan *aggregate, const char *key, struct error *err)
{
    size_t len = strlen(key);
    if (strstr(key, "${") != NULL || key[0] == '/' || key[len - 1] == '/' || strstr(key, "//") != NULL)
        return error_set(err, ERR_INVALID,
                         "parameters: key: expected where the table is, without placeholders: lake/events");
    aggregate->table = mem_strdup(key);
    return true;
}

static bool read_aggregate(struct sink_plan *plan, const json_t *parameters, struct error *err)
{
    const json_t *aggregation = json_object_get(parameters, "aggregation");
    struct aggregate_plan *aggregate = &plan->aggregate;
    const char *key = spec_text(parameters, "key");
    if (spec_size(parameters, "min_part_size") > spec_size(parameters, "max_part_size"))
        return error_set(err, ERR_INVALID, "parameters: min_part_size: is more than max_part_size");
    if (!read_format(&aggregate->format, json_object_get(parameters, "container"), err))
        return false;
    if (aggregate->format.type == CONTAINER_ICEBERG) {
        if (!read_table(aggregate, key, err))
            return false;
    } else {
        aggregate->key = object_key_new(str_of(key), err);
        if (aggregate->key == NULL || !headers_are_plain(plan, err))
            return false;
    }
    aggregate->limits = (struct range_limits){
        .interval_ms = spec_duration_ms(aggregation, "time_interval") / 1000 * 1000,
        .max_records = spec_count(aggregation, "max_records"),
        .max_bytes = spec_size(aggregation, "max_bytes"),
        .max_buffer_bytes = UINT64_MAX,
        .restarts = aggregate->key != NULL && object_key_is_exact(aggregate->key),
    };
    return true;
}

static bool read_direct(struct sink_plan *plan, const json_t *parameters, struct error *err)
{
    return set_template(&plan->key, spec_text(parameters, "key"), "key", err) &&
           set_template(&plan->content, spec_text(parameters, "content"), "content", err);
}

void sink_connector_id(const json_t *object, char out[SINK_CONNECTOR_BYTES])
{
    const char *connector = spec_text(object, "connector");
    snprintf(out, SINK_CONNECTOR_BYTES, strchr(connector, ':') != NULL ? "%s" : "s3:%s", connector);
}

struct sink_plan *plan_new(const json_t *object, struct error *err)
{
    const json_t *parameters = json_object_get(object, "parameters"),
                 *resource = json_object_get(object, "resource_opts");
    struct sink_plan *plan = mem_zalloc(sizeof(*plan));
    char id[SINK_CONNECTOR_BYTES];
    sink_connector_id(object, id);
    plan->connector = mem_strdup(id);
    plan->mode = plan_mode(object);
    plan->enabled = is_enabled(object);
    plan->lanes = (unsigned)spec_count(resource, "worker_pool_size");
    plan->window = (unsigned)spec_count(resource, "inflight_window");
    plan->max_buffer_bytes = spec_size(resource, "max_buffer_bytes");
    plan->retry_ms = spec_duration_ms(resource, "resume_interval");
    plan->sync = strcmp(spec_text(resource, "query_mode"), "sync") == 0;
    plan->block = strcmp(spec_text(resource, "buffer_full"), "block") == 0;
    bool ok =
        spec_text(object, "connector")[0] != '\0' || error_set(err, ERR_INVALID, "connector: is missing");
    ok = ok && (spec_text(parameters, "key")[0] != '\0' ||
                error_set(err, ERR_INVALID, "parameters: key: is missing"));
    if (ok && set_template(&plan->bucket, spec_text(parameters, "bucket"), "bucket", err) &&
        read_headers(plan, parameters, err) && read_ttl(plan, resource, err) &&
        (plan->mode == SINK_DIRECT ? read_direct(plan, parameters, err)
                                   : read_aggregate(plan, parameters, err)))
        return plan;
    plan_free(plan);
    return NULL;
}

void plan_free(struct sink_plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->header_count; i++) {
        mem_free(plan->headers[i].name);
        sql_template_free(plan->headers[i].value);
    }
    mem_free(plan->headers);
    sql_template_free(plan->bucket);
    sql_template_free(plan->key);
    sql_template_free(plan->content);
    for (size_t i = 0; i < plan->aggregate.format.column_count; i++)
        mem_free(plan->aggregate.format.column_order[i]);
    mem_free(plan->aggregate.format.column_order);
    declared_free(&plan->aggregate.format.declared);
    object_key_free(plan->aggregate.key);
    fallbacks_unref(plan->fallbacks);
    mem_free(plan->aggregate.table);
    mem_free(plan->connector);
    mem_free(plan);
}
