/* What a program tells about itself, and its end. */
#include "sql/program_internal.h"

#include "base/mem.h"

void sql_program_free(struct sql_program *program)
{
    if (program == NULL)
        return;
    for (uint32_t i = 0; i < program->call_count; i++) {
        if (program->calls[i].prepared != NULL)
            program->calls[i].function->release(program->calls[i].prepared);
    }
    arena_free(&program->arena);
    mem_free(program);
}

const struct str *sql_program_topics(const struct sql_program *program, size_t *count)
{
    *count = program->topic_count;
    return program->topics;
}

bool sql_program_listens(const struct sql_program *program, struct str topic)
{
    for (size_t i = 0; i < program->topic_count; i++) {
        if (sql_topic_matches(topic, program->topics[i]))
            return true;
    }
    return false;
}

const struct str *sql_program_columns(const struct sql_program *program, size_t *count)
{
    *count = program->column_count;
    return program->columns;
}

bool sql_program_calls(const struct sql_program *program, const char *function)
{
    for (uint32_t i = 0; i < program->call_count; i++) {
        if (strcmp(program->calls[i].function->name, function) == 0)
            return true;
    }
    return false;
}

bool sql_program_selects_all(const struct sql_program *program)
{
    return program->selects_all;
}

bool sql_program_passes_all(const struct sql_program *program)
{
    return program->selects_all && program->where == SQL_NO_CODE;
}

bool sql_program_is_foreach(const struct sql_program *program)
{
    return program->statement->foreach;
}

void sql_program_print(const struct sql_program *program, struct buf *buf)
{
    sql_print_statement(buf, program->statement);
}
