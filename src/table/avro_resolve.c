/* Which fields of a file somebody wants: the schema it was written with against what is looked for.
 *
 * A field is found by Iceberg's id. Where the file gives none, its name counts, together with the field that it lies in. It
 * may stand anywhere in its record, be in a union with null or not, and have any type that its values can be read from;
 * whatever else the file has is skipped. */
#include "table/avro_internal.h"

struct resolve {
    const struct avro_target *targets;
    size_t count;
    uint64_t found; /* bit for each target */
    struct error *err;
};
enum { TARGETS_MAX = 64 };

static const struct avro_target *find_target(const struct resolve *resolve, const struct avro_field *field,
                                             int32_t parent)
{
    for (size_t i = 0; i < resolve->count; i++) {
        const struct avro_target *target = &resolve->targets[i];
        if (target->parent != parent)
            continue;
        if (field->id != AVRO_NO_ID ? field->id == target->id : str_is(field->name, target->name))
            return target;
    }
    return NULL;
}

static bool check_type(struct resolve *resolve, const struct avro_node *node,
                       const struct avro_target *target)
{
    if (node->type == AVRO_UNION) {
        for (size_t i = 0; i < node->branch_count; i++) {
            if (node->branches[i]->type != AVRO_NULL && !check_type(resolve, node->branches[i], target))
                return false;
        }
        return true;
    }
    if (target->types & AVRO_MASK(node->type))
        return true;
    return error_set(resolve->err, ERR_CORRUPT, "the field %s is of another type than it should",
                     target->name);
}

static bool resolve_node(struct resolve *resolve, struct avro_node *node, int32_t parent);

static bool resolve_record(struct resolve *resolve, struct avro_node *record, int32_t parent)
{
    if (record->resolved) /* it stands in a second place, or in itself: its fields have one meaning only */
        return true;
    record->resolved = true;
    for (size_t i = 0; i < record->field_count; i++) {
        struct avro_field *field = &record->fields[i];
        const struct avro_target *target = find_target(resolve, field, parent);
        if (target == NULL)
            continue;
        uint64_t bit = UINT64_C(1) << (target - resolve->targets);
        if (resolve->found & bit)
            return error_set(resolve->err, ERR_CORRUPT, "the field %s is there twice", target->name);
        resolve->found |= bit;
        if (!check_type(resolve, field->node, target))
            return false;
        field->tag = target->id;
        if (!resolve_node(resolve, field->node, target->id))
            return false;
    }
    return true;
}

static bool resolve_node(struct resolve *resolve, struct avro_node *node, int32_t parent)
{
    switch (node->type) {
    case AVRO_RECORD: return resolve_record(resolve, node, parent);
    case AVRO_ARRAY:
    case AVRO_UNION:
        for (size_t i = 0; i < node->branch_count; i++) {
            if (!resolve_node(resolve, node->branches[i], parent))
                return false;
        }
        return true;
    default: return true;
    }
}

bool avro_resolve(struct avro_node *root, const struct avro_target *targets, size_t count, struct error *err)
{
    struct resolve resolve = {.targets = targets, .count = count, .err = err};
    if (count > TARGETS_MAX || root->type != AVRO_RECORD)
        return error_set(err, ERR_CORRUPT, "the values of the file are no records");
    if (!resolve_record(&resolve, root, AVRO_ROOT))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (targets[i].required && !(resolve.found & UINT64_C(1) << i))
            return error_set(err, ERR_CORRUPT, "the field %s is missing", targets[i].name);
    }
    return true;
}

const struct avro_node *avro_field_tagged(const struct avro_node *record, int32_t tag)
{
    for (size_t i = 0; record != NULL && record->type == AVRO_RECORD && i < record->field_count; i++) {
        if (record->fields[i].tag == tag)
            return record->fields[i].node;
    }
    return NULL;
}
