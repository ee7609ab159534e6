/* --set and the environment: each becomes a small tree of its own, which is merged into the whole.
 *
 *   --set listeners.tcp.default.bind=:1883     dots separate levels
 *   VARVE_LISTENERS__TCP__DEFAULT__BIND=:1883  two underscores do; the name is lower-cased
 *
 * A value that opens with [ { " or ' is YAML. Any other is taken as it is: a password with # or : in it needs no
 * quotes. An empty value, ~ and null are no value: the key's default counts.
 *
 * Merging: mappings key by key; anything else is replaced, a list as a whole. Every variable that begins with
 * VARVE_ is an option, but for VARVE_API_KEY and VARVE_URL, which belong to the command line's client, and VARVE_FAULT
 * (base/fault.h). Variables are applied in the order of their names, so VARVE_LOG comes before VARVE_LOG__LEVEL. */
#include "config/config_internal.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>

#define PREFIX "VARVE_"

static void replace(struct config *config, struct config_node *base, struct config_node *over)
{
    struct map former = base->children;
    base->kind = over->kind;
    base->text = over->text;
    base->origin = over->origin;
    base->line = over->line;
    base->first = NULL;
    base->last = NULL;
    base->count = 0;
    base->children = (struct map){0};
    if (former.slots != NULL) { /* the chain of maps has its place for base already */
        map_clear(&former);
        base->children = former;
    }
    for (struct config_node *child = over->first; child != NULL;) {
        struct config_node *next = child->next;
        node_append(config, base, child);
        child = next;
    }
}

static bool merge(struct config *config, struct config_node *base, struct config_node *over,
                  struct error *err)
{
    if (over->kind != NODE_MAPPING || base->kind == NODE_NOTHING) {
        replace(config, base, over);
        return true;
    }
    if (base->kind != NODE_MAPPING) {
        struct buf place = {0};
        buf_append_str(&place, str_of(base->origin));
        if (base->line != 0)
            buf_printf(&place, ":%u", base->line);
        node_refuse(over, err, "%s gives it a %s, not keys and values", buf_cstr(&place),
                    base->kind == NODE_LIST ? "list" : "single value");
        buf_free(&place);
        return false;
    }
    for (struct config_node *child = over->first; child != NULL;) {
        struct config_node *next = child->next;
        struct config_node *known = node_find(base, str_of(child->key));
        if (known == NULL) {
            node_append(config, base, child);
        } else if (!merge(config, known, child, err)) {
            return false;
        }
        child = next;
    }
    return true;
}

/* Reads the value into the last node of the path. */
static bool read_value(struct config *config, struct config_node *node, struct str value, unsigned depth,
                       struct error *err)
{
    if (value.len > CONFIG_TEXT_BYTES_MAX)
        return node_refuse(node, err, "larger than %zu bytes", CONFIG_TEXT_BYTES_MAX);
    if (value.len != 0 && strchr("[{\"'", value.data[0]) != NULL)
        return parse_yaml(config, node, value, depth, false, err);
    if (!utf8_valid(value.data, value.len))
        return node_refuse(node, err, "not UTF-8");
    if (parse_is_nothing(value))
        return true;
    node->kind = NODE_TEXT;
    node->text = arena_strdup(&config->arena, value);
    return true;
}

/* Makes the tree root → … → value of a path, and merges it. `path` is what separates levels by dots. */
static bool apply(struct config *config, const char *origin, struct str path, struct str value,
                  struct error *err)
{
    struct config_node *top = node_new(config, NULL, NULL);
    top->origin = arena_strdup(&config->arena, str_of(origin));
    top->present = true;
    struct config_node *node = top;
    struct str piece;
    unsigned depth = 0;
    for (struct str rest = path; str_next(&rest, '.', &piece); depth++) {
        if (piece.len == 0 || piece.len > CONFIG_KEY_BYTES_MAX || depth == CONFIG_DEPTH_MAX ||
            ++config->node_count > CONFIG_NODES_MAX) {
            return error_set(err, ERR_INVALID, "%s: not a key: '%.*s'", origin,
                             (int)(path.len < 80 ? path.len : 80), path.data);
        }
        node->kind = NODE_MAPPING;
        struct config_node *child = node_new(config, node, arena_strdup(&config->arena, piece));
        child->origin = top->origin;
        node_append(config, node, child);
        node = child;
    }
    return read_value(config, node, value, depth, err) && merge(config, config->root, top, err);
}

bool override_set(struct config *config, const char *set, struct error *err)
{
    const char *equals = strchr(set, '=');
    if (equals == NULL)
        return error_set(err, ERR_INVALID, "--set %s: expected key=value", set);
    struct str key = str_make(set, (size_t)(equals - set));
    if (!utf8_valid(key.data, key.len))
        return error_set(err, ERR_INVALID, "--set: the key is not UTF-8");
    return apply(config, "--set", key, str_of(equals + 1), err);
}

/* The option that a variable names: LOG__LEVEL is log.level. Returns owned. */
static char *option_of(struct str name)
{
    struct buf path = {0};
    for (size_t i = 0; i < name.len; i++) {
        bool separates = name.data[i] == '_' && i + 1 < name.len && name.data[i + 1] == '_';
        if (separates)
            i++;
        buf_append_byte(&path, separates ? '.' : (uint8_t)tolower((unsigned char)name.data[i]));
    }
    char *option = mem_strdup(buf_cstr(&path));
    buf_free(&path);
    return option;
}

static bool apply_variable(struct config *config, const char *variable, struct error *err)
{
    const char *equals = strchr(variable, '=');
    struct str name = str_make(variable, (size_t)(equals - variable));
    if (!utf8_valid(name.data, name.len))
        return error_set(err, ERR_INVALID, "environment: a name that begins with " PREFIX " is not UTF-8");
    char *origin = str_dup(name);
    size_t prefix_len = sizeof PREFIX - 1;
    char *option = option_of(str_make(name.data + prefix_len, name.len - prefix_len));
    bool ok = apply(config, origin, str_of(option), str_of(equals + 1), err);
    mem_free(option);
    mem_free(origin);
    return ok;
}

static bool is_option(const char *variable)
{
    static const char *const others[] = {
        "VARVE_API_KEY=", "VARVE_URL=",
#ifdef VARVE_FAULTS
        "VARVE_FAULT=", /* base/fault.h */
        "VARVE_TUNE=",  /* base/tune.h */
#endif
    };
    struct str text = str_of(variable);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (str_starts(text, str_of(others[i])))
            return false;
    }
    return str_starts(text, STR(PREFIX)) && strchr(variable, '=') != NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool override_environment(struct config *config, struct error *err)
{
    size_t count = 0;
    for (char *const *at = config->environment; at != NULL && *at != NULL; at++)
        count += is_option(*at);
    if (count == 0)
        return true;
    const char **variables = mem_alloc(count * sizeof *variables);
    size_t filled = 0;
    for (char *const *at = config->environment; *at != NULL; at++) {
        if (is_option(*at))
            variables[filled++] = *at;
    }
    qsort(variables, count, sizeof *variables, by_name);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = apply_variable(config, variables[i], err);
    mem_free(variables);
    return ok;
}
