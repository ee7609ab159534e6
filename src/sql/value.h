/* Values of the rule language: what columns, payloads, expressions and results are made of.
 *
 * A value is 16 bytes and is passed by copy; what it points to lives in the arena of a scope, in the program, or in the
 * message that is evaluated, and is not changed once the value has been made. So a value may be shared by any number of
 * lists and maps. Nothing is freed one by one: the scope's arena goes as a whole.
 *
 * Integers are exact up to 128 bits; what is beyond is an error, never a float and never wrapped around. Floats are
 * always finite. Strings are bytes; they may hold any byte, and need not be UTF-8. Lists and maps know how deeply they
 * are nested, and are never deeper than the scope allows, so that code which walks them may recurse.
 *
 * Thread: a scope and its values belong to one thread at a time. */
#ifndef SQL_VALUE_H
#define SQL_VALUE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

__extension__ typedef __int128 sql_int128;

enum sql_type {
    SQL_UNDEFINED, /* there is no such column, key or index */
    SQL_NULL,      /* JSON's null */
    SQL_BOOL,
    SQL_INT,
    SQL_FLOAT,
    SQL_STRING,
    SQL_LIST,
    SQL_MAP,
};

struct sql_value {
    uint8_t type;  /* enum sql_type */
    uint8_t wide;  /* SQL_INT: 1 if the number is *big, because it does not fit into `integer` */
    uint8_t depth; /* SQL_LIST, SQL_MAP: 1 + that of the deepest item */
    uint32_t len;  /* SQL_STRING: bytes; SQL_LIST: items; SQL_MAP: entries */
    union {
        bool boolean;
        int64_t integer;
        const sql_int128 *big; /* read it with sql_int_of() */
        double number;
        const char *text;
        const struct sql_value *items;
        const struct sql_map *map;
    };
};

_Static_assert(sizeof(struct sql_value) == 16, "values are copied everywhere");

/* --- What one evaluation may use ----------------------------------------------------------------- */

/* Zero-initialise, then sql_scope_begin() before each evaluation, sql_scope_free() at the end. Memory is kept from one
 * evaluation to the next. */
struct sql_scope {
    struct arena arena;
    struct buf scratch; /* for building text; whoever runs may use it from len 0, and leaves nothing in it */
    struct buf stack;   /* the decoder's: entries of the lists and maps that are open */
    size_t memory_bytes_max;
    uint64_t steps_left;
    unsigned depth_max;
};

/* Defaults of the limits. A step is some 10 nanoseconds: an instruction, an item visited, 64 bytes compared or decoded,
 * 16 bytes that a function gets or gives. */
#define SQL_MEMORY_BYTES_DEFAULT ((size_t)16 * 1024 * 1024)
#define SQL_STEPS_DEFAULT        ((uint64_t)2000000)
#define SQL_DEPTH_DEFAULT        128U
#define SQL_DEPTH_LIMIT          250U /* depth_max is at most this */

struct sql_limits {
    size_t memory_bytes_max; /* 0: the default, as for the others */
    uint64_t steps_max;
    unsigned depth_max;
};

/* Forgets all values of the scope and sets the limits (NULL: the defaults). */
void sql_scope_begin(struct sql_scope *scope, const struct sql_limits *limits);
void sql_scope_free(struct sql_scope *scope);

/* Uninitialised memory that lives as long as the scope's values; NULL when the evaluation would have more than
 * it may. Errors: ERR_LIMIT. */
void *sql_alloc(struct sql_scope *scope, size_t bytes, struct error *err);

/* How many bytes sql_alloc would still give. Who builds text in the scratch buffer asks first. */
size_t sql_room(const struct sql_scope *scope);

/* Takes steps away. Whoever loops over what the input decides pays for it, before or as it goes; calls of functions are
 * charged for the size of their arguments and of their result by the caller. Errors: ERR_LIMIT. */
bool sql_spend(struct sql_scope *scope, uint64_t steps, struct error *err);

/* --- Making values --------------------------------------------------------------------------------- */

static inline struct sql_value sql_undefined(void)
{
    return (struct sql_value){.type = SQL_UNDEFINED};
}

static inline struct sql_value sql_null(void)
{
    return (struct sql_value){.type = SQL_NULL};
}

static inline struct sql_value sql_bool(bool boolean)
{
    return (struct sql_value){.type = SQL_BOOL, .boolean = boolean};
}

static inline struct sql_value sql_int(int64_t integer)
{
    return (struct sql_value){.type = SQL_INT, .integer = integer};
}

/* Finite: the caller's promise; else sql_make_float(). */
static inline struct sql_value sql_float(double number)
{
    return (struct sql_value){.type = SQL_FLOAT, .number = number};
}

/* Borrows the bytes, which live at least as long as the scope's values do; less than 4 GiB. An empty string has a pointer,
 * too, so that it can be added to. */
static inline struct sql_value sql_string(struct str text)
{
    return (struct sql_value){
        .type = SQL_STRING, .len = (uint32_t)text.len, .text = text.data != NULL ? text.data : ""};
}

/* These put what they need into the scope. Errors of all: ERR_LIMIT. */
bool sql_make_int(struct sql_scope *scope, sql_int128 integer, struct sql_value *out, struct error *err);
bool sql_make_float(double number, struct sql_value *out,
                    struct error *err); /* ERR_INVALID if it is not finite */
bool sql_make_string(struct sql_scope *scope, struct str text, struct sql_value *out,
                     struct error *err); /* copies */
/* Takes what is in the scratch buffer as the text of a string, and empties the buffer, also on failure. */
bool sql_make_scratch(struct sql_scope *scope, struct sql_value *out, struct error *err);

/* --- Reading values -------------------------------------------------------------------------------- */

static inline bool sql_is(const struct sql_value *value, enum sql_type type)
{
    return value->type == type;
}

static inline bool sql_is_number(const struct sql_value *value)
{
    return value->type == SQL_INT || value->type == SQL_FLOAT;
}

static inline struct str sql_str_of(const struct sql_value *string)
{
    return str_make(string->text, string->len);
}

static inline sql_int128 sql_int_of(const struct sql_value *integer)
{
    return integer->wide ? *integer->big : (sql_int128)integer->integer;
}

double sql_number_of(const struct sql_value *number); /* of SQL_INT or SQL_FLOAT */

/* "undefined", "null", "a boolean", "an integer", "a float", "a string", "a list", "a map": for error texts. */
const char *sql_type_name(const struct sql_value *value);

/* --- Lists ----------------------------------------------------------------------------------------- */

/* Builds a list: sql_list_begin(), sql_list_add() for each item, then sql_list_end(). */
struct sql_list_builder {
    struct sql_scope *scope;
    struct sql_value *items;
    uint32_t len;
    uint32_t cap;
    uint8_t depth; /* of the deepest item */
};

static inline struct sql_list_builder sql_list_begin(struct sql_scope *scope)
{
    return (struct sql_list_builder){.scope = scope};
}

/* Errors: ERR_LIMIT (memory, or nested too deeply). */
bool sql_list_add(struct sql_list_builder *builder, struct sql_value item, struct error *err);
struct sql_value sql_list_end(struct sql_list_builder *builder);

/* `len` items from `first` on (from 0) of the list, without copying them: first + len <= list->len. Its depth is taken
 * to be that of the whole. */
struct sql_value sql_list_part(const struct sql_value *list, uint32_t first, uint32_t len);

/* --- Maps ------------------------------------------------------------------------------------------ */

/* Keys are strings, each once, in the order in which they were first put. Up to SQL_MAP_SMALL entries are searched one
 * after the other; more get a hash index. */
#define SQL_MAP_SMALL 16U

struct sql_entry {
    const char *key;
    uint32_t key_len;
    uint32_t hash; /* set in a map with an index */
    struct sql_value value;
};

_Static_assert(sizeof(struct sql_entry) == 32, "two in a cache line");

struct sql_map {
    const uint32_t *index; /* NULL, or open addressing: number of the entry + 1, 0 for free */
    uint32_t index_mask;
    struct sql_entry entries[];
};

struct sql_map_builder {
    struct sql_scope *scope;
    struct sql_map *map; /* NULL before the first entry */
    uint32_t *index;
    uint32_t len;
    uint32_t cap;
    uint8_t depth;
};

static inline struct sql_map_builder sql_map_begin(struct sql_scope *scope)
{
    return (struct sql_map_builder){.scope = scope};
}

/* Begins with the entries of `map`, which stays as it is; with none if it is not a map. Errors: ERR_LIMIT. */
bool sql_map_begin_from(struct sql_map_builder *builder, struct sql_scope *scope, const struct sql_value *map,
                        struct error *err);

/* Begins with room for `count` entries. Errors: ERR_LIMIT. */
bool sql_map_begin_sized(struct sql_map_builder *builder, struct sql_scope *scope, size_t count,
                         struct error *err);

/* Replaces the value of the key, or adds the entry at the end. Borrows the key for as long as the map lives.
 * Errors: ERR_LIMIT (memory, or nested too deeply). */
bool sql_map_put(struct sql_map_builder *builder, struct str key, struct sql_value value, struct error *err);

/* The value of a key put before, or NULL; valid until the next put. */
const struct sql_value *sql_map_builder_get(const struct sql_map_builder *builder, struct str key);

/* The builder is not used afterwards. */
struct sql_value sql_map_end(struct sql_map_builder *builder);

/* The value of the key, or NULL. */
const struct sql_value *sql_map_get(const struct sql_value *map, struct str key);

/* Entry i of 0 … map->len - 1. */
static inline const struct sql_entry *sql_map_at(const struct sql_value *map, uint32_t i)
{
    return &map->map->entries[i];
}

static inline struct str sql_key_of(const struct sql_entry *entry)
{
    return str_make(entry->key, entry->key_len);
}

/* A copy of `value` that has `item` at the path of keys, making maps on the way; what is not a map is replaced by one.
 * Errors: ERR_LIMIT. */
bool sql_put_path(struct sql_scope *scope, const struct sql_value *value, const struct str *keys,
                  size_t count, struct sql_value item, struct sql_value *out, struct error *err);

/* --- Comparing ------------------------------------------------------------------------------------- */

enum sql_compare { SQL_EQ, SQL_NE, SQL_LT, SQL_LE, SQL_GT, SQL_GE };

/* As the operators do it. undefined equals undefined (so =, <= and >= hold), and no operator holds between undefined and
 * anything else, != among them. A number and a string: the string is read as a number. A boolean or null and a string:
 * as texts. Integer and float: by value. Otherwise by sql_order().
 * Errors: ERR_INVALID (a string that is no number), ERR_LIMIT (steps). */
bool sql_compare(struct sql_scope *scope, enum sql_compare op, const struct sql_value *a,
                 const struct sql_value *b, bool *out, struct error *err);

/* The order of all values: numbers (by value, 1 and 1.0 being equal) < undefined, null, booleans (by their texts) < maps
 * (by size, then keys, then values) < lists (item by item) < strings (by bytes).
 * Errors: ERR_LIMIT (steps). */
bool sql_order(struct sql_scope *scope, const struct sql_value *a, const struct sql_value *b, int *out,
               struct error *err);

/* Equal without any conversion: 1 is not 1.0, '1' is not 1, null is not undefined. As IN, contains() and CASE x WHEN do
 * it. Errors: ERR_LIMIT (steps). */
bool sql_equal_strict(struct sql_scope *scope, const struct sql_value *a, const struct sql_value *b,
                      bool *out, struct error *err);

/* --- Converting ------------------------------------------------------------------------------------ */

/* A text as an integer, if all of it is one ("-12"), else as a float ("1.5", "1.0e3"); false without any error if it is
 * neither. A number too large is neither. */
bool sql_text_to_number(struct sql_scope *scope, struct str text, struct sql_value *out);
/* All of the text as an integer of 128 bits. */
bool sql_text_to_int(struct str text, sql_int128 *out);
/* All of the text as a float: digits on both sides of a point, perhaps an exponent. */
bool sql_text_to_float(struct str text, double *out);

/* The text of a value, as str(), concatenation and templates have it: a string itself; integers in decimal; floats with
 * up to 10 decimals, at least one; "true", "false", "null", "undefined"; lists and maps as JSON.
 * Errors: ERR_LIMIT, ERR_TOO_LARGE. */
bool sql_text_of(struct sql_scope *scope, const struct sql_value *value, struct str *out, struct error *err);
/* The same at the end of a buffer that is to have at most bytes_max bytes then. Errors: ERR_TOO_LARGE. */
bool sql_text_append(struct buf *buf, const struct sql_value *value, size_t bytes_max, struct error *err);

/* An integer in decimal: at most SQL_INT_TEXT_BYTES, not terminated; returns the length. */
#define SQL_INT_TEXT_BYTES 40
size_t sql_int_text(sql_int128 integer, char out[SQL_INT_TEXT_BYTES]);
/* A float with at most `decimals` (0 … 253) digits behind the point, trailing zeros cut to one. */
void sql_float_text(struct buf *buf, double number, unsigned decimals);

#endif
