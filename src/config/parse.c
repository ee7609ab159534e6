/* YAML to tree, over libyaml's events.
 *
 * Taken are mappings, lists and scalars; a scalar without quotes that is empty, ~ or null is no value. What else a
 * number or a switch is, the reader decides: the tree holds text. Refused are the parts of YAML that surprise:
 * duplicate keys, anchors, aliases, tags, keys that are not text, a second document. Depth and the number of
 * nodes are bounded, so that a small text cannot become a large tree. */
#include "config/config_internal.h"

#include <yaml.h>

struct parse {
    struct config *config;
    struct str text;
    bool lines;
    struct error *err;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
};

static unsigned line_of(const struct parse *parse, yaml_mark_t mark)
{
    return parse->lines ? (unsigned)mark.line + 1 : 0;
}

/* libyaml tells the offset of bytes that are no characters, not their line. */
static size_t line_at(struct str text, size_t offset)
{
    size_t line = 0;
    for (size_t i = 0; i < offset && i < text.len; i++)
        line += text.data[i] == '\n';
    return line;
}

/* `within`: the node that is being read. */
static bool refuse_syntax(struct parse *parse, const struct config_node *within)
{
    const yaml_parser_t *parser = &parse->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "out of memory";
    struct config_node place = {.present = true, .origin = within->origin};
    if (parser->error == YAML_READER_ERROR) {
        place.line = (unsigned)line_at(parse->text, parser->problem_offset) + 1;
    } else {
        place.line = (unsigned)parser->problem_mark.line + 1;
    }
    if (!parse->lines) {
        node_refuse(within, parse->err, "not YAML: %s", problem);
    } else if (parser->context != NULL) {
        node_refuse(&place, parse->err, "not YAML: %s (%s from line %zu)", problem, parser->context,
                    parser->context_mark.line + 1);
    } else {
        node_refuse(&place, parse->err, "not YAML: %s", problem);
    }
    return error_hint(parse->err, "indent with spaces; put values with special characters in quotes");
}

/* Goes on to the next event. */
static bool advance(struct parse *parse, const struct config_node *within)
{
    yaml_event_delete(&parse->event);
    return yaml_parser_parse(&parse->parser, &parse->event) != 0 || refuse_syntax(parse, within);
}

bool parse_is_nothing(struct str text)
{
    return text.len == 0 || str_is(text, "~") || str_is(text, "null") || str_is(text, "Null") ||
           str_is(text, "NULL");
}

static bool count_node(struct parse *parse, const struct config_node *node)
{
    if (++parse->config->node_count <= CONFIG_NODES_MAX)
        return true;
    return node_refuse(node, parse->err, "more than %d values", CONFIG_NODES_MAX);
}

static bool refuse_anchor_and_tag(struct parse *parse, const struct config_node *node,
                                  const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        return node_refuse(node, parse->err, "YAML anchors (&) and aliases (*) are not supported");
    if (tag != NULL) {
        node_refuse(node, parse->err, "YAML tags (!) are not supported");
        return error_hint(parse->err, "put a value that begins with ! in quotes");
    }
    return true;
}

/* The current event is a scalar. */
static bool parse_scalar(struct parse *parse, struct config_node *node)
{
    struct str text = str_make(parse->event.data.scalar.value, parse->event.data.scalar.length);
    if (!refuse_anchor_and_tag(parse, node, parse->event.data.scalar.anchor, parse->event.data.scalar.tag))
        return false;
    if (text.len != 0 && memchr(text.data, '\0', text.len) != NULL)
        return node_refuse(node, parse->err, "a value must not contain the character NUL");
    if (parse->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && parse_is_nothing(text))
        return true;
    node->kind = NODE_TEXT;
    node->text = arena_strdup(&parse->config->arena, text);
    return true;
}

static bool parse_node(struct parse *parse, struct config_node *node, unsigned depth);

static bool parse_list(struct parse *parse, struct config_node *node, unsigned depth)
{
    node->kind = NODE_LIST;
    if (!advance(parse, node))
        return false;
    while (parse->event.type != YAML_SEQUENCE_END_EVENT) {
        struct config_node *item = node_new(parse->config, node, NULL);
        item->origin = node->origin;
        item->line = line_of(parse, parse->event.start_mark);
        node_append(parse->config, node, item);
        if (!parse_node(parse, item, depth + 1) || !advance(parse, node))
            return false;
    }
    return true;
}

/* The current event is a mapping's key: a child with that name, not in the tree yet. */
static struct config_node *parse_key(struct parse *parse, struct config_node *mapping)
{
    struct config_node place = {.present = true,
                                .parent = mapping->parent,
                                .key = mapping->key,
                                .index = mapping->index,
                                .origin = mapping->origin,
                                .line = line_of(parse, parse->event.start_mark)};
    if (parse->event.type != YAML_SCALAR_EVENT) {
        node_refuse(&place, parse->err, "a key must be a plain text");
        return NULL;
    }
    struct str key = str_make(parse->event.data.scalar.value, parse->event.data.scalar.length);
    if (!refuse_anchor_and_tag(parse, &place, parse->event.data.scalar.anchor, parse->event.data.scalar.tag))
        return NULL;
    bool plain = key.len != 0 && key.len <= CONFIG_KEY_BYTES_MAX;
    for (size_t i = 0; i < key.len && plain; i++)
        plain = (unsigned char)key.data[i] >= 0x20 && key.data[i] != 0x7f;
    if (!plain) {
        node_refuse(&place, parse->err, "a key must have 1 to %d bytes and no control characters",
                    CONFIG_KEY_BYTES_MAX);
        return NULL;
    }
    struct config_node *child = node_new(parse->config, mapping, arena_strdup(&parse->config->arena, key));
    child->present = true;
    child->origin = mapping->origin;
    child->line = place.line;
    const struct config_node *former = node_find(mapping, key);
    if (former != NULL && former->line != 0) {
        node_refuse(child, parse->err, "written twice; first in line %u", former->line);
        return NULL;
    }
    if (former != NULL) {
        node_refuse(child, parse->err, "written twice");
        return NULL;
    }
    return child;
}

static bool parse_mapping(struct parse *parse, struct config_node *node, unsigned depth)
{
    node->kind = NODE_MAPPING;
    if (!advance(parse, node))
        return false;
    while (parse->event.type != YAML_MAPPING_END_EVENT) {
        struct config_node *child = parse_key(parse, node);
        if (child == NULL)
            return false;
        node_append(parse->config, node, child);
        if (!advance(parse, node) || !parse_node(parse, child, depth + 1) || !advance(parse, node))
            return false;
    }
    return true;
}

/* The current event begins a value; afterwards it is the last of the value. */
static bool parse_node(struct parse *parse, struct config_node *node, unsigned depth)
{
    if (!count_node(parse, node))
        return false;
    const yaml_event_t *event = &parse->event;
    bool nests = event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
    if (nests && depth >= CONFIG_DEPTH_MAX)
        return node_refuse(node, parse->err, "nested deeper than %d levels", CONFIG_DEPTH_MAX);
    switch (event->type) {
    case YAML_SCALAR_EVENT: return parse_scalar(parse, node);
    case YAML_SEQUENCE_START_EVENT:
        return refuse_anchor_and_tag(parse, node, event->data.sequence_start.anchor,
                                     event->data.sequence_start.tag) &&
               parse_list(parse, node, depth);
    case YAML_MAPPING_START_EVENT:
        return refuse_anchor_and_tag(parse, node, event->data.mapping_start.anchor,
                                     event->data.mapping_start.tag) &&
               parse_mapping(parse, node, depth);
    default: return node_refuse(node, parse->err, "YAML anchors (&) and aliases (*) are not supported");
    }
}

/* Stream start, at most one document (start, value, end), stream end. */
static bool parse_stream(struct parse *parse, struct config_node *node, unsigned depth)
{
    if (!advance(parse, node))
        return false;
    if (!advance(parse, node))
        return false;
    if (parse->event.type == YAML_STREAM_END_EVENT)
        return true;
    if (!advance(parse, node) || !parse_node(parse, node, depth) || !advance(parse, node))
        return false;
    if (!advance(parse, node))
        return false;
    if (parse->event.type == YAML_STREAM_END_EVENT)
        return true;
    struct config_node place = {
        .present = true, .origin = node->origin, .line = line_of(parse, parse->event.start_mark)};
    return node_refuse(&place, parse->err, "a second document begins; only one is read");
}

bool parse_yaml(struct config *config, struct config_node *node, struct str text, unsigned depth, bool lines,
                struct error *err)
{
    struct parse parse = {.config = config, .text = text, .lines = lines, .err = err};
    if (text.len > CONFIG_TEXT_BYTES_MAX)
        return node_refuse(node, err, "larger than %zu bytes", CONFIG_TEXT_BYTES_MAX);
    if (!yaml_parser_initialize(&parse.parser))
        return error_set(err, ERR_NO_MEMORY, "%s: out of memory", node->origin);
    yaml_parser_set_encoding(&parse.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parse.parser, (const unsigned char *)(text.len != 0 ? text.data : ""),
                                 text.len);
    node->kind = NODE_NOTHING;
    bool ok = parse_stream(&parse, node, depth);
    yaml_event_delete(&parse.event);
    yaml_parser_delete(&parse.parser);
    return ok;
}
