/* The last lines of the log, for who cannot read standard error: a ring of LOG_RING_LINES lines, each cut after LOG_RING_BYTES. A line has
 * a block of its own length: most are a tenth of the longest, and each line of a place for the longest would touch a page.
 *
 * It is made once and never freed, so a thread that logs while the process ends finds it. The lock is held for a copy of one line. Who
 * logs never waits for it long: where a reader copies the whole ring, or where a process was forked while another thread held the lock, the
 * line is left out of the ring, and counted. The same where there is no memory for it. */
#include "base/log_ring.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define TRIES 64

struct slot {
    uint64_t number; /* from 1; 0: empty */
    int64_t wall_ms;
    enum log_level level;
    uint16_t len;
    char *text; /* owned */
};
_Static_assert(LOG_RING_BYTES <= UINT16_MAX, "the length of a line fits");

struct ring {
    pthread_mutex_t lock;
    uint64_t last; /* number of the newest line */
    struct slot slots[LOG_RING_LINES];
};

static _Atomic(struct ring *) the_ring;
static _Atomic uint64_t missed;

void log_ring_start(void)
{
    if (atomic_load(&the_ring) != NULL)
        return;
    struct ring *ring = mem_zalloc(sizeof(*ring));
    pthread_mutex_init(&ring->lock, NULL);
    atomic_store(&the_ring, ring);
}

static bool lock_soon(struct ring *ring)
{
    for (int i = 0; i < TRIES; i++) {
        if (pthread_mutex_trylock(&ring->lock) == 0)
            return true;
        sched_yield();
    }
    return false;
}

static size_t cut_length(struct str line)
{
    size_t len = line.len < LOG_RING_BYTES ? line.len : LOG_RING_BYTES;
    while (len < line.len && len > 0 && ((unsigned char)line.data[len] & 0xC0) == 0x80)
        len--; /* no half character at the end */
    return len;
}

/* False: there is no memory for it. */
static bool put(struct ring *ring, enum log_level level, struct str line)
{
    struct slot *slot = &ring->slots[(ring->last + 1) % LOG_RING_LINES];
    size_t len = cut_length(line);
    char *text = mem_try_realloc(slot->text, len + 1); /* of an empty line as well */
    if (text == NULL)
        return false;
    memcpy(text, line.data, len);
    *slot = (struct slot){
        .number = ++ring->last,
        .wall_ms = clock_wall_ms(),
        .level = level,
        .len = (uint16_t)len,
        .text = text,
    };
    return true;
}

void log_ring_put(enum log_level level, struct str line)
{
    struct ring *ring = atomic_load(&the_ring);
    if (ring == NULL)
        return;
    bool kept = lock_soon(ring);
    if (kept) {
        kept = put(ring, level, line);
        pthread_mutex_unlock(&ring->lock);
    }
    if (!kept)
        atomic_fetch_add_explicit(&missed, 1, memory_order_relaxed);
}

uint64_t log_ring_each(uint64_t after, enum log_level least,
                       bool (*each)(const struct log_ring_line *, void *), void *arg)
{
    struct ring *ring = atomic_load(&the_ring);
    if (ring == NULL)
        return 0;
    pthread_mutex_lock(&ring->lock);
    uint64_t kept = ring->last < LOG_RING_LINES ? ring->last : LOG_RING_LINES;
    for (uint64_t i = 0; i < kept && ring->last - i > after; i++) {
        const struct slot *slot = &ring->slots[(ring->last - i) % LOG_RING_LINES];
        const struct log_ring_line line = {
            .number = slot->number,
            .wall_ms = slot->wall_ms,
            .level = slot->level,
            .text = str_make(slot->text, slot->len),
        };
        if (slot->level >= least && !each(&line, arg))
            break;
    }
    pthread_mutex_unlock(&ring->lock);
    return atomic_load_explicit(&missed, memory_order_relaxed);
}
