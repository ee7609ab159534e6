/* What lexer, grammar and parser share. */
#ifndef SQL_PARSE_INTERNAL_H
#define SQL_PARSE_INTERNAL_H

#include "sql/tree_internal.h"

struct sql_token {
    int type; /* SQL_TOKEN_…, 0 at the end */
    uint32_t at;
    struct str text;        /* of a name, or within the quotes */
    struct sql_value value; /* of a number */
};

struct sql_lexer {
    struct str text;
    const char *cursor;
    int last; /* type of the token before: what follows a point is a key, whatever it looks like */
    struct arena *arena;
    struct sql_place *place;
    struct error *err;
};

/* The next token. False for what is none, with the error set. The text ends with a NUL that its length does not
 * count. */
bool sql_lex(struct sql_lexer *lexer, struct sql_token *token);

/* True for words that are no names, such as FROM. */
bool sql_is_reserved(struct str word);

/* What the grammar's actions work on. */
struct sql_parser {
    struct arena *arena;
    struct str text;
    struct sql_statement *statement; /* when the whole has been recognised */
    bool syntax_error;               /* the last token does not fit */
    bool failed;                     /* something else: the error is set */
    struct sql_place *place;
    struct error *err;
};

/* These make nodes; a node that would be too deep makes parser->failed true. */
struct sql_node *sql_node_new(struct sql_parser *parser, enum sql_kind kind, size_t at);
struct sql_node *sql_node_literal(struct sql_parser *parser, size_t at, struct sql_value value);
struct sql_node *sql_node_pair(struct sql_parser *parser, enum sql_kind kind, uint8_t op, size_t at,
                               struct sql_node *a, struct sql_node *b);
struct sql_node *sql_node_call(struct sql_parser *parser, const struct sql_node *callee,
                               struct sql_node *args);
struct sql_node *sql_node_in(struct sql_parser *parser, enum sql_kind kind, size_t at,
                             struct sql_node *subject, struct sql_node *items);
/* Adds to the items of `list`. */
struct sql_node *sql_node_add(struct sql_parser *parser, struct sql_node *list, struct sql_node *item);
struct sql_node *sql_node_when(struct sql_parser *parser, struct sql_node *choice, struct sql_node *condition,
                               struct sql_node *value);
struct sql_node *sql_node_case(struct sql_parser *parser, size_t at, struct sql_node *choice,
                               struct sql_node *subject, struct sql_node *otherwise);

struct sql_node *sql_node_path(struct sql_parser *parser, struct sql_token root);
struct sql_node *sql_node_slice(struct sql_node *path, struct sql_segment *from, struct sql_segment *to);
struct sql_node *sql_path_add(struct sql_node *path, struct sql_segment *segment);
struct sql_segment *sql_segment_key(struct sql_parser *parser, struct sql_token key);
struct sql_segment *sql_segment_index(struct sql_parser *parser, struct sql_token number, bool negative);
struct sql_segment *sql_segment_variable(struct sql_parser *parser, struct sql_token name);
struct sql_segment *sql_segment_more(struct sql_parser *parser, struct sql_segment *variable,
                                     struct sql_token name);

struct sql_field *sql_field_new(struct sql_parser *parser, size_t at, struct sql_node *expr,
                                struct sql_node *alias);
struct sql_topic *sql_topic_new(struct sql_parser *parser, struct sql_token token);
void sql_fields_add(struct sql_fields *fields, struct sql_field *field);
void sql_topics_add(struct sql_topics *topics, struct sql_topic *topic);

#endif
