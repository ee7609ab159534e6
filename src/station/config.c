/* The station object: JSON to structure and back, by a table of its fields.
 *
 * Durations are texts such as "7d" or numbers of milliseconds, sizes are texts such as "32MiB" or numbers of bytes; they
 * are printed in the largest unit that has them without a rest. "0" is no limit. A key that is not in the table is
 * refused: a misspelt retention must not mean "for ever". */
#include "base/mem.h"
#include "mqtt/topic.h"
#include "station/station.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define DESCRIPTION_BYTES_MAX 4096
#define TEXT_BYTES_MAX        1024

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define KIB       ((uint64_t)1 << 10)
#define MIB       ((uint64_t)1 << 20)
#define GIB       ((uint64_t)1 << 30)

enum kind {
    FIELD_NAME,
    FIELD_TEXT,
    FIELD_TOPICS,
    FIELD_DURATION, /* int64_t, milliseconds */
    FIELD_BYTES,    /* uint64_t */
    FIELD_BYTES_32, /* uint32_t */
    FIELD_COUNT,    /* uint64_t */
    FIELD_COUNT_32, /* uint32_t */
    FIELD_BOOL,
    FIELD_SYNC,
    FIELD_COMPRESSION,
    FIELD_WHEN_FULL,
    FIELD_OBJECT
};

struct field {
    const char *key;
    enum kind kind;
    size_t offset; /* in struct station_config */
    uint64_t min;  /* of numbers, and of the length of texts; 0 is allowed besides where it means no limit */
    uint64_t max;
    const struct field *fields; /* of an object; the last one has no key */
};

#define AT(member) offsetof(struct station_config, member)
#define NO_MAX     ((uint64_t)INT64_MAX)

static const struct field retention_fields[] = {
    {"age", FIELD_DURATION, AT(retention.age_ms), 0, (uint64_t)(36500 * DAY_MS), NULL},
    {"bytes", FIELD_BYTES, AT(retention.bytes), 0, NO_MAX, NULL},
    {"messages", FIELD_COUNT, AT(retention.messages), 0, NO_MAX, NULL},
    {"acked", FIELD_BOOL, AT(retention.acked), 0, 0, NULL},
    {0},
};

static const struct field tier_fields[] = {
    {"enabled", FIELD_BOOL, AT(tier.enabled), 0, 0, NULL},
    {"connector", FIELD_TEXT, AT(tier.connector), 1, TEXT_BYTES_MAX, NULL},
    {"bucket", FIELD_TEXT, AT(tier.bucket), 1, TEXT_BYTES_MAX, NULL},
    {"prefix", FIELD_TEXT, AT(tier.prefix), 0, TEXT_BYTES_MAX, NULL},
    {"upload_bytes", FIELD_BYTES, AT(tier.upload_bytes), 64 * KIB, 4 * GIB, NULL},
    {"upload_interval", FIELD_DURATION, AT(tier.upload_interval_ms), SECOND_MS, (uint64_t)DAY_MS, NULL},
    {"retention_age", FIELD_DURATION, AT(tier.retention_age_ms), 0, (uint64_t)(36500 * DAY_MS), NULL},
    {"scrub_interval", FIELD_DURATION, AT(tier.scrub_interval_ms), 0, (uint64_t)(36500 * DAY_MS), NULL},
    {"disk_budget", FIELD_BYTES, AT(tier.disk_budget_bytes), 0, NO_MAX, NULL},
    {"when_full", FIELD_WHEN_FULL, AT(tier.when_full), 0, 0, NULL},
    {0},
};

static const struct field station_fields[] = {
    {"name", FIELD_NAME, AT(name), 1, STATION_NAME_MAX, NULL},
    {"description", FIELD_TEXT, AT(description), 0, DESCRIPTION_BYTES_MAX, NULL},
    {"topics", FIELD_TOPICS, 0, 0, STATION_TOPICS_MAX, NULL},
    {"retention", FIELD_OBJECT, 0, 0, 0, retention_fields},
    {"sync", FIELD_SYNC, AT(sync_ms), 1, (uint64_t)HOUR_MS, NULL},
    {"compression", FIELD_COMPRESSION, AT(compression), 0, 0, NULL},
    {"dedup_window", FIELD_DURATION, AT(dedup_window_ms), 0, (uint64_t)DAY_MS, NULL},
    {"ack_wait", FIELD_DURATION, AT(ack_wait_ms), 10, (uint64_t)DAY_MS, NULL},
    {"max_deliveries", FIELD_COUNT_32, AT(max_deliveries), 0, 10000, NULL},
    {"max_ack_pending", FIELD_COUNT_32, AT(max_ack_pending), 1, 100000, NULL},
    {"max_message_bytes", FIELD_BYTES_32, AT(max_message_bytes), 64, 64 * MIB, NULL},
    {"tier", FIELD_OBJECT, 0, 0, 0, tier_fields},
    {0},
};

void station_config_init(struct station_config *config)
{
    *config = (struct station_config){
        .description = mem_strdup(""),
        .retention.age_ms = 7 * DAY_MS,
        .sync_ms = LOG_SYNC_COMMIT,
        .dedup_window_ms = 2 * MINUTE_MS,
        .ack_wait_ms = 30 * SECOND_MS,
        .max_deliveries = 10,
        .max_ack_pending = 1000,
        .max_message_bytes = (uint32_t)MIB,
        .tier.connector = mem_strdup("directory:local"),
        .tier.bucket = mem_strdup("varve"),
        .tier.prefix = mem_strdup("stations"),
        .tier.upload_bytes = 32 * MIB,
        .tier.upload_interval_ms = 5 * MINUTE_MS,
        .tier.scrub_interval_ms = 7 * DAY_MS,
        .tier.disk_budget_bytes = 10 * GIB,
        .tier.when_full = STATION_BLOCK,
    };
}

static void free_topics(struct station_config *config)
{
    for (size_t i = 0; config->topics != NULL && i < config->topic_count; i++)
        mem_free(config->topics[i]);
    mem_free(config->topics);
    config->topics = NULL;
    config->topic_count = 0;
}

void station_config_free(struct station_config *config)
{
    free_topics(config);
    mem_free(config->name);
    mem_free(config->description);
    mem_free(config->tier.connector);
    mem_free(config->tier.bucket);
    mem_free(config->tier.prefix);
    *config = (struct station_config){0};
}

bool station_name_parse(struct str name, char out[STATION_NAME_MAX + 1], struct error *err)
{
    bool ok = name.len >= 1 && name.len <= STATION_NAME_MAX;
    for (size_t i = 0; ok && i < name.len; i++) {
        char c = name.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool edge = i == 0 || i + 1 == name.len;
        ok = alnum || (!edge && (c == '_' || c == '.' || c == '-'));
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    if (ok) {
        out[name.len] = '\0';
        return true;
    }
    error_set(err, ERR_INVALID, "\"%.*s\" is not a name of a station", (int)(name.len < 140 ? name.len : 140),
              name.len > 0 ? name.data : "");
    return error_hint(err, "1 to %d of a-z 0-9 _ . - with a letter or digit first and last",
                      STATION_NAME_MAX);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

static bool refuse(const struct field *field, const char *expected, struct error *err)
{
    return error_set(err, ERR_INVALID, "%s: expected %s", field->key, expected);
}

static bool in_range(const struct field *field, uint64_t value, struct error *err)
{
    if (value >= field->min && value <= field->max)
        return true;
    bool duration = field->kind == FIELD_DURATION || field->kind == FIELD_SYNC;
    return error_set(err, ERR_INVALID, "%s: %" PRIu64 "%s is not between %" PRIu64 " and %" PRIu64,
                     field->key, value, duration ? " ms" : "", field->min, field->max);
}

static struct str text_of(const json_t *value)
{
    return str_make(json_string_value(value), json_string_length(value));
}

static bool read_natural(const json_t *value, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_duration(const struct field *field, const json_t *value, int64_t *out, struct error *err)
{
    uint64_t natural;
    int64_t parsed;
    if (read_natural(value, &natural)) {
        parsed = (int64_t)natural;
    } else if (!json_is_string(value) || !str_to_duration_ms(text_of(value), &parsed, err)) {
        return refuse(field, "a duration such as 250ms, 10s, 5m, 2h, 7d or 1h30m", err);
    }
    if (!in_range(field, (uint64_t)parsed, err))
        return false;
    *out = parsed;
    return true;
}

static bool read_bytes(const struct field *field, const json_t *value, uint64_t *out, struct error *err)
{
    uint64_t parsed;
    if (!read_natural(value, &parsed) &&
        (!json_is_string(value) || !str_to_bytes(text_of(value), &parsed, err)))
        return refuse(field, "a size such as 512, 64KB, 32MiB or 10GiB", err);
    if (!in_range(field, parsed, err))
        return false;
    *out = parsed;
    return true;
}

static bool read_count(const struct field *field, const json_t *value, uint64_t *out, struct error *err)
{
    uint64_t parsed;
    if (!read_natural(value, &parsed))
        return refuse(field, "a number", err);
    if (!in_range(field, parsed, err))
        return false;
    *out = parsed;
    return true;
}

static bool read_sync(const struct field *field, const json_t *value, int64_t *out, struct error *err)
{
    static const char expected[] = "commit, none, or an interval such as 100ms";
    if (!json_is_string(value))
        return refuse(field, expected, err);
    if (str_is(text_of(value), "commit")) {
        *out = LOG_SYNC_COMMIT;
        return true;
    }
    if (str_is(text_of(value), "none")) {
        *out = LOG_SYNC_NONE;
        return true;
    }
    int64_t parsed;
    if (!str_to_duration_ms(text_of(value), &parsed, err))
        return refuse(field, expected, err);
    if (!in_range(field, (uint64_t)parsed, err))
        return false;
    *out = parsed;
    return true;
}

/* The texts of an enumeration's two values, in their order. */
static const char *const *choices_of(enum kind kind)
{
    static const char *const compressions[] = {[STATION_PLAIN] = "none", [STATION_ZSTD] = "zstd"};
    static const char *const policies[] = {[STATION_BLOCK] = "block", [STATION_DROP_OLDEST] = "drop_oldest"};
    return kind == FIELD_COMPRESSION ? compressions : policies;
}

static bool read_choice(const struct field *field, const json_t *value, unsigned *out, struct error *err)
{
    const char *const *choices = choices_of(field->kind);
    for (unsigned i = 0; json_is_string(value) && i < 2; i++) {
        if (str_is(text_of(value), choices[i])) {
            *out = i;
            return true;
        }
    }
    return error_set(err, ERR_INVALID, "%s: expected %s or %s", field->key, choices[0], choices[1]);
}

static bool read_text(const struct field *field, const json_t *value, char **out, struct error *err)
{
    if (!json_is_string(value))
        return refuse(field, "a text", err);
    struct str text = text_of(value);
    if (text.len < field->min || text.len > field->max || memchr(text.data, '\0', text.len) != NULL)
        return error_set(err, ERR_INVALID, "%s: expected a text of %" PRIu64 " to %" PRIu64 " bytes",
                         field->key, field->min, field->max);
    mem_free(*out);
    *out = str_dup(text);
    return true;
}

static bool read_name(const json_t *value, char **out, struct error *err)
{
    char name[STATION_NAME_MAX + 1];
    if (!json_is_string(value))
        return error_set(err, ERR_INVALID, "name: expected a text");
    if (!station_name_parse(text_of(value), name, err))
        return error_wrap(err, "name");
    if (*out != NULL && strcmp(*out, name) != 0)
        return error_set(err, ERR_INVALID, "name: station %s cannot be renamed", *out);
    mem_free(*out);
    *out = mem_strdup(name);
    return true;
}

static bool check_topic(struct str topic, struct error *err)
{
    struct topic_filter parsed;
    if (topic.len > TOPIC_BYTES_MAX || !topic_filter_parse(topic, &parsed))
        return error_set(err, ERR_INVALID, "topics: \"%.*s\" is no topic filter",
                         (int)(topic.len < 100 ? topic.len : 100), topic.data);
    if (parsed.shared || str_starts(topic, STR("$station/"))) {
        return error_set(err, ERR_INVALID,
                         "topics: \"%.*s\" cannot be captured: no message is published there",
                         (int)(topic.len < 100 ? topic.len : 100), topic.data);
    }
    return true;
}

static bool read_topics(const struct field *field, const json_t *value, struct station_config *config,
                        struct error *err)
{
    if (!json_is_array(value))
        return refuse(field, "a list of topic filters", err);
    size_t count = json_array_size(value);
    if (count > field->max)
        return error_set(err, ERR_INVALID, "topics: more than %" PRIu64, field->max);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item))
            return refuse(field, "a list of topic filters", err);
        if (!check_topic(text_of(item), err))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (str_equal(text_of(item), text_of(json_array_get(value, j))))
                return error_set(err, ERR_INVALID, "topics: \"%s\" twice", json_string_value(item));
        }
    }
    free_topics(config);
    config->topics = count > 0 ? mem_alloc(count * sizeof(*config->topics)) : NULL;
    for (; config->topic_count < count; config->topic_count++)
        config->topics[config->topic_count] = str_dup(text_of(json_array_get(value, config->topic_count)));
    return true;
}

static bool read_object(const struct field *fields, const json_t *object, struct station_config *config,
                        struct error *err);

static bool read_field(const struct field *field, const json_t *value, struct station_config *config,
                       struct error *err)
{
    void *at = (char *)config + field->offset;
    uint64_t natural = 0;
    switch (field->kind) {
    case FIELD_NAME: return read_name(value, at, err);
    case FIELD_TEXT: return read_text(field, value, at, err);
    case FIELD_TOPICS: return read_topics(field, value, config, err);
    case FIELD_DURATION: return read_duration(field, value, at, err);
    case FIELD_BYTES: return read_bytes(field, value, at, err);
    case FIELD_COUNT: return read_count(field, value, at, err);
    case FIELD_SYNC: return read_sync(field, value, at, err);
    case FIELD_BYTES_32:
    case FIELD_COUNT_32:
        if (!(field->kind == FIELD_BYTES_32 ? read_bytes(field, value, &natural, err)
                                            : read_count(field, value, &natural, err)))
            return false;
        *(uint32_t *)at = (uint32_t)natural;
        return true;
    case FIELD_BOOL:
        if (!json_is_boolean(value))
            return refuse(field, "true or false", err);
        *(bool *)at = json_is_true(value);
        return true;
    case FIELD_COMPRESSION:
    case FIELD_WHEN_FULL: return read_choice(field, value, at, err);
    case FIELD_OBJECT:
        if (!json_is_object(value))
            return refuse(field, "an object", err);
        return read_object(field->fields, value, config, err) || error_wrap(err, "%s", field->key);
    }
    assert(!"a kind of field that is not in the enumeration");
    return false;
}

/* Always false: with the keys that there are, as many as a hint holds. */
static bool unknown_key(const struct field *fields, const char *key, struct error *err)
{
    char list[sizeof(err->hint)] = "keys here: ";
    size_t used = strlen(list);
    const char *between = "";
    for (; fields->key != NULL && used < sizeof(list); fields++, between = ", ")
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", between, fields->key);
    error_set(err, ERR_INVALID, "unknown key \"%.100s\"", key);
    return error_hint(err, "%s", list);
}

static bool read_object(const struct field *fields, const json_t *object, struct station_config *config,
                        struct error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct field *field = fields;
        while (field->key != NULL && strcmp(field->key, key) != 0)
            field++;
        if (field->key == NULL)
            return unknown_key(fields, key, err);
        if (!read_field(field, value, config, err))
            return false;
    }
    return true;
}

static void copy_config(const struct station_config *from, struct station_config *to)
{
    *to = *from;
    to->name = from->name != NULL ? mem_strdup(from->name) : NULL;
    to->description = mem_strdup(from->description);
    to->tier.connector = mem_strdup(from->tier.connector);
    to->tier.bucket = mem_strdup(from->tier.bucket);
    to->tier.prefix = mem_strdup(from->tier.prefix);
    to->topics = from->topic_count > 0 ? mem_alloc(from->topic_count * sizeof(*to->topics)) : NULL;
    for (size_t i = 0; i < from->topic_count; i++)
        to->topics[i] = mem_strdup(from->topics[i]);
}

bool station_config_parse(struct station_config *config, struct str json, struct error *err)
{
    json_error_t where;
    json_t *root = json_loadb(json.data != NULL ? json.data : "", json.len, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return error_set(err, ERR_INVALID, "a station is a JSON object: %s (line %d)", where.text,
                         where.line);
    struct station_config changed;
    copy_config(config, &changed);
    bool ok = json_is_object(root) ? read_object(station_fields, root, &changed, err)
                                   : error_set(err, ERR_INVALID, "a station is a JSON object");
    if (ok && changed.name == NULL)
        ok = error_set(err, ERR_INVALID, "name: missing");
    json_decref(root);
    if (ok) {
        struct station_config former = *config;
        *config = changed;
        changed = former;
    }
    station_config_free(&changed);
    return ok;
}

/* ---- Printing -------------------------------------------------------------------------------------------- */

static void print_duration(int64_t ms, struct buf *out)
{
    buf_append_byte(out, '"');
    buf_append_duration_ms(out, ms);
    buf_append_byte(out, '"');
}

static void print_bytes(uint64_t bytes, struct buf *out)
{
    buf_append_byte(out, '"');
    buf_append_size(out, bytes);
    buf_append_byte(out, '"');
}

static void print_topics(const struct station_config *config, struct buf *out)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < config->topic_count; i++) {
        buf_append_str(out, i > 0 ? STR(",") : STR(""));
        buf_append_json(out, str_of(config->topics[i]));
    }
    buf_append_byte(out, ']');
}

static void print_sync(int64_t sync_ms, struct buf *out)
{
    if (sync_ms == LOG_SYNC_COMMIT)
        buf_append_str(out, STR("\"commit\""));
    else if (sync_ms == LOG_SYNC_NONE)
        buf_append_str(out, STR("\"none\""));
    else
        print_duration(sync_ms, out);
}

static void print_object(const struct field *fields, const struct station_config *config, struct buf *out);

static void print_field(const struct field *field, const struct station_config *config, struct buf *out)
{
    const void *at = (const char *)config + field->offset;
    switch (field->kind) {
    case FIELD_NAME:
    case FIELD_TEXT: buf_append_json(out, str_of(*(char *const *)at)); break;
    case FIELD_TOPICS: print_topics(config, out); break;
    case FIELD_DURATION: print_duration(*(const int64_t *)at, out); break;
    case FIELD_BYTES: print_bytes(*(const uint64_t *)at, out); break;
    case FIELD_BYTES_32: print_bytes(*(const uint32_t *)at, out); break;
    case FIELD_COUNT: buf_printf(out, "%" PRIu64, *(const uint64_t *)at); break;
    case FIELD_COUNT_32: buf_printf(out, "%" PRIu32, *(const uint32_t *)at); break;
    case FIELD_BOOL: buf_append_str(out, *(const bool *)at ? STR("true") : STR("false")); break;
    case FIELD_SYNC: print_sync(*(const int64_t *)at, out); break;
    case FIELD_COMPRESSION:
    case FIELD_WHEN_FULL: buf_append_json(out, str_of(choices_of(field->kind)[*(const unsigned *)at])); break;
    case FIELD_OBJECT: print_object(field->fields, config, out); break;
    }
}

static void print_object(const struct field *fields, const struct station_config *config, struct buf *out)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        buf_printf(out, "%c\"%s\":", field == fields ? '{' : ',', field->key);
        print_field(field, config, out);
    }
    buf_append_byte(out, '}');
}

void station_config_print(const struct station_config *config, struct buf *out)
{
    print_object(station_fields, config, out);
}
