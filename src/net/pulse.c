/* Whether reactors turn: each gets a letter, and when the next one is due, the last one must have come.
 *
 * A letter waits behind the mail that is there already, so it comes within a few turns of a busy reactor, and at once
 * to one that sleeps. One that hangs in a callback takes no mail: its letter stays out, and is not sent again. */
#include "net/net_internal.h"

void reactor_pulse_came(struct reactor *reactor, struct mail *mail)
{
    (void)reactor; /* NULL once it has stopped */
    struct reactor *owner = CONTAINER_OF(mail, struct reactor, pulse);
    /* Release: pairs with the acquire below; from here on the letter is the sender's. */
    atomic_store_explicit(&owner->pulse_is_out, false, memory_order_release);
}

unsigned reactor_group_pulse(struct reactor_group *group)
{
    unsigned stuck = 0;
    for (unsigned i = 0; i < reactor_count(group); i++) {
        struct reactor *reactor = reactor_at(group, i);
        if (atomic_load_explicit(&reactor->pulse_is_out, memory_order_acquire)) {
            stuck++;
            continue;
        }
        atomic_store_explicit(&reactor->pulse_is_out, true, memory_order_relaxed);
        reactor_post(reactor, &reactor->pulse);
    }
    return stuck;
}
