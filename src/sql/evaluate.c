/* Running a program for one message or event.
 *
 *     SELECT    fields ─▶ WHERE ─▶ the map of fields
 *     FOREACH   fields, the last of which is the list ─▶ WHERE ─▶ for each item: INCASE ─▶ DO ─▶ a map in the list
 *
 * Fields come before WHERE, since WHERE may use what they have put. The stack is as large as the compiler has counted, so it
 * is not checked. Each instruction costs a step, a call more for the sizes of what goes in and comes out. */
#include "sql/run_internal.h"

static bool fail_at(struct sql_run *run, uint32_t at)
{
    if (run->err == NULL)
        return false;
    struct sql_place place = sql_place_of(run->program->text, run->program->code_at[at]);
    return error_wrap(run->err, "line %u, column %u", place.line, place.column);
}

/* What a function is charged for looking at a value, or making it. */
static uint64_t size_of(const struct sql_value *value)
{
    switch ((enum sql_type)value->type) {
    case SQL_STRING: return value->len / 16;
    case SQL_LIST:
    case SQL_MAP: return value->len;
    default: return 0;
    }
}

static bool run_call(struct sql_run *run, const struct sql_instruction *instruction, struct sql_value *args)
{
    const struct sql_call_site *site = &run->program->calls[instruction->index];
    struct sql_call call = {.function = site->function,
                            .scope = run->scope,
                            .columns = run->columns,
                            .prepared = site->prepared,
                            .payload = &run->payload};
    uint64_t steps = 1;
    for (uint32_t i = 0; i < instruction->count; i++)
        steps += size_of(&args[i]);
    struct sql_value result = sql_undefined();
    if (!sql_spend(run->scope, steps, run->err))
        return false;
    if (!site->function->run(&call, args, instruction->count, &result, run->err))
        return error_wrap(run->err, "%s", site->function->name);
    args[0] = result;
    return sql_spend(run->scope, size_of(&result), run->err);
}

static bool run_list(struct sql_run *run, uint32_t count, struct sql_value *items)
{
    struct sql_list_builder builder = sql_list_begin(run->scope);
    for (uint32_t i = 0; i < count; i++) {
        if (!sql_list_add(&builder, items[i], run->err))
            return false;
    }
    items[0] = sql_list_end(&builder);
    return sql_spend(run->scope, count, run->err);
}

static bool run_range(struct sql_run *run, struct sql_value *bounds)
{
    if (bounds[0].type != SQL_INT || bounds[1].type != SQL_INT)
        return error_set(run->err, ERR_INVALID, "the bounds of a range must be integers, not %s",
                         sql_type_name(&bounds[bounds[0].type == SQL_INT]));
    if (bounds[0].wide || bounds[1].wide)
        return error_set(run->err, ERR_INVALID, "the bounds of a range must be integers of 64 bits");
    int64_t from = bounds[0].integer;
    int64_t to = bounds[1].integer;
    uint64_t count = to < from ? 0 : (uint64_t)to - (uint64_t)from + 1;
    if (to < from && from - 1 != to)
        return error_set(run->err, ERR_INVALID, "a range cannot go down from %lld to %lld", (long long)from,
                         (long long)to);
    if (!sql_spend(run->scope, count, run->err))
        return false;
    struct sql_list_builder builder = sql_list_begin(run->scope);
    for (uint64_t i = 0; i < count; i++) {
        if (!sql_list_add(&builder, sql_int(from + (int64_t)i), run->err))
            return false;
    }
    bounds[0] = sql_list_end(&builder);
    return true;
}

static bool run_match(struct sql_run *run, struct sql_value *sides)
{
    bool matches = false;
    if (sides[0].type != SQL_UNDEFINED && sides[1].type != SQL_UNDEFINED) {
        const struct sql_value *culprit = sides[0].type != SQL_STRING ? &sides[0] : &sides[1];
        if (culprit->type != SQL_STRING)
            return error_set(run->err, ERR_INVALID, "=~ needs a topic and a topic filter, not %s",
                             sql_type_name(culprit));
        if (!sql_spend(run->scope, size_of(&sides[0]) + size_of(&sides[1]), run->err))
            return false;
        matches = sql_topic_matches(sql_str_of(&sides[0]), sql_str_of(&sides[1]));
    }
    sides[0] = sql_bool(matches);
    return true;
}

static bool run_in(struct sql_run *run, const struct sql_instruction *instruction, struct sql_value *subject)
{
    bool found = false;
    for (uint32_t i = 1; i <= instruction->count && !found; i++) {
        if (!sql_equal_strict(run->scope, subject, &subject[i], &found, run->err))
            return false;
    }
    *subject = sql_bool(found != (instruction->arg != 0));
    return true;
}

static bool run_positive(struct sql_run *run, const struct sql_value *value)
{
    if (sql_is_number(value))
        return true;
    return error_set(run->err, ERR_INVALID, "+ needs a number, not %s", sql_type_name(value));
}

static bool run_boolean(struct sql_run *run, const struct sql_value *value)
{
    if (value->type == SQL_BOOL)
        return true;
    return error_set(run->err, ERR_INVALID, "a condition must be true or false, not %s",
                     sql_type_name(value));
}

static bool run_compare(struct sql_run *run, enum sql_compare op, struct sql_value *sides)
{
    bool holds;
    if (!sql_compare(run->scope, op, &sides[0], &sides[1], &holds, run->err))
        return false;
    sides[0] = sql_bool(holds);
    return true;
}

/* Runs the section that begins at `at`; what it leaves on the stack is at its bottom. */
static bool run_section(struct sql_run *run, uint32_t at)
{
    const struct sql_program *program = run->program;
    struct sql_value *top = run->stack; /* behind the topmost value */
    uint32_t from;
    for (;;) {
        const struct sql_instruction *instruction = &program->code[at];
        bool done = sql_spend(run->scope, 1, run->err);
        bool equal;
        from = at++;
        if (!done)
            return fail_at(run, from);
        switch ((enum sql_op)instruction->op) {
        case SQL_OP_END: return true;
        case SQL_OP_CONSTANT: *top++ = program->constants[instruction->index]; break;
        case SQL_OP_PATH: done = sql_run_get(run, &program->paths[instruction->index], top++); break;
        case SQL_OP_CALL:
            top -= instruction->count;
            done = run_call(run, instruction, top++);
            break;
        case SQL_OP_LIST:
            top -= instruction->count;
            done = run_list(run, instruction->count, top++);
            break;
        case SQL_OP_RANGE: done = run_range(run, --top - 1); break;
        case SQL_OP_POSITIVE: done = run_positive(run, top - 1); break;
        case SQL_OP_NEGATIVE: done = sql_negate(run->scope, top - 1, top - 1, run->err); break;
        case SQL_OP_ARITH:
            top--;
            done = sql_arith(run->scope, instruction->arg, top - 1, top, top - 1, run->err);
            break;
        case SQL_OP_COMPARE: done = run_compare(run, instruction->arg, --top - 1); break;
        case SQL_OP_MATCH: done = run_match(run, --top - 1); break;
        case SQL_OP_IN:
            top -= instruction->count;
            done = run_in(run, instruction, top - 1);
            break;
        case SQL_OP_NOT: top[-1].boolean = !top[-1].boolean; break;
        case SQL_OP_BOOLEAN: done = run_boolean(run, top - 1); break;
        case SQL_OP_JUMP: at = instruction->index; break;
        case SQL_OP_JUMP_IF_NOT:
            if (!(--top)->boolean)
                at = instruction->index;
            break;
        case SQL_OP_AND:
            if (!top[-1].boolean)
                at = instruction->index;
            else
                top--;
            break;
        case SQL_OP_OR:
            if (top[-1].boolean)
                at = instruction->index;
            else
                top--;
            break;
        case SQL_OP_JUMP_IF_OTHER:
            top--;
            done = sql_equal_strict(run->scope, top - 1, top, &equal, run->err);
            if (done && !equal)
                at = instruction->index;
            break;
        case SQL_OP_DROP: top--; break;
        case SQL_OP_PUT: done = sql_run_put(run, &program->puts[instruction->index], *--top); break;
        case SQL_OP_PUT_ALL: done = sql_run_put_all(run, run->in_each ? &run->each : &run->fields); break;
        case SQL_OP_ITEMS: run->list = top[-1]; break;
        }
        if (!done)
            return fail_at(run, from);
    }
}

static bool run_condition(struct sql_run *run, uint32_t section, bool *holds)
{
    *holds = true;
    if (section == SQL_NO_CODE)
        return true;
    if (!run_section(run, section))
        return false;
    *holds = run->stack[0].boolean;
    return true;
}

/* The map of one item, without DO: all that is known, and the item. */
static bool whole_item(struct sql_run *run, struct sql_value *base, struct sql_value *out)
{
    struct sql_map_builder builder = sql_map_begin(run->scope);
    if (base->type == SQL_UNDEFINED) {
        if (!sql_run_put_all(run, &builder))
            return false;
        *base = sql_map_end(&builder);
    }
    if (!sql_map_begin_from(&builder, run->scope, base, run->err) ||
        !sql_map_put(&builder, run->program->item_name, run->item, run->err))
        return false;
    *out = sql_map_end(&builder);
    return true;
}

static bool run_each(struct sql_run *run, struct sql_value *base, struct sql_value *out)
{
    if (run->program->each == SQL_NO_CODE)
        return whole_item(run, base, out);
    run->each = sql_map_begin(run->scope);
    run->in_each = true;
    bool done = run_section(run, run->program->each);
    run->in_each = false;
    *out = sql_map_end(&run->each);
    return done;
}

static bool run_items(struct sql_run *run, struct sql_value *out)
{
    struct sql_list_builder results = sql_list_begin(run->scope);
    struct sql_value base = sql_undefined();
    struct sql_value list;
    if (!sql_run_open(run, &run->list, &list))
        return false;
    uint32_t count = list.type == SQL_LIST ? list.len : 0;
    run->has_item = true;
    for (uint32_t i = 0; i < count; i++) {
        struct sql_value result;
        bool wanted;
        run->item = list.items[i];
        if (!run_condition(run, run->program->incase, &wanted))
            return false;
        if (wanted && (!run_each(run, &base, &result) || !sql_list_add(&results, result, run->err)))
            return false;
    }
    *out = sql_list_end(&results);
    return true;
}

static bool run_program(struct sql_run *run, struct sql_result *result)
{
    const struct sql_program *program = run->program;
    if (program->fields != SQL_NO_CODE && !run_section(run, program->fields))
        return false;
    if (!run_condition(run, program->where, &result->matched))
        return false;
    if (!result->matched)
        return true;
    if (program->statement->foreach)
        return run_items(run, &result->value);
    result->all_columns = program->selects_all;
    if (!program->selects_all)
        result->value = sql_map_end(&run->fields);
    return true;
}

bool sql_evaluate(const struct sql_program *program, const struct sql_columns *columns,
                  struct sql_scope *scope, struct sql_result *result, struct error *err)
{
    *result = (struct sql_result){.value = sql_undefined()};
    if (sql_program_passes_all(program)) {
        result->matched = result->all_columns = true;
        return true;
    }
    size_t values = program->stack_max + program->column_count;
    struct sql_value *room = sql_alloc(scope, values * sizeof *room, err);
    if (room == NULL)
        return false;
    struct sql_run run = {.program = program,
                          .columns = columns,
                          .scope = scope,
                          .err = err,
                          .stack = room,
                          .column_values = room + program->stack_max,
                          .fields = sql_map_begin(scope),
                          .each = sql_map_begin(scope)};
    for (size_t i = 0; i < program->column_count; i++)
        run.column_values[i].type = SQL_NOT_READ;
    if (run_program(&run, result))
        return true;
    *result = (struct sql_result){.value = sql_undefined()};
    return false;
}

bool sql_result_map(const struct sql_columns *columns, struct sql_scope *scope, struct sql_result *result,
                    struct error *err)
{
    if (!result->all_columns)
        return true;
    struct sql_map_builder builder = sql_map_begin(scope);
    if (!columns->all(columns->source, &builder, err))
        return false;
    result->value = sql_map_end(&builder);
    result->all_columns = false;
    return true;
}
