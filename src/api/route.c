/* From a method and a path to a route, and from a query text to values.
 *
 *     /api/v5/clients/{clientid}/subscribe     a parameter is one segment
 *     /api/v5/topics/{topic*}                  the last one may take all the rest, slashes too
 *
 * A path is cut at its slashes before it is decoded, so %2F stays inside its segment. Where several routes match, the one
 * that is literal further to the left wins: /clients/kickout/bulk before /clients/{clientid}/{…}. */
#include "api/api_internal.h"

#include "base/clock.h"

#include <stdio.h>

const struct api_param api_no_params[] = {{.name = NULL}};

const char *method_name(enum api_method method)
{
    static const char *const names[] = {"GET", "POST", "PUT", "DELETE"};
    return names[method];
}

/* ---- Paths ----------------------------------------------------------------------------------------------- */

void path_split(struct str path, struct api_path_parts *out)
{
    *out = (struct api_path_parts){0};
    if (path.len > 0 && path.data[0] == '/')
        path = str_make(path.data + 1, path.len - 1);
    struct str segment;
    while (str_next(&path, '/', &segment)) {
        if (out->count == PATH_SEGMENTS_MAX) {
            out->too_many = true;
            return;
        }
        out->segments[out->count++] = segment;
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

char *percent_decode(struct arena *arena, struct str text, bool plus, size_t *len)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return NULL;
        out[n++] = c;
    }
    out[n] = '\0';
    if (len != NULL)
        *len = n;
    return utf8_valid(out, n) ? out : NULL;
}

static bool is_parameter(struct str segment)
{
    return segment.len > 2 && segment.data[0] == '{' && segment.data[segment.len - 1] == '}';
}

static bool takes_rest(struct str segment)
{
    return is_parameter(segment) && segment.data[segment.len - 2] == '*';
}

static struct str parameter_name(struct str segment)
{
    return str_make(segment.data + 1, segment.len - (takes_rest(segment) ? 3 : 2));
}

/* How literal the match is, from the left, a bit for each segment, and one for not taking the rest; -1: none. */
static int64_t match_pattern(const struct api_path_parts *pattern, const struct api_path_parts *path)
{
    int64_t literal = 0;
    for (unsigned i = 0; i < pattern->count; i++) {
        struct str segment = pattern->segments[i];
        literal <<= 1;
        if (takes_rest(segment))
            return path->count > i ? literal << (PATH_SEGMENTS_MAX + 1 - i) : -1;
        if (i >= path->count)
            return -1;
        if (!is_parameter(segment) && !str_equal(segment, path->segments[i]))
            return -1;
        if (is_parameter(segment) && path->segments[i].len == 0)
            return -1;
        literal |= !is_parameter(segment);
    }
    if (path->count != pattern->count || path->too_many)
        return -1;
    return literal << (PATH_SEGMENTS_MAX + 2 - pattern->count) | 1;
}

/* From the segment on to the end of the path. */
static struct str rest_of(struct str path, struct str segment)
{
    return str_make(segment.data, (size_t)(path.data + path.len - segment.data));
}

static bool take_values(const struct api_path_parts *pattern, const struct api_path_parts *parts,
                        struct str path, struct arena *arena, struct api_match *out, struct error *err)
{
    for (unsigned i = 0; i < pattern->count; i++) {
        struct str segment = pattern->segments[i];
        if (!is_parameter(segment))
            continue;
        struct str raw = takes_rest(segment) ? rest_of(path, parts->segments[i]) : parts->segments[i];
        struct api_value *value = &out->values[out->value_count++];
        value->name = arena_strdup(arena, parameter_name(segment));
        value->value = percent_decode(arena, raw, false, &value->len);
        if (value->value == NULL)
            return error_set(err, ERR_INVALID, "the path's %s is not percent-encoded UTF-8", value->name);
    }
    return true;
}

bool route_find(const struct api *api, enum api_method method, struct str path, struct arena *arena,
                struct api_match *out, struct error *err)
{
    struct api_path_parts parts, pattern, best_pattern = {0};
    int64_t best = -1;
    *out = (struct api_match){0};
    path_split(path, &parts);
    for (size_t i = 0; i < api->entry_count; i++) {
        const struct api_route *route = api->entries[i].route;
        path_split(str_of(route->path), &pattern);
        int64_t literal = match_pattern(&pattern, &parts);
        if (literal < 0)
            continue;
        out->allowed |= 1u << route->method;
        if (route->method == method && literal > best) {
            best = literal;
            out->entry = &api->entries[i];
            best_pattern = pattern;
        }
    }
    return out->entry == NULL || take_values(&best_pattern, &parts, path, arena, out, err);
}

/* ---- Queries --------------------------------------------------------------------------------------------- */

bool query_split(struct str query, struct arena *arena, struct api_value *values, size_t *count,
                 struct error *err)
{
    struct str pair;
    *count = 0;
    if (query.len == 0)
        return true;
    while (str_next(&query, '&', &pair)) {
        if (pair.len == 0)
            continue;
        if (*count == QUERY_VALUES_MAX)
            return error_set(err, ERR_LIMIT, "more than %d query parameters", QUERY_VALUES_MAX);
        struct str value = pair, name;
        str_next(&value, '=', &name);
        if (value.data == NULL)
            value = STR("");
        struct api_value *out = &values[(*count)++];
        out->name = percent_decode(arena, name, true, NULL);
        out->value = percent_decode(arena, value, true, &out->len);
        if (out->name == NULL || out->value == NULL)
            return error_set(err, ERR_INVALID, "the query \"%.*s\" is not percent-encoded UTF-8",
                             (int)(pair.len < 80 ? pair.len : 80), pair.data);
    }
    return true;
}

static const struct api_param *find_param(const struct api_route *route, const char *name)
{
    for (const struct api_param *param = route->params; param != NULL && param->name != NULL; param++) {
        if (strcmp(param->name, name) == 0)
            return param;
    }
    return NULL;
}

static bool check_choice(const struct api_param *param, const struct api_value *value, struct error *err)
{
    char list[200] = "";
    size_t used = 0;
    for (const char *const *choice = param->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, value->value) == 0)
            return true;
        int len = snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "", *choice);
        if (len > 0 && used + (size_t)len < sizeof(list))
            used += (size_t)len;
    }
    return error_set(err, ERR_INVALID, "query parameter %s: is one of %s", param->name, list);
}

static bool check_value(const struct api_param *param, const struct api_value *value, struct error *err)
{
    struct str text = str_make(value->value, value->len);
    int64_t number;
    bool flag;
    switch (param->type) {
    case API_STRING: return param->choices == NULL || check_choice(param, value, err);
    case API_INTEGER:
        if (!str_to_i64(text, &number, NULL))
            return error_set(err, ERR_INVALID, "query parameter %s: is a whole number", param->name);
        if ((param->min != 0 || param->max != 0) && (number < param->min || number > param->max)) {
            return error_set(err, ERR_INVALID, "query parameter %s: is from %lld to %lld", param->name,
                             (long long)param->min, (long long)param->max);
        }
        return true;
    case API_BOOLEAN:
        return str_to_bool(text, &flag, NULL) ||
               error_set(err, ERR_INVALID, "query parameter %s: is true or false", param->name);
    case API_TIME:
        return clock_parse(text, &number, NULL) ||
               error_set(err, ERR_INVALID, "query parameter %s: is a time as RFC 3339, or milliseconds",
                         param->name);
    }
    return false;
}

bool query_check(const struct api_route *route, const struct api_value *values, size_t count,
                 struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct api_param *param = find_param(route, values[i].name);
        if (param == NULL && !route->open_query)
            return error_set(err, ERR_INVALID, "there is no query parameter %s here", values[i].name);
        if (param == NULL)
            continue;
        for (size_t j = 0; j < i && !param->many; j++) {
            if (strcmp(values[j].name, values[i].name) == 0)
                return error_set(err, ERR_INVALID, "query parameter %s is given twice", param->name);
        }
        if (!check_value(param, &values[i], err))
            return false;
    }
    for (const struct api_param *param = route->params; param != NULL && param->name != NULL; param++) {
        bool given = false;
        for (size_t i = 0; i < count && !given; i++)
            given = strcmp(values[i].name, param->name) == 0;
        if (param->required && !given)
            return error_set(err, ERR_INVALID, "query parameter %s is missing", param->name);
    }
    return true;
}
