/* Mail between threads.
 *
 * A producer takes one atomic exchange and one store, whatever others do; only if the consumer sleeps does it
 * also write to the eventfd, and only the first one does. The eventfd is edge-triggered: nobody reads it.
 *
 * Going to sleep is Dekker's handshake: the producer changes `head`, then looks at `state`; the consumer
 * changes `state`, then looks at `head`. All four are sequentially consistent, so one of them sees the other.
 * Closing works the same way: mail that the closing consumer does not see is dropped by its sender. */
#include "net/net_internal.h"

#include <unistd.h>

void mailbox_init(struct mailbox *box)
{
    atomic_init(&box->stub.next, NULL);
    atomic_init(&box->head, &box->stub);
    atomic_init(&box->state, MAILBOX_AWAKE);
    pthread_mutex_init(&box->drop_lock, NULL);
    box->tail = &box->stub;
}

void mailbox_destroy(struct mailbox *box)
{
    pthread_mutex_destroy(&box->drop_lock);
}

static void push(struct mailbox *box, struct mail *mail)
{
    atomic_store_explicit(&mail->next, NULL, memory_order_relaxed);
    struct mail *before = atomic_exchange_explicit(&box->head, mail, memory_order_seq_cst);
    /* Release: pairs with the acquire in pop(), which then sees the sender's structure. */
    atomic_store_explicit(&before->next, mail, memory_order_release);
}

/* NULL: empty, or the next one's link is not there yet. */
static struct mail *pop(struct mailbox *box)
{
    struct mail *tail = box->tail;
    struct mail *next = atomic_load_explicit(&tail->next, memory_order_acquire);
    if (tail == &box->stub) {
        if (next == NULL)
            return NULL;
        box->tail = next;
        tail = next;
        next = atomic_load_explicit(&tail->next, memory_order_acquire);
    }
    if (next == NULL) {
        if (tail != atomic_load_explicit(&box->head, memory_order_acquire))
            return NULL;
        /* The last one: the stub goes behind it, so that it can be taken out. */
        push(box, &box->stub);
        next = atomic_load_explicit(&tail->next, memory_order_acquire);
        if (next == NULL)
            return NULL;
    }
    box->tail = next;
    return tail;
}

bool mailbox_empty(struct mailbox *box)
{
    return box->tail == &box->stub && atomic_load_explicit(&box->head, memory_order_seq_cst) == &box->stub;
}

bool mailbox_sleep(struct mailbox *box)
{
    atomic_store_explicit(&box->state, MAILBOX_ASLEEP, memory_order_seq_cst);
    if (mailbox_empty(box))
        return true;
    mailbox_wake(box);
    return false;
}

void mailbox_wake(struct mailbox *box)
{
    /* Relaxed: a producer that still sees it asleep writes to the eventfd in vain, which costs one empty turn. */
    atomic_store_explicit(&box->state, MAILBOX_AWAKE, memory_order_relaxed);
}

void mailbox_run(struct reactor *reactor)
{
    struct mailbox *box = &reactor->mail;
    reactor->mail_cost = 0;
    for (int i = 0; i < MAIL_PER_TURN && reactor->mail_cost < MAIL_COST_PER_TURN; i++) {
        struct mail *mail = pop(box);
        if (mail == NULL)
            return;
        mail->run(reactor, mail);
    }
}

void reactor_spend(struct reactor *reactor, size_t bytes)
{
    reactor->mail_cost += bytes;
}

/* Mail of a mailbox that nobody reads. A node that pop() cannot see yet is left to its producer, who comes here
 * after its second step. */
static void drop_all(struct mailbox *box)
{
    for (;;) {
        pthread_mutex_lock(&box->drop_lock);
        struct mail *mail = pop(box);
        pthread_mutex_unlock(&box->drop_lock);
        if (mail == NULL)
            return;
        mail->run(NULL, mail);
    }
}

void mailbox_close(struct mailbox *box)
{
    atomic_store_explicit(&box->state, MAILBOX_CLOSED, memory_order_seq_cst);
    drop_all(box);
}

void reactor_post(struct reactor *reactor, struct mail *mail)
{
    struct mailbox *box = &reactor->mail;
    push(box, mail);
    uint32_t state = atomic_load_explicit(&box->state, memory_order_seq_cst);
    if (state == MAILBOX_AWAKE)
        return;
    if (state == MAILBOX_ASLEEP && atomic_compare_exchange_strong(&box->state, &state, MAILBOX_AWAKE)) {
        uint64_t one = 1;
        ssize_t written = write(reactor->wake_fd, &one, sizeof one);
        (void)written; /* fails only when the counter is full: then the reactor has been woken */
        return;
    }
    if (state == MAILBOX_CLOSED)
        drop_all(box);
}
