/* The retained store against a plain list and topic_matches(). */
#include "broker/retained.h"

#include "base/mem.h"
#include "mqtt/topic.h"
#include "router_help.h"

#include <pthread.h>

#define LIST_MAX 2048

/* One message of a topic, and a reference to it. */
struct item {
    char topic[RANDOM_TEXT_BYTES];
    struct message *message;
    bool seen;
};

struct list_of {
    struct item items[LIST_MAX];
    size_t count;
};

static struct message *message_of(const char *topic, size_t payload_bytes, int64_t expires_ms)
{
    static const char payload[64];
    const struct publication parts = {
        .topic = str_of(topic), .payload = str_make(payload, payload_bytes), .expires_ms = expires_ms};
    return message_new(&parts);
}

static struct item *item_of(struct list_of *list, const char *topic)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].topic, topic) == 0)
            return &list->items[i];
    }
    return NULL;
}

static void item_remove(struct list_of *list, struct item *item)
{
    message_unref(item->message);
    *item = list->items[--list->count];
}

/* $SYS topics are counted by nobody. */
static uint64_t counted(const struct list_of *list)
{
    uint64_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += strncmp(list->items[i].topic, "$SYS/", 5) != 0;
    return count;
}

struct search {
    struct list_of *list;
    const char *filter;
    int64_t now_ms;
    size_t found;
};

static void check_found(struct message *message, void *arg)
{
    struct search *search = arg;
    char topic[RANDOM_TEXT_BYTES];
    snprintf(topic, sizeof(topic), "%.*s", STR_ARG(message_topic(message)));
    struct item *item = item_of(search->list, topic);
    CHECK(item != NULL && item->message == message, "%s found with %s", topic, search->filter);
    CHECK(!item->seen, "%s found twice with %s", topic, search->filter);
    CHECK(topic_matches(str_of(search->filter), str_of(topic)), "%s found with %s", topic, search->filter);
    CHECK(message->expires_ms == 0 || message->expires_ms > search->now_ms, "%s is over", topic);
    item->seen = true;
    search->found++;
}

static void check_match(struct retained *retained, struct list_of *list, const char *filter, int64_t now_ms)
{
    struct search search = {.list = list, .filter = filter, .now_ms = now_ms};
    size_t expected = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct item *item = &list->items[i];
        list->items[i].seen = false;
        if ((item->message->expires_ms == 0 || item->message->expires_ms > now_ms) &&
            topic_matches(str_of(filter), str_of(item->topic)))
            expected++;
    }
    retained_match(retained, str_of(filter), now_ms, check_found, &search);
    CHECK(search.found == expected, "%zu of %zu found with %s", search.found, expected, filter);
}

static void check_figures(struct retained *retained, const struct list_of *list)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < list->count; i++)
        bytes += message_bytes(list->items[i].message);
    assert_int_equal(retained_count(retained), counted(list));
    assert_int_equal(retained_bytes(retained), bytes);
}

static void sweep(struct retained *retained, struct list_of *list, int64_t now_ms, size_t limit)
{
    size_t due = 0;
    for (size_t i = 0; i < list->count; i++)
        due += list->items[i].message->expires_ms != 0 && list->items[i].message->expires_ms <= now_ms;
    size_t removed = retained_sweep(retained, now_ms, limit, NULL, NULL);
    assert_int_equal(removed, due < limit ? due : limit);
    /* The earliest go first. */
    while (removed-- > 0) {
        struct item *first = NULL;
        for (size_t i = 0; i < list->count; i++) {
            struct item *item = &list->items[i];
            if (item->message->expires_ms != 0 &&
                (first == NULL || item->message->expires_ms < first->message->expires_ms))
                first = item;
        }
        item_remove(list, first);
    }
}

static const struct retained_limits one = {.messages = 1};

static void set(struct retained *retained, struct list_of *list, const char *topic, struct message *message,
                uint64_t max)
{
    struct error err = {0};
    struct item *item = item_of(list, topic);
    bool fits = message == NULL || item != NULL || max == 0 || counted(list) < max;
    bool done = retained_set(retained, str_of(topic), message, &(struct retained_limits){.messages = max},
                             NULL, NULL, &err);
    CHECK(done == fits, "%s: %s", topic, err.text);
    if (!done) {
        assert_int_equal(err.code, ERR_LIMIT);
        message_unref(message);
        return;
    }
    if (item != NULL)
        item_remove(list, item);
    if (message == NULL)
        return;
    assert_true(list->count < LIST_MAX);
    item = &list->items[list->count++];
    snprintf(item->topic, sizeof(item->topic), "%s", topic);
    item->message = message; /* takes our reference */
}

static void list_free(struct list_of *list)
{
    while (list->count > 0)
        item_remove(list, &list->items[0]);
}

/* ---- Properties ------------------------------------------------------------------------------------------ */

static void play(struct random *random, uint64_t max, unsigned steps)
{
    static struct list_of list;
    struct retained *retained = retained_new();
    const int64_t unit_ms = 100000;
    int64_t now_ms = unit_ms;
    assert_true(steps < unit_ms);
    for (unsigned i = 0; i < steps; i++) {
        char text[RANDOM_TEXT_BYTES];
        uint64_t choice = random_below(random, 100);
        random_text(random, text, choice >= 70);
        if (choice < 50) {
            /* Times that are all different: which of two goes first is nobody's promise. */
            bool expires = random_below(random, 2) == 0;
            int64_t at_ms = expires ? now_ms + (int64_t)random_below(random, 20) * unit_ms + i : 0;
            set(retained, &list, text, message_of(text, random_below(random, 64), at_ms), max);
        } else if (choice < 70) {
            set(retained, &list, text, NULL, max);
        } else if (choice < 95) {
            struct topic_filter filter;
            if (topic_filter_parse(str_of(text), &filter) && !filter.shared)
                check_match(retained, &list, text, now_ms);
        } else {
            now_ms += (int64_t)random_below(random, 3) * unit_ms;
            sweep(retained, &list, now_ms, random_below(random, 20));
        }
        check_figures(retained, &list);
    }
    check_match(retained, &list, "#", now_ms);
    check_match(retained, &list, "$x/#", now_ms);
    retained_free(retained);
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(atomic_load(&list.items[i].message->refs), 1);
    list_free(&list);
}

static void test_a_store_behaves_like_a_list_of_topics(void **state)
{
    (void)state;
    static const uint64_t limits[] = {0, 1, 10, 100};
    struct random random;
    random_seed(&random, harness_seed());
    TABLE_EACH(max, limits)
    play(&random, *max, 20000);
}

static void nothing(struct message *message, void *arg)
{
    (void)message;
    ++*(size_t *)arg;
}

static void test_a_store_without_messages_finds_nothing(void **state)
{
    (void)state;
    struct retained *retained = retained_new();
    struct error err;
    size_t found = 0;
    ASSERT_OK(retained_set(retained, STR("a/b/c"), NULL, &one, NULL, NULL, &err), err);
    retained_match(retained, STR("#"), 0, nothing, &found);
    retained_match(retained, STR("a/b/c"), 0, nothing, &found);
    assert_int_equal(found, 0);
    assert_int_equal(retained_sweep(retained, INT64_MAX, 100, NULL, NULL), 0);
    retained_free(retained);
    retained_free(NULL);
}

/* A topic above, below or beside one that goes stays: a node is removed only if nothing is in it. */
static void test_what_is_removed_leaves_its_neighbours(void **state)
{
    (void)state;
    static const char *const topics[] = {"a", "a/b", "a/b/c", "a/b/c/d", "a/x", "a/", "/a", "/", "b"};
    for (unsigned removed = 0; removed < 1U << LENGTH(topics); removed++) {
        static struct list_of list;
        struct retained *retained = retained_new();
        for (size_t i = 0; i < LENGTH(topics); i++)
            set(retained, &list, topics[i], message_of(topics[i], 1, 0), 0);
        for (size_t i = 0; i < LENGTH(topics); i++) {
            if ((removed >> i & 1) != 0)
                set(retained, &list, topics[i], NULL, 0);
        }
        check_match(retained, &list, "#", 0);
        check_figures(retained, &list);
        for (size_t i = 0; i < LENGTH(topics); i++)
            check_match(retained, &list, topics[i], 0);
        retained_free(retained);
        list_free(&list);
    }
}

static void test_what_clients_say_below_sys_counts(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        uint64_t counted;
    } rows[] = {
        {"$SYS/broker/version", 0},           {"$SYS/broker/connection/house/state", 1},
        {"$SYS/broker/connection//state", 1}, {"$SYS/broker/connection/house/garden/state", 0},
        {"$SYS/broker/connection/house", 0},
    };
    TABLE_EACH(row, rows)
    {
        struct retained *retained = retained_new();
        struct message *message = message_of(row->topic, 1, 0);
        struct error err;
        ASSERT_OK(retained_set(retained, str_of(row->topic), message, NULL, NULL, NULL, &err), err);
        assert_int_equal(retained_count(retained), row->counted);
        message_unref(message);
        retained_free(retained);
    }
}

static void test_a_message_may_take_its_own_place(void **state)
{
    (void)state;
    struct retained *retained = retained_new();
    struct message *message = message_of("t", 5, 1000);
    struct error err;
    for (int i = 0; i < 3; i++)
        ASSERT_OK(retained_set(retained, STR("t"), message, &one, NULL, NULL, &err), err);
    assert_int_equal(atomic_load(&message->refs), 2);
    assert_int_equal(retained_count(retained), 1);
    assert_int_equal(retained_bytes(retained), message_bytes(message));
    assert_int_equal(retained_sweep(retained, 999, 10, NULL, NULL), 0);
    assert_int_equal(retained_sweep(retained, 1000, 10, NULL, NULL), 1);
    assert_int_equal(atomic_load(&message->refs), 1);
    message_unref(message);
    retained_free(retained);
}

static void test_bytes_are_bounded_and_what_does_not_grow_fits(void **state)
{
    (void)state;
    struct retained *retained = retained_new();
    struct message *small = message_of("t", 10, 0), *large = message_of("t", 20, 0),
                   *other = message_of("u", 10, 0);
    struct message *own = message_of("$SYS/x", 64, 0);
    struct error err;
    const struct retained_limits limits = {.bytes = message_bytes(large) + message_bytes(other) - 1};
    ASSERT_OK(retained_set(retained, STR("$SYS/x"), own, &limits, NULL, NULL, &err), err);
    ASSERT_OK(retained_set(retained, STR("t"), large, &limits, NULL, NULL, &err), err);
    ASSERT_FAILS(retained_set(retained, STR("u"), other, &limits, NULL, NULL, &err), err, ERR_LIMIT);
    assert_int_equal(retained_bytes(retained), message_bytes(large));
    ASSERT_OK(retained_set(retained, STR("t"), small, &limits, NULL, NULL, &err), err);
    ASSERT_OK(retained_set(retained, STR("u"), other, &limits, NULL, NULL, &err), err);
    ASSERT_FAILS(retained_set(retained, STR("t"), large, &limits, NULL, NULL, &err), err, ERR_LIMIT);
    /* A limit that has become lower. */
    const struct retained_limits lower = {.bytes = 1};
    ASSERT_OK(retained_set(retained, STR("t"), small, &lower, NULL, NULL, &err), err);
    ASSERT_OK(retained_set(retained, STR("u"), NULL, &lower, NULL, NULL, &err), err);
    assert_int_equal(retained_bytes(retained), message_bytes(small));
    message_unref(small);
    message_unref(large);
    message_unref(other);
    message_unref(own);
    retained_free(retained);
}

/* ---- What comes first ------------------------------------------------------------------------------------ */

struct gate {
    unsigned calls;
    bool opens;
};

static bool pass(void *arg, struct error *err)
{
    struct gate *gate = arg;
    gate->calls++;
    return gate->opens || error_set(err, ERR_NO_SPACE, "the disk is full");
}

static void test_what_is_refused_before_the_change_changes_nothing(void **state)
{
    (void)state;
    static struct list_of list;
    struct retained *retained = retained_new();
    struct gate gate = {.opens = false};
    struct error err;
    struct message *other = message_of("a/b", 9, 5000);
    struct message *fresh = message_of("a/b/c", 9, 5000);
    set(retained, &list, "a/b", message_of("a/b", 3, 0), 0);
    ASSERT_FAILS(retained_set(retained, STR("a/b"), other, NULL, pass, &gate, &err), err, ERR_NO_SPACE);
    ASSERT_FAILS(retained_set(retained, STR("a/b"), NULL, NULL, pass, &gate, &err), err, ERR_NO_SPACE);
    ASSERT_FAILS(retained_set(retained, STR("a/b/c"), fresh, NULL, pass, &gate, &err), err, ERR_NO_SPACE);
    ASSERT_FAILS(retained_set(retained, STR("x"), NULL, NULL, pass, &gate, &err), err, ERR_NO_SPACE);
    assert_int_equal(gate.calls, 4);
    check_match(retained, &list, "#", 0);
    check_figures(retained, &list);
    assert_int_equal(atomic_load(&other->refs), 1);
    assert_int_equal(atomic_load(&fresh->refs), 1);
    assert_int_equal(retained_sweep(retained, INT64_MAX, 10, NULL, NULL), 0);
    /* Over the limit nothing is asked. */
    ASSERT_FAILS(retained_set(retained, STR("a/b/c"), fresh, &one, pass, &gate, &err), err, ERR_LIMIT);
    assert_int_equal(gate.calls, 4);
    gate.opens = true;
    ASSERT_OK(retained_set(retained, STR("a/b"), other, &one, pass, &gate, &err), err);
    assert_int_equal(gate.calls, 5);
    assert_int_equal(atomic_load(&other->refs), 2);
    message_unref(other);
    message_unref(fresh);
    retained_free(retained);
    list_free(&list);
}

/* ---- Threads --------------------------------------------------------------------------------------------- */

struct worker {
    pthread_t thread;
    struct retained *retained;
    uint64_t seed;
    atomic_uint *next; /* numbers the changes, under the store's lock */
    unsigned last[8];  /* number of this worker's last change of each topic */
    atomic_bool failed;
};

static const char *const shared_topics[] = {"a", "a/b", "a/b/c", "a/c", "b", "b/c", "c/d/e/f", "$x/a"};

struct numbered {
    struct worker *worker;
    size_t topic;
};

static bool note_number(void *arg, struct error *err)
{
    (void)err;
    const struct numbered *numbered = arg;
    numbered->worker->last[numbered->topic] = atomic_fetch_add(numbered->worker->next, 1);
    return true;
}

static void take_reference(struct message *message, void *arg)
{
    struct message **last = arg;
    if (*last != NULL)
        message_unref(*last);
    *last = message_ref(message);
}

static void *change_and_search(void *arg)
{
    struct worker *worker = arg;
    struct random random;
    random_seed(&random, worker->seed);
    for (int i = 0; i < 5000; i++) {
        struct numbered numbered = {worker, random_below(&random, LENGTH(shared_topics))};
        const char *topic = shared_topics[numbered.topic];
        struct message *message = NULL;
        if (random_below(&random, 4) != 0)
            message =
                message_of(topic, random_below(&random, 64), (int64_t)random_below(&random, 2) * 1000000);
        if (!retained_set(worker->retained, str_of(topic), message, NULL, note_number, &numbered, NULL))
            atomic_store(&worker->failed, true);
        if (message != NULL)
            message_unref(message);
        struct message *found = NULL;
        retained_match(worker->retained, STR("#"), 500, take_reference, &found);
        retained_match(worker->retained, STR("+/c"), 500, take_reference, &found);
        if (found != NULL) {
            if (message_topic(found).len == 0)
                atomic_store(&worker->failed, true);
            message_unref(found);
        }
        if (retained_count(worker->retained) > LENGTH(shared_topics))
            atomic_store(&worker->failed, true);
        if (random_below(&random, 100) == 0)
            retained_sweep(worker->retained, 1000000, 3, NULL, NULL);
    }
    return NULL;
}

static void test_several_threads_change_and_search_one_store(void **state)
{
    (void)state;
    struct worker workers[4];
    struct retained *retained = retained_new();
    atomic_uint next;
    uint64_t seed = harness_seed();
    atomic_init(&next, 1);
    memset(workers, 0, sizeof(workers));
    for (size_t i = 0; i < LENGTH(workers); i++) {
        workers[i].retained = retained;
        workers[i].seed = seed + i;
        workers[i].next = &next;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, change_and_search, &workers[i]), 0);
    }
    for (size_t i = 0; i < LENGTH(workers); i++) {
        pthread_join(workers[i].thread, NULL);
        assert_false(atomic_load(&workers[i].failed));
    }
    assert_int_equal(atomic_load(&next), 1 + 4 * 5000);
    for (size_t i = 0; i < LENGTH(shared_topics); i++)
        assert_true(retained_set(retained, str_of(shared_topics[i]), NULL, NULL, NULL, NULL, NULL));
    assert_int_equal(retained_count(retained), 0);
    assert_int_equal(retained_bytes(retained), 0);
    retained_free(retained);
}

RUN_TESTS(cmocka_unit_test(test_a_store_behaves_like_a_list_of_topics),
          cmocka_unit_test(test_a_store_without_messages_finds_nothing),
          cmocka_unit_test(test_what_is_removed_leaves_its_neighbours),
          cmocka_unit_test(test_what_clients_say_below_sys_counts),
          cmocka_unit_test(test_a_message_may_take_its_own_place),
          cmocka_unit_test(test_bytes_are_bounded_and_what_does_not_grow_fits),
          cmocka_unit_test(test_what_is_refused_before_the_change_changes_nothing),
          cmocka_unit_test(test_several_threads_change_and_search_one_store))
