/* Binary heap in an array of pointers: the children of position i are 2i + 1 and 2i + 2. Each node knows its
 * position, so that any timer can be moved or taken out without a search. */
#include "base/heap.h"

#include "base/mem.h"

#include <assert.h>

#define FIRST_CAP 16

static void put(struct heap *heap, struct heap_node *node, size_t at)
{
    heap->nodes[at] = node;
    node->index = at + 1;
}

/* Moves the node up or down from the hole `at` to where its key belongs. */
static void settle(struct heap *heap, struct heap_node *node, size_t at)
{
    while (at > 0 && heap->nodes[(at - 1) / 2]->key > node->key) {
        put(heap, heap->nodes[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->nodes[child + 1]->key < heap->nodes[child]->key)
            child++;
        if (heap->nodes[child]->key >= node->key)
            break;
        put(heap, heap->nodes[child], at);
        at = child;
    }
    put(heap, node, at);
}

void heap_insert(struct heap *heap, struct heap_node *node, int64_t key)
{
    node->key = key;
    if (node->index != 0) {
        assert(node->index <= heap->count && heap->nodes[node->index - 1] == node);
        settle(heap, node, node->index - 1);
        return;
    }
    if (heap->count == heap->cap) {
        heap->cap = heap->cap != 0 ? 2 * heap->cap : FIRST_CAP;
        heap->nodes = mem_realloc(heap->nodes, heap->cap * sizeof(struct heap_node *));
    }
    put(heap, node, heap->count++);
    settle(heap, node, heap->count - 1);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->index == 0)
        return;
    size_t at = node->index - 1;
    assert(at < heap->count && heap->nodes[at] == node);
    node->index = 0;
    struct heap_node *last = heap->nodes[--heap->count];
    if (last != node)
        settle(heap, last, at);
}

struct heap_node *heap_min(const struct heap *heap)
{
    return heap->count != 0 ? heap->nodes[0] : NULL;
}

void heap_free(struct heap *heap)
{
    mem_free(heap->nodes);
    *heap = (struct heap){0};
}
