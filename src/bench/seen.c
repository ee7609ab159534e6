/* One bit a message. A message from behind is an order violation only when nobody had it before: what comes again comes
 * out of order by nature. */
#include "seen_internal.h"

#include "base/mem.h"

void seen_init(struct seen *seen, uint64_t count)
{
    seen->bits = mem_zalloc((count / 64 + 1) * sizeof *seen->bits);
    seen->count = count;
}

void seen_free(struct seen *seen)
{
    mem_free(seen->bits);
    *seen = (struct seen){0};
}

bool seen_receive(struct seen *seen, struct seen_member *member, uint32_t source, uint64_t number,
                  unsigned *delivers)
{
    if (number >= seen->count)
        return false;
    uint64_t bit = UINT64_C(1) << (number % 64);
    uint64_t before = atomic_fetch_or_explicit(&seen->bits[number / 64], bit, memory_order_relaxed);
    *delivers = (before & bit) == 0;
    if (*delivers == 0) {
        member->duplicates++;
        return true;
    }
    member->taken++;
    if (number < member->next[source])
        member->late++;
    else
        member->next[source] = number + 1;
    return true;
}
