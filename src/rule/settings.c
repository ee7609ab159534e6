/* What holds for all rules: of varve.yaml, and over it what was set while the broker ran, which the catalog keeps. */
#include "rule/rule_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "catalog/catalog.h"
#include "connector/spec.h"
#include "sql/jq.h"
#include "sql/kv.h"

#include <stdlib.h>

#define KIND "rule_engine"
#define ID   "settings"

static const struct spec_key keys[] = {
    {"ignore_sys_message", SPEC_BOOL, NULL, .about = "whether messages under $SYS/ trigger no rule"},
    {"jq_function_default_timeout", SPEC_DURATION, NULL, 1, SQL_JQ_MS_MAX,
     .about = "of a call of jq() that names none"},
    {"kv_store_max_bytes", SPEC_SIZE, NULL, 0, UINT64_MAX >> 1, .about = "of kv_store_put(), over all rules"},
    {0},
};

const struct spec_key *rules_settings_keys(void)
{
    return keys;
}

static bool is_set(const struct rules *rules, const char *key)
{
    return json_object_get(rules->settings, key) != NULL;
}

static bool ignores_sys(const struct rules *rules)
{
    return is_set(rules, keys[0].key) ? spec_bool(rules->settings, keys[0].key)
                                      : rules->options.ignore_sys_messages;
}

static int64_t jq_ms(const struct rules *rules)
{
    int64_t file_ms = rules->options.jq_timeout_ms;
    return is_set(rules, keys[1].key) ? spec_duration_ms(rules->settings, keys[1].key)
           : file_ms > 0              ? file_ms
                                      : SQL_JQ_MS_DEFAULT;
}

static uint64_t kv_bytes(const struct rules *rules)
{
    uint64_t file_bytes = rules->options.kv_bytes_max;
    return is_set(rules, keys[2].key) ? spec_size(rules->settings, keys[2].key)
           : file_bytes > 0           ? file_bytes
                                      : SQL_KV_BYTES_DEFAULT;
}

static void apply(struct rules *rules)
{
    atomic_store_explicit(&rules->ignore_sys, ignores_sys(rules), memory_order_relaxed);
    sql_jq_set_timeout_ms(jq_ms(rules));
    sql_kv_set_bytes_max(kv_bytes(rules));
}

json_t *rules_settings(struct rules *rules)
{
    struct buf timeout = {0}, bytes = {0};
    pthread_mutex_lock(&rules->lock);
    buf_append_duration_ms(&timeout, jq_ms(rules));
    buf_append_size(&bytes, kv_bytes(rules));
    json_t *out = json_pack("{s:b, s:s, s:s}", keys[0].key, ignores_sys(rules), keys[1].key,
                            buf_cstr(&timeout), keys[2].key, buf_cstr(&bytes));
    pthread_mutex_unlock(&rules->lock);
    buf_free(&timeout);
    buf_free(&bytes);
    return out;
}

/* ---- The catalog ----------------------------------------------------------------------------------------- */

static bool store(struct rules *rules, const json_t *settings, struct error *err)
{
    char *text = json_dumps(settings, JSON_COMPACT);
    int64_t now_ms = clock_wall_ms();
    const struct catalog_object row = {
        .id = STR(ID), .object = str_of(text), .created_ms = now_ms, .modified_ms = now_ms};
    struct catalog *catalog = rules->options.catalog;
    bool ok = rules->settings_stored ? catalog_object_update(catalog, KIND, &row, err)
                                     : catalog_object_create(catalog, KIND, &row, err);
    rules->settings_stored |= ok;
    free(text);
    return ok;
}

bool rules_configure(struct rules *rules, const json_t *given, struct error *err)
{
    static const char *const without_effect[] = {"limit_selects_in_namespace", "ssrf"};
    json_t *rest = json_copy((json_t *)(uintptr_t)given);
    for (size_t i = 0; i < LENGTH(without_effect); i++)
        json_object_del(rest, without_effect[i]);
    pthread_mutex_lock(&rules->lock);
    json_t *settings = spec_read(keys, rest, rules->settings, err);
    bool ok = settings != NULL && store(rules, settings, err);
    if (ok) {
        json_decref(rules->settings);
        rules->settings = json_incref(settings);
        apply(rules);
    }
    pthread_mutex_unlock(&rules->lock);
    json_decref(settings);
    json_decref(rest);
    return ok;
}

static bool load(const struct catalog_object *row, void *arg)
{
    struct rules *rules = arg;
    struct error err = {0};
    json_t *given = json_loadb(row->object.data, row->object.len, 0, NULL);
    json_t *settings = given != NULL ? spec_read(keys, given, NULL, &err) : NULL;
    json_decref(given);
    rules->settings_stored = true;
    if (settings == NULL)
        LOG_ERROR("settings of rules in the catalog are not readable", LOG_ERROR_OF(&err));
    else
        rules->settings = settings;
    return true;
}

bool settings_load(struct rules *rules, struct error *err)
{
    if (!catalog_object_each(rules->options.catalog, KIND, load, rules, err))
        return false;
    apply(rules);
    return true;
}
