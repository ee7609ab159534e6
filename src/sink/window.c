/* Which item may go out next: the first of a lane that has room, unless it follows another of its key.
 *
 * The items of a key are a chain in the order of coming, and only its first one may fly; of each key the window knows the last one, which the
 * next to come is put behind. An item that has landed to wait again is put before what came behind it: few are passed on the way, since
 * no more than a lane's share was flying. */
#include "sink/window.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>

static struct window_item *item_of(struct list *node)
{
    return CONTAINER_OF(node, struct window_item, node);
}

static struct window_lane *lane_of(const struct window *window, const struct window_item *item)
{
    return &window->lanes[item->client % window->lane_count];
}

static void make_lanes(struct window *window, unsigned lane_count)
{
    window->lanes = mem_zalloc(lane_count * sizeof(*window->lanes));
    window->lane_count = lane_count;
    window->turn = 0;
    for (unsigned i = 0; i < lane_count; i++)
        list_init(&window->lanes[i].waiting);
}

void window_init(struct window *window, unsigned lane_count)
{
    *window = (struct window){0};
    make_lanes(window, lane_count);
}

void window_free(struct window *window)
{
    mem_free(window->lanes);
    map_free(&window->last_of_key);
    *window = (struct window){0};
}

/* Out of all lines the item that came first, or NULL. */
static struct window_item *take_oldest(struct window_lane *lanes, unsigned lane_count)
{
    struct window_item *oldest = NULL;
    for (unsigned i = 0; i < lane_count; i++) {
        struct list *waiting = &lanes[i].waiting;
        if (!list_empty(waiting) && (oldest == NULL || item_of(waiting->next)->number < oldest->number))
            oldest = item_of(waiting->next);
    }
    if (oldest != NULL)
        list_remove(&oldest->node);
    return oldest;
}

void window_set_lanes(struct window *window, unsigned lane_count)
{
    assert(window->flying == 0);
    struct window_lane *former = window->lanes;
    unsigned former_count = window->lane_count;
    make_lanes(window, lane_count);
    for (struct window_item *item; (item = take_oldest(former, former_count)) != NULL;)
        list_append(&lane_of(window, item)->waiting, &item->node);
    mem_free(former);
}

/* ---- Keys ------------------------------------------------------------------------------------------------ */

static bool same_key(const void *item, const void *key)
{
    const struct window_item *one = item, *other = key;
    return str_equal(one->key, other->key) && str_equal(one->bucket, other->bucket);
}

static void join_key(struct window *window, struct window_item *item)
{
    item->key_hash = hash_bytes(item->key.data, item->key.len);
    item->before = map_remove(&window->last_of_key, item->key_hash, same_key, item);
    if (item->before != NULL)
        item->before->behind = item;
    map_insert(&window->last_of_key, item->key_hash, item);
}

void window_leave(struct window *window, struct window_item *item)
{
    assert(!list_linked(&item->node));
    if (item->before != NULL)
        item->before->behind = item->behind;
    if (item->behind != NULL) {
        item->behind->before = item->before;
        return;
    }
    map_remove_item(&window->last_of_key, item->key_hash, item);
    if (item->before != NULL)
        map_insert(&window->last_of_key, item->key_hash, item->before);
}

/* ---- Lines ----------------------------------------------------------------------------------------------- */

void window_add(struct window *window, struct window_item *item)
{
    join_key(window, item);
    list_append(&lane_of(window, item)->waiting, &item->node);
    window->waiting++;
}

void window_withdraw(struct window *window, struct window_item *item)
{
    list_remove(&item->node);
    window->waiting--;
}

struct window_item *window_next(struct window *window, unsigned lane_max)
{
    for (unsigned i = 0; i < window->lane_count && window->waiting > 0; i++) {
        struct window_lane *lane = &window->lanes[window->turn];
        window->turn = window->turn + 1 < window->lane_count ? window->turn + 1 : 0;
        if (lane->flying >= lane_max || list_empty(&lane->waiting))
            continue;
        struct window_item *item = item_of(lane->waiting.next);
        if (item->before != NULL)
            continue;
        window_withdraw(window, item);
        lane->flying++;
        window->flying++;
        return item;
    }
    return NULL;
}

void window_land(struct window *window, struct window_item *item, bool again)
{
    struct window_lane *lane = lane_of(window, item);
    lane->flying--;
    window->flying--;
    if (!again)
        return;
    struct list *at = lane->waiting.next;
    while (at != &lane->waiting && item_of(at)->number < item->number)
        at = at->next;
    list_append(at, &item->node); /* before it */
    window->waiting++;
}
