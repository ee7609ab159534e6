/* JSON: what is decoded, encoded and decoded again is the same; and what jansson thinks of the text. */
#include "sql/json.h"

#include <jansson.h>
#include <stdlib.h>

static void must(bool claim)
{
    if (!claim)
        abort();
}

/* jansson takes no NUL in a key. */
static bool has_nul_key(const struct sql_value *value)
{
    for (uint32_t i = 0; value->type == SQL_LIST && i < value->len; i++) {
        if (has_nul_key(&value->items[i]))
            return true;
    }
    for (uint32_t i = 0; value->type == SQL_MAP && i < value->len; i++) {
        const struct sql_entry *entry = sql_map_at(value, i);
        if (memchr(entry->key, '\0', entry->key_len) != NULL || has_nul_key(&entry->value))
            return true;
    }
    return false;
}

static bool jansson_accepts(struct str text)
{
    json_error_t error;
    json_t *root =
        json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    json_decref(root);
    return root != NULL;
}

static void check_again(struct sql_scope *scope, const struct sql_value *value)
{
    struct buf text = {0};
    struct error err;
    struct sql_value again;
    bool equal;
    must(sql_json_append(&text, value, SIZE_MAX, &err));
    must(sql_json_decode(scope, buf_str(&text), &again, &err));
    must(sql_equal_strict(scope, value, &again, &equal, &err));
    must(equal);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct sql_scope scope = {0};
    struct sql_value value;
    struct error err;
    char *copy = malloc(len + (len == 0));
    must(copy != NULL);
    memcpy(copy, data, len);
    struct str text = str_make(copy, len);
    sql_scope_begin(&scope, NULL);
    bool decoded = sql_json_decode(&scope, text, &value, &err);
    bool accepted = jansson_accepts(text);
    if (decoded) {
        must(accepted || has_nul_key(&value));
        check_again(&scope, &value);
    } else {
        /* jansson reads an integer as a float, nests deeper, and overlooks a NUL behind a number. */
        must(!accepted || memchr(text.data, '\0', text.len) != NULL || err.code == ERR_LIMIT ||
             strstr(err.text, "an integer of at most 128 bits") != NULL);
    }
    sql_scope_free(&scope);
    free(copy);
    return 0;
}
