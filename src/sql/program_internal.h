/* What a program is made of.
 *
 * Code for a machine with a stack of values. Each instruction says what it takes off the stack and what it leaves; code
 * sections end with END. The maps that fields are put into are not on the stack: they are the layers of an evaluation (see
 * evaluate.c). */
#ifndef SQL_PROGRAM_INTERNAL_H
#define SQL_PROGRAM_INTERNAL_H

#include "base/map.h"
#include "sql/function.h"
#include "sql/tree_internal.h"

enum sql_op {
    SQL_OP_END,
    SQL_OP_CONSTANT,      /*        → constants[index] */
    SQL_OP_PATH,          /*        → the value of paths[index] */
    SQL_OP_CALL,          /* args   → the result of calls[index]; count arguments */
    SQL_OP_LIST,          /* items  → the list of them; count items */
    SQL_OP_RANGE,         /* a b    → the list from a to b */
    SQL_OP_POSITIVE,      /* a      → a, if it is a number */
    SQL_OP_NEGATIVE,      /* a      → -a */
    SQL_OP_ARITH,         /* a b    → a ∘ b; arg is the enum sql_arith */
    SQL_OP_COMPARE,       /* a b    → boolean; arg is the enum sql_compare */
    SQL_OP_MATCH,         /* a b    → boolean: topic a matches filter b */
    SQL_OP_IN,            /* a items → boolean; count items; arg is 1 for NOT IN */
    SQL_OP_NOT,           /* a      → boolean */
    SQL_OP_BOOLEAN,       /* a      → a, if it is a boolean */
    SQL_OP_JUMP,          /*        →        goes on at index */
    SQL_OP_JUMP_IF_NOT,   /* a      →        goes on at index if a is false */
    SQL_OP_AND,           /* a      → a or nothing: if a is false it stays, and index is next */
    SQL_OP_OR,            /* a      → a or nothing: if a is true it stays, and index is next */
    SQL_OP_JUMP_IF_OTHER, /* x a    → x      goes on at index if a is not strictly x */
    SQL_OP_DROP,          /* a      → */
    SQL_OP_PUT,           /* a      →        puts it at puts[index] */
    SQL_OP_PUT_ALL,       /*        →        puts all columns */
    SQL_OP_ITEMS,         /* a      → a      remembers it as what FOREACH goes through */
};

struct sql_instruction {
    uint8_t op;
    uint8_t arg;
    uint16_t count;
    uint32_t index;
};

/* One step of a path, from a value to one below it. */
struct sql_step {
    enum sql_segment_kind kind;
    bool tail;
    uint32_t key_count;     /* SQL_SEGMENT_VARIABLE */
    struct str key;         /* SQL_SEGMENT_KEY */
    const struct str *keys; /* SQL_SEGMENT_VARIABLE */
    int64_t index;
};

/* Where a value is read, or put. */
struct sql_place_in {
    struct str root;
    uint32_t column; /* index of the root among the columns */
    bool is_payload; /* the root is `payload` */
    bool layered;    /* something may have been put at the root before */
    bool sliced;
    uint32_t step_count;
    const struct sql_step *steps;
    struct sql_step from; /* of the slice */
    struct sql_step to;
};

struct sql_call_site {
    const struct sql_function *function;
    void *prepared;
};

#define SQL_NO_CODE UINT32_MAX

struct sql_program {
    struct arena arena; /* all below lives there */
    struct str text;
    const struct sql_statement *statement;

    const struct sql_instruction *code;
    const uint32_t *code_at; /* for each instruction the byte of the text that it comes from */
    uint32_t fields;         /* where each section begins, or SQL_NO_CODE */
    uint32_t where;
    uint32_t incase;
    uint32_t each;
    uint32_t stack_max;

    const struct sql_value *constants;
    const struct sql_place_in *paths;
    const struct sql_place_in *puts;
    struct sql_call_site *calls;
    uint32_t call_count;
    const struct str *columns;
    size_t column_count;
    const struct str *topics;
    size_t topic_count;
    struct str item_name; /* of FOREACH */
    bool selects_all;
};

#endif
