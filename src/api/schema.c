/* Whether JSON is as a schema says: the part of OpenAPI 3's schema objects that our routes use. What is not checked here
 * (format, description, example, default, …) may stand in a schema all the same.
 *
 * The text of a schema is JSON with ' for ", so that it can be read in a C string. */
#include "api/api_internal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define DEPTH_MAX 32

struct place {
    char text[200]; /* "properties.user_properties" */
    size_t len;
};

struct check {
    json_t *components;
    struct place place;
    struct error *err;
};

json_t *schema_parse(const char *text, struct error *err)
{
    struct buf json = {0};
    buf_append_str(&json, str_of(text));
    for (size_t i = 0; i < json.len; i++) {
        if (json.data[i] == '\'')
            json.data[i] = '"';
    }
    json_error_t where;
    json_t *schema = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &where);
    if (schema == NULL)
        error_set(err, ERR_INVALID, "schema at %d: %s: %.200s", where.position, where.text, text);
    buf_free(&json);
    return schema;
}

static bool complain(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool complain(struct check *check, const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (check->place.len == 0)
        return error_set(check->err, ERR_INVALID, "the body %s", what);
    return error_set(check->err, ERR_INVALID, "%s: %s", check->place.text, what);
}

static struct place enter(struct check *check, const char *name, size_t index)
{
    struct place before = check->place;
    char *at = check->place.text + before.len;
    size_t room = sizeof(check->place.text) - before.len;
    int len = name != NULL ? snprintf(at, room, "%s%s", before.len > 0 ? "." : "", name)
                           : snprintf(at, room, "[%zu]", index);
    check->place.len += len > 0 && (size_t)len < room ? (size_t)len : room - 1;
    return before;
}

static void leave(struct check *check, struct place before)
{
    check->place = before;
    check->place.text[before.len] = '\0';
}

static bool has_type(json_t *value, const char *type)
{
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    return json_is_number(value);
}

static const char *with_article(const char *type)
{
    return strcmp(type, "object") == 0    ? "an object"
           : strcmp(type, "array") == 0   ? "a list"
           : strcmp(type, "string") == 0  ? "a text"
           : strcmp(type, "boolean") == 0 ? "true or false"
           : strcmp(type, "integer") == 0 ? "a whole number"
                                          : "a number";
}

static bool check_value(struct check *check, json_t *schema, json_t *value, unsigned depth);

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += (*text & 0xC0) != 0x80;
    return count;
}

static bool limit(json_t *schema, const char *name, double *out)
{
    json_t *value = json_object_get(schema, name);
    *out = json_number_value(value);
    return value != NULL;
}

static bool check_bounds(struct check *check, json_t *schema, json_t *value)
{
    double most, least;
    if (json_is_string(value)) {
        size_t len = characters(json_string_value(value));
        if (limit(schema, "minLength", &least) && (double)len < least)
            return len == 0 ? complain(check, "is empty")
                            : complain(check, "has at least %.0f characters", least);
        if (limit(schema, "maxLength", &most) && (double)len > most)
            return complain(check, "has at most %.0f characters", most);
    } else if (json_is_number(value)) {
        double number = json_number_value(value);
        if (limit(schema, "minimum", &least) && number < least)
            return complain(check, "is at least %.0f", least);
        if (limit(schema, "maximum", &most) && number > most)
            return complain(check, "is at most %.0f", most);
    } else if (json_is_array(value)) {
        if (limit(schema, "minItems", &least) && (double)json_array_size(value) < least)
            return complain(check, "has at least %.0f entries", least);
        if (limit(schema, "maxItems", &most) && (double)json_array_size(value) > most)
            return complain(check, "has at most %.0f entries", most);
    }
    return true;
}

static bool check_enum(struct check *check, json_t *choices, json_t *value)
{
    char list[120] = "";
    size_t used = 0, i;
    json_t *choice;
    json_array_foreach(choices, i, choice)
    {
        if (json_equal(choice, value))
            return true;
        char *text = json_dumps(choice, JSON_ENCODE_ANY);
        int len = snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "", text);
        free(text);
        if (len > 0 && used + (size_t)len < sizeof(list))
            used += (size_t)len;
    }
    return complain(check, "is one of %s", list);
}

static bool check_object(struct check *check, json_t *schema, json_t *value, unsigned depth)
{
    json_t *properties = json_object_get(schema, "properties");
    json_t *others = json_object_get(schema, "additionalProperties");
    const char *name;
    json_t *member;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, member)
    {
        if (json_object_get(value, json_string_value(member)) == NULL)
            return complain(check, "needs %s", json_string_value(member));
    }
    json_object_foreach(value, name, member)
    {
        json_t *of_member = json_object_get(properties, name);
        if (of_member == NULL && json_is_false(others))
            return complain(check, "has no %.80s here", name);
        if (of_member == NULL)
            of_member = others;
        if (of_member == NULL || !json_is_object(of_member))
            continue;
        struct place before = enter(check, name, 0);
        if (!check_value(check, of_member, member, depth + 1))
            return false;
        leave(check, before);
    }
    return true;
}

static bool check_items(struct check *check, json_t *items, json_t *value, unsigned depth)
{
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        struct place before = enter(check, NULL, i);
        if (!check_value(check, items, item, depth + 1))
            return false;
        leave(check, before);
    }
    return true;
}

/* The complaint is that of the alternative that has the value's type, if there is one alone. */
static bool check_one_of(struct check *check, json_t *alternatives, json_t *value, unsigned depth)
{
    size_t i;
    json_t *alternative;
    struct check attempt = *check;
    struct error last = {0};
    attempt.err = &last;
    json_array_foreach(alternatives, i, alternative)
    {
        attempt.place = check->place;
        if (check_value(&attempt, alternative, value, depth + 1))
            return true;
        if (strstr(last.text, "is not ") == NULL && check->err != NULL)
            *check->err = last;
    }
    if (check->err != NULL && check->err->code == ERR_NONE)
        *check->err = last;
    return false;
}

static json_t *resolve(struct check *check, json_t *schema)
{
    static const char prefix[] = "#/components/schemas/";
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (reference == NULL)
        return schema;
    json_t *found = strncmp(reference, prefix, sizeof(prefix) - 1) == 0
                        ? json_object_get(check->components, reference + sizeof(prefix) - 1)
                        : NULL;
    assert(found != NULL); /* our own schemas: a test resolves them all */
    return found;
}

static bool check_value(struct check *check, json_t *schema, json_t *value, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return complain(check, "is nested too deep");
    schema = resolve(check, schema);
    json_t *one_of = json_object_get(schema, "oneOf");
    if (one_of != NULL)
        return check_one_of(check, one_of, value, depth);
    if (json_is_null(value) && json_is_true(json_object_get(schema, "nullable")))
        return true;
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (type != NULL && !has_type(value, type))
        return complain(check, "is not %s", with_article(type));
    json_t *choices = json_object_get(schema, "enum");
    if (choices != NULL && !check_enum(check, choices, value))
        return false;
    if (!check_bounds(check, schema, value))
        return false;
    if (json_is_object(value) && !check_object(check, schema, value, depth))
        return false;
    json_t *items = json_object_get(schema, "items");
    return !json_is_array(value) || items == NULL || check_items(check, items, value, depth);
}

bool schema_check(json_t *components, json_t *schema, json_t *value, struct error *err)
{
    struct error none = {0};
    struct check check = {.components = components, .err = &none};
    if (check_value(&check, schema, value, 0))
        return true;
    if (err != NULL)
        *err = none;
    return false;
}
