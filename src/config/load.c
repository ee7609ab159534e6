/* From file, environment and --set to one checked tree, and its verdict.
 *
 *   1. the file (or text) is parsed
 *   2. the environment is merged over it, then each --set in its order
 *   3. readers ask (read.c); what is wrong with a value is kept, the first complaint counts
 *   4. config_finish() reports that complaint, or the first key that nobody asked for */
#include "config/config_internal.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

static bool load_file(struct config *config, const char *path, struct error *err)
{
    struct buf text = {0};
    struct error why;
    bool ok = buf_read_file(&text, path, CONFIG_TEXT_BYTES_MAX, &why);
    if (ok) {
        ok = parse_yaml(config, config->root, buf_str(&text), 0, true, err);
    } else if (why.code == ERR_TOO_LARGE) {
        error_set(err, ERR_INVALID, "%s: larger than %zu bytes", path, CONFIG_TEXT_BYTES_MAX);
    } else if (err != NULL) {
        *err = why;
    }
    if (text.data != NULL)
        mem_wipe(text.data, text.cap); /* it may hold secrets */
    buf_free(&text);
    return ok;
}

/* What is at the top of a text: keys and values, or nothing at all. */
static bool settle_root(struct config *config, struct error *err)
{
    struct config_node *root = config->root;
    if (root->kind == NODE_NOTHING)
        root->kind = NODE_MAPPING;
    return root->kind == NODE_MAPPING || node_refuse(root, err, "expected keys and values at the top");
}

struct config *config_load(const char *path, const char *const *sets, size_t set_count,
                           char *const *environment, struct error *err)
{
    struct config *config = tree_new(path != NULL ? path : "configuration");
    config->environment = environment;
    bool ok = (path == NULL || load_file(config, path, err)) && settle_root(config, err) &&
              override_environment(config, err);
    for (size_t i = 0; i < set_count && ok; i++)
        ok = override_set(config, sets[i], err);
    if (ok)
        return config;
    config_free(config);
    return NULL;
}

struct config *config_parse(struct str text, const char *name, struct error *err)
{
    struct config *config = tree_new(name);
    if (parse_yaml(config, config->root, text, 0, true, err) && settle_root(config, err))
        return config;
    config_free(config);
    return NULL;
}

void config_complain(struct config *config, const struct config_node *at, const char *key, const char *format,
                     ...)
{
    if (config->complained)
        return;
    char text[sizeof config->complaint.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct buf message = {0};
    node_place(at, key != NULL ? key : "", &message);
    buf_append_str(&message, str_of(text));
    error_set(&config->complaint, ERR_INVALID, "%s", buf_cstr(&message));
    config->complained = true;
    buf_free(&message);
}

/* ---- Keys that nobody asked for -------------------------------------------------------------------------- */

static const struct config_node *first_unknown(const struct config_node *node)
{
    for (const struct config_node *child = node->first; child != NULL; child = child->next) {
        if (!child->asked)
            return child;
        const struct config_node *below = first_unknown(child); /* no deeper than CONFIG_DEPTH_MAX */
        if (below != NULL)
            return below;
    }
    return NULL;
}

/* The key that the user may have meant: a near one in the same section, or the same one in another. */
static void hint_at_known(const struct config *config, const struct config_node *unknown, struct error *err)
{
    struct nearest nearest = {.word = str_of(unknown->key)};
    for (const struct question *known = unknown->parent->questions; known != NULL; known = known->next_here)
        nearest_offer(&nearest, known->key);
    if (nearest.best != NULL) {
        error_hint(err, "did you mean %s?", nearest.best);
        return;
    }
    for (const struct question *known = config->first_question; known != NULL; known = known->next) {
        if (strcmp(known->key, unknown->key) == 0) {
            struct buf path = {0};
            node_path(known->at, known->key, true, &path);
            error_hint(err, "did you mean %s?", buf_cstr(&path));
            buf_free(&path);
            return;
        }
    }
    if (strchr(unknown->key, '.') != NULL) {
        error_hint(err, "write keys nested: every part between dots is a level of its own");
    } else if (str_starts(str_of(unknown->origin), STR("VARVE_"))) {
        error_hint(err, "every variable that begins with VARVE_ is an option");
    }
}

bool config_finish(struct config *config, struct error *err)
{
    if (config->complained) {
        if (err != NULL)
            *err = config->complaint;
        return false;
    }
    const struct config_node *unknown = first_unknown(config->root);
    if (unknown == NULL)
        return true;
    if (unknown->key == NULL)
        return node_refuse(unknown, err, "not expected here");
    node_refuse(unknown, err, "unknown key");
    hint_at_known(config, unknown, err);
    return false;
}
