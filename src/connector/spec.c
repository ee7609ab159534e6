/* Objects by a table of their keys: see spec.h.
 *
 * Reading walks the table, not the object, so that what comes out is in its order and whole; the object is walked once
 * before, for keys that are in no table. */
#include "connector/spec.h"

#include "base/buf.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define PLACE_BYTES 200

static struct str text_of(const json_t *value)
{
    return str_make(json_string_value(value), json_string_length(value));
}

bool spec_is_reference(struct str text)
{
    return str_starts(text, STR("file://")) || str_starts(text, STR("env:"));
}

static json_t *parse_fallback(const char *text)
{
    struct buf json = {0};
    buf_append_str(&json, str_of(text));
    for (size_t i = 0; i < json.len; i++) {
        if (json.data[i] == '\'')
            json.data[i] = '"';
    }
    json_t *value = json_loadb((const char *)json.data, json.len, JSON_DECODE_ANY, NULL);
    buf_free(&json);
    assert(value != NULL); /* the table's own */
    return value;
}

/* ---- Values ---------------------------------------------------------------------------------------------- */

static json_t *refuse(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static json_t *refuse(struct error *err, const char *format, ...)
{
    char expected[200];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof(expected), format, args);
    va_end(args);
    error_set(err, ERR_INVALID, "expected %s", expected);
    return NULL;
}

static bool plain(struct str text)
{
    return text.len == 0 || memchr(text.data, '\0', text.len) == NULL;
}

static json_t *read_text(const struct spec_key *key, const json_t *value, struct error *err)
{
    if (!json_is_string(value) || !plain(text_of(value)))
        return refuse(err, "a text");
    struct str text = text_of(value);
    if (text.len < key->min || text.len > key->max)
        return refuse(err, "a text of %" PRIu64 " to %" PRIu64 " bytes", key->min, key->max);
    return json_stringn(text.data, text.len);
}

static json_t *read_count(const struct spec_key *key, const json_t *value, struct error *err)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number < key->min || (uint64_t)number > key->max)
        return refuse(err, "a whole number from %" PRIu64 " to %" PRIu64, key->min, key->max);
    return json_integer(number);
}

/* A number, or a text that `parse` takes; in the key's range. */
static bool read_measure(const struct spec_key *key, const json_t *value,
                         bool (*parse)(struct str text, uint64_t *out), uint64_t *out)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        *out = (uint64_t)json_integer_value(value);
    else if (!json_is_string(value) || !parse(text_of(value), out))
        return false;
    return *out >= key->min && *out <= key->max;
}

static bool parse_duration(struct str text, uint64_t *out)
{
    int64_t ms;
    if (!str_to_duration_ms(text, &ms, NULL))
        return false;
    *out = (uint64_t)ms;
    return true;
}

static bool parse_size(struct str text, uint64_t *out)
{
    return str_to_bytes(text, out, NULL) && *out <= INT64_MAX;
}

static json_t *take_text(struct buf *text)
{
    json_t *value = json_stringn((const char *)text->data, text->len);
    buf_free(text);
    return value;
}

static json_t *read_duration(const struct spec_key *key, const json_t *value, struct error *err)
{
    uint64_t ms;
    struct buf text = {0};
    if (read_measure(key, value, parse_duration, &ms)) {
        buf_append_duration_ms(&text, (int64_t)ms);
        return take_text(&text);
    }
    buf_append_str(&text, STR("a duration such as 250ms, 10s or 1h30m, from "));
    buf_append_duration_ms(&text, (int64_t)key->min);
    buf_append_str(&text, STR(" to "));
    buf_append_duration_ms(&text, (int64_t)key->max);
    refuse(err, "%s", buf_cstr(&text));
    buf_free(&text);
    return NULL;
}

static json_t *read_size(const struct spec_key *key, const json_t *value, struct error *err)
{
    uint64_t bytes;
    struct buf text = {0};
    if (read_measure(key, value, parse_size, &bytes)) {
        buf_append_size(&text, bytes);
        return take_text(&text);
    }
    buf_append_str(&text, STR("a size such as 512, 64KB or 32MiB, from "));
    buf_append_size(&text, key->min);
    buf_append_str(&text, STR(" to "));
    buf_append_size(&text, key->max);
    refuse(err, "%s", buf_cstr(&text));
    buf_free(&text);
    return NULL;
}

static bool is_choice(const struct spec_key *key, struct str text)
{
    for (const char *const *choice = key->choices; *choice != NULL; choice++) {
        if (str_is(text, *choice))
            return true;
    }
    return false;
}

static json_t *refuse_choice(const struct spec_key *key, const char *what, struct error *err)
{
    char list[160] = "";
    size_t used = 0;
    for (const char *const *choice = key->choices; *choice != NULL && used < sizeof(list); choice++) {
        int len = snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "", *choice);
        used += len > 0 ? (size_t)len : 0;
    }
    return refuse(err, "%s %s", what, list);
}

static json_t *read_choice(const struct spec_key *key, const json_t *value, struct error *err)
{
    if (!json_is_string(value) || !is_choice(key, text_of(value)))
        return refuse_choice(key, "one of", err);
    return json_copy((json_t *)(uintptr_t)value);
}

static bool text_fits(const json_t *value)
{
    return json_is_string(value) && plain(text_of(value)) && json_string_length(value) <= SPEC_TEXT_MAX;
}

static json_t *read_texts(const struct spec_key *key, const json_t *value, struct error *err)
{
    size_t count = json_array_size(value);
    if (key->max == 0 && (!json_is_array(value) || count > 0))
        return refuse(err, "an empty list");
    if (!json_is_array(value) || count < key->min || count > key->max)
        return refuse(err, "a list of %" PRIu64 " to %" PRIu64 " texts", key->min, key->max);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        if (!text_fits(item))
            return refuse(err, "a list of texts, none longer than %d bytes", SPEC_TEXT_MAX);
        if (key->choices != NULL && !is_choice(key, text_of(item)))
            return refuse_choice(key, "a list of", err);
    }
    return json_deep_copy(value);
}

static json_t *read_map(const struct spec_key *key, const json_t *value, struct error *err)
{
    const char *name;
    json_t *entry;
    size_t count = json_object_size(value);
    if (!json_is_object(value) || count < key->min || count > key->max)
        return refuse(err, "an object of %" PRIu64 " to %" PRIu64 " names with texts", key->min, key->max);
    json_object_foreach((json_t *)(uintptr_t)value, name, entry)
    {
        if (!text_fits(entry))
            return refuse(err, "an object of names with texts, none longer than %d bytes", SPEC_TEXT_MAX);
    }
    return json_deep_copy(value);
}

static json_t *read_list(const struct spec_key *key, const json_t *value, struct error *err)
{
    size_t count = json_array_size(value);
    bool ok = json_is_array(value) && count >= key->min && count <= key->max;
    for (size_t i = 0; ok && i < count; i++)
        ok = json_is_object(json_array_get(value, i));
    if (ok)
        return json_deep_copy(value);
    return refuse(err, "a list of %" PRIu64 " to %" PRIu64 " objects", key->min, key->max);
}

static json_t *read_secret(const struct spec_key *key, const json_t *value, const json_t *former,
                           struct error *err)
{
    if (!json_is_string(value) || !str_is(text_of(value), SPEC_MASK))
        return read_text(key, value, err);
    if (former != NULL)
        return json_copy((json_t *)(uintptr_t)former);
    error_set(err, ERR_INVALID, "there is none yet that " SPEC_MASK " could stand for");
    return NULL;
}

static json_t *read_value(const struct spec_key *key, const json_t *value, const json_t *former,
                          struct error *err)
{
    switch (key->kind) {
    case SPEC_TEXT: return read_text(key, value, err);
    case SPEC_SECRET: return read_secret(key, value, former, err);
    case SPEC_BOOL:
        return json_is_boolean(value) ? json_boolean(json_is_true(value)) : refuse(err, "true or false");
    case SPEC_COUNT: return read_count(key, value, err);
    case SPEC_DURATION: return read_duration(key, value, err);
    case SPEC_SIZE: return read_size(key, value, err);
    case SPEC_CHOICE: return read_choice(key, value, err);
    case SPEC_TEXTS: return read_texts(key, value, err);
    case SPEC_MAP: return read_map(key, value, err);
    case SPEC_LIST: return read_list(key, value, err);
    case SPEC_OBJECT: return spec_read(key->inner, value, former, err);
    }
    assert(!"a kind of key that is not in the enumeration");
    return NULL;
}

/* ---- Objects --------------------------------------------------------------------------------------------- */

static const struct spec_key *find_key(const struct spec_key *keys, const char *name)
{
    for (; keys->key != NULL; keys++) {
        if (strcmp(keys->key, name) == 0)
            return keys;
    }
    return NULL;
}

/* "the keys here are host, port, …": as many as a hint holds. */
static void hint_keys(const struct spec_key *keys, struct error *err)
{
    char list[140] = "";
    size_t used = 0;
    for (; keys->key != NULL; keys++) {
        size_t len = strlen(keys->key) + (used > 0 ? 2 : 0);
        if (used + len + sizeof(", …") > sizeof(list)) {
            snprintf(list + used, sizeof(list) - used, ", …");
            break;
        }
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "", keys->key);
    }
    error_hint(err, "keys here: %s", list);
}

static bool check_names(const struct spec_key *keys, const json_t *given, struct error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        if (find_key(keys, name) != NULL)
            continue;
        error_set(err, ERR_INVALID, "unknown key \"%.100s\"", name);
        hint_keys(keys, err);
        return false;
    }
    return true;
}

json_t *spec_default(const struct spec_key *key)
{
    if (key->kind == SPEC_OBJECT)
        return spec_read(key->inner, NULL, NULL, NULL);
    if (key->fallback == NULL)
        return NULL;
    json_t *written = parse_fallback(key->fallback), *value = read_value(key, written, NULL, NULL);
    json_decref(written);
    assert(value != NULL); /* the table's own */
    return value;
}

static bool read_key(const struct spec_key *key, const json_t *given, const json_t *former, json_t *out,
                     struct error *err)
{
    json_t *value;
    if (given == NULL && former != NULL)
        value = json_deep_copy(former);
    else if (given == NULL || json_is_null(given))
        value = spec_default(key);
    else if ((value = read_value(key, given, former, err)) == NULL)
        return error_wrap(err, "%s", key->key);
    if (value != NULL)
        json_object_set_new(out, key->key, value);
    return true;
}

json_t *spec_read(const struct spec_key *keys, const json_t *given, const json_t *former, struct error *err)
{
    if (given != NULL && !json_is_object(given))
        return refuse(err, "an object");
    if (!check_names(keys, given, err))
        return NULL;
    json_t *out = json_object();
    bool ok = true;
    for (const struct spec_key *key = keys; ok && key->key != NULL; key++)
        ok = read_key(key, json_object_get(given, key->key), json_object_get(former, key->key), out, err);
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

/* ---- What was read --------------------------------------------------------------------------------------- */

const char *spec_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

bool spec_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

uint64_t spec_count(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

int64_t spec_duration_ms(const json_t *object, const char *key)
{
    int64_t ms = 0;
    str_to_duration_ms(text_of(json_object_get(object, key)), &ms, NULL);
    return ms;
}

uint64_t spec_size(const json_t *object, const char *key)
{
    uint64_t bytes = 0;
    str_to_bytes(text_of(json_object_get(object, key)), &bytes, NULL);
    return bytes;
}

/* ---- Secrets --------------------------------------------------------------------------------------------- */

static json_t *walk(const struct spec_key *keys, const json_t *object, const char *prefix,
                    spec_secret_fn *change, void *arg, struct error *err)
{
    json_t *out = json_deep_copy(object); /* a key that is in no table stays: reading tells of it */
    for (const struct spec_key *key = keys; key->key != NULL; key++) {
        json_t *value = json_object_get(object, key->key), *changed;
        char place[PLACE_BYTES];
        if (value == NULL || (key->kind != SPEC_OBJECT && key->kind != SPEC_SECRET))
            continue;
        snprintf(place, sizeof(place), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key->key);
        changed = key->kind == SPEC_OBJECT ? walk(key->inner, value, place, change, arg, err)
                                           : change(place, value, arg, err);
        if (changed == NULL) {
            json_decref(out);
            return NULL;
        }
        json_object_set_new(out, key->key, changed);
    }
    return out;
}

json_t *spec_secrets(const struct spec_key *keys, const json_t *object, spec_secret_fn *change, void *arg,
                     struct error *err)
{
    return walk(keys, object, "", change, arg, err);
}

static json_t *mask(const char *place, const json_t *secret, void *arg, struct error *err)
{
    (void)place;
    (void)arg;
    (void)err;
    struct str text = text_of(secret);
    if (text.len == 0 || spec_is_reference(text))
        return json_copy((json_t *)(uintptr_t)secret);
    return json_string(SPEC_MASK);
}

json_t *spec_mask(const struct spec_key *keys, const json_t *object)
{
    return spec_secrets(keys, object, mask, NULL, NULL);
}
