/* Any tree, printed and parsed again, is the same tree. */
#include "harness.h"
#include "sql/parse_internal.h"

static struct random rnd;
static struct arena arena;
static struct sql_parser maker = {.arena = &arena};

static uint64_t below(uint64_t bound)
{
    return random_below(&rnd, bound);
}

/* --- Random trees --- */

static struct sql_token name_token(void)
{
    static const char *const names[] = {"a",   "payload", "x1", "a$b", "select", "a b", "gr\xc3\xbc\xc3\x9f",
                                        "end", "div",     "1",  "_id"};
    return (struct sql_token){.text = str_of(names[below(LENGTH(names))])};
}

static struct sql_token plain_token(void)
{
    static const char *const names[] = {"a", "i", "x_2"};
    return (struct sql_token){.text = str_of(names[below(LENGTH(names))])};
}

static struct sql_segment *random_index(void)
{
    struct sql_token number = {.value = sql_int((int64_t)below(4))};
    if (below(3) != 0)
        return sql_segment_index(&maker, number, below(2) == 0);
    struct sql_segment *variable = sql_segment_variable(&maker, plain_token());
    while (below(3) == 0)
        sql_segment_more(&maker, variable, plain_token());
    return variable;
}

static struct sql_node *random_path(bool alias)
{
    struct sql_node *path = sql_node_path(&maker, name_token());
    while (below(2) == 0) {
        struct sql_token key = name_token();
        if (below(4) == 0)
            key.text = below(2) == 0 ? STR("it's") : STR("\"");
        sql_path_add(path, below(3) != 0 ? sql_segment_key(&maker, key) : random_index());
    }
    if (!alias && below(6) == 0)
        sql_node_slice(path, random_index(), random_index());
    return path;
}

static struct sql_node *random_literal(void)
{
    static const char *const strings[] = {"", "text", "\"", "-- no comment", "two\nlines"};
    switch (below(5)) {
    case 0: return sql_node_literal(&maker, 0, sql_int((int64_t)(random_next(&rnd) >> below(63) >> 1)));
    case 1: return sql_node_literal(&maker, 0, sql_float((double)below(100000) / 64));
    case 2:
        return sql_node_literal(&maker, 0,
                                sql_float((double)random_next(&rnd) * 1e-30 * (double)below(1000)));
    case 3: return sql_node_literal(&maker, 0, sql_bool(below(2) == 0));
    default: return sql_node_literal(&maker, 0, sql_string(str_of(strings[below(LENGTH(strings))])));
    }
}

static struct sql_node *random_node(unsigned depth);

static struct sql_node *random_items(unsigned depth, unsigned least)
{
    struct sql_node *list = sql_node_new(&maker, SQL_NODE_LIST, 0);
    for (uint64_t left = least + below(3); left > 0; left--)
        sql_node_add(&maker, list, random_node(depth));
    return list;
}

static struct sql_node *random_case(unsigned depth)
{
    struct sql_node *choice = sql_node_new(&maker, SQL_NODE_CASE, 0);
    for (uint64_t left = 1 + below(2); left > 0; left--)
        sql_node_when(&maker, choice, random_node(depth), random_node(depth));
    return sql_node_case(&maker, 0, choice, below(2) == 0 ? random_node(depth) : NULL,
                         below(2) == 0 ? random_node(depth) : NULL);
}

static struct sql_node *random_call(unsigned depth)
{
    struct sql_node *callee = sql_node_path(&maker, plain_token());
    return sql_node_call(&maker, callee, below(4) == 0 ? NULL : random_items(depth, 1));
}

static struct sql_node *random_pair(enum sql_kind kind, uint8_t op, unsigned depth)
{
    struct sql_node *a = random_node(depth);
    return sql_node_pair(&maker, kind, op, 0, a, random_node(depth));
}

static struct sql_node *random_node(unsigned depth)
{
    if (depth == 0)
        return below(2) == 0 ? random_literal() : random_path(false);
    depth--;
    switch (below(15)) {
    case 0: return random_literal();
    case 1: return random_path(false);
    case 2: return random_call(depth);
    case 3: return random_items(depth, 0);
    case 4: return random_pair(SQL_NODE_RANGE, 0, depth);
    case 5: return sql_node_pair(&maker, SQL_NODE_POSITIVE, 0, 0, random_node(depth), NULL);
    case 6: return sql_node_pair(&maker, SQL_NODE_NEGATIVE, 0, 0, random_node(depth), NULL);
    case 7:
    case 8: return random_pair(SQL_NODE_ARITH, (uint8_t)below(SQL_MOD + 1), depth);
    case 9: return random_pair(SQL_NODE_COMPARE, (uint8_t)below(SQL_GE + 1), depth);
    case 10: return random_pair(SQL_NODE_MATCH, 0, depth);
    case 11: {
        struct sql_node *subject = random_node(depth);
        return sql_node_in(&maker, below(2) == 0 ? SQL_NODE_IN : SQL_NODE_NOT_IN, 0, subject,
                           random_items(depth, 1));
    }
    case 12: return sql_node_pair(&maker, SQL_NODE_NOT, 0, 0, random_node(depth), NULL);
    case 13: return random_pair(below(2) == 0 ? SQL_NODE_AND : SQL_NODE_OR, 0, depth);
    default: return random_case(depth);
    }
}

static void random_fields(struct sql_fields *fields)
{
    for (uint64_t left = 1 + below(3); left > 0; left--) {
        struct sql_node *expr = below(8) == 0 ? NULL : random_node((unsigned)below(5));
        struct sql_node *alias = expr != NULL && below(2) == 0 ? random_path(true) : NULL;
        sql_fields_add(fields, sql_field_new(&maker, 0, expr, alias));
    }
}

static void random_statement(struct sql_statement *statement)
{
    static const char *const topics[] = {"t/#", "$events/client_connected", "+/\"/x", "it's", "$station/s"};
    *statement = (struct sql_statement){.foreach = below(2) == 0};
    random_fields(&statement->fields);
    statement->has_do = statement->foreach && below(2) == 0;
    if (statement->has_do)
        random_fields(&statement->each);
    if (statement->foreach && below(2) == 0)
        statement->incase = random_node(3);
    for (uint64_t left = 1 + below(2); left > 0; left--) {
        struct sql_token topic = {.text = str_of(topics[below(LENGTH(topics))])};
        sql_topics_add(&statement->topics, sql_topic_new(&maker, topic));
    }
    if (below(2) == 0)
        statement->where = random_node(4);
}

/* --- Comparing trees --- */

static bool same_segment(const struct sql_segment *a, const struct sql_segment *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->kind == b->kind && str_equal(a->key, b->key) && a->index == b->index && a->tail == b->tail &&
           same_segment(a->more, b->more) && same_segment(a->next, b->next);
}

static bool same_path(const struct sql_path *a, const struct sql_path *b)
{
    return str_equal(a->root, b->root) && same_segment(a->first, b->first) &&
           same_segment(a->slice_from, b->slice_from) && same_segment(a->slice_to, b->slice_to);
}

static bool same_literal(const struct sql_value *a, const struct sql_value *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == SQL_STRING)
        return str_equal(sql_str_of(a), sql_str_of(b));
    return a->type == SQL_BOOL ? a->boolean == b->boolean : sql_number_of(a) == sql_number_of(b);
}

static bool same_node(const struct sql_node *a, const struct sql_node *b);

static bool same_list(const struct sql_node *a, const struct sql_node *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (!same_node(a, b))
            return false;
    }
    return a == b;
}

static bool same_node(const struct sql_node *a, const struct sql_node *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->kind != b->kind || a->op != b->op || a->depth != b->depth)
        return false;
    switch ((enum sql_kind)a->kind) {
    case SQL_NODE_LITERAL: return same_literal(&a->literal, &b->literal);
    case SQL_NODE_PATH: return same_path(&a->path, &b->path);
    case SQL_NODE_CALL: return str_equal(a->name, b->name) && same_list(a->items, b->items);
    case SQL_NODE_LIST: return same_list(a->items, b->items);
    case SQL_NODE_IN:
    case SQL_NODE_NOT_IN: return same_node(a->subject, b->subject) && same_list(a->items, b->items);
    case SQL_NODE_CASE:
        return same_node(a->case_subject, b->case_subject) && same_list(a->whens, b->whens) &&
               same_node(a->otherwise, b->otherwise);
    default: return same_node(a->a, b->a) && same_node(a->b, b->b);
    }
}

static bool same_fields(const struct sql_fields *a, const struct sql_fields *b)
{
    const struct sql_field *x = a->first;
    const struct sql_field *y = b->first;
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        if (!same_node(x->expr, y->expr) || (x->alias == NULL) != (y->alias == NULL) ||
            (x->alias != NULL && !same_path(x->alias, y->alias)))
            return false;
    }
    return x == NULL && y == NULL;
}

static bool same_statement(const struct sql_statement *a, const struct sql_statement *b)
{
    const struct sql_topic *x = a->topics.first;
    const struct sql_topic *y = b->topics.first;
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        if (!str_equal(x->filter, y->filter))
            return false;
    }
    return x == NULL && y == NULL && a->foreach == b->foreach && a->has_do == b->has_do &&
           same_fields(&a->fields, &b->fields) && same_fields(&a->each, &b->each) &&
           same_node(a->incase, b->incase) && same_node(a->where, b->where);
}

static void test_a_tree_printed_and_parsed_is_the_same_tree(void **state)
{
    struct buf text = {0};
    struct error err;
    random_seed(&rnd, harness_seed());
    maker.err = &err;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct sql_statement statement;
        random_statement(&statement);
        buf_reset(&text);
        sql_print_statement(&text, &statement);
        struct sql_statement *again = sql_parse(&arena, buf_str(&text), NULL, &err);
        CHECK(again != NULL, "%s: %s", buf_cstr(&text), err.text);
        CHECK(same_statement(&statement, again), "%s", buf_cstr(&text));
        arena_reset(&arena);
    }
    buf_free(&text);
    arena_free(&arena);
}

RUN_TESTS(cmocka_unit_test(test_a_tree_printed_and_parsed_is_the_same_tree))
