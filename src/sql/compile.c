/* Tree to program: one pass over the tree, which writes code and gathers constants, paths, calls and columns.
 *
 * What is checked here and not by the grammar: AND, OR, NOT and IN belong into conditions; a condition is something that
 * may be true or false; functions exist and get as many arguments as they take; an alias is a place that one can put
 * something at; FOREACH has a list to go through.
 *
 * Names are looked up when they are evaluated, among what has been put before and then among the columns; but for a
 * name that nothing has been put at, which is known here, only the columns are asked. */
#include "sql/parse_internal.h"
#include "sql/program_internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>

/* Lists that grow while compiling; copied into the program's arena when they are complete. */
struct lists {
    struct buf code;
    struct buf code_at;
    struct buf constants;
    struct buf paths;
    struct buf puts;
    struct buf calls;
    struct buf columns;
};

struct compiler {
    struct sql_program *program;
    struct arena *arena;
    struct lists lists;
    struct map column_numbers; /* struct column_number by name */
    struct map aliases;        /* struct str: roots that something has been put at */
    bool all_put;              /* `*` came before: every name may have been put */
    uint32_t stack;
    uint32_t stack_max;
    struct sql_place *place;
    struct error *err;
};

struct column_number {
    struct str name;
    uint32_t number;
};

static bool value(struct compiler *c, const struct sql_node *node);
static bool condition(struct compiler *c, const struct sql_node *node);

#define FAIL(c, at, ...) sql_place_error((c)->program->text, (at), (c)->place, (c)->err, __VA_ARGS__)

/* --- Lists --- */

/* Appends an item; returns its number. */
static uint32_t add(struct buf *list, const void *item, size_t size)
{
    uint32_t number = (uint32_t)(list->len / size);
    buf_append(list, item, size);
    return number;
}

static void *copy_list(struct compiler *c, const struct buf *list)
{
    void *copy = arena_alloc(c->arena, list->len);
    if (list->len != 0)
        memcpy(copy, list->data, list->len);
    return copy;
}

static uint32_t here(const struct compiler *c)
{
    return (uint32_t)(c->lists.code.len / sizeof(struct sql_instruction));
}

/* Writes an instruction that takes `pops` values and leaves `pushes`. Returns its number. */
static uint32_t emit(struct compiler *c, size_t at, struct sql_instruction instruction, uint32_t pops,
                     uint32_t pushes)
{
    uint32_t offset = (uint32_t)at;
    assert(c->stack >= pops);
    c->stack = c->stack - pops + pushes;
    if (c->stack > c->stack_max)
        c->stack_max = c->stack;
    add(&c->lists.code_at, &offset, sizeof offset);
    return add(&c->lists.code, &instruction, sizeof instruction);
}

static uint32_t emit_op(struct compiler *c, size_t at, enum sql_op op, uint32_t pops, uint32_t pushes)
{
    return emit(c, at, (struct sql_instruction){.op = (uint8_t)op}, pops, pushes);
}

/* The jump at number `jump` goes to what comes next. */
static void land(struct compiler *c, uint32_t jump)
{
    struct sql_instruction *code = (struct sql_instruction *)(void *)c->lists.code.data;
    code[jump].index = here(c);
}

static void constant(struct compiler *c, size_t at, struct sql_value value_of)
{
    uint32_t index = add(&c->lists.constants, &value_of, sizeof value_of);
    emit(c, at, (struct sql_instruction){.op = SQL_OP_CONSTANT, .index = index}, 0, 1);
}

/* --- Names and paths --- */

static bool column_has_name(const void *item, const void *key)
{
    const struct column_number *column = item;
    return str_equal(column->name, *(const struct str *)key);
}

static bool is_name(const void *item, const void *key)
{
    return str_equal(*(const struct str *)item, *(const struct str *)key);
}

static uint32_t column_of(struct compiler *c, struct str name)
{
    uint64_t hash = hash_bytes(name.data, name.len);
    struct column_number *column = map_find(&c->column_numbers, hash, column_has_name, &name);
    if (column == NULL) {
        column = arena_alloc(c->arena, sizeof *column);
        *column = (struct column_number){.name = name, .number = add(&c->lists.columns, &name, sizeof name)};
        map_insert(&c->column_numbers, hash, column);
    }
    return column->number;
}

static bool has_alias(const struct compiler *c, struct str name)
{
    return c->all_put || map_find(&c->aliases, hash_bytes(name.data, name.len), is_name, &name) != NULL;
}

static void note_alias(struct compiler *c, struct str name)
{
    uint64_t hash = hash_bytes(name.data, name.len);
    if (map_find(&c->aliases, hash, is_name, &name) != NULL)
        return;
    struct str *copy = arena_alloc(c->arena, sizeof *copy);
    *copy = name;
    map_insert(&c->aliases, hash, copy);
}

static struct sql_step step_of(struct compiler *c, const struct sql_segment *segment)
{
    struct sql_step step = {
        .kind = segment->kind, .tail = segment->tail, .key = segment->key, .index = segment->index};
    if (segment->kind != SQL_SEGMENT_VARIABLE)
        return step;
    step.key_count = 1;
    for (const struct sql_segment *key = segment->more; key != NULL; key = key->next)
        step.key_count++;
    struct str *keys = arena_alloc(c->arena, step.key_count * sizeof *keys);
    step.keys = keys;
    *keys++ = segment->key;
    for (const struct sql_segment *key = segment->more; key != NULL; key = key->next)
        *keys++ = key->key;
    return step;
}

static struct sql_place_in place_in(struct compiler *c, const struct sql_path *path)
{
    struct sql_place_in place = {
        .root = path->root,
        .column = column_of(c, path->root),
        .is_payload = str_is(path->root, "payload"),
        .layered = has_alias(c, path->root),
        .sliced = path->slice_from != NULL,
    };
    for (const struct sql_segment *segment = path->first; segment != NULL; segment = segment->next)
        place.step_count++;
    struct sql_step *steps = arena_alloc(c->arena, place.step_count * sizeof *steps);
    place.steps = steps;
    for (const struct sql_segment *segment = path->first; segment != NULL; segment = segment->next)
        *steps++ = step_of(c, segment);
    if (place.sliced) {
        place.from = step_of(c, path->slice_from);
        place.to = step_of(c, path->slice_to);
    }
    return place;
}

/* --- Expressions --- */

static bool items(struct compiler *c, const struct sql_node *list)
{
    for (const struct sql_node *item = list->items; item != NULL; item = item->next) {
        if (!value(c, item))
            return false;
    }
    return true;
}

/* The name of a function that has the most of its letters in common with what was written, from the front. */
static const char *nearest_function(struct str name)
{
    size_t table_count;
    const struct sql_function_table *const *tables = sql_function_tables(&table_count);
    const char *best = NULL;
    size_t best_common = 2;
    for (size_t i = 0; i < table_count; i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            struct str other = str_of(tables[i]->rows[j].name);
            size_t common = 0;
            while (common < name.len && common < other.len &&
                   (name.data[common] | 0x20) == other.data[common])
                common++;
            if (common > best_common) {
                best = other.data;
                best_common = common;
            }
        }
    }
    return best;
}

static bool unknown_function(struct compiler *c, const struct sql_node *node)
{
    const char *nearest = nearest_function(node->name);
    int len = node->name.len > 60 ? 60 : (int)node->name.len;
    FAIL(c, node->at, "there is no function %.*s", len, node->name.data);
    return nearest != NULL ? error_hint(c->err, "did you mean %s?", nearest) : false;
}

static bool wrong_count(struct compiler *c, const struct sql_node *node, const struct sql_function *function)
{
    unsigned min = function->args_min;
    unsigned max = function->args_max;
    FAIL(c, node->at, "%s takes %u%s%.0u argument%s, not %u", function->name, min,
         max == SQL_ARGS_ANY ? " or more"
         : max != min        ? " to "
                             : "",
         max == SQL_ARGS_ANY || max == min ? 0 : max, min == 1 && max == 1 ? "" : "s", node->item_count);
    return error_hint(c->err, "%s(%s)", function->name, function->parameters);
}

static void *prepare(struct compiler *c, const struct sql_function *function, const struct sql_node *node)
{
    struct sql_value *args = arena_zalloc(c->arena, node->item_count * sizeof *args);
    size_t i = 0;
    for (const struct sql_node *item = node->items; item != NULL; item = item->next, i++) {
        if (item->kind == SQL_NODE_LITERAL)
            args[i] = item->literal;
    }
    return function->prepare(args, node->item_count);
}

static bool call(struct compiler *c, const struct sql_node *node)
{
    const struct sql_function *function = sql_function_find(node->name);
    if (function == NULL)
        return unknown_function(c, node);
    if (node->item_count < function->args_min ||
        (function->args_max != SQL_ARGS_ANY && node->item_count > function->args_max))
        return wrong_count(c, node, function);
    if (!items(c, node))
        return false;
    struct sql_call_site site = {.function = function};
    if (function->prepare != NULL)
        site.prepared = prepare(c, function, node);
    uint32_t index = add(&c->lists.calls, &site, sizeof site);
    emit(c, node->at,
         (struct sql_instruction){.op = SQL_OP_CALL, .count = (uint16_t)node->item_count, .index = index},
         node->item_count, 1);
    return true;
}

/* Each WHEN:  x? condition JUMP_IF… next, [DROP x] value JUMP end; next: …
 * At the end: [DROP x] ELSE or undefined; end: */
static bool choice(struct compiler *c, const struct sql_node *node)
{
    uint32_t *ends = arena_alloc(c->arena, node->when_count * sizeof *ends);
    uint32_t end_count = 0;
    bool has_subject = node->case_subject != NULL;
    if (has_subject && !value(c, node->case_subject))
        return false;
    uint32_t stack = c->stack;
    for (const struct sql_node *when = node->whens; when != NULL; when = when->next->next) {
        if (has_subject ? !value(c, when) : !condition(c, when))
            return false;
        uint32_t next = emit_op(c, when->at, has_subject ? SQL_OP_JUMP_IF_OTHER : SQL_OP_JUMP_IF_NOT, 1, 0);
        if (has_subject)
            emit_op(c, when->at, SQL_OP_DROP, 1, 0);
        if (!value(c, when->next))
            return false;
        ends[end_count++] = emit_op(c, when->at, SQL_OP_JUMP, 0, 0);
        land(c, next);
        c->stack = stack;
    }
    if (has_subject)
        emit_op(c, node->at, SQL_OP_DROP, 1, 0);
    if (node->otherwise == NULL)
        constant(c, node->at, sql_undefined());
    else if (!value(c, node->otherwise))
        return false;
    for (uint32_t i = 0; i < end_count; i++)
        land(c, ends[i]);
    return true;
}

static bool pair(struct compiler *c, const struct sql_node *node, enum sql_op op)
{
    if (!value(c, node->a) || !value(c, node->b))
        return false;
    emit(c, node->at, (struct sql_instruction){.op = (uint8_t)op, .arg = node->op}, 2, 1);
    return true;
}

static bool only_in_conditions(struct compiler *c, const struct sql_node *node)
{
    const char *word = node->kind == SQL_NODE_AND   ? "AND"
                       : node->kind == SQL_NODE_OR  ? "OR"
                       : node->kind == SQL_NODE_NOT ? "NOT"
                                                    : "IN";
    return FAIL(c, node->at, "%s belongs into a condition: WHERE, INCASE or CASE WHEN", word);
}

static bool value(struct compiler *c, const struct sql_node *node)
{
    struct sql_place_in place;
    switch ((enum sql_kind)node->kind) {
    case SQL_NODE_LITERAL: constant(c, node->at, node->literal); return true;
    case SQL_NODE_PATH:
        place = place_in(c, &node->path);
        emit(c, node->at,
             (struct sql_instruction){.op = SQL_OP_PATH, .index = add(&c->lists.paths, &place, sizeof place)},
             0, 1);
        return true;
    case SQL_NODE_CALL: return call(c, node);
    case SQL_NODE_LIST:
        if (!items(c, node))
            return false;
        emit(c, node->at, (struct sql_instruction){.op = SQL_OP_LIST, .count = (uint16_t)node->item_count},
             node->item_count, 1);
        return true;
    case SQL_NODE_RANGE: return pair(c, node, SQL_OP_RANGE);
    case SQL_NODE_POSITIVE:
    case SQL_NODE_NEGATIVE:
        if (!value(c, node->a))
            return false;
        emit_op(c, node->at, node->kind == SQL_NODE_POSITIVE ? SQL_OP_POSITIVE : SQL_OP_NEGATIVE, 1, 1);
        return true;
    case SQL_NODE_ARITH: return pair(c, node, SQL_OP_ARITH);
    case SQL_NODE_COMPARE: return pair(c, node, SQL_OP_COMPARE);
    case SQL_NODE_MATCH: return pair(c, node, SQL_OP_MATCH);
    case SQL_NODE_CASE: return choice(c, node);
    case SQL_NODE_IN:
    case SQL_NODE_NOT_IN:
    case SQL_NODE_NOT:
    case SQL_NODE_AND:
    case SQL_NODE_OR: return only_in_conditions(c, node);
    }
    return true;
}

/* --- Conditions --- */

static bool both(struct compiler *c, const struct sql_node *node, enum sql_op op)
{
    if (!condition(c, node->a))
        return false;
    uint32_t jump = emit_op(c, node->at, op, 1, 0);
    if (!condition(c, node->b))
        return false;
    land(c, jump);
    return true;
}

static bool no_condition(struct compiler *c, const struct sql_node *node, const char *what)
{
    return FAIL(c, node->at, "a condition is expected, not %s", what);
}

/* Leaves a boolean on the stack. */
static bool condition(struct compiler *c, const struct sql_node *node)
{
    switch ((enum sql_kind)node->kind) {
    case SQL_NODE_AND: return both(c, node, SQL_OP_AND);
    case SQL_NODE_OR: return both(c, node, SQL_OP_OR);
    case SQL_NODE_NOT:
        if (!condition(c, node->a))
            return false;
        emit_op(c, node->at, SQL_OP_NOT, 1, 1);
        return true;
    case SQL_NODE_IN:
    case SQL_NODE_NOT_IN:
        if (!value(c, node->subject) || !items(c, node))
            return false;
        emit(c, node->at,
             (struct sql_instruction){
                 .op = SQL_OP_IN, .arg = node->kind == SQL_NODE_NOT_IN, .count = (uint16_t)node->item_count},
             node->item_count + 1, 1);
        return true;
    case SQL_NODE_COMPARE:
    case SQL_NODE_MATCH: return value(c, node);
    case SQL_NODE_LITERAL:
        if (node->literal.type != SQL_BOOL)
            return no_condition(c, node, sql_type_name(&node->literal));
        return value(c, node);
    case SQL_NODE_PATH:
        if (node->path.slice_from != NULL)
            return no_condition(c, node, "a part of a list");
        break;
    case SQL_NODE_CALL:
    case SQL_NODE_CASE: break;
    case SQL_NODE_LIST:
    case SQL_NODE_RANGE: return no_condition(c, node, "a list");
    case SQL_NODE_POSITIVE:
    case SQL_NODE_NEGATIVE:
    case SQL_NODE_ARITH: return no_condition(c, node, "arithmetic");
    }
    if (!value(c, node))
        return false;
    emit_op(c, node->at, SQL_OP_BOOLEAN, 1, 1);
    return true;
}

/* --- Fields --- */

static bool check_alias(struct compiler *c, const struct sql_field *field)
{
    for (const struct sql_segment *segment = field->alias->first; segment != NULL; segment = segment->next) {
        if (segment->kind == SQL_SEGMENT_VARIABLE)
            return FAIL(c, field->at, "the index of an alias has to be a number");
    }
    return true;
}

/* Where a field without an alias goes: a path to itself; a string to its own text; anything else to how it is
 * written. */
static struct sql_path own_place(struct compiler *c, const struct sql_node *expr)
{
    if (expr->kind == SQL_NODE_PATH && expr->path.slice_from == NULL)
        return expr->path;
    if (expr->kind == SQL_NODE_LITERAL && expr->literal.type == SQL_STRING)
        return (struct sql_path){.root = sql_str_of(&expr->literal)};
    struct buf text = {0};
    sql_print_node(&text, expr);
    struct sql_path path = {.root = arena_str(c->arena, buf_str(&text))};
    buf_free(&text);
    return path;
}

/* Evaluates the field and puts it where it belongs. `is_list`: what FOREACH goes through. */
static bool field(struct compiler *c, const struct sql_field *field_of, bool is_list)
{
    if (field_of->expr == NULL) {
        emit_op(c, field_of->at, SQL_OP_PUT_ALL, 0, 0);
        c->all_put = true;
        return true;
    }
    if (field_of->alias != NULL && !check_alias(c, field_of))
        return false;
    if (!value(c, field_of->expr))
        return false;
    if (is_list)
        emit_op(c, field_of->at, SQL_OP_ITEMS, 1, 1);
    struct sql_path own;
    const struct sql_path *path = field_of->alias;
    if (path == NULL) {
        own = own_place(c, field_of->expr);
        path = &own;
    }
    struct sql_place_in place = place_in(c, path);
    emit(c, field_of->at,
         (struct sql_instruction){.op = SQL_OP_PUT, .index = add(&c->lists.puts, &place, sizeof place)}, 1,
         0);
    note_alias(c, path->root);
    return true;
}

static bool fields(struct compiler *c, const struct sql_fields *list, bool foreach, uint32_t *section)
{
    *section = here(c);
    for (const struct sql_field *each = list->first; each != NULL; each = each->next) {
        if (!field(c, each, foreach && each->next == NULL))
            return false;
    }
    emit_op(c, 0, SQL_OP_END, 0, 0);
    return true;
}

static bool optional_condition(struct compiler *c, const struct sql_node *node, uint32_t *section)
{
    *section = SQL_NO_CODE;
    if (node == NULL)
        return true;
    *section = here(c);
    if (!condition(c, node))
        return false;
    emit_op(c, node->at, SQL_OP_END, 1, 0);
    return true;
}

/* The name of the items is the alias of the list, which has to be a plain one. */
static bool name_items(struct compiler *c, const struct sql_field *list)
{
    if (list->expr == NULL)
        return FAIL(c, list->at, "FOREACH needs a list to go through, not *");
    c->program->item_name = STR("item");
    if (list->alias != NULL) {
        if (list->alias->first != NULL)
            return FAIL(c, list->at, "the name of the items of FOREACH cannot be a path");
        c->program->item_name = list->alias->root;
    }
    return true;
}

static bool foreach (struct compiler *c, const struct sql_statement *statement)
{
    struct sql_program *program = c->program;
    if (!name_items(c, statement->fields.last) || !fields(c, &statement->fields, true, &program->fields) ||
        !optional_condition(c, statement->where, &program->where))
        return false;
    note_alias(c, program->item_name);
    if (!optional_condition(c, statement->incase, &program->incase))
        return false;
    return !statement->has_do || fields(c, &statement->each, false, &program->each);
}

static bool select_fields(struct compiler *c, const struct sql_statement *statement)
{
    struct sql_program *program = c->program;
    const struct sql_field *first = statement->fields.first;
    program->selects_all = first->expr == NULL && first->next == NULL;
    if (!program->selects_all && !fields(c, &statement->fields, false, &program->fields))
        return false;
    return optional_condition(c, statement->where, &program->where);
}

static void finish(struct compiler *c)
{
    struct sql_program *program = c->program;
    struct lists *lists = &c->lists;
    program->stack_max = c->stack_max;
    program->code = copy_list(c, &lists->code);
    program->code_at = copy_list(c, &lists->code_at);
    program->constants = copy_list(c, &lists->constants);
    program->paths = copy_list(c, &lists->paths);
    program->puts = copy_list(c, &lists->puts);
    program->columns = copy_list(c, &lists->columns);
    program->column_count = lists->columns.len / sizeof(struct str);
    struct str *topics = arena_alloc(c->arena, program->statement->topics.count * sizeof *topics);
    program->topics = topics;
    program->topic_count = program->statement->topics.count;
    for (const struct sql_topic *topic = program->statement->topics.first; topic != NULL; topic = topic->next)
        *topics++ = topic->filter;
}

static void free_lists(struct compiler *c)
{
    struct lists *lists = &c->lists;
    buf_free(&lists->code);
    buf_free(&lists->code_at);
    buf_free(&lists->constants);
    buf_free(&lists->paths);
    buf_free(&lists->puts);
    buf_free(&lists->calls);
    buf_free(&lists->columns);
    map_free(&c->column_numbers);
    map_free(&c->aliases);
}

static bool compile(struct sql_program *program, struct str text, struct sql_place *place, struct error *err)
{
    struct compiler c = {.program = program, .arena = &program->arena, .place = place, .err = err};
    program->statement = sql_parse(&program->arena, text, place, err);
    if (program->statement == NULL)
        return false;
    program->text = program->statement->text;
    program->fields = program->where = program->incase = program->each = SQL_NO_CODE;
    bool done = program->statement->foreach ? foreach (&c, program->statement)
                                            : select_fields(&c, program->statement);
    /* Also of a program that failed: what has been prepared is to be released. */
    program->calls = copy_list(&c, &c.lists.calls);
    program->call_count = (uint32_t)(c.lists.calls.len / sizeof(struct sql_call_site));
    if (done)
        finish(&c);
    free_lists(&c);
    return done;
}

struct sql_program *sql_compile(struct str text, struct sql_place *place, struct error *err)
{
    struct sql_program *program = mem_zalloc(sizeof *program);
    if (place != NULL)
        *place = (struct sql_place){.line = 1, .column = 1};
    if (!compile(program, text, place, err)) {
        sql_program_free(program);
        return NULL;
    }
    return program;
}
