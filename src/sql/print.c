/* Tree to text. Parentheses are where the tree needs them, so that the text is parsed to the same tree. */
#include "sql/json.h"
#include "sql/parse_internal.h"

/* How tightly things bind, as in grammar.y. */
enum { LOOSEST, OR, AND, NOT, COMPARE, SUM, PRODUCT, SIGN, TIGHTEST };

static int binds(const struct sql_node *node)
{
    switch ((enum sql_kind)node->kind) {
    case SQL_NODE_OR: return OR;
    case SQL_NODE_AND: return AND;
    case SQL_NODE_NOT: return NOT;
    case SQL_NODE_COMPARE:
    case SQL_NODE_MATCH:
    case SQL_NODE_IN:
    case SQL_NODE_NOT_IN: return COMPARE;
    case SQL_NODE_ARITH: return node->op == SQL_ADD || node->op == SQL_SUB ? SUM : PRODUCT;
    case SQL_NODE_POSITIVE:
    case SQL_NODE_NEGATIVE: return SIGN;
    case SQL_NODE_LITERAL:
    case SQL_NODE_PATH:
    case SQL_NODE_CALL:
    case SQL_NODE_LIST:
    case SQL_NODE_RANGE:
    case SQL_NODE_CASE: break;
    }
    return TIGHTEST;
}

static void print_at(struct buf *buf, const struct sql_node *node, int least)
{
    bool wrapped = binds(node) < least;
    if (wrapped)
        buf_append_byte(buf, '(');
    sql_print_node(buf, node);
    if (wrapped)
        buf_append_byte(buf, ')');
}

static void print_quoted(struct buf *buf, struct str text, char quote)
{
    buf_append_byte(buf, (uint8_t)quote);
    buf_append_str(buf, text);
    buf_append_byte(buf, (uint8_t)quote);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool other = i != 0 && (c == '$' || c == '@' || c == '~');
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '_' && !other)
            return false;
    }
    return text.len != 0;
}

static void print_name(struct buf *buf, struct str name)
{
    if (is_word(name) && is_letter(name.data[0]) && !sql_is_reserved(name))
        buf_append_str(buf, name);
    else
        print_quoted(buf, name, '"');
}

static void print_segment(struct buf *buf, const struct sql_segment *segment)
{
    switch (segment->kind) {
    case SQL_SEGMENT_KEY:
        if (is_word(segment->key))
            buf_append_str(buf, segment->key);
        else
            print_quoted(buf, segment->key,
                         memchr(segment->key.data, '\'', segment->key.len) != NULL ? '"' : '\'');
        break;
    case SQL_SEGMENT_INDEX:
        if (segment->tail)
            buf_append_byte(buf, '-');
        buf_printf(buf, "%lld", (long long)segment->index);
        break;
    case SQL_SEGMENT_VARIABLE:
        buf_append_str(buf, segment->key);
        for (const struct sql_segment *key = segment->more; key != NULL; key = key->next) {
            buf_append_byte(buf, '.');
            print_segment(buf, key);
        }
        break;
    }
}

static void print_path(struct buf *buf, const struct sql_path *path)
{
    print_name(buf, path->root);
    for (const struct sql_segment *segment = path->first; segment != NULL; segment = segment->next) {
        bool key = segment->kind == SQL_SEGMENT_KEY;
        buf_append_byte(buf, key ? '.' : '[');
        print_segment(buf, segment);
        if (!key)
            buf_append_byte(buf, ']');
    }
    if (path->slice_from != NULL) {
        buf_append_byte(buf, '[');
        print_segment(buf, path->slice_from);
        buf_append_str(buf, STR(".."));
        print_segment(buf, path->slice_to);
        buf_append_byte(buf, ']');
    }
}

static void print_literal(struct buf *buf, const struct sql_value *value)
{
    if (value->type == SQL_STRING)
        print_quoted(buf, sql_str_of(value), '\'');
    else
        sql_json_append(buf, value, SIZE_MAX, NULL);
}

static void print_items(struct buf *buf, const struct sql_node *list, char open, char close)
{
    buf_append_byte(buf, (uint8_t)open);
    for (const struct sql_node *item = list->items; item != NULL; item = item->next) {
        if (item != list->items)
            buf_append_str(buf, STR(", "));
        sql_print_node(buf, item);
    }
    buf_append_byte(buf, (uint8_t)close);
}

static void print_case(struct buf *buf, const struct sql_node *node)
{
    buf_append_str(buf, STR("CASE"));
    if (node->case_subject != NULL) {
        buf_append_byte(buf, ' ');
        sql_print_node(buf, node->case_subject);
    }
    for (const struct sql_node *when = node->whens; when != NULL; when = when->next->next) {
        buf_append_str(buf, STR(" WHEN "));
        sql_print_node(buf, when);
        buf_append_str(buf, STR(" THEN "));
        sql_print_node(buf, when->next);
    }
    if (node->otherwise != NULL) {
        buf_append_str(buf, STR(" ELSE "));
        sql_print_node(buf, node->otherwise);
    }
    buf_append_str(buf, STR(" END"));
}

/* Operators that are repeated from left to right; comparisons cannot be repeated. */
static void print_pair(struct buf *buf, const struct sql_node *node, const char *symbol)
{
    int own = binds(node);
    print_at(buf, node->a, own == COMPARE ? own + 1 : own);
    buf_printf(buf, " %s ", symbol);
    print_at(buf, node->b, own + 1);
}

void sql_print_node(struct buf *buf, const struct sql_node *node)
{
    static const char *const arith[] = {
        [SQL_ADD] = "+",      [SQL_SUB] = "-",   [SQL_MUL] = "*",
        [SQL_QUOTIENT] = "/", [SQL_DIV] = "div", [SQL_MOD] = "mod",
    };
    static const char *const compare[] = {
        [SQL_EQ] = "=", [SQL_NE] = "!=", [SQL_LT] = "<", [SQL_LE] = "<=", [SQL_GT] = ">", [SQL_GE] = ">=",
    };
    switch ((enum sql_kind)node->kind) {
    case SQL_NODE_LITERAL: print_literal(buf, &node->literal); break;
    case SQL_NODE_PATH: print_path(buf, &node->path); break;
    case SQL_NODE_CALL:
        buf_append_str(buf, node->name);
        print_items(buf, node, '(', ')');
        break;
    case SQL_NODE_LIST: print_items(buf, node, '[', ']'); break;
    case SQL_NODE_RANGE:
        buf_append_byte(buf, '[');
        sql_print_node(buf, node->a);
        buf_append_str(buf, STR(".."));
        sql_print_node(buf, node->b);
        buf_append_byte(buf, ']');
        break;
    case SQL_NODE_POSITIVE:
        buf_append_byte(buf, '+');
        print_at(buf, node->a, SIGN);
        break;
    case SQL_NODE_NEGATIVE:
        /* Two signs in a row would begin a comment. */
        buf_append_str(buf, node->a->kind == SQL_NODE_NEGATIVE ? STR("- ") : STR("-"));
        print_at(buf, node->a, SIGN);
        break;
    case SQL_NODE_ARITH: print_pair(buf, node, arith[node->op]); break;
    case SQL_NODE_COMPARE: print_pair(buf, node, compare[node->op]); break;
    case SQL_NODE_MATCH: print_pair(buf, node, "=~"); break;
    case SQL_NODE_AND: print_pair(buf, node, "AND"); break;
    case SQL_NODE_OR: print_pair(buf, node, "OR"); break;
    case SQL_NODE_IN:
    case SQL_NODE_NOT_IN:
        print_at(buf, node->subject, COMPARE + 1);
        buf_append_str(buf, node->kind == SQL_NODE_IN ? STR(" IN ") : STR(" NOT IN "));
        print_items(buf, node, '(', ')');
        break;
    case SQL_NODE_NOT:
        buf_append_str(buf, STR("NOT "));
        print_at(buf, node->a, NOT);
        break;
    case SQL_NODE_CASE: print_case(buf, node); break;
    }
}

static void print_fields(struct buf *buf, const struct sql_fields *fields)
{
    for (const struct sql_field *field = fields->first; field != NULL; field = field->next) {
        if (field != fields->first)
            buf_append_str(buf, STR(", "));
        if (field->expr == NULL)
            buf_append_byte(buf, '*');
        else
            sql_print_node(buf, field->expr);
        if (field->alias != NULL) {
            buf_append_str(buf, STR(" AS "));
            print_path(buf, field->alias);
        }
    }
}

void sql_print_statement(struct buf *buf, const struct sql_statement *statement)
{
    buf_append_str(buf, statement->foreach ? STR("FOREACH ") : STR("SELECT "));
    print_fields(buf, &statement->fields);
    if (statement->has_do) {
        buf_append_str(buf, STR(" DO "));
        print_fields(buf, &statement->each);
    }
    if (statement->incase != NULL) {
        buf_append_str(buf, STR(" INCASE "));
        sql_print_node(buf, statement->incase);
    }
    buf_append_str(buf, STR(" FROM "));
    for (const struct sql_topic *topic = statement->topics.first; topic != NULL; topic = topic->next) {
        if (topic != statement->topics.first)
            buf_append_str(buf, STR(", "));
        print_quoted(buf, topic->filter,
                     memchr(topic->filter.data, '"', topic->filter.len) != NULL ? '\'' : '"');
    }
    if (statement->where != NULL) {
        buf_append_str(buf, STR(" WHERE "));
        sql_print_node(buf, statement->where);
    }
}
