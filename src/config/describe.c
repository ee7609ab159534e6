/* The keys that were asked for, as a Markdown table: what the code reads is what the document says. */
#include "config/config_internal.h"

#include "base/hash.h"

static void append_cell(struct buf *out, const char *text, const char *quote)
{
    buf_append_str(out, str_of(quote));
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_append_byte(out, '\\');
        buf_append_byte(out, *text == '\n' ? ' ' : (uint8_t)*text);
    }
    buf_append_str(out, str_of(quote));
}

static bool same_path(const void *item, const void *key)
{
    return strcmp(item, key) == 0;
}

static void append_row(struct buf *out, const char *path, const struct question *question)
{
    buf_append_str(out, STR("| "));
    append_cell(out, path, "`");
    buf_append_str(out, STR(" | "));
    if (question->fallback != NULL && question->fallback[0] != '\0')
        append_cell(out, question->fallback, "`");
    buf_append_str(out, STR(" | "));
    append_cell(out, question->values, "");
    buf_append_str(out, STR(" | "));
    append_cell(out, question->doc, "");
    buf_append_str(out, STR(" |\n"));
}

void config_describe(const struct config *config, struct buf *out)
{
    struct arena arena = {0};
    struct map seen = {0}; /* the entries of a mapping have the same keys: each is one row */
    buf_append_str(out, STR("| key | default | values | meaning |\n|---|---|---|---|\n"));
    for (const struct question *question = config->first_question; question != NULL;
         question = question->next) {
        if (question->kind == QUESTION_SECTION)
            continue;
        struct buf text = {0};
        node_path(question->at, question->key, true, &text);
        char *path = arena_strdup(&arena, buf_str(&text));
        uint64_t hash = hash_bytes(text.data, text.len);
        buf_free(&text);
        if (map_find(&seen, hash, same_path, path) != NULL)
            continue;
        map_insert(&seen, hash, path);
        append_row(out, path, question);
    }
    map_free(&seen);
    arena_free(&arena);
}
