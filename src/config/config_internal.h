/* The configuration from inside: a tree of nodes, what was asked of it, and the first complaint. */
#ifndef CONFIG_CONFIG_INTERNAL_H
#define CONFIG_CONFIG_INTERNAL_H

#include "config/config.h"

#include "base/arena.h"
#include "base/map.h"

#define CONFIG_TEXT_BYTES_MAX ((size_t)1 << 20)
#define CONFIG_DEPTH_MAX      32     /* mappings and lists inside each other */
#define CONFIG_NODES_MAX      100000 /* of a file and all overrides together */
#define CONFIG_KEY_BYTES_MAX  256

enum node_kind {
    NODE_NOTHING, /* written without a value: every question gets its default */
    NODE_TEXT,
    NODE_MAPPING,
    NODE_LIST
};

/* One place in the tree. Lives in the arena; its map is freed with the configuration. */
struct config_node {
    enum node_kind kind;
    bool present;       /* written somewhere; else it stands for what a reader asked for */
    const char *key;    /* in a mapping; NULL for the root and for a list's items */
    size_t index;       /* among the children of its parent */
    const char *text;   /* of NODE_TEXT */
    const char *origin; /* the file's name, "--set", or the variable's name */
    unsigned line;      /* 0: not in a file */

    struct config_node *parent;
    struct config_node *first; /* children that are present, in their order */
    struct config_node *last;
    struct config_node *next;
    size_t count;
    struct map children; /* a mapping's children by key; those that are only asked for, too */
    struct config_node *next_mapped;

    /* What readers did. */
    bool asked;
    bool entry;                   /* reached by config_entry: its name is the user's choice */
    struct question *questions;   /* about keys of this node */
    struct config_node *cursor;   /* the last entry that was given */
    struct config_node *stand_in; /* the empty section that is given instead of a wrong value */
};

enum question_kind { QUESTION_SECTION, QUESTION_VALUE };

/* A key that a reader has asked for. Strings are copies in the arena. */
struct question {
    struct question *next_here; /* of the same node */
    struct question *next;      /* of all, in their order */
    const struct config_node *at;
    const char *key; /* "": the node itself */
    enum question_kind kind;
    const char *fallback; /* NULL: none */
    const char *values;
    const char *doc;
};

/* Text that is overwritten before it is freed. */
struct secret {
    struct secret *next;
    char *text;
};

struct config {
    struct arena arena;
    struct config_node *root;
    struct config_node *mapped; /* nodes whose map holds memory */
    size_t node_count;
    char *const *environment; /* borrowed; may be NULL */
    struct question *first_question;
    struct question *last_question;
    struct secret *secrets;
    bool complained;
    struct error complaint;
};

/* ---- tree.c ---------------------------------------------------------------------------------------------- */

struct config *tree_new(const char *name);
struct config_node *node_new(struct config *config, struct config_node *parent, const char *key);
/* The child, present or only asked for; NULL. */
struct config_node *node_find(const struct config_node *node, struct str key);
/* Behind the last child; its key, if any, is not there yet. */
void node_append(struct config *config, struct config_node *parent, struct config_node *child);
void node_remember(struct config *config, struct config_node *parent,
                   struct config_node *child); /* by key only */

/* "varve.yaml:12: listeners.tcp.default.bnd: ": where the node (or `key` in it, if not empty) is written. */
void node_place(const struct config_node *node, const char *key, struct buf *out);
/* "listeners.tcp.default.bnd", or with the user's names left out: "listeners.tcp.<name>.bnd", "topics[]". */
void node_path(const struct config_node *node, const char *key, bool pattern, struct buf *out);
/* Sets ERR_INVALID: the place of the node and the text. Returns false. */
bool node_refuse(const struct config_node *node, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- parse.c --------------------------------------------------------------------------------------------- */

/* Fills `node` (it has its origin, parent and key) from YAML. `depth`: of the node; `lines`: whether places have
 * line numbers. Errors: ERR_INVALID. */
bool parse_yaml(struct config *config, struct config_node *node, struct str text, unsigned depth, bool lines,
                struct error *err);
/* Whether a text without quotes means "no value". */
bool parse_is_nothing(struct str text);

/* ---- override.c ------------------------------------------------------------------------------------------ */

bool override_environment(struct config *config, struct error *err);
bool override_set(struct config *config, const char *set, struct error *err);

/* ---- nearest.c ------------------------------------------------------------------------------------------- */

/* Keeps the candidate that is nearest to a word, if it is near enough to be a slip of the finger. */
struct nearest {
    struct str word;
    const char *best; /* NULL: none */
    size_t distance;
};

void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
