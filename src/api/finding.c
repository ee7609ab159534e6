/* What is found out on another thread while a request is parked: see connectors_internal.h. */
#include "api/connectors_internal.h"

#include "base/mem.h"

struct finding {
    atomic_uint references;
    struct api_waker *waker;
    pthread_mutex_t lock;
    bool told; /* under lock, as the rest */
    json_t *answer;
    struct error err;
};

static void forget(void *finding)
{
    finding_unref(finding);
}

struct finding *finding_new(struct api_request *request)
{
    struct finding *finding = mem_zalloc(sizeof(*finding));
    atomic_init(&finding->references, 1);
    finding->waker = api_waker(request);
    pthread_mutex_init(&finding->lock, NULL);
    api_set_state(request, finding, forget);
    return finding;
}

struct finding *finding_ref(struct finding *finding)
{
    atomic_fetch_add_explicit(&finding->references, 1, memory_order_relaxed);
    return finding;
}

void finding_unref(struct finding *finding)
{
    if (atomic_fetch_sub_explicit(&finding->references, 1, memory_order_acq_rel) != 1)
        return;
    api_waker_unref(finding->waker);
    pthread_mutex_destroy(&finding->lock);
    json_decref(finding->answer);
    mem_free(finding);
}

void finding_tell(struct finding *finding, json_t *answer, const struct error *err)
{
    pthread_mutex_lock(&finding->lock);
    finding->told = true;
    finding->answer = answer;
    if (err != NULL)
        finding->err = *err;
    pthread_mutex_unlock(&finding->lock);
    api_wake(finding->waker);
}

bool finding_take(struct finding *finding, json_t **answer, struct error *err)
{
    pthread_mutex_lock(&finding->lock);
    bool told = finding->told;
    *answer = finding->answer;
    *err = finding->err;
    finding->answer = NULL;
    pthread_mutex_unlock(&finding->lock);
    return told;
}
