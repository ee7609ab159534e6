/* A store of a connector for a tier. */
#include "cli/serve_stores.h"

#include "base/mem.h"

static bool take(void *arg, struct str connector, struct str bucket, struct tier_store *out,
                 struct error *err)
{
    const struct serve_stores *stores = arg;
    struct connector_store *store = connectors_take(stores->connectors, connector, err);
    *out = (struct tier_store){0};
    if (store == NULL)
        return false;
    out->root = connectors_root(stores->connectors, connector, bucket, err);
    out->store = store->objects;
    out->handle = store;
    if (out->root != NULL)
        return true;
    connector_store_release(store);
    return false;
}

static void give_back(void *arg, struct tier_store *store)
{
    (void)arg;
    connector_store_release(store->handle);
}

static char *who(struct str station)
{
    struct buf text = {0};
    buf_printf(&text, "station:%.*s", STR_ARG(station));
    char *out = str_dup(buf_str(&text));
    buf_free(&text);
    return out;
}

static bool use(void *arg, struct str connector, struct str station, struct error *err)
{
    const struct serve_stores *stores = arg;
    char *name = who(station);
    bool ok = connectors_use(stores->connectors, connector, str_of(name), err);
    mem_free(name);
    return ok;
}

static void unuse(void *arg, struct str connector, struct str station)
{
    const struct serve_stores *stores = arg;
    char *name = who(station);
    connectors_unuse(stores->connectors, connector, str_of(name));
    mem_free(name);
}

void serve_stores_fill(const struct serve_stores *stores, struct tiers_options *out)
{
    out->take_store = take;
    out->give_back = give_back;
    out->use = use;
    out->unuse = unuse;
    out->arg = (void *)(uintptr_t)stores;
}
