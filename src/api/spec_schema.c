/* Tables of keys (connector/spec.h) as schema objects of OpenAPI: what reads an object also describes it. */
#include "api/connectors_internal.h"

static json_t *texts(const char *const *list)
{
    json_t *out = json_array();
    for (; *list != NULL; list++)
        json_array_append_new(out, json_string(*list));
    return out;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* A text with a unit, or a number of the smallest one. */
static json_t *measure(const char *unit)
{
    return json_pack("{s:[{s:s, s:s}, {s:s, s:s}]}", "anyOf", "type", "string", "example", unit, "type",
                     "integer", "description", strcmp(unit, "15s") == 0 ? "milliseconds" : "bytes");
}

static json_t *of_kind(const struct spec_key *key)
{
    switch (key->kind) {
    case SPEC_TEXT: return json_pack("{s:s}", "type", "string");
    case SPEC_SECRET: return json_pack("{s:s, s:s}", "type", "string", "format", "password");
    case SPEC_BOOL: return json_pack("{s:s}", "type", "boolean");
    case SPEC_COUNT:
        return json_pack("{s:s, s:o, s:o}", "type", "integer", "minimum", number(key->min), "maximum",
                         number(key->max));
    case SPEC_DURATION: return measure("15s");
    case SPEC_SIZE: return measure("32MiB");
    case SPEC_CHOICE: return json_pack("{s:s, s:o}", "type", "string", "enum", texts(key->choices));
    case SPEC_TEXTS:
        return json_pack("{s:s, s:{s:s, s:o*}, s:o, s:o}", "type", "array", "items", "type", "string", "enum",
                         key->choices != NULL ? texts(key->choices) : NULL, "minItems", number(key->min),
                         "maxItems", number(key->max));
    case SPEC_MAP:
        return json_pack("{s:s, s:{s:s}}", "type", "object", "additionalProperties", "type", "string");
    case SPEC_LIST:
        return json_pack("{s:s, s:{s:s, s:b}, s:o}", "type", "array", "items", "type", "object",
                         "additionalProperties", 1, "maxItems", number(key->max));
    case SPEC_OBJECT: return spec_schema(key->inner, false);
    }
    return NULL;
}

json_t *spec_schema(const struct spec_key *keys, bool named)
{
    json_t *properties = json_object();
    if (named) {
        json_object_set_new(properties, "type", json_pack("{s:s}", "type", "string"));
        json_object_set_new(properties, "name", json_pack("{s:s}", "type", "string"));
    }
    for (; keys->key != NULL; keys++) {
        json_t *schema = of_kind(keys);
        if (keys->about != NULL)
            json_object_set_new(schema, "description", json_string(keys->about));
        if (keys->kind != SPEC_OBJECT && keys->fallback != NULL)
            json_object_set_new(schema, "default", spec_default(keys));
        json_object_set_new(properties, keys->key, schema);
    }
    return json_pack("{s:s, s:o}", "type", "object", "properties", properties);
}
