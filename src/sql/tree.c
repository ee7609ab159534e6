/* Making the tree, as the grammar's actions ask for it. */
#include "sql/parse_internal.h"

static bool fail(struct sql_parser *parser, size_t at, const char *what)
{
    if (!parser->failed)
        sql_place_error(parser->text, at, parser->place, parser->err, "%s", what);
    parser->failed = true;
    return false;
}

struct sql_node *sql_node_new(struct sql_parser *parser, enum sql_kind kind, size_t at)
{
    struct sql_node *node = arena_zalloc(parser->arena, sizeof *node);
    node->kind = (uint8_t)kind;
    node->at = (uint32_t)at;
    node->depth = 1;
    return node;
}

/* Makes `node` deeper than what comes below it. */
static void above(struct sql_parser *parser, struct sql_node *node, const struct sql_node *below)
{
    if (below == NULL || below->depth < node->depth)
        return;
    node->depth = (uint16_t)(below->depth + 1);
    if (node->depth > SQL_TREE_DEPTH_MAX) {
        node->depth = SQL_TREE_DEPTH_MAX;
        fail(parser, node->at, "the expression is nested too deeply");
    }
}

struct sql_node *sql_node_literal(struct sql_parser *parser, size_t at, struct sql_value value)
{
    struct sql_node *node = sql_node_new(parser, SQL_NODE_LITERAL, at);
    node->literal = value;
    return node;
}

struct sql_node *sql_node_pair(struct sql_parser *parser, enum sql_kind kind, uint8_t op, size_t at,
                               struct sql_node *a, struct sql_node *b)
{
    struct sql_node *node = sql_node_new(parser, kind, at);
    node->op = op;
    node->a = a;
    node->b = b;
    above(parser, node, a);
    above(parser, node, b);
    return node;
}

struct sql_node *sql_node_add(struct sql_parser *parser, struct sql_node *list, struct sql_node *item)
{
    if (list->last != NULL)
        list->last->next = item;
    else
        list->items = item;
    list->last = item;
    list->item_count++;
    above(parser, list, item);
    return list;
}

/* The name of a function is a path without an index: name, or module.name. */
struct sql_node *sql_node_call(struct sql_parser *parser, const struct sql_node *callee,
                               struct sql_node *args)
{
    const struct sql_path *path = &callee->path;
    const struct sql_segment *segment = path->first;
    struct sql_node *node = args != NULL ? args : sql_node_new(parser, SQL_NODE_CALL, callee->at);
    node->kind = SQL_NODE_CALL;
    node->at = callee->at;
    if (segment == NULL) {
        node->name = path->root;
    } else if (segment->kind == SQL_SEGMENT_KEY && segment->next == NULL &&
               str_starts(path->root, STR("emqx_rule_funcs"))) {
        node->name = segment->key;
    } else {
        fail(parser, callee->at, "only names of functions can be called");
    }
    return node;
}

struct sql_node *sql_node_in(struct sql_parser *parser, enum sql_kind kind, size_t at,
                             struct sql_node *subject, struct sql_node *items)
{
    items->kind = (uint8_t)kind;
    items->at = (uint32_t)at;
    items->subject = subject;
    above(parser, items, subject);
    return items;
}

struct sql_node *sql_node_when(struct sql_parser *parser, struct sql_node *choice, struct sql_node *condition,
                               struct sql_node *value)
{
    if (choice->whens_last != NULL)
        choice->whens_last->next = condition;
    else
        choice->whens = condition;
    condition->next = value;
    choice->whens_last = value;
    choice->when_count++;
    above(parser, choice, condition);
    above(parser, choice, value);
    return choice;
}

struct sql_node *sql_node_case(struct sql_parser *parser, size_t at, struct sql_node *choice,
                               struct sql_node *subject, struct sql_node *otherwise)
{
    choice->at = (uint32_t)at;
    choice->case_subject = subject;
    choice->otherwise = otherwise;
    above(parser, choice, subject);
    above(parser, choice, otherwise);
    return choice;
}

/* --- Paths --- */

struct sql_node *sql_node_path(struct sql_parser *parser, struct sql_token root)
{
    struct sql_node *node = sql_node_new(parser, SQL_NODE_PATH, root.at);
    node->path.root = root.text;
    if (root.text.len == 0)
        fail(parser, root.at, "a name is missing between the quotes");
    return node;
}

struct sql_node *sql_node_slice(struct sql_node *path, struct sql_segment *from, struct sql_segment *to)
{
    path->path.slice_from = from;
    path->path.slice_to = to;
    return path;
}

struct sql_node *sql_path_add(struct sql_node *path, struct sql_segment *segment)
{
    if (path->path.last != NULL)
        path->path.last->next = segment;
    else
        path->path.first = segment;
    path->path.last = segment;
    return path;
}

static struct sql_segment *segment_new(struct sql_parser *parser, enum sql_segment_kind kind)
{
    struct sql_segment *segment = arena_zalloc(parser->arena, sizeof *segment);
    segment->kind = kind;
    return segment;
}

struct sql_segment *sql_segment_key(struct sql_parser *parser, struct sql_token key)
{
    struct sql_segment *segment = segment_new(parser, SQL_SEGMENT_KEY);
    segment->key = key.text;
    return segment;
}

struct sql_segment *sql_segment_index(struct sql_parser *parser, struct sql_token number, bool negative)
{
    struct sql_segment *segment = segment_new(parser, SQL_SEGMENT_INDEX);
    if (number.value.wide)
        fail(parser, number.at, "the index is too large");
    else
        segment->index = negative ? -number.value.integer : number.value.integer;
    segment->tail = negative && segment->index == 0;
    return segment;
}

struct sql_segment *sql_segment_variable(struct sql_parser *parser, struct sql_token name)
{
    struct sql_segment *segment = segment_new(parser, SQL_SEGMENT_VARIABLE);
    segment->key = name.text;
    return segment;
}

struct sql_segment *sql_segment_more(struct sql_parser *parser, struct sql_segment *variable,
                                     struct sql_token name)
{
    struct sql_segment *key = sql_segment_key(parser, name);
    if (variable->more_last != NULL)
        variable->more_last->next = key;
    else
        variable->more = key;
    variable->more_last = key;
    return variable;
}

/* --- Fields and topics --- */

struct sql_field *sql_field_new(struct sql_parser *parser, size_t at, struct sql_node *expr,
                                struct sql_node *alias)
{
    struct sql_field *field = arena_zalloc(parser->arena, sizeof *field);
    field->expr = expr;
    field->alias = alias != NULL ? &alias->path : NULL;
    field->at = (uint32_t)at;
    return field;
}

struct sql_topic *sql_topic_new(struct sql_parser *parser, struct sql_token token)
{
    struct sql_topic *topic = arena_zalloc(parser->arena, sizeof *topic);
    topic->filter = token.text;
    topic->at = token.at;
    if (!sql_topic_filter_valid(token.text))
        fail(parser, token.at,
             "this is no topic filter: + stands for one level, # for all the rest at the end");
    return topic;
}

void sql_fields_add(struct sql_fields *fields, struct sql_field *field)
{
    if (fields->last != NULL)
        fields->last->next = field;
    else
        fields->first = field;
    fields->last = field;
    fields->count++;
}

void sql_topics_add(struct sql_topics *topics, struct sql_topic *topic)
{
    if (topics->last != NULL)
        topics->last->next = topic;
    else
        topics->first = topic;
    topics->last = topic;
    topics->count++;
}
