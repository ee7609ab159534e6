/* The tree of a statement, as the parser makes it, the printer writes it and the compiler reads it.
 *
 * It lives in the arena of the parser and points into a copy of the text there. Places are byte offsets in the text; the line and the
 * column are found when there is something to complain about. */
#ifndef SQL_TREE_INTERNAL_H
#define SQL_TREE_INTERNAL_H

#include "sql/arith_internal.h"
#include "sql/program.h"

/* A node is at most this deep, so that code which walks the tree may recurse. */
#define SQL_TREE_DEPTH_MAX 1000U

enum sql_segment_kind {
    SQL_SEGMENT_KEY,      /* .key .'key' */
    SQL_SEGMENT_INDEX,    /* [n] */
    SQL_SEGMENT_VARIABLE, /* [name]: the number is found below the root of the path */
};

struct sql_segment {
    enum sql_segment_kind kind;
    struct str key;           /* SQL_SEGMENT_KEY, or the first key of SQL_SEGMENT_VARIABLE */
    int64_t index;            /* SQL_SEGMENT_INDEX: from 1, from the end if negative */
    bool tail;                /* -0: in an alias, behind the last */
    struct sql_segment *more; /* the further keys of SQL_SEGMENT_VARIABLE */
    struct sql_segment *more_last;
    struct sql_segment *next;
};

struct sql_path {
    struct str root;
    struct sql_segment *first; /* NULL: a name alone */
    struct sql_segment *last;
    struct sql_segment *slice_from; /* both or neither: an index or a variable */
    struct sql_segment *slice_to;
};

enum sql_kind {
    SQL_NODE_LITERAL,
    SQL_NODE_PATH,
    SQL_NODE_CALL,
    SQL_NODE_LIST,
    SQL_NODE_RANGE,    /* a..b */
    SQL_NODE_POSITIVE, /* +a */
    SQL_NODE_NEGATIVE, /* -a */
    SQL_NODE_ARITH,
    SQL_NODE_COMPARE,
    SQL_NODE_MATCH, /* a =~ b */
    SQL_NODE_IN,    /* a IN (items) */
    SQL_NODE_NOT_IN,
    SQL_NODE_NOT,
    SQL_NODE_AND,
    SQL_NODE_OR,
    SQL_NODE_CASE,
};

struct sql_node {
    uint8_t kind; /* enum sql_kind */
    uint8_t op;   /* enum sql_arith or enum sql_compare */
    uint16_t depth;
    uint32_t at; /* byte offset of where it begins; of an operator, the operator */
    union {
        struct sql_value literal;
        struct sql_path path;
        struct {
            struct str name; /* SQL_NODE_CALL */
            struct sql_node *items;
            struct sql_node *last;
            uint32_t item_count;
            struct sql_node *subject; /* of IN */
        };
        struct {
            struct sql_node *a;
            struct sql_node *b;
        };
        struct {
            struct sql_node *whens; /* condition, value, condition, value, … */
            struct sql_node *whens_last;
            uint32_t when_count;
            struct sql_node *case_subject; /* NULL: CASE WHEN condition */
            struct sql_node *otherwise;    /* NULL: no ELSE */
        };
    };
    struct sql_node *next; /* in a list of items */
};

struct sql_field {
    struct sql_node *expr;  /* NULL: * */
    struct sql_path *alias; /* NULL: none */
    uint32_t at;
    struct sql_field *next;
};

struct sql_fields {
    struct sql_field *first;
    struct sql_field *last;
    uint32_t count;
};

struct sql_topic {
    struct str filter;
    uint32_t at;
    struct sql_topic *next;
};

struct sql_topics {
    struct sql_topic *first;
    struct sql_topic *last;
    uint32_t count;
};

struct sql_statement {
    struct str text; /* a copy in the arena */
    bool foreach;
    bool has_do;
    struct sql_fields fields;
    struct sql_fields each; /* DO */
    struct sql_node *incase;
    struct sql_topics topics;
    struct sql_node *where;
};

struct sql_place sql_place_of(struct str text, size_t at);

/* Sets "line 1, column 8: …", and *place if it is not NULL. Returns false. */
bool sql_place_error(struct str text, size_t at, struct sql_place *place, struct error *err,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The tree of the text, in the arena; NULL on failure.
 * Errors: ERR_INVALID "line 1, column 8: expected FROM or ',', not WHERE"; ERR_TOO_LARGE. */
struct sql_statement *sql_parse(struct arena *arena, struct str text, struct sql_place *place,
                                struct error *err);

/* Appends the statement as text which sql_parse() makes the same tree of. */
void sql_print_statement(struct buf *buf, const struct sql_statement *statement);
void sql_print_node(struct buf *buf, const struct sql_node *node);

#endif
