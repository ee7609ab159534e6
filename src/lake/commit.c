/* One attempt to commit.
 *
 * At the commit point three things can happen. v<N+1> is put: done. There is one: it is read; if it carries the change's uuid it
 * was put by an attempt whose answer was lost: done; else somebody was quicker, and the change has to be planned again on
 * top of what is there. The outcome is unknown: v<N+1> is read, and if it is not there the same bytes are put again: whichever
 * of the two arrives, it is the same commit. What cannot be found out stays as it is (ERR_UNKNOWN), and the same change is
 * committed again later, with the same uuid. Nothing is ever deleted for an unknown outcome.
 *
 * A store that does not honour If-None-Match is looked at before the put and read after it: two writers at once can then
 * go unnoticed. */
#include "lake/lake_internal.h"

#include "base/fault.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdio.h>

#define SAME_TRIES_MAX 3

void lake_uuid(char out[LAKE_UUID_BYTES])
{
    uint8_t bytes[16];
    char hex[33];
    random_bytes(bytes, sizeof(bytes));
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    hex_encode(bytes, sizeof(bytes), hex);
    snprintf(out, LAKE_UUID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void note_unconditional(struct lake *lake)
{
    lake->unconditional = true;
    if (lake->is_unconditional != NULL)
        lake->is_unconditional(lake->arg);
}

/* ---- Before the commit point ----------------------------------------------------------------------------- */

bool lake_give(struct lake *lake, const struct iceberg_table *table, struct iceberg_commit *commit,
               struct error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < commit->needed_count; i++) {
        struct buf bytes = {0};
        struct str key;
        ok = lake_key(table, commit->needed[i].path, &key, err) && lake->get(lake->arg, key, &bytes, err) &&
             iceberg_commit_give(commit, buf_str(&bytes), err);
        buf_free(&bytes);
    }
    return ok;
}

bool lake_put_own(struct lake *lake, struct str key, struct str bytes, struct error *err)
{
    struct error refused = {0};
    bool unconditional = lake->unconditional;
    if (lake->put(lake->arg, key, bytes, unconditional ? OBJECT_ALWAYS : OBJECT_IF_NONE, &refused) ||
        refused.code == ERR_EXISTS)
        return true;
    if (refused.code == ERR_UNSUPPORTED && !unconditional) {
        note_unconditional(lake);
        return lake_put_own(lake, key, bytes, err);
    }
    if (err != NULL)
        *err = refused;
    return error_wrap(err, "%.*s", STR_ARG(key));
}

/* What an attempt before has put is put again: it may not have come so far. */
bool lake_put(struct lake *lake, const struct iceberg_commit *commit, struct error *err)
{
    for (size_t i = 0; i + 1 < commit->object_count; i++) {
        if (!lake_put_own(lake, commit->objects[i].key, commit->objects[i].bytes, err))
            return false;
    }
    return true;
}

/* ---- The commit point ------------------------------------------------------------------------------------ */

/* Whose v<version> it is that is there. *exact: as lake_commit() has it. */
static enum lake_outcome resolve(struct lake *lake, const struct iceberg_commit *commit, uint64_t version,
                                 const char *uuid, bool *exact, struct error *err)
{
    struct iceberg_table *table = lake_read(lake, version, err);
    if (table == NULL)
        return LAKE_FAILED;
    bool ours = str_is(iceberg_property(table, ICEBERG_COMMIT_UUID), uuid);
    *exact = commit->snapshot_id == ICEBERG_NONE ||
             (commit->table->current != NULL && table->current != NULL &&
              str_equal(commit->table->current->manifest_list, table->current->manifest_list));
    iceberg_table_free(table);
    return ours ? LAKE_COMMITTED : LAKE_LOST;
}

/* Whether a put that has failed so may still be carried out. */
static bool may_arrive(enum error_code code)
{
    return code == ERR_UNKNOWN || code == ERR_TIMEOUT || code == ERR_CLOSED;
}

static bool put_metadata(struct lake *lake, const struct iceberg_object *object, uint64_t version,
                         struct error *err)
{
    struct error missing = {0};
    if (!lake->unconditional) {
        if (lake->put(lake->arg, object->key, object->bytes, OBJECT_IF_NONE, err))
            return true;
        if (err->code != ERR_UNSUPPORTED)
            return false;
        note_unconditional(lake);
    }
    struct iceberg_table *table = lake_read(lake, version, &missing);
    if (table != NULL) {
        iceberg_table_free(table);
        return error_set(err, ERR_EXISTS, "v%" PRIu64 " is there", version);
    }
    if (missing.code != ERR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    return lake->put(lake->arg, object->key, object->bytes, OBJECT_ALWAYS, err) &&
           error_set(err, ERR_UNKNOWN, "read back"); /* as if the answer were lost: it is read back */
}

enum lake_outcome lake_commit(struct lake *lake, const struct iceberg_commit *commit, uint64_t version,
                              const char *uuid, bool *exact, struct error *err)
{
    const struct iceberg_object *object = &commit->objects[commit->object_count - 1];
    bool doubt = false; /* one of the puts may still be on its way */
    for (unsigned tries = 0; tries < SAME_TRIES_MAX; tries++) {
        struct error failure = {0}, look = {0};
        FAULT_POINT("lake.before_metadata");
        bool put = put_metadata(lake, object, version, &failure);
        FAULT_POINT("lake.after_metadata");
        *exact = true;
        if (put)
            return LAKE_COMMITTED;
        enum lake_outcome outcome = resolve(lake, commit, version, uuid, exact, &look);
        if (outcome != LAKE_FAILED)
            return outcome;
        *err = failure;
        doubt = doubt || may_arrive(failure.code);
        if (look.code == ERR_NOT_FOUND && !doubt && failure.code != ERR_EXISTS)
            return LAKE_FAILED; /* it has not happened, and does not */
        if (look.code != ERR_NOT_FOUND)
            break;
    }
    if (err->code != ERR_CLOSED)
        err->code = ERR_UNKNOWN;
    return LAKE_FAILED;
}

/* ---- Beside it ------------------------------------------------------------------------------------------- */

bool lake_hint(struct lake *lake, uint64_t version, struct error *err)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, version);
    return lake->put(lake->arg, ICEBERG_HINT_KEY, str_of(text), OBJECT_ALWAYS, err);
}

bool lake_bury(struct lake *lake, struct str key, struct error *err)
{
    return lake->put(lake->arg, key, TOMBSTONE, OBJECT_ALWAYS, err);
}
