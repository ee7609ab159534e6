/* Waiting for the next commit.
 *
 * A waiter hangs in its log's list. Whoever commits (or closes) takes the due ones out under the log's lock and wakes
 * them without it: a wake may wait again, or free what it is embedded in. One that is taken is not linked any more
 * (link.next is NULL), so that a cancel knows it comes too late; link.prev chains those that are about to be woken. */
#include "log/log_internal.h"

static struct log_waiter *waiter_of(struct list *link)
{
    return CONTAINER_OF(link, struct log_waiter, link);
}

bool log_wait(struct log *log, struct log_waiter *waiter, uint64_t offset)
{
    pthread_mutex_lock(&log->lock);
    bool waits = offset >= log->next && !log->closing;
    if (waits) {
        waiter->offset = offset;
        list_append(&log->waiters, &waiter->link);
    }
    pthread_mutex_unlock(&log->lock);
    return waits;
}

bool log_wait_cancel(struct log *log, struct log_waiter *waiter)
{
    pthread_mutex_lock(&log->lock);
    bool was_waiting = waiter->link.next != NULL;
    list_remove(&waiter->link);
    pthread_mutex_unlock(&log->lock);
    return was_waiting;
}

struct log_waiter *waiters_take(struct log *log, uint64_t next)
{
    struct list *first = NULL;
    struct list **end = &first;
    LIST_EACH_SAFE(link, &log->waiters)
    {
        if (waiter_of(link)->offset < next || log->closing) {
            list_remove(link);
            *end = link;
            end = &link->prev;
        }
    }
    return first != NULL ? waiter_of(first) : NULL;
}

void waiters_wake(struct log_waiter *taken)
{
    for (struct list *link = taken != NULL ? &taken->link : NULL, *next; link != NULL; link = next) {
        struct log_waiter *waiter = waiter_of(link);
        next = link->prev;
        link->prev = NULL;
        waiter->wake(waiter);
    }
}
