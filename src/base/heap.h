/* Intrusive binary min-heap of int64 keys: timers and deadlines. O(log n) insert and remove of any node. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    size_t index; /* position + 1; 0 when in no heap */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t cap;
};

void heap_insert(struct heap *heap, struct heap_node *node, int64_t key); /* moves it if it is in already */
void heap_remove(struct heap *heap, struct heap_node *node);              /* nothing if it is in none */
struct heap_node *heap_min(const struct heap *heap);                      /* NULL when empty */
void heap_free(struct heap *heap);                                        /* the array, not the nodes */

static inline bool heap_contains(const struct heap_node *node)
{
    return node->index != 0;
}

#endif
