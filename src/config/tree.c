/* The tree: nodes, their places, and how a place is told to the user. */
#include "config/config_internal.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

static bool has_key(const void *item, const void *key)
{
    const struct config_node *node = item;
    const struct str *wanted = key;
    return str_is(*wanted, node->key);
}

struct config *tree_new(const char *name)
{
    struct config *config = mem_zalloc(sizeof *config);
    config->root = node_new(config, NULL, NULL);
    config->root->kind = NODE_MAPPING;
    config->root->asked = true;
    config->root->present = true;
    config->root->origin = arena_strdup(&config->arena, str_of(name));
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (struct config_node *node = config->mapped; node != NULL; node = node->next_mapped)
        map_free(&node->children);
    for (struct secret *secret = config->secrets; secret != NULL; secret = secret->next)
        mem_wipe(secret->text, strlen(secret->text));
    arena_free(&config->arena);
    mem_free(config);
}

struct config_node *node_new(struct config *config, struct config_node *parent, const char *key)
{
    struct config_node *node = arena_zalloc(&config->arena, sizeof *node);
    node->parent = parent;
    node->key = key;
    return node;
}

struct config_node *node_find(const struct config_node *node, struct str key)
{
    return map_find(&node->children, hash_bytes(key.data, key.len), has_key, &key);
}

void node_remember(struct config *config, struct config_node *parent, struct config_node *child)
{
    if (parent->children.slots == NULL) {
        parent->next_mapped = config->mapped;
        config->mapped = parent;
    }
    map_insert(&parent->children, hash_bytes(child->key, strlen(child->key)), child);
    child->parent = parent;
}

void node_append(struct config *config, struct config_node *parent, struct config_node *child)
{
    if (child->key != NULL)
        node_remember(config, parent, child);
    child->parent = parent;
    child->present = true;
    child->next = NULL;
    child->index = parent->count++;
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
}

static void path_of(const struct config_node *node, bool pattern, struct buf *out)
{
    if (node->parent == NULL)
        return;
    path_of(node->parent, pattern, out); /* no deeper than CONFIG_DEPTH_MAX */
    if (node->key == NULL && pattern) {
        buf_append_str(out, STR("[]"));
    } else if (node->key == NULL) {
        buf_printf(out, "[%zu]", node->index);
    } else {
        buf_printf(out, "%s%s", out->len != 0 ? "." : "", node->entry && pattern ? "<name>" : node->key);
    }
}

void node_path(const struct config_node *node, const char *key, bool pattern, struct buf *out)
{
    struct buf path = {0};
    path_of(node, pattern, &path);
    if (key[0] != '\0')
        buf_printf(&path, "%s%s", path.len != 0 ? "." : "", key);
    buf_append_str(out, buf_str(&path));
    buf_free(&path);
}

void node_place(const struct config_node *node, const char *key, struct buf *out)
{
    const struct config_node *written = node;
    if (key[0] != '\0') {
        const struct config_node *child = node_find(node, str_of(key));
        if (child != NULL && child->present)
            written = child;
    }
    while (!written->present)
        written = written->parent; /* the root is always present */
    buf_append_str(out, str_of(written->origin));
    if (written->line != 0)
        buf_printf(out, ":%u", written->line);
    buf_append_str(out, STR(": "));
    size_t before = out->len;
    node_path(node, key, false, out);
    if (out->len != before)
        buf_append_str(out, STR(": "));
}

bool node_refuse(const struct config_node *node, struct error *err, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct buf message = {0};
    node_place(node, "", &message);
    buf_append_str(&message, str_of(text));
    error_set(err, ERR_INVALID, "%s", buf_cstr(&message));
    buf_free(&message);
    return false;
}
