/* One file of the spool on its way to the store.
 *
 *   BUILT ──▶ INTENDED ──▶ UNDER_WAY ──▶ DONE
 *     the ledger   PUT begins      │ it has ended well, or what is there is ours
 *                     ▲            │
 *                     └────────────┘ it has failed: it begins again with the step's next try
 *
 * The PUT runs on the store's own threads; its end touches the tier, and the next step looks at how it has ended. An
 * outcome that is not known is resolved by reading back: the name is ours alone, so what is there under it with this
 * size is what an attempt has put whose answer was lost. Nothing is deleted for it.
 *
 * What is in the store is not needed on disk any more: a batch that is dropped is built from the log again. */
#include "tier/tier_internal.h"

#include "base/fault.h"
#include "base/mem.h"

void upload_init(struct upload *upload, struct tier *tier, struct spool *spool)
{
    struct buf key = {0};
    char uuid[LAKE_UUID_BYTES];
    *upload = (struct upload){.spool = *spool, .state = UPLOAD_BUILT};
    *spool = (struct spool){.fd = -1};
    lake_uuid(uuid);
    data_key(tier, &upload->spool, uuid, &key);
    upload->key = str_dup(buf_str(&key));
    buf_free(&key);
}

/* On a thread of the store. */
static void ended(void *arg)
{
    tier_touch(arg);
}

bool upload_begin(struct upload *upload, struct tier *tier, const char *uuid, struct error *err)
{
    const struct str key = str_of(upload->key);
    if (upload->state == UPLOAD_BUILT) {
        if (!ledger_intend(&tier->ledger, uuid, &key, 1, err))
            return false;
        upload->state = UPLOAD_INTENDED;
        FAULT_POINT("tier.after_data_intent");
    }
    if (!reach_take(tier, &upload->reach, err))
        return false;
    upload->call = reach_start_put(&upload->reach, key, upload->spool.fd, upload->spool.bytes, OBJECT_IF_NONE,
                                   ended, tier, err);
    if (upload->call == NULL) {
        reach_give_back(&upload->reach);
        return error_wrap(err, "%s", upload->key);
    }
    upload->state = UPLOAD_UNDER_WAY;
    FAULT_POINT("tier.uploading");
    return true;
}

static bool is_there(struct reach *reach, const struct upload *upload)
{
    uint64_t size;
    return reach_head(reach, str_of(upload->key), &size, NULL) && size == upload->spool.bytes;
}

bool upload_look(struct upload *upload, struct tier *tier, struct reach *reach, bool *moved,
                 struct error *err)
{
    struct error refused = {0};
    if (upload->state != UPLOAD_UNDER_WAY || !object_call_has_ended(upload->call))
        return true;
    bool ok = reach_end_put(tier, upload->call, upload->spool.bytes, &refused);
    upload->call = NULL;
    upload->state = UPLOAD_INTENDED;
    reach_give_back(&upload->reach);
    if (!ok && refused.code == ERR_UNSUPPORTED && !tier->unconditional) {
        tier_is_unconditional(tier);
        return true;
    }
    if (!ok && (refused.code == ERR_EXISTS || refused.code == ERR_UNKNOWN))
        ok = is_there(reach, upload);
    if (!ok) {
        if (err != NULL)
            *err = refused;
        return error_wrap(err, "%s", upload->key);
    }
    upload->state = UPLOAD_DONE;
    spool_remove(&upload->spool);
    *moved = true;
    FAULT_POINT("tier.after_data");
    return true;
}

void upload_free(struct upload *upload)
{
    object_call_leave(upload->call);
    if (upload->state == UPLOAD_UNDER_WAY)
        reach_give_back(&upload->reach);
    spool_free(&upload->spool);
    mem_free(upload->key);
}

static bool is_stopping(void *arg)
{
    return tier_is_stopping(arg);
}

void uploads_end(struct tier *tier)
{
    LIST_EACH(it, &tier->batches)
    {
        struct batch *batch = CONTAINER_OF(it, struct batch, link);
        for (size_t i = 0; i < batch->count; i++) {
            if (batch->files[i].state == UPLOAD_UNDER_WAY)
                object_call_wait(batch->files[i].call, is_stopping, tier);
        }
    }
}
