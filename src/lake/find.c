/* The newest version of a table.
 *
 *   1. begin at the version that is known, without one at v1
 *   2. while v<N+1>.metadata.json is there: N + 1. It is read for that, not asked for: the last one that was read is the
 *      one that is wanted
 *   3. if nothing is known, version-hint.text may be higher; if v<N> itself is not there or is a tombstone (lake_bury()), the hint
 *      is newer; without a hint there is no table
 *
 * Nothing is ever listed. */
#include "lake/lake_internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>

#define PROBES_MAX 100000 /* versions behind a hint that is looked at */

struct iceberg_table *lake_read(struct lake *lake, uint64_t version, struct error *err)
{
    struct buf key = {0}, text = {0};
    iceberg_metadata_key(version, &key);
    struct iceberg_table *table = NULL;
    if (lake->get(lake->arg, buf_str(&key), &text, err)) {
        if (str_starts(buf_str(&text), TOMBSTONE_START))
            error_set(err, ERR_NOT_FOUND, "v%" PRIu64 ".metadata.json has expired", version);
        else
            table = iceberg_metadata_read(buf_str(&text), err);
        if (table == NULL)
            error_wrap(err, "%s%s", lake->base, buf_cstr(&key));
    }
    buf_free(&key);
    buf_free(&text);
    return table;
}

/* 0: there is none. */
static bool read_hint(struct lake *lake, uint64_t *version, struct error *err)
{
    struct buf text = {0};
    struct error missing = {0};
    *version = 0;
    bool ok = lake->get(lake->arg, ICEBERG_HINT_KEY, &text, &missing);
    if (ok && !str_to_u64(str_trim(buf_str(&text)), version, NULL))
        LOG_WARNING("version-hint.text is no number and is passed over", LOG_TEXT("table", lake->base));
    buf_free(&text);
    if (ok || missing.code == ERR_NOT_FOUND)
        return true;
    if (err != NULL)
        *err = missing;
    return false;
}

/* From `version` on, which may not be there. *table NULL: neither is any behind it. */
static bool probe_from(struct lake *lake, uint64_t version, struct iceberg_table **table, uint64_t *found,
                       struct error *err)
{
    *table = NULL;
    for (uint64_t probes = 0; probes < PROBES_MAX; probes++, version++) {
        struct error missing = {0};
        struct iceberg_table *next = lake_read(lake, version, &missing);
        if (next == NULL && missing.code == ERR_NOT_FOUND)
            return true;
        if (next == NULL) {
            iceberg_table_free(*table);
            *table = NULL;
            if (err != NULL)
                *err = missing;
            return false;
        }
        iceberg_table_free(*table);
        *table = next;
        *found = version;
    }
    return true;
}

bool lake_find(struct lake *lake, uint64_t known, struct iceberg_table **table, uint64_t *version,
               struct error *err)
{
    uint64_t hint;
    if (!probe_from(lake, known > 0 ? known : 1, table, version, err))
        return false;
    if (*table != NULL && known > 0)
        return true;
    if (!read_hint(lake, &hint, err)) {
        iceberg_table_free(*table);
        *table = NULL;
        return false;
    }
    if (hint == 0 || (*table != NULL && hint <= *version))
        return true;
    iceberg_table_free(*table);
    return probe_from(lake, hint, table, version, err);
}

/* ---- Manifest lists -------------------------------------------------------------------------------------- */

bool lake_key(const struct iceberg_table *table, struct str uri, struct str *key, struct error *err)
{
    if (iceberg_key(table, uri, key))
        return true;
    error_set(err, ERR_UNSUPPORTED, "%.*s is not below the table at %.*s", STR_ARG(uri),
              STR_ARG(table->location));
    return error_hint(err, "the table was moved or changed by somebody else; rewrite its metadata");
}

bool lake_list(struct lake *lake, const struct iceberg_table *table, struct iceberg_list **out,
               struct error *err)
{
    struct buf bytes = {0};
    struct str key;
    *out = NULL;
    if (table == NULL || table->current == NULL)
        return true;
    *out = mem_zalloc(sizeof(**out));
    bool ok = lake_key(table, table->current->manifest_list, &key, err) &&
              (lake->get(lake->arg, key, &bytes, err) || error_wrap(err, "%.*s", STR_ARG(key))) &&
              (iceberg_list_read(buf_str(&bytes), *out, err) || error_wrap(err, "%.*s", STR_ARG(key)));
    buf_free(&bytes);
    if (!ok) {
        lake_list_free(*out);
        *out = NULL;
    }
    return ok;
}

void lake_list_free(struct iceberg_list *list)
{
    if (list == NULL)
        return;
    iceberg_list_free(list);
    mem_free(list);
}
