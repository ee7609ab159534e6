/* The rare paths of a track: jumps ahead leave a gap; a message from behind closes a part of one, or is a
 * duplicate. Gaps are kept in ascending order. */
#include "track_internal.h"

#include "base/mem.h"

#include <string.h>

static void gap_remove(struct track *track, uint32_t i)
{
    track->gap_count--;
    memmove(track->gaps + i, track->gaps + i + 1, (track->gap_count - i) * sizeof *track->gaps);
}

static void gap_insert(struct track *track, uint32_t i, uint64_t first, uint64_t end)
{
    if (track->gaps == NULL)
        track->gaps = mem_alloc(TRACK_GAPS_MAX * sizeof *track->gaps);
    if (track->gap_count == TRACK_GAPS_MAX) {
        gap_remove(track, 0);
        i = i > 0 ? i - 1 : 0;
    }
    memmove(track->gaps + i + 1, track->gaps + i, (track->gap_count - i) * sizeof *track->gaps);
    track->gaps[i] = (struct track_gap){first, end};
    track->gap_count++;
}

static unsigned from_behind(struct track *track, uint64_t sequence)
{
    for (uint32_t i = 0; i < track->gap_count; i++) {
        struct track_gap gap = track->gaps[i];
        if (sequence < gap.first || sequence >= gap.end)
            continue;
        track->missing--;
        track->late++;
        if (sequence == gap.first)
            track->gaps[i].first++;
        else
            track->gaps[i].end = sequence;
        if (track->gaps[i].first == track->gaps[i].end)
            gap_remove(track, i);
        else if (sequence > gap.first && sequence + 1 < gap.end)
            gap_insert(track, i + 1, sequence + 1, gap.end);
        return 1;
    }
    track->duplicates++;
    return 0;
}

unsigned track_unexpected(struct track *track, uint64_t sequence)
{
    uint64_t next = atomic_load_explicit(&track->next, memory_order_relaxed);
    if (sequence < next)
        return from_behind(track, sequence);
    gap_insert(track, track->gap_count, next, sequence);
    track->missing += sequence - next;
    atomic_store_explicit(&track->next, sequence + 1, memory_order_relaxed);
    return 1;
}

void track_free(struct track *track)
{
    mem_free(track->gaps);
    track->gaps = NULL;
    track->gap_count = 0;
}
