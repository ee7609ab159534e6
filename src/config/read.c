/* What readers ask for. Every question is written down (for the hints of unknown keys and for config_describe),
 * marks its key as known, and is answered: by the value, or, if that is missing or wrong, by the default. */
#include "config/config_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define QUOTED_BYTES      60
#define SECRET_BYTES_MAX  65536
#define CHOICE_TEXT_BYTES 256

/* Nodes are the configuration's own: const protects them from readers. */
static struct config_node *own(const struct config_node *node)
{
    return (struct config_node *)node;
}

static void ask(struct config *config, const struct config_node *at, const char *key, enum question_kind kind,
                const char *values, const char *fallback, const char *doc)
{
    struct config_node *node = own(at);
    for (const struct question *known = node->questions; known != NULL; known = known->next_here) {
        if (strcmp(known->key, key) == 0)
            return;
    }
    struct question *question = arena_zalloc(&config->arena, sizeof *question);
    question->at = at;
    question->key = arena_strdup(&config->arena, str_of(key));
    question->kind = kind;
    question->values = arena_strdup(&config->arena, str_of(values));
    question->fallback = fallback != NULL ? arena_strdup(&config->arena, str_of(fallback)) : NULL;
    question->doc = arena_strdup(&config->arena, str_of(doc));
    question->next_here = node->questions;
    node->questions = question;
    if (config->last_question == NULL) {
        config->first_question = question;
    } else {
        config->last_question->next = question;
    }
    config->last_question = question;
}

/* The node under a key if it is written; "" is the node itself. */
static struct config_node *look_up(struct config *config, const struct config_node *at, const char *key)
{
    if (key[0] == '\0')
        return at->present ? own(at) : NULL;
    if (at->kind == NODE_TEXT || at->kind == NODE_LIST) {
        config_complain(config, at, "", "expected keys and values, not a %s",
                        at->kind == NODE_LIST ? "list" : "single value");
        return NULL;
    }
    struct config_node *child = node_find(at, str_of(key));
    if (child == NULL || !child->present)
        return NULL;
    child->asked = true;
    return child;
}

/* The text under a key; NULL if there is none, or if it is no text, which is complained about. */
static const char *scalar(struct config *config, const struct config_node *at, const char *key)
{
    const struct config_node *node = look_up(config, at, key);
    if (node == NULL || node->kind == NODE_NOTHING)
        return NULL;
    if (node->kind == NODE_TEXT)
        return node->text;
    config_complain(config, at, key, "expected a single value, not %s",
                    node->kind == NODE_LIST ? "a list" : "keys and values");
    return NULL;
}

static void complain_about(struct config *config, const struct config_node *at, const char *key,
                           const char *expected, const char *text, const char *hint)
{
    if (config->complained)
        return;
    size_t len = strnlen(text, QUOTED_BYTES + 1);
    bool cut = len > QUOTED_BYTES;
    config_complain(config, at, key, "expected %s, not \"%.*s%s\"", expected, cut ? QUOTED_BYTES : (int)len,
                    text, cut ? "..." : "");
    error_hint(&config->complaint, "%s", hint);
}

const struct config_node *config_root(const struct config *config)
{
    return config->root;
}

const struct config_node *config_section(struct config *config, const struct config_node *at, const char *key)
{
    if (key[0] == '\0')
        return at;
    ask(config, at, key, QUESTION_SECTION, "", NULL, "");
    struct config_node *node = look_up(config, at, key);
    if (node != NULL && node->kind != NODE_TEXT)
        return node;
    if (node != NULL) {
        config_complain(config, at, key, "expected keys and values or a list, not a single value");
        if (node->stand_in == NULL)
            node->stand_in = node_new(config, own(at), node->key);
        return node->stand_in;
    }
    if (at->kind == NODE_TEXT || at->kind == NODE_LIST)
        return node_new(config, own(at), arena_strdup(&config->arena, str_of(key)));
    node = node_find(at, str_of(key));
    if (node == NULL) {
        node = node_new(config, own(at), arena_strdup(&config->arena, str_of(key)));
        node_remember(config, own(at), node);
    }
    return node;
}

bool config_is_text(const struct config_node *at)
{
    return at->kind == NODE_TEXT;
}

bool config_present(const struct config_node *section)
{
    return section->present;
}

size_t config_count(struct config *config, const struct config_node *section)
{
    (void)config;
    return section->count;
}

const struct config_node *config_entry(struct config *config, const struct config_node *section, size_t index,
                                       const char **name)
{
    assert(index < section->count);
    struct config_node *node = section->cursor; /* the way from the last one is short */
    if (node == NULL || node->index > index)
        node = section->first;
    while (node->index != index)
        node = node->next;
    own(section)->cursor = node;
    node->asked = true;
    node->entry = true;
    if (name != NULL) {
        *name = node->key;
    } else if (node->key != NULL) {
        config_complain(config, section, "", "expected a list, not keys and values");
    }
    return node;
}

const char *config_text(struct config *config, const struct config_node *at, const char *key,
                        const char *fallback, const char *doc)
{
    ask(config, at, key, QUESTION_VALUE, "text", fallback, doc);
    const char *text = scalar(config, at, key);
    return text != NULL ? text : fallback;
}

int64_t config_int(struct config *config, const struct config_node *at, const char *key, int64_t fallback,
                   int64_t min, int64_t max, const char *doc)
{
    char values[64], written[32];
    snprintf(values, sizeof values, "%" PRId64 " to %" PRId64, min, max);
    snprintf(written, sizeof written, "%" PRId64, fallback);
    ask(config, at, key, QUESTION_VALUE, values, written, doc);
    const char *text = scalar(config, at, key);
    int64_t value;
    if (text == NULL)
        return fallback;
    if (str_to_i64(str_of(text), &value, NULL) && value >= min && value <= max)
        return value;
    char expected[96];
    snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64, min, max);
    complain_about(config, at, key, expected, text, doc);
    return fallback;
}

bool config_bool(struct config *config, const struct config_node *at, const char *key, bool fallback,
                 const char *doc)
{
    ask(config, at, key, QUESTION_VALUE, "true, false", fallback ? "true" : "false", doc);
    const char *text = scalar(config, at, key);
    bool value;
    if (text == NULL)
        return fallback;
    if (str_to_bool(str_of(text), &value, NULL))
        return value;
    complain_about(config, at, key, "true or false", text, doc);
    return fallback;
}

int64_t config_duration_ms(struct config *config, const struct config_node *at, const char *key,
                           const char *fallback, const char *doc)
{
    ask(config, at, key, QUESTION_VALUE, "duration", fallback, doc);
    int64_t value = 0;
    const char *text = scalar(config, at, key);
    if (text != NULL && str_to_duration_ms(str_of(text), &value, NULL))
        return value;
    if (text != NULL)
        complain_about(config, at, key, "a duration such as 250ms, 10s, 5m, 2h or 7d", text, doc);
    bool sound = str_to_duration_ms(str_of(fallback), &value, NULL);
    assert(sound); /* the default is our own */
    (void)sound;
    return value;
}

uint64_t config_bytes(struct config *config, const struct config_node *at, const char *key,
                      const char *fallback, const char *doc)
{
    ask(config, at, key, QUESTION_VALUE, "size", fallback, doc);
    uint64_t value = 0;
    const char *text = scalar(config, at, key);
    if (text != NULL && str_to_bytes(str_of(text), &value, NULL))
        return value;
    if (text != NULL)
        complain_about(config, at, key, "a size such as 512, 64KB or 32MiB", text, doc);
    bool sound = str_to_bytes(str_of(fallback), &value, NULL);
    assert(sound);
    (void)sound;
    return value;
}

/* "debug, info or error"; `last` is the word before the last one. */
static const char *list_choices(const char *const *choices, const char *last, char *out, size_t out_bytes)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; choices[i] != NULL && len < out_bytes; i++) {
        const char *before = i == 0 ? "" : choices[i + 1] == NULL ? last : ", ";
        len += (size_t)snprintf(out + len, out_bytes - len, "%s%s", before, choices[i]);
    }
    return out;
}

int config_choice(struct config *config, const struct config_node *at, const char *key,
                  const char *const *choices, int fallback, const char *doc)
{
    char list[CHOICE_TEXT_BYTES];
    ask(config, at, key, QUESTION_VALUE, list_choices(choices, ", ", list, sizeof list), choices[fallback],
        doc);
    const char *text = scalar(config, at, key);
    if (text == NULL)
        return fallback;
    struct nearest nearest = {.word = str_of(text)};
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0)
            return i;
        nearest_offer(&nearest, choices[i]);
    }
    char hint[96];
    snprintf(hint, sizeof hint, "did you mean %s?", nearest.best != NULL ? nearest.best : "");
    complain_about(config, at, key, list_choices(choices, " or ", list, sizeof list), text,
                   nearest.best != NULL ? hint : doc);
    return fallback;
}

/* ---- Secrets --------------------------------------------------------------------------------------------- */

static void keep_secret(struct config *config, const char *text)
{
    struct secret *secret = arena_zalloc(&config->arena, sizeof *secret);
    secret->text = (char *)text; /* in the arena */
    secret->next = config->secrets;
    config->secrets = secret;
}

/* A variable that begins with VARVE_ and is named by a secret is no option. */
static void excuse_variable(struct config_node *node, const char *name)
{
    for (struct config_node *child = node->first; child != NULL; child = child->next) {
        if (strcmp(child->origin, name) == 0 && child->line == 0)
            child->asked = true;
        excuse_variable(child, name); /* no deeper than CONFIG_DEPTH_MAX */
    }
}

static const char *secret_of_variable(struct config *config, const struct config_node *at, const char *key,
                                      const char *name)
{
    size_t len = strlen(name);
    for (char *const *variable = config->environment; variable != NULL && *variable != NULL; variable++) {
        if (len != 0 && strncmp(*variable, name, len) == 0 && (*variable)[len] == '=') {
            excuse_variable(config->root, name);
            return arena_strdup(&config->arena, str_of(*variable + len + 1));
        }
    }
    config_complain(config, at, key, "the environment variable %s is not set", name);
    return NULL;
}

/* The first line, without its end. */
static const char *secret_of_file(struct config *config, const struct config_node *at, const char *key,
                                  const char *path)
{
    struct buf text = {0};
    struct error why;
    const char *secret = NULL;
    if (path[0] != '/') {
        config_complain(config, at, key, "expected file:// and an absolute path");
        return NULL;
    }
    if (!buf_read_file(&text, path, SECRET_BYTES_MAX, &why)) {
        config_complain(config, at, key, "%s", why.text);
    } else {
        struct str rest = buf_str(&text), line = STR_NONE;
        str_next(&rest, '\n', &line);
        if (str_ends(line, STR("\r")))
            line.len--;
        if (line.len == 0 || memchr(line.data, '\0', line.len) != NULL) {
            config_complain(config, at, key, "the first line of %s is %s", path,
                            line.len == 0 ? "empty" : "not text");
        } else {
            secret = arena_strdup(&config->arena, line);
        }
    }
    if (text.data != NULL)
        mem_wipe(text.data, text.cap);
    buf_free(&text);
    return secret;
}

const char *config_secret(struct config *config, const struct config_node *at, const char *key,
                          const char *doc)
{
    ask(config, at, key, QUESTION_VALUE, "secret", NULL, doc);
    const char *text = scalar(config, at, key);
    if (text == NULL)
        return NULL;
    const char *secret = text;
    if (str_starts(str_of(text), STR("file://"))) {
        secret = secret_of_file(config, at, key, text + strlen("file://"));
    } else if (str_starts(str_of(text), STR("env:"))) {
        secret = secret_of_variable(config, at, key, text + strlen("env:"));
    }
    if (secret != NULL)
        keep_secret(config, secret);
    return secret;
}
