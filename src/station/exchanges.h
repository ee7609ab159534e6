/* After a restart: the messages at QoS 2 that a station has from sessions which may repeat them.
 *
 * As long as the broker runs a session knows what it has received. After a crash its journal may lack what the station has:
 * then the client repeats it, and the broker gives it the name that it had (publication_exchange()). So the names in the last
 * dedup_window of the log are read (recall.c), and what is repeated is looked up here. Of a packet identifier the last exchange
 * is kept, since it begins only when those before it are over; nothing is added when the reading is done. Thread: any. */
#ifndef STATION_EXCHANGES_H
#define STATION_EXCHANGES_H

#include "station/station.h"

#include <pthread.h>

#define EXCHANGES_MAX 500000 /* of one station; more: the oldest are forgotten before their window ends */

struct exchanges {
    atomic_size_t count; /* written under lock; relaxed */
    pthread_mutex_t lock;
    /* Under lock. */
    struct map all;
    struct list by_time;
    size_t max; /* EXCHANGES_MAX; tests: less */
};

void exchanges_init(struct exchanges *exchanges);
void exchanges_free(struct exchanges *exchanges);
/* What the log has, in the order of the offsets. */
void exchanges_add(struct exchanges *exchanges, const struct station_message *message, int64_t time_ms);
/* The same of one that is told by its content's hash (exchanges_content()). */
void exchanges_add_hashed(struct exchanges *exchanges, const struct publication_exchange *exchange,
                          uint64_t content, int64_t time_ms);
/* The same in every process. */
uint64_t exchanges_content(const struct station_message *message);
/* Whether the log has this very message: exchange and content. */
bool exchanges_have(struct exchanges *exchanges, const struct station_message *message, int64_t now_ms,
                    int64_t window_ms);
void exchanges_expire(struct exchanges *exchanges, int64_t now_ms, int64_t window_ms);
static inline size_t exchanges_count(struct exchanges *exchanges)
{
    return atomic_load_explicit(&exchanges->count, memory_order_relaxed);
}

#endif
