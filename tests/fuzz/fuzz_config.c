/* Any bytes as a configuration, as a value of --set and as a variable: they are read or refused with a message of
 * one line, and whatever readers ask is answered within its bounds. */
#include "config/config.h"

#include "base/mem.h"

#include <assert.h>

static const char *const choices[] = {"debug", "info", "warning", NULL};

/* Files and variables are not the fuzzer's to choose. */
static void ask_secret(struct config *config, const struct config_node *at)
{
    const char *text = config_text(config, at, "secret", NULL, "");
    if (text != NULL && strncmp(text, "file:", 5) != 0)
        config_secret(config, at, "secret", "");
}

static void ask_values(struct config *config, const struct config_node *at)
{
    int64_t number = config_int(config, at, "a", 5, -10, 10, "");
    assert(number >= -10 && number <= 10);
    config_bool(config, at, "b", true, "");
    assert(config_duration_ms(config, at, "c", "1s", "") >= 0);
    config_bytes(config, at, "d", "1KB", "");
    int choice = config_choice(config, at, "e", choices, 1, "");
    assert(choice >= 0 && choice < 3);
    assert(config_text(config, at, "f", "default", "") != NULL);
    ask_secret(config, at);
}

static void ask_entries(struct config *config, const struct config_node *section, int depth)
{
    size_t count = config_count(config, section);
    for (size_t i = 0; i < count && i < 1000; i++) {
        const char *name;
        const struct config_node *entry = config_entry(config, section, i, i % 2 != 0 ? &name : NULL);
        if (depth == 0)
            config_text(config, entry, "", NULL, "");
        else if (i % 3 != 0)
            ask_values(config, entry);
        else
            ask_entries(config, config_section(config, entry, "s"), depth - 1);
    }
}

/* Takes config. */
static void ask_and_finish(struct config *config)
{
    const struct config_node *root = config_root(config);
    struct buf table = {0};
    struct error err = {0};
    ask_values(config, root);
    ask_values(config, config_section(config, root, "s"));
    ask_entries(config, config_section(config, root, "l"), 2);
    if (!config_finish(config, &err))
        assert(err.code == ERR_INVALID && err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
    config_describe(config, &table);
    buf_free(&table);
    config_free(config);
}

static void try_load(const char *const *sets, size_t set_count, char *const *environment)
{
    struct error err = {0};
    struct config *config = config_load(NULL, sets, set_count, environment, &err);
    if (config != NULL)
        ask_and_finish(config);
    else
        assert(err.code == ERR_INVALID && err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct config *config = config_parse(str_make(data, size), "fuzz.yaml", &err);
    if (config != NULL)
        ask_and_finish(config);
    else
        assert(err.code == ERR_INVALID && err.text[0] != '\0' && strchr(err.text, '\n') == NULL);

    char *set = str_dup(str_make(data, size)); /* up to the first NUL */
    const char *const sets[] = {"l=[{a: 1}, {}]", set};
    try_load(sets, 2, NULL);
    struct buf variable = {0};
    buf_printf(&variable, "VARVE_%s", set);
    char *environment[] = {buf_cstr(&variable), NULL};
    try_load(sets, 1, environment);
    buf_free(&variable);
    mem_free(set);
    return 0;
}
