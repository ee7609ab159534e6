/* Who uses a connector: as long as somebody does, it is not deleted. */
#include "connector/connector_internal.h"

#include "base/mem.h"

#include <stdio.h>

bool connectors_use(struct connectors *connectors, struct str id, struct str who, struct error *err)
{
    struct connector *connector = connector_get(connectors, id, err);
    if (connector == NULL)
        return false;
    struct connector_use *use = mem_zalloc(sizeof(*use) + who.len + 1);
    memcpy(use->who, who.data, who.len);
    pthread_mutex_lock(&connectors->lock);
    bool ok = !connector->deleted;
    if (ok)
        list_append(&connector->uses, &use->link);
    pthread_mutex_unlock(&connectors->lock);
    if (!ok) {
        mem_free(use);
        error_set(err, ERR_NOT_FOUND, "no connector \"%s\"", connector->id);
    }
    connector_unref(connector);
    return ok;
}

void connectors_unuse(struct connectors *connectors, struct str id, struct str who)
{
    struct connector *connector = connector_get(connectors, id, NULL);
    if (connector == NULL)
        return;
    pthread_mutex_lock(&connectors->lock);
    LIST_EACH(it, &connector->uses)
    {
        struct connector_use *use = CONTAINER_OF(it, struct connector_use, link);
        if (!str_equal(str_of(use->who), who))
            continue;
        list_remove(&use->link);
        mem_free(use);
        break;
    }
    pthread_mutex_unlock(&connectors->lock);
    connector_unref(connector);
}

bool uses_none(const struct connector *connector, struct error *err)
{
    char list[200] = "";
    size_t used = 0;
    if (list_empty(&connector->uses))
        return true;
    LIST_EACH(it, &connector->uses)
    {
        const char *who = CONTAINER_OF(it, struct connector_use, link)->who;
        if (used + strlen(who) + 8 > sizeof(list)) {
            snprintf(list + used, sizeof(list) - used, ", …");
            break;
        }
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "", who);
    }
    return error_set(err, ERR_BUSY, "connector %.150s is used by %s", connector->id, list);
}

void uses_free(struct connector *connector)
{
    LIST_EACH_SAFE(it, &connector->uses)
    {
        mem_free(CONTAINER_OF(it, struct connector_use, link));
    }
}
