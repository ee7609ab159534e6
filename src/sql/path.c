/* Reading along paths, and putting values at them. Values are not changed: a put copies the maps and lists on its way. */
#include "sql/run_internal.h"

static bool same_string(const struct sql_value *a, const struct sql_value *b)
{
    return a->type == SQL_STRING && b->type == SQL_STRING && a->text == b->text && a->len == b->len;
}

bool sql_run_open(struct sql_run *run, const struct sql_value *value, struct sql_value *out)
{
    if (run->payload.decoded && same_string(&run->payload.raw, value)) {
        *out = run->payload.value;
        return true;
    }
    return sql_payload_open(&run->other, run->scope, value, out, run->err);
}

/* --- Steps --- */

/* The number of an item from 0, or -1 if there is no such item. */
static int64_t item_at(uint32_t len, int64_t index)
{
    if (index > 0 && index <= (int64_t)len)
        return index - 1;
    if (index < 0 && index >= -(int64_t)len)
        return (int64_t)len + index;
    return -1;
}

/* The number that an index stands for; *known is false for a variable that is no integer below `root`. */
static bool index_of(struct sql_run *run, const struct sql_step *step, const struct sql_value *root,
                     int64_t *index, bool *known)
{
    *known = true;
    *index = step->index;
    if (step->kind == SQL_SEGMENT_INDEX)
        return true;
    struct sql_value at = *root;
    for (uint32_t i = 0; i < step->key_count; i++) {
        if (!sql_run_open(run, &at, &at))
            return false;
        const struct sql_value *found = at.type == SQL_MAP ? sql_map_get(&at, step->keys[i]) : NULL;
        if (found == NULL) {
            *known = false;
            return true;
        }
        at = *found;
    }
    *known = at.type == SQL_INT && !at.wide;
    if (*known)
        *index = at.integer;
    return true;
}

/* One step down from *at. */
static bool step_down(struct sql_run *run, const struct sql_step *step, const struct sql_value *root,
                      struct sql_value *at)
{
    if (!sql_run_open(run, at, at))
        return false;
    const struct sql_value *found = NULL;
    if (step->kind == SQL_SEGMENT_KEY) {
        if (at->type == SQL_MAP)
            found = sql_map_get(at, step->key);
    } else if (at->type == SQL_LIST) {
        int64_t index;
        bool known;
        if (!index_of(run, step, root, &index, &known))
            return false;
        int64_t i = known ? item_at(at->len, index) : -1;
        if (i >= 0)
            found = &at->items[i];
    }
    *at = found != NULL ? *found : sql_undefined();
    return true;
}

static bool walk(struct sql_run *run, const struct sql_place_in *place, const struct sql_value *root,
                 struct sql_value *out)
{
    struct sql_value at = *root;
    for (uint32_t i = 0; i < place->step_count && at.type != SQL_UNDEFINED; i++) {
        if (!step_down(run, &place->steps[i], root, &at))
            return false;
    }
    *out = at;
    return true;
}

/* --- Reading --- */

static bool column(struct sql_run *run, const struct sql_place_in *place, struct sql_value *out)
{
    struct sql_value *value = &run->column_values[place->column];
    if (value->type == SQL_NOT_READ) {
        struct sql_value read = sql_undefined();
        if (!run->columns->get(run->columns->source, place->root, run->scope, &read, run->err))
            return false;
        *value = read;
    }
    *out = *value;
    return true;
}

/* The root among the columns; of `payload` what is in it, if something below it is wanted. */
static bool column_root(struct sql_run *run, const struct sql_place_in *place, struct sql_value *root)
{
    if (!place->is_payload || (place->step_count == 0 && !place->sliced))
        return column(run, place, root);
    if (!run->payload.decoded && run->other.decoded && run->other.value.type != SQL_UNDEFINED) {
        /* It may have been opened under another name: SELECT payload AS p, p.a, payload.a */
        struct sql_value raw;
        if (!column(run, place, &raw))
            return false;
        if (same_string(&run->other.raw, &raw))
            run->payload = run->other;
    }
    return sql_payload_decoded(&run->payload, run->columns, run->scope, root, run->err);
}

/* The roots in the layers above the columns, one after the other. NULL: this layer has none. */
static const struct sql_value *layer_root(const struct sql_run *run, const struct sql_place_in *place,
                                          unsigned layer)
{
    if (layer == 0)
        return run->in_each ? sql_map_builder_get(&run->each, place->root) : NULL;
    if (layer == 1)
        return run->has_item && str_equal(place->root, run->program->item_name) ? &run->item : NULL;
    return sql_map_builder_get(&run->fields, place->root);
}

static bool find(struct sql_run *run, const struct sql_place_in *place, struct sql_value *root,
                 struct sql_value *out)
{
    for (unsigned layer = 0; place->layered && layer < 3; layer++) {
        const struct sql_value *found = layer_root(run, place, layer);
        if (found == NULL || found->type == SQL_UNDEFINED)
            continue;
        *root = *found;
        if (!walk(run, place, root, out))
            return false;
        if (out->type != SQL_UNDEFINED)
            return true;
    }
    return column_root(run, place, root) && walk(run, place, root, out);
}

static bool bound(struct sql_run *run, const struct sql_step *step, const struct sql_value *root,
                  uint32_t len, int64_t *out)
{
    bool known;
    struct sql_value opened;
    if (!sql_run_open(run, root, &opened) || !index_of(run, step, &opened, out, &known))
        return false;
    if (!known)
        return error_set(run->err, ERR_INVALID, "a bound of the part of a list is no integer");
    if (*out == 0)
        return error_set(run->err, ERR_INVALID,
                         "the items of a list are counted from 1, or from -1 at the end");
    if (*out < 0)
        *out = *out < -(int64_t)len ? 0 : *out + len + 1;
    return true;
}

static bool slice(struct sql_run *run, const struct sql_place_in *place, const struct sql_value *root,
                  struct sql_value *out)
{
    int64_t from = 0;
    int64_t to = 0;
    if (!sql_run_open(run, out, out))
        return false;
    if (out->type != SQL_LIST)
        return error_set(run->err, ERR_INVALID, "only a list has parts, not %s", sql_type_name(out));
    if (!bound(run, &place->from, root, out->len, &from) || !bound(run, &place->to, root, out->len, &to))
        return false;
    if (from < 1 || from > INT64_MAX - 1 || to < from - 1) {
        return error_set(run->err, ERR_INVALID,
                         "the part from item %lld to %lld does not exist in a list of %u", (long long)from,
                         (long long)to, out->len);
    }
    if (to > out->len)
        to = out->len;
    *out = from > to ? sql_list_part(out, 0, 0)
                     : sql_list_part(out, (uint32_t)(from - 1), (uint32_t)(to - from + 1));
    return true;
}

bool sql_run_get(struct sql_run *run, const struct sql_place_in *place, struct sql_value *out)
{
    if (!place->layered && place->step_count == 0 && !place->sliced)
        return column(run, place, out);
    struct sql_value root;
    if (!sql_spend(run->scope, place->step_count, run->err) || !find(run, place, &root, out))
        return false;
    return !place->sliced || slice(run, place, &root, out);
}

/* --- Putting --- */

static bool put_below(struct sql_run *run, const struct sql_place_in *place, uint32_t i,
                      const struct sql_value *root, const struct sql_value *target, struct sql_value item,
                      struct sql_value *out);

static bool put_key(struct sql_run *run, const struct sql_place_in *place, uint32_t i,
                    const struct sql_value *root, const struct sql_value *target, struct sql_value item,
                    struct sql_value *out)
{
    struct sql_map_builder builder;
    const struct sql_value nothing = sql_undefined();
    struct sql_value replaced;
    struct str key = place->steps[i].key;
    if (!sql_map_begin_from(&builder, run->scope, target, run->err))
        return false;
    const struct sql_value *inner = sql_map_builder_get(&builder, key);
    if (!put_below(run, place, i + 1, root, inner != NULL ? inner : &nothing, item, &replaced) ||
        !sql_map_put(&builder, key, replaced, run->err))
        return false;
    *out = sql_map_end(&builder);
    return true;
}

/* A list with `added` in front of, behind, or instead of an item. */
static bool list_with(struct sql_run *run, const struct sql_value *list, int64_t at, bool instead,
                      struct sql_value added, struct sql_value *out)
{
    struct sql_list_builder builder = sql_list_begin(run->scope);
    if (!sql_spend(run->scope, list->len, run->err))
        return false;
    for (int64_t i = 0; i < list->len; i++) {
        if (i == at && !sql_list_add(&builder, added, run->err))
            return false;
        if ((i != at || !instead) && !sql_list_add(&builder, list->items[i], run->err))
            return false;
    }
    if (at >= list->len && !sql_list_add(&builder, added, run->err))
        return false;
    *out = sql_list_end(&builder);
    return true;
}

static bool put_index(struct sql_run *run, const struct sql_place_in *place, uint32_t i,
                      const struct sql_value *root, const struct sql_value *target, struct sql_value item,
                      struct sql_value *out)
{
    const struct sql_step *step = &place->steps[i];
    struct sql_value list = *target;
    struct sql_value inner = sql_undefined();
    struct sql_value replaced;
    bool instead = false;
    int64_t at = 0;
    if (list.type != SQL_LIST) {
        list = (struct sql_value){.type = SQL_LIST, .depth = 1};
    } else {
        int64_t index;
        bool known;
        if (!index_of(run, step, root, &index, &known))
            return false;
        if (known && index == 0) {
            at = step->tail ? list.len : 0;
        } else {
            at = known ? item_at(list.len, index) : -1;
            if (at < 0) {
                *out = *target;
                return true;
            }
            instead = true;
            inner = list.items[at];
        }
    }
    return put_below(run, place, i + 1, root, &inner, item, &replaced) &&
           list_with(run, &list, at, instead, replaced, out);
}

/* *out: what `target` becomes when the item is put at the steps from number i on. */
static bool put_below(struct sql_run *run, const struct sql_place_in *place, uint32_t i,
                      const struct sql_value *root, const struct sql_value *target, struct sql_value item,
                      struct sql_value *out)
{
    struct sql_value opened;
    if (i == place->step_count) {
        *out = item;
        return true;
    }
    if (!sql_run_open(run, target, &opened))
        return false;
    return place->steps[i].kind == SQL_SEGMENT_KEY ? put_key(run, place, i, root, &opened, item, out)
                                                   : put_index(run, place, i, root, &opened, item, out);
}

/* What is at the root in the layer, opened. A payload there that is no JSON would be lost. */
static bool open_root(struct sql_run *run, const struct sql_place_in *place,
                      const struct sql_map_builder *layer, struct sql_value *out)
{
    const struct sql_value *root = sql_map_builder_get(layer, place->root);
    *out = sql_undefined();
    if (root == NULL)
        return true;
    if (!sql_run_open(run, root, out))
        return false;
    if (place->is_payload && root->type == SQL_STRING && out->type == SQL_UNDEFINED)
        return error_set(run->err, ERR_INVALID, "payload is no JSON, so that nothing can be put into it");
    return true;
}

bool sql_run_put(struct sql_run *run, const struct sql_place_in *place, struct sql_value value)
{
    struct sql_map_builder *layer = run->in_each ? &run->each : &run->fields;
    if (place->step_count != 0) {
        struct sql_value root;
        if (place->step_count >= run->scope->depth_max)
            return error_set(run->err, ERR_LIMIT, "a path of %u steps is nested more than %u deep",
                             place->step_count, run->scope->depth_max);
        if (!open_root(run, place, layer, &root) || !put_below(run, place, 0, &root, &root, value, &value))
            return false;
    }
    return sql_map_put(layer, place->root, value, run->err);
}

static bool put_entries(struct sql_map_builder *into, const struct sql_map_builder *from, struct error *err)
{
    for (uint32_t i = 0; i < from->len; i++) {
        const struct sql_entry *entry = &from->map->entries[i];
        if (!sql_map_put(into, sql_key_of(entry), entry->value, err))
            return false;
    }
    return true;
}

bool sql_run_put_all(struct sql_run *run, struct sql_map_builder *into)
{
    if (!run->columns->all(run->columns->source, into, run->err))
        return false;
    if (into != &run->fields && !put_entries(into, &run->fields, run->err))
        return false;
    if (run->has_item && !sql_map_put(into, run->program->item_name, run->item, run->err))
        return false;
    return sql_spend(run->scope, into->len, run->err);
}
