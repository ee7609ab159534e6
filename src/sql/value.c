/* Making values: scalars, and lists and maps piece by piece.
 *
 * A builder's items grow by doubling in the arena of the scope; what it has outgrown stays there until the scope goes. A
 * map's header and entries are one piece of memory; from SQL_MAP_SMALL entries on there is an index beside it. */
#include "sql/value.h"

#include "base/hash.h"

#include <math.h>

#define FIRST_CAP 4U

double sql_number_of(const struct sql_value *number)
{
    return number->type == SQL_FLOAT ? number->number : (double)sql_int_of(number);
}

const char *sql_type_name(const struct sql_value *value)
{
    static const char *const names[] = {
        [SQL_UNDEFINED] = "undefined", [SQL_NULL] = "null",     [SQL_BOOL] = "a boolean",
        [SQL_INT] = "an integer",      [SQL_FLOAT] = "a float", [SQL_STRING] = "a string",
        [SQL_LIST] = "a list",         [SQL_MAP] = "a map",
    };
    return names[value->type];
}

bool sql_make_int(struct sql_scope *scope, sql_int128 integer, struct sql_value *out, struct error *err)
{
    if (integer >= INT64_MIN && integer <= INT64_MAX) {
        *out = sql_int((int64_t)integer);
        return true;
    }
    sql_int128 *big = sql_alloc(scope, sizeof *big, err);
    if (big == NULL)
        return false;
    *big = integer;
    *out = (struct sql_value){.type = SQL_INT, .wide = 1, .big = big};
    return true;
}

bool sql_make_float(double number, struct sql_value *out, struct error *err)
{
    if (!isfinite(number))
        return error_set(err, ERR_INVALID, "the result is no finite number");
    *out = sql_float(number);
    return true;
}

bool sql_make_string(struct sql_scope *scope, struct str text, struct sql_value *out, struct error *err)
{
    if (text.len > UINT32_MAX)
        return error_set(err, ERR_LIMIT, "a string of %zu bytes is too long", text.len);
    char *copy = sql_alloc(scope, text.len, err);
    if (copy == NULL)
        return false;
    if (text.len != 0)
        memcpy(copy, text.data, text.len);
    *out = sql_string(str_make(copy, text.len));
    return true;
}

bool sql_make_scratch(struct sql_scope *scope, struct sql_value *out, struct error *err)
{
    bool made = sql_make_string(scope, buf_str(&scope->scratch), out, err);
    buf_reset(&scope->scratch);
    return made;
}

static bool too_deep(const struct sql_scope *scope, const struct sql_value *item, struct error *err)
{
    if (item->depth < scope->depth_max)
        return false;
    error_set(err, ERR_LIMIT, "lists and maps are nested more than %u deep", scope->depth_max);
    return true;
}

/* What an array of `cap` grows to, at least FIRST_CAP. The memory runs out long before 32 bits do. */
static uint32_t grown(uint32_t cap)
{
    return cap == 0 ? FIRST_CAP : 2 * cap;
}

/* --- Lists --- */

bool sql_list_add(struct sql_list_builder *builder, struct sql_value item, struct error *err)
{
    if (too_deep(builder->scope, &item, err))
        return false;
    if (builder->len == builder->cap) {
        uint32_t cap = grown(builder->cap);
        struct sql_value *items = sql_alloc(builder->scope, (size_t)cap * sizeof *items, err);
        if (items == NULL)
            return false;
        if (builder->len != 0)
            memcpy(items, builder->items, builder->len * sizeof *items);
        builder->items = items;
        builder->cap = cap;
    }
    builder->items[builder->len++] = item;
    if (item.depth > builder->depth)
        builder->depth = item.depth;
    return true;
}

struct sql_value sql_list_end(struct sql_list_builder *builder)
{
    return (struct sql_value){.type = SQL_LIST,
                              .depth = (uint8_t)(builder->depth + 1),
                              .len = builder->len,
                              .items = builder->items};
}

struct sql_value sql_list_part(const struct sql_value *list, uint32_t first, uint32_t len)
{
    struct sql_value part = *list;
    part.len = len;
    if (len != 0)
        part.items += first;
    return part;
}

/* --- Maps --- */

static uint32_t hash_of(struct str key)
{
    return (uint32_t)hash_bytes(key.data, key.len);
}

static bool has_key(const struct sql_entry *entry, struct str key)
{
    return entry->key_len == key.len && (key.len == 0 || memcmp(entry->key, key.data, key.len) == 0);
}

/* The entry of the key, or NULL. */
static struct sql_entry *find(const struct sql_map *map, uint32_t len, struct str key)
{
    struct sql_entry *entries = (struct sql_entry *)map->entries;
    if (map->index == NULL) {
        for (uint32_t i = 0; i < len; i++) {
            if (has_key(&entries[i], key))
                return &entries[i];
        }
        return NULL;
    }
    uint32_t hash = hash_of(key);
    for (uint32_t at = hash & map->index_mask; map->index[at] != 0; at = (at + 1) & map->index_mask) {
        struct sql_entry *entry = &entries[map->index[at] - 1];
        if (entry->hash == hash && has_key(entry, key))
            return entry;
    }
    return NULL;
}

/* Number `i` comes into the index, which has room. */
static void index_entry(uint32_t *index, uint32_t mask, uint32_t hash, uint32_t i)
{
    uint32_t at = hash & mask;
    while (index[at] != 0)
        at = (at + 1) & mask;
    index[at] = i + 1;
}

/* An index for `cap` entries, at most half full. */
static bool make_index(struct sql_map_builder *builder, struct error *err)
{
    uint32_t slots = 2 * builder->cap;
    uint32_t *index = sql_alloc(builder->scope, slots * sizeof *index, err);
    if (index == NULL)
        return false;
    memset(index, 0, slots * sizeof *index);
    bool first = builder->index == NULL;
    for (uint32_t i = 0; i < builder->len; i++) {
        struct sql_entry *entry = &builder->map->entries[i];
        if (first)
            entry->hash = hash_of(sql_key_of(entry));
        index_entry(index, slots - 1, entry->hash, i);
    }
    builder->index = index;
    builder->map->index = index;
    builder->map->index_mask = slots - 1;
    return true;
}

/* There is room, and no such key. */
static void append_entry(struct sql_map_builder *builder, struct str key, struct sql_value value)
{
    uint32_t i = builder->len++;
    struct sql_entry *entry = &builder->map->entries[i];
    *entry = (struct sql_entry){.key = key.data, .key_len = (uint32_t)key.len, .value = value};
    if (builder->index != NULL) {
        entry->hash = hash_of(key);
        index_entry(builder->index, builder->map->index_mask, entry->hash, i);
    }
}

static bool grow_map(struct sql_map_builder *builder, uint32_t cap, struct error *err)
{
    struct sql_map *map = sql_alloc(builder->scope, sizeof *map + (size_t)cap * sizeof map->entries[0], err);
    if (map == NULL)
        return false;
    map->index = NULL;
    map->index_mask = 0;
    if (builder->len != 0)
        memcpy(map->entries, builder->map->entries, builder->len * sizeof map->entries[0]);
    builder->map = map;
    builder->cap = cap;
    return cap <= SQL_MAP_SMALL || make_index(builder, err);
}

bool sql_map_begin_sized(struct sql_map_builder *builder, struct sql_scope *scope, size_t count,
                         struct error *err)
{
    *builder = sql_map_begin(scope);
    uint32_t cap = FIRST_CAP;
    while (cap < count && cap < UINT32_MAX / 4)
        cap *= 2;
    return grow_map(builder, cap, err);
}

bool sql_map_begin_from(struct sql_map_builder *builder, struct sql_scope *scope, const struct sql_value *map,
                        struct error *err)
{
    *builder = sql_map_begin(scope);
    if (map->type != SQL_MAP || map->len == 0)
        return true;
    if (!sql_spend(scope, map->len, err) || !sql_map_begin_sized(builder, scope, (size_t)map->len + 1, err))
        return false;
    builder->depth = (uint8_t)(map->depth - 1);
    for (uint32_t i = 0; i < map->len; i++)
        append_entry(builder, sql_key_of(sql_map_at(map, i)), sql_map_at(map, i)->value);
    return true;
}

bool sql_map_put(struct sql_map_builder *builder, struct str key, struct sql_value value, struct error *err)
{
    if (too_deep(builder->scope, &value, err))
        return false;
    if (value.depth > builder->depth)
        builder->depth = value.depth;
    struct sql_entry *entry = builder->len != 0 ? find(builder->map, builder->len, key) : NULL;
    if (entry != NULL) {
        entry->value = value;
        return true;
    }
    if (builder->len == builder->cap && !grow_map(builder, grown(builder->cap), err))
        return false;
    append_entry(builder, key, value);
    return true;
}

const struct sql_value *sql_map_builder_get(const struct sql_map_builder *builder, struct str key)
{
    const struct sql_entry *entry = builder->len != 0 ? find(builder->map, builder->len, key) : NULL;
    return entry != NULL ? &entry->value : NULL;
}

struct sql_value sql_map_end(struct sql_map_builder *builder)
{
    return (struct sql_value){
        .type = SQL_MAP, .depth = (uint8_t)(builder->depth + 1), .len = builder->len, .map = builder->map};
}

const struct sql_value *sql_map_get(const struct sql_value *map, struct str key)
{
    const struct sql_entry *entry = map->len != 0 ? find(map->map, map->len, key) : NULL;
    return entry != NULL ? &entry->value : NULL;
}

bool sql_put_path(struct sql_scope *scope, const struct sql_value *value, const struct str *keys,
                  size_t count, struct sql_value item, struct sql_value *out, struct error *err)
{
    if (count == 0) {
        *out = item;
        return true;
    }
    if (count > scope->depth_max)
        return error_set(err, ERR_LIMIT, "a path of %zu keys is longer than %u", count, scope->depth_max);
    struct sql_map_builder builder;
    if (!sql_map_begin_from(&builder, scope, value, err))
        return false;
    const struct sql_value nothing = sql_undefined();
    const struct sql_value *inner = sql_map_builder_get(&builder, keys[0]);
    struct sql_value replaced;
    if (!sql_put_path(scope, inner != NULL ? inner : &nothing, keys + 1, count - 1, item, &replaced, err) ||
        !sql_map_put(&builder, keys[0], replaced, err))
        return false;
    *out = sql_map_end(&builder);
    return true;
}
