/* Objects over the API: saying what is to be, and printing what is. See remote_internal.h. */
#include "cli/cli_internal.h"
#include "cli/remote_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LIMIT 1000

/* ---- What is to be --------------------------------------------------------------------------------------- */

static bool set_key(json_t *object, const char *set, struct error *err)
{
    struct str value = str_of(set), path, key, next;
    str_next(&value, '=', &path);
    if (value.data == NULL || path.len == 0)
        return error_set(err, ERR_INVALID, "--set %s: is not KEY=VALUE", set);
    str_next(&path, '.', &key);
    while (path.data != NULL) {
        str_next(&path, '.', &next);
        json_t *inner = json_object_getn(object, key.data, key.len);
        if (!json_is_object(inner)) {
            inner = json_object();
            json_object_setn_new(object, key.data, key.len, inner);
        }
        object = inner;
        key = next;
    }
    json_t *parsed = json_loadb(value.data, value.len, JSON_DECODE_ANY, NULL);
    if (parsed == NULL)
        parsed = json_stringn(value.data, value.len);
    if (parsed == NULL || json_object_setn_new(object, key.data, key.len, parsed) != 0)
        return error_set(err, ERR_INVALID, "--set %.*s: is not UTF-8", STR_ARG(key));
    return true;
}

static bool set_object(json_t *object, const char *set, struct error *err)
{
    json_error_t where;
    json_t *given = json_loads(set, JSON_REJECT_DUPLICATES, &where);
    if (given == NULL)
        return error_set(err, ERR_INVALID, "--set: no JSON: %s, at column %d", where.text, where.column);
    json_object_update_recursive(object, given);
    json_decref(given);
    return true;
}

bool remote_set(json_t *object, const char *set, struct error *err)
{
    return set[0] == '{' ? set_object(object, set, err) : set_key(object, set, err);
}

bool remote_settings_add(struct remote_settings *settings, const char *set)
{
    if (settings->count == REMOTE_SETS_MAX)
        return false;
    settings->sets[settings->count++] = set;
    return true;
}

json_t *remote_settings_object(const struct remote_settings *settings, struct error *err)
{
    json_t *object = json_object();
    bool ok = true;
    for (size_t i = 0; ok && i < settings->count; i++)
        ok = remote_set(object, settings->sets[i], err);
    if (ok && settings->description != NULL)
        json_object_set_new(object, "description", json_string(settings->description));
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

json_t *remote_named_object(const struct remote_command *command, struct error *err)
{
    json_t *object = command->of->object(command, err);
    if (object == NULL)
        return NULL;
    if (command->of->key != NULL) {
        json_object_set_new(object, command->of->key, json_string(command->name));
        return object;
    }
    const char *colon = strchr(command->name, ':');
    json_object_set_new(object, "type", json_stringn(command->name, (size_t)(colon - command->name)));
    json_object_set_new(object, "name", json_string(colon + 1));
    return object;
}

/* ---- Asking ---------------------------------------------------------------------------------------------- */

bool remote_ask_all(struct http_client *client, const char *path, json_t **out, struct error *err)
{
    bool more = true;
    *out = json_array();
    for (unsigned page = 1; more; page++) {
        struct buf paged = {0};
        json_t *answer;
        buf_printf(&paged, "%s?page=%u&limit=%d", path, page, PAGE_LIMIT);
        bool ok = http_client_json(client, "GET", buf_cstr(&paged), NULL, &answer, err);
        buf_free(&paged);
        if (!ok) {
            json_decref(*out);
            return false;
        }
        json_array_extend(*out, json_object_get(answer, "data"));
        more = json_is_true(json_object_get(json_object_get(answer, "meta"), "hasnext"));
        json_decref(answer);
    }
    return true;
}

bool remote_ask(const struct remote_command *command, const char *method, const char *tail, json_t *body,
                json_t **answer, struct error *err)
{
    struct buf path = {0};
    buf_printf(&path, "%s/", command->list);
    http_path_append(&path, str_of(command->name));
    buf_append_str(&path, str_of(tail));
    bool ok = http_client_json(command->client, method, buf_cstr(&path), body, answer, err);
    buf_free(&path);
    return ok;
}

/* With what is wrong, if the answer says so. */
static int print_answer(const struct remote_command *command, json_t *answer, const char *done)
{
    if (command->of->has_state)
        return remote_print_status(command, answer, done);
    const char *reason = remote_text(answer, "status_reason");
    struct buf text = {0};
    buf_printf(&text, "%s%s%s", done, reason[0] != '\0' ? ": " : "", reason);
    int code = remote_print_done(command, answer, buf_cstr(&text));
    buf_free(&text);
    return code;
}

static bool complete(const struct remote_command *command, json_t *object, struct error *err)
{
    return command->of->complete == NULL || command->of->complete(command, object, err);
}

int remote_create(struct remote_command *command, struct error *err)
{
    json_t *answer, *object = remote_named_object(command, err);
    if (object == NULL)
        return cli_usage(command->subcommand, "%s", err->text);
    bool ok = complete(command, object, err) &&
              http_client_json(command->client, "POST", command->list, object, &answer, err);
    json_decref(object);
    return ok ? print_answer(command, answer, "created") : cli_fail(command->subcommand, err);
}

int remote_change(struct remote_command *command, json_t *object, const char *done, struct error *err)
{
    json_t *answer;
    bool ok = complete(command, object, err) && remote_ask(command, "PUT", "", object, &answer, err);
    json_decref(object);
    return ok ? print_answer(command, answer, done) : cli_fail(command->subcommand, err);
}

int remote_update(struct remote_command *command, struct error *err)
{
    json_t *object = command->of->object(command, err);
    if (object == NULL)
        return cli_usage(command->subcommand, "%s", err->text);
    return remote_change(command, object, "changed", err);
}

int remote_metrics(struct remote_command *command, struct error *err)
{
    json_t *answer;
    if (!remote_ask(command, "GET", "/metrics", NULL, &answer, err))
        return cli_fail(command->subcommand, err);
    json_t *metrics = json_incref(json_object_get(answer, "metrics"));
    json_decref(answer);
    return remote_print_one(command, metrics, NULL);
}

int remote_show(struct remote_command *command, struct error *err)
{
    json_t *answer;
    return remote_ask(command, "GET", "", NULL, &answer, err) ? remote_print_one(command, answer, NULL)
                                                              : cli_fail(command->subcommand, err);
}

int remote_do(struct remote_command *command, const char *method, const char *tail, const char *done,
              struct error *err)
{
    if (!remote_ask(command, method, tail, NULL, NULL, err))
        return cli_fail(command->subcommand, err);
    return remote_print_done(command, json_pack("{s:s}", done, command->name), done);
}

int remote_delete(struct remote_command *command, struct error *err)
{
    return remote_do(command, "DELETE", "", "deleted", err);
}

int remote_enable(struct remote_command *command, struct error *err)
{
    return remote_do(command, "PUT", "/enable/true", "enabled", err);
}

int remote_disable(struct remote_command *command, struct error *err)
{
    return remote_do(command, "PUT", "/enable/false", "disabled", err);
}

int remote_start(struct remote_command *command, struct error *err)
{
    return remote_do(command, "POST", "/start", "started", err);
}

/* ---- Output ---------------------------------------------------------------------------------------------- */

const char *remote_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

long long remote_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* The longest "transport_options.pool_size" of them. */
static size_t width_of(const json_t *object, size_t prefix_len)
{
    const char *key;
    json_t *value;
    size_t width = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t len = prefix_len + strlen(key);
        if (json_is_object(value))
            len = width_of(value, len + 1);
        width = len > width ? len : width;
    }
    return width;
}

static void print_values(const json_t *object, const char *prefix, int width)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        struct buf name = {0};
        buf_printf(&name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
        if (json_object_size(value) > 0) {
            print_values(value, buf_cstr(&name), width);
        } else if (json_is_string(value)) {
            printf("%-*s %s\n", width, buf_cstr(&name), json_string_value(value));
        } else {
            char *text = json_dumps(value, JSON_ENCODE_ANY);
            printf("%-*s %s\n", width, buf_cstr(&name), text);
            free(text);
        }
        buf_free(&name);
    }
}

int remote_print_list(const struct remote_command *command, json_t *list, void (*print)(json_t *one),
                      const char *headline)
{
    bool ok = true;
    size_t i;
    json_t *one;
    if (command->remote.json) {
        ok = remote_print_json(list);
    } else if (json_array_size(list) > 0) {
        puts(headline);
        json_array_foreach(list, i, one)
        {
            print(one);
        }
    }
    json_decref(list);
    return ok && fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int remote_print_one(const struct remote_command *command, json_t *answer, const char *text)
{
    bool ok = true;
    if (command->remote.json)
        ok = remote_print_json(answer);
    else if (text != NULL)
        puts(text);
    else
        print_values(answer, "", (int)width_of(answer, 0));
    json_decref(answer);
    return ok && fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int remote_print_done(const struct remote_command *command, json_t *answer, const char *done)
{
    struct buf text = {0};
    buf_printf(&text, "%s %s %s", command->subcommand, command->name, done);
    int code = remote_print_one(command, answer, buf_cstr(&text));
    buf_free(&text);
    return code;
}

int remote_print_status(const struct remote_command *command, json_t *answer, const char *done)
{
    struct buf text = {0};
    const char *reason = remote_text(answer, "status_reason");
    buf_printf(&text, "%s: %s%s%s", done, remote_text(answer, "status"), reason[0] != '\0' ? ": " : "",
               reason);
    int code = remote_print_done(command, answer, buf_cstr(&text));
    buf_free(&text);
    return code;
}
