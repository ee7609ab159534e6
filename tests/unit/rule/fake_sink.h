/* Actions that the test decides about, in the place of sink/: what is submitted is kept as text, and its outcome and end are
 * what the test says. */
#ifndef TESTS_RULE_FAKE_SINK_H
#define TESTS_RULE_FAKE_SINK_H

#include "broker/service.h"
#include "sink/sink.h"
#include "sql/template.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#define FAKE_RESULTS 4096

static struct {
    pthread_mutex_t lock;
    enum sink_outcome outcome;
    atomic_bool down; /* the only action, s3:archive, has no store */
    bool holds;       /* acknowledgements and dones wait for fake_release() */
    unsigned count;
    char results[FAKE_RESULTS][256]; /* ${.} */
    struct ack_ticket *tickets[FAKE_RESULTS];
    unsigned ticket_count;
    void (*done)(void *arg, const struct error *err);
    void *args[FAKE_RESULTS];
    unsigned arg_count;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* How submissions end from here on; `holds`: acknowledgements and dones wait for fake_release(). */
static inline void fake_decide(enum sink_outcome outcome, bool holds)
{
    pthread_mutex_lock(&fake.lock);
    fake.outcome = outcome;
    fake.holds = holds;
    pthread_mutex_unlock(&fake.lock);
}

static inline void fake_reset(void)
{
    fake_decide(SINK_ACCEPTED, false);
    atomic_store(&fake.down, false);
    fake.count = fake.ticket_count = fake.arg_count = 0;
}

static inline void fake_release(void)
{
    pthread_mutex_lock(&fake.lock);
    fake.holds = false;
    for (unsigned i = 0; i < fake.ticket_count; i++)
        ticket_done(fake.tickets[i], MQTT_SUCCESS);
    for (unsigned i = 0; i < fake.arg_count; i++)
        fake.done(fake.args[i], NULL);
    fake.ticket_count = fake.arg_count = 0;
    pthread_mutex_unlock(&fake.lock);
}

static inline unsigned fake_count(void)
{
    pthread_mutex_lock(&fake.lock);
    unsigned count = fake.count;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

struct sink *sinks_take(struct sinks *sinks, struct str id)
{
    (void)sinks;
    (void)id;
    return (struct sink *)&fake;
}

void sink_release(struct sink *sink)
{
    (void)sink;
}

static void keep(const struct sink_message *message)
{
    struct error err;
    struct buf text = {0};
    struct sql_template *all = sql_template_new(STR("${.}"), &err);
    assert_non_null(all);
    assert_true(
        sql_template_render(all, message->result, message->scope, SQL_MISSING_AS_TEXT, &text, 4096, &err));
    snprintf(fake.results[fake.count % FAKE_RESULTS], sizeof(fake.results[0]), "%.*s", (int)text.len,
             (const char *)text.data);
    buf_free(&text);
    sql_template_free(all);
}

enum sink_outcome sink_submit(struct sink *sink, const struct sink_message *message, struct error *err)
{
    (void)sink;
    pthread_mutex_lock(&fake.lock);
    enum sink_outcome outcome = fake.outcome;
    bool tell = false;
    if (outcome == SINK_ACCEPTED) {
        keep(message);
        fake.count++;
        struct ack_ticket *ticket =
            message->publication != NULL ? publication_hold(message->publication) : NULL;
        if (ticket != NULL && fake.holds)
            fake.tickets[fake.ticket_count++] = ticket;
        else if (ticket != NULL)
            ticket_done(ticket, MQTT_SUCCESS);
        tell = message->done != NULL && !fake.holds;
        fake.done = message->done;
        if (message->done != NULL && fake.holds)
            fake.args[fake.arg_count++] = message->arg;
    } else {
        error_set(err, ERR_BUSY, "the test says so");
    }
    pthread_mutex_unlock(&fake.lock);
    if (tell)
        message->done(message->arg, NULL);
    return outcome;
}

void sinks_use(struct sinks *sinks, struct str id, struct str who)
{
    (void)sinks;
    (void)id;
    (void)who;
}

void sinks_unuse(struct sinks *sinks, struct str id, struct str who)
{
    (void)sinks;
    (void)id;
    (void)who;
}

void sinks_republish_through(struct sinks *sinks, void *arg)
{
    (void)sinks;
    (void)arg;
}

void sinks_each(struct sinks *sinks, bool (*each)(struct str id, void *arg), void *arg)
{
    (void)sinks;
    each(STR("s3:archive"), arg);
}

json_t *sinks_describe(struct sinks *sinks, struct str id, const char *node, struct error *err)
{
    (void)sinks;
    (void)id;
    (void)node;
    (void)err;
    return atomic_load(&fake.down) ? json_pack("{s:s, s:s, s:b}", "status", "disconnected", "status_reason",
                                               "the test says so", "enable", 1)
                                   : NULL;
}

#endif
