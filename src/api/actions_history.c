/* A ring of samples for each action, found by its id; there are few. */
#include "api/actions_history.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

struct past {
    char *id;
    struct action_sample samples[ACTIONS_HISTORY_MAX];
    size_t count;
    size_t next;
    bool seen; /* in this round */
};

struct actions_history {
    pthread_mutex_t lock;
    /* Under lock. */
    struct past *all[ACTIONS_HISTORY_MANY];
    size_t count;
};

struct actions_history *actions_history_new(void)
{
    struct actions_history *history = mem_zalloc(sizeof(*history));
    pthread_mutex_init(&history->lock, NULL);
    return history;
}

static void past_free(struct past *past)
{
    mem_free(past->id);
    mem_free(past);
}

void actions_history_free(struct actions_history *history)
{
    if (history == NULL)
        return;
    for (size_t i = 0; i < history->count; i++)
        past_free(history->all[i]);
    pthread_mutex_destroy(&history->lock);
    mem_free(history);
}

static struct past *find(struct actions_history *history, struct str id)
{
    for (size_t i = 0; i < history->count; i++) {
        if (str_equal(str_of(history->all[i]->id), id))
            return history->all[i];
    }
    return NULL;
}

/* ---- A round --------------------------------------------------------------------------------------------- */

void actions_history_begin(struct actions_history *history)
{
    pthread_mutex_lock(&history->lock);
    for (size_t i = 0; i < history->count; i++)
        history->all[i]->seen = false;
    pthread_mutex_unlock(&history->lock);
}

void actions_history_add(struct actions_history *history, struct str id, const struct action_sample *sample)
{
    pthread_mutex_lock(&history->lock);
    struct past *past = find(history, id);
    if (past == NULL && history->count < ACTIONS_HISTORY_MANY) {
        past = mem_zalloc(sizeof(*past));
        past->id = str_dup(id);
        history->all[history->count++] = past;
    }
    if (past != NULL) {
        past->samples[past->next] = *sample;
        past->next = (past->next + 1) % ACTIONS_HISTORY_MAX;
        past->count += past->count < ACTIONS_HISTORY_MAX;
        past->seen = true;
    }
    pthread_mutex_unlock(&history->lock);
}

void actions_history_end(struct actions_history *history)
{
    pthread_mutex_lock(&history->lock);
    for (size_t i = history->count; i-- > 0;) {
        if (history->all[i]->seen)
            continue;
        past_free(history->all[i]);
        history->all[i] = history->all[--history->count];
    }
    pthread_mutex_unlock(&history->lock);
}

/* ---- Answering ------------------------------------------------------------------------------------------- */

/* Counters begin anew with a reset. */
static json_int_t grown(uint64_t from, uint64_t to)
{
    return (json_int_t)(to >= from ? to - from : to);
}

json_t *actions_history_json(struct actions_history *history, struct str id)
{
    json_t *out = json_array();
    pthread_mutex_lock(&history->lock);
    const struct past *past = find(history, id);
    for (size_t i = 1; past != NULL && i < past->count; i++) {
        size_t at = (past->next + ACTIONS_HISTORY_MAX - past->count + i) % ACTIONS_HISTORY_MAX;
        const struct action_sample *sample = &past->samples[at];
        const struct action_sample *former =
            &past->samples[(at + ACTIONS_HISTORY_MAX - 1) % ACTIONS_HISTORY_MAX];
        json_array_append_new(
            out, json_pack("{s:I, s:I, s:I, s:I}", "time_stamp", (json_int_t)sample->wall_ms, "buffered",
                           (json_int_t)sample->buffered, "stored", grown(former->stored, sample->stored),
                           "failed", grown(former->failed, sample->failed)));
    }
    pthread_mutex_unlock(&history->lock);
    return out;
}
