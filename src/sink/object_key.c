/* Keys of objects that hold many messages: which action and node wrote them, of which interval, and which one of that.
 *
 * What makes a key the only one of its kind is added where the template lacks it: /${action}/${node}/${datetime.rfc3339utc}/${sequence}.
 * Where the times in it name an interval to the second, each interval counts its objects from 0; else (by the hour, say) the
 * sequence goes on for ever, so that no object is written over. */
#include "base/mem.h"
#include "sink/sink_internal.h"

struct object_key {
    struct sql_template *template;
    bool exact;
};

/* ---- Templates ------------------------------------------------------------------------------------------- */

struct found {
    bool action, node, sequence, datetime;
    unsigned start_tells, until_tells;
};

static bool look_at(struct str name, struct found *found, struct error *err)
{
    bool known = true;
    struct str form = name;
    if (str_is(name, "action"))
        found->action = true;
    else if (str_is(name, "node"))
        found->node = true;
    else if (str_is(name, "sequence"))
        found->sequence = true;
    else if (str_cut_front(&form, STR("datetime.")))
        found->datetime = true, found->start_tells |= datetime_tells(form, &known);
    else if (str_cut_front(&form, STR("datetime_until.")))
        found->datetime = true, found->until_tells |= datetime_tells(form, &known);
    else
        known = false;
    return known ||
           error_set(err, ERR_INVALID,
                     "parameters: key: ${%.*s}: an object of many messages can have only ${action}, ${node}, "
                     "${sequence}, ${datetime.F} and ${datetime_until.F}, F being rfc3339utc, rfc3339, unix, "
                     "YYYY, MM, DD, DOY, hh, mm or ss",
                     STR_ARG(name));
}

struct object_key *object_key_new(struct str text, struct error *err)
{
    struct buf whole = {0};
    struct found found = {0};
    struct sql_template *given = sql_template_new(text, err);
    if (given == NULL) {
        error_wrap(err, "parameters: key");
        return NULL;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < sql_template_placeholder_count(given); i++)
        ok = look_at(sql_template_placeholder(given, i), &found, err);
    sql_template_free(given);
    if (!ok)
        return NULL;
    buf_append_str(&whole, text);
    buf_append_str(&whole, found.action ? STR_NONE : STR("/${action}"));
    buf_append_str(&whole, found.node ? STR_NONE : STR("/${node}"));
    buf_append_str(&whole, found.datetime ? STR_NONE : STR("/${datetime.rfc3339utc}"));
    buf_append_str(&whole, found.sequence ? STR_NONE : STR("/${sequence}"));
    struct object_key *key = mem_zalloc(sizeof(*key));
    key->template = sql_template_new(buf_str(&whole), err);
    key->exact =
        !found.datetime || found.start_tells == DATETIME_TELLS_ALL || found.until_tells == DATETIME_TELLS_ALL;
    buf_free(&whole);
    if (key->template != NULL)
        return key;
    object_key_free(key);
    return NULL;
}

void object_key_free(struct object_key *key)
{
    if (key == NULL)
        return;
    sql_template_free(key->template);
    mem_free(key);
}

bool object_key_is_exact(const struct object_key *key)
{
    return key->exact;
}

/* ---- Rendering ------------------------------------------------------------------------------------------- */

static bool put_name(struct sql_scope *scope, struct sql_map_builder *map, const char *name, const char *text,
                     struct error *err)
{
    struct buf *scratch = &scope->scratch;
    struct sql_value value;
    for (; *text != '\0'; text++)
        buf_append_byte(scratch, (uint8_t)(*text == ':' ? '_' : *text));
    return sql_make_scratch(scope, &value, err) && sql_map_put(map, str_of(name), value, err);
}

bool object_key_render(const struct object_key *key, const struct object_key_values *values, struct buf *out,
                       struct error *err)
{
    struct sql_scope scope = {0};
    struct sql_value sequence, start, until;
    sql_scope_begin(&scope, NULL);
    struct sql_map_builder map = sql_map_begin(&scope);
    bool ok = put_name(&scope, &map, "action", values->action, err) &&
              put_name(&scope, &map, "node", values->node, err) &&
              sql_make_int(&scope, (sql_int128)values->sequence, &sequence, err) &&
              sql_map_put(&map, STR("sequence"), sequence, err) &&
              datetime_make(&scope, values->start_ms, &start, err) &&
              sql_map_put(&map, STR("datetime"), start, err) &&
              datetime_make(&scope, values->until_ms, &until, err) &&
              sql_map_put(&map, STR("datetime_until"), until, err);
    if (ok) {
        struct sql_value all = sql_map_end(&map);
        struct sql_columns columns = sql_columns_of_map(&all);
        ok = sql_template_render(key->template, &columns, &scope, SQL_MISSING_IS_ERROR, out,
                                 out->len + OBJECT_KEY_BYTES_MAX, err);
    }
    sql_scope_free(&scope);
    return ok || error_wrap(err, "key");
}
