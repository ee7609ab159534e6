/* Queued writes: what they store, in which order they end, and what a full queue or disk does. */
#include "catalog/fixture.h"

#include <assert.h>
#include <sched.h>

static void test_retained_messages_come_back(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes[] = "a\0b";
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("b"), STR("2"), 9)), ERR_NONE);
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("a"), STR("1"), 0)), ERR_NONE);
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("a"), STR("3"), 7)), ERR_NONE);
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("c"), STR_NONE, 0)), ERR_NONE);
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("d"), str_make(bytes, 3), 0)), ERR_NONE);
    assert_int_equal(
        write_now(fixture->catalog, (struct catalog_write){.kind = CATALOG_RETAINED_DELETE, .key = STR("b")}),
        ERR_NONE);
    fixture_reopen(fixture);
    struct buf text = {0};
    ASSERT_OK(catalog_retained_each(fixture->catalog, 0, note_value, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), "a=3@7\nc=@0\nd=a@0\n"); /* %.*s stops at the NUL */
    buf_free(&text);
}

static bool keep_value(struct str key, struct str value, int64_t expires_ms, void *arg)
{
    (void)key;
    (void)expires_ms;
    buf_append_str(arg, value);
    return true;
}

static void test_a_value_of_a_megabyte_with_every_byte_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct buf value = {0}, out = {0};
    for (size_t i = 0; i < (1 << 20); i++)
        buf_append_byte(&value, (uint8_t)(i * 31 >> 3));
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("t"), buf_str(&value), 0)), ERR_NONE);
    ASSERT_OK(catalog_retained_each(fixture->catalog, 0, keep_value, &out, &fixture->err), fixture->err);
    assert_int_equal(out.len, value.len);
    assert_memory_equal(out.data, value.data, value.len);
    buf_free(&value);
    buf_free(&out);
}

static void test_a_session_goes_with_its_subscriptions(void **state)
{
    struct fixture *fixture = *state;
    struct catalog *catalog = fixture->catalog;
    assert_int_equal(write_now(catalog, SESSION(STR("one"), STR("s1"), 5)), ERR_NONE);
    assert_int_equal(write_now(catalog, SUBSCRIPTION(STR("two"), STR("a/#"), 2, 268435455)), ERR_NONE);
    assert_int_equal(write_now(catalog, SUBSCRIPTION(STR("one"), STR("b"), 255, 4294967295U)), ERR_NONE);
    assert_int_equal(write_now(catalog, SUBSCRIPTION(STR("two"), STR("a"), 1, 0)), ERR_NONE);
    assert_int_equal(write_now(catalog, SUBSCRIPTION(STR("two"), STR("a"), 0, 3)), ERR_NONE);
    assert_subscriptions(fixture, "one b 255 4294967295\ntwo a 0 3\ntwo a/# 2 268435455\n");

    struct catalog_write unsubscribe = {
        .kind = CATALOG_SUBSCRIPTION_DELETE, .key = STR("two"), .filter = STR("a")};
    assert_int_equal(write_now(catalog, unsubscribe), ERR_NONE);
    struct catalog_write end = {.kind = CATALOG_SESSION_DELETE, .key = STR("one")};
    assert_int_equal(write_now(catalog, end), ERR_NONE);
    fixture_reopen(fixture);
    assert_sessions(fixture, 0, "");
    assert_subscriptions(fixture, "two a/# 2 268435455\n");
}

static void test_expired_rows_are_skipped_and_removed(void **state)
{
    struct fixture *fixture = *state;
    struct catalog *catalog = fixture->catalog;
    static const struct {
        const char *name;
        int64_t expires_ms;
    } rows[] = {{"at", 1000}, {"before", 999}, {"never", 0}, {"after", 1001}};
    TABLE_EACH(row, rows)
    {
        assert_int_equal(write_now(catalog, RETAINED(str_of(row->name), STR("r"), row->expires_ms)),
                         ERR_NONE);
        assert_int_equal(write_now(catalog, SESSION(str_of(row->name), STR("s"), row->expires_ms)), ERR_NONE);
        assert_int_equal(write_now(catalog, SUBSCRIPTION(str_of(row->name), STR("f"), 0, 0)), ERR_NONE);
    }
    assert_int_equal(write_now(catalog, SUBSCRIPTION(STR("bare"), STR("f"), 0, 0)), ERR_NONE);

    struct buf text = {0};
    ASSERT_OK(catalog_retained_each(catalog, 1000, note_value, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), "never=r@0\nafter=r@1001\n");
    buf_free(&text);
    assert_sessions(fixture, 1000, "after=s@1001\nnever=s@0\n");
    assert_subscriptions(fixture, "after f 0 0\nbare f 0 0\nnever f 0 0\n");
    assert_retained(fixture, 0, "never=r@0\nafter=r@1001\n"); /* they are gone, not only skipped */
    assert_sessions(fixture, 0, "after=s@1001\nnever=s@0\n");
}

static bool stop_at_first(struct str key, struct str value, int64_t expires_ms, void *arg)
{
    note_value(key, value, expires_ms, arg);
    return false;
}

static void test_a_walk_stops_when_told(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("a"), STR("1"), 0)), ERR_NONE);
    assert_int_equal(write_now(fixture->catalog, RETAINED(STR("b"), STR("2"), 0)), ERR_NONE);
    struct buf text = {0};
    ASSERT_OK(catalog_retained_each(fixture->catalog, 0, stop_at_first, &text, &fixture->err), fixture->err);
    assert_string_equal(buf_cstr(&text), "a=1@0\n");
    buf_free(&text);
}

/* ---- Order and batches ---------------------------------------------------------------------------------- */

/* Makes the writer thread wait with a write of its own in hand: what is submitted until release_writer() is
 * one batch. */
static void hold_writer(struct catalog *catalog, struct waited *held)
{
    catalog_turn_take(catalog);
    waited_submit(catalog, held, (struct catalog_write){.kind = CATALOG_RETAINED_DELETE, .key = STR("none")});
    for (bool taken = false; !taken; sched_yield()) {
        pthread_mutex_lock(&catalog->queue_lock);
        taken = catalog->first == NULL;
        pthread_mutex_unlock(&catalog->queue_lock);
    }
}

static void release_writer(struct catalog *catalog, struct waited *held)
{
    catalog_turn_pass(catalog);
    assert_int_equal(waited_end(held), ERR_NONE);
}

struct numbered {
    struct catalog_write write;
    uint32_t number;
    struct log *log;
};

struct log {
    uint32_t count; /* on the writer thread until the last is done */
    bool in_order;
};

static void log_done(struct catalog_write *write, const struct error *err)
{
    struct numbered *numbered = (struct numbered *)(void *)write;
    struct log *log = numbered->log;
    if (err != NULL || numbered->number != log->count)
        log->in_order = false;
    log->count++;
}

struct keys {
    char key[16];
    char filter[16];
    struct buf text;
};

static bool note_key(struct str key, struct str filter, void *arg)
{
    struct keys *keys = arg;
    snprintf(keys->key, sizeof keys->key, "%.*s", STR_ARG(key));
    snprintf(keys->filter, sizeof keys->filter, "%.*s", STR_ARG(filter));
    buf_printf(&keys->text, "%s %s;", keys->key, keys->filter);
    return true;
}

static void assert_keys(struct fixture *fixture, enum catalog_table table, unsigned limit,
                        const char *expected)
{
    struct keys keys = {0};
    for (size_t before = SIZE_MAX; before != keys.text.len;) {
        before = keys.text.len;
        struct keys last = keys;
        ASSERT_OK(catalog_keys_each(fixture->catalog, table, str_of(last.key), str_of(last.filter), limit,
                                    note_key, &keys, &fixture->err),
                  fixture->err);
    }
    assert_string_equal(buf_cstr(&keys.text), expected);
    buf_free(&keys.text);
}

static void test_keys_are_listed_in_steps_of_any_length(void **state)
{
    struct fixture *fixture = *state;
    struct catalog *catalog = fixture->catalog;
    static const char *const ids[] = {"b", "a", "c", "aa"};
    for (size_t i = 0; i < LENGTH(ids); i++) {
        assert_int_equal(write_now(catalog, RETAINED(str_of(ids[i]), STR("x"), 0)), ERR_NONE);
        assert_int_equal(write_now(catalog, SESSION(str_of(ids[i]), STR("x"), 0)), ERR_NONE);
        assert_int_equal(write_now(catalog, SUBSCRIPTION(str_of(ids[i]), STR("t/2"), 0, 0)), ERR_NONE);
        assert_int_equal(write_now(catalog, SUBSCRIPTION(str_of(ids[i]), STR("t/1"), 0, 0)), ERR_NONE);
    }
    for (unsigned limit = 1; limit <= 9; limit++) {
        assert_keys(fixture, CATALOG_TABLE_RETAINED, limit, "a ;aa ;b ;c ;");
        assert_keys(fixture, CATALOG_TABLE_SESSIONS, limit, "a ;aa ;b ;c ;");
        assert_keys(fixture, CATALOG_TABLE_SUBSCRIPTIONS, limit,
                    "a t/1;a t/2;aa t/1;aa t/2;b t/1;b t/2;c t/1;c t/2;");
    }
}

static void test_done_comes_in_the_order_of_submission(void **state)
{
    struct fixture *fixture = *state;
    enum { WRITES = 2000 };
    static const enum catalog_write_kind kinds[] = {CATALOG_RETAINED_PUT, CATALOG_BARRIER,
                                                    CATALOG_SESSION_PUT, CATALOG_RETAINED_DELETE,
                                                    CATALOG_SUBSCRIPTION_PUT};
    struct log log = {.in_order = true};
    struct numbered *writes = mem_zalloc(WRITES * sizeof *writes);
    for (uint32_t i = 0; i < WRITES; i++) {
        writes[i] = (struct numbered){.write = {.kind = kinds[i % LENGTH(kinds)],
                                                .key = STR("k"),
                                                .filter = STR("f"),
                                                .done = log_done},
                                      .number = i,
                                      .log = &log};
        ASSERT_OK(catalog_submit(fixture->catalog, &writes[i].write, &fixture->err), fixture->err);
    }
    assert_int_equal(write_now(fixture->catalog, (struct catalog_write){.kind = CATALOG_BARRIER}), ERR_NONE);
    assert_int_equal(log.count, WRITES);
    assert_true(log.in_order);
    assert_retained(fixture, 0, "");
    assert_sessions(fixture, 0, "k=@0\n");
    mem_free(writes);
}

static void test_the_last_write_of_a_key_wins_within_a_batch(void **state)
{
    struct fixture *fixture = *state;
    static const char *const values[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
    struct waited waited[LENGTH(values)], held;
    hold_writer(fixture->catalog, &held);
    for (size_t i = 0; i < LENGTH(values); i++)
        waited_submit(fixture->catalog, &waited[i], RETAINED(STR("t"), str_of(values[i]), 0));
    release_writer(fixture->catalog, &held);
    for (size_t i = 0; i < LENGTH(values); i++)
        assert_int_equal(waited_end(&waited[i]), ERR_NONE);
    assert_retained(fixture, 0, "t=9@0\n");
}

static void test_closing_commits_what_is_queued(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"a", "b", "c", "d"};
    struct waited waited[LENGTH(names)];
    for (size_t i = 0; i < LENGTH(names); i++)
        waited_submit(fixture->catalog, &waited[i], RETAINED(str_of(names[i]), STR("v"), 0));
    fixture_reopen(fixture);
    for (size_t i = 0; i < LENGTH(names); i++)
        assert_int_equal(waited_end(&waited[i]), ERR_NONE);
    assert_retained(fixture, 0, "a=v@0\nb=v@0\nc=v@0\nd=v@0\n");
}

static void test_flush_returns_when_all_before_it_is_done(void **state)
{
    struct fixture *fixture = *state;
    struct waited waited[100];
    for (size_t i = 0; i < LENGTH(waited); i++)
        waited_submit(fixture->catalog, &waited[i], RETAINED(STR("t"), STR("v"), 0));
    catalog_flush(fixture->catalog);
    for (size_t i = 0; i < LENGTH(waited); i++) {
        pthread_mutex_lock(&waited[i].lock);
        bool done = waited[i].done;
        pthread_mutex_unlock(&waited[i].lock);
        CHECK(done, "write %zu", i);
        assert_int_equal(waited_end(&waited[i]), ERR_NONE);
    }
}

struct chain {
    struct waited waited;
    struct catalog *catalog;
    int left;
};

/* Submits itself again from done(), on the writer thread. */
static void chain_done(struct catalog_write *write, const struct error *err)
{
    struct chain *chain = (struct chain *)(void *)write;
    if (err == NULL && chain->left-- > 0 && catalog_submit(chain->catalog, write, NULL))
        return;
    waited_done(write, err);
}

static void test_done_may_submit_its_write_again(void **state)
{
    struct fixture *fixture = *state;
    struct chain chain = {.catalog = fixture->catalog, .left = 10};
    fixture->catalog->queue_writes_max = 1; /* its own place in the queue is free by then */
    chain.waited.write = RETAINED(STR("t"), STR("v"), 0);
    chain.waited.write.done = chain_done;
    pthread_mutex_init(&chain.waited.lock, NULL);
    pthread_cond_init(&chain.waited.changed, NULL);
    ASSERT_OK(catalog_submit(fixture->catalog, &chain.waited.write, &fixture->err), fixture->err);
    assert_int_equal(waited_end(&chain.waited), ERR_NONE);
    assert_int_equal(chain.left, -1);
}

/* ---- Limits ---------------------------------------------------------------------------------------------- */

static void test_a_full_queue_refuses_and_recovers(void **state)
{
    struct fixture *fixture = *state;
    struct catalog *catalog = fixture->catalog;
    struct waited waited[3];
    struct catalog_write more = {.kind = CATALOG_BARRIER, .done = waited_done};
    catalog->queue_writes_max = LENGTH(waited);
    catalog_turn_take(catalog); /* nothing is committed meanwhile */
    for (size_t i = 0; i < LENGTH(waited); i++)
        waited_submit(catalog, &waited[i], RETAINED(STR("t"), STR("v"), 0));
    ASSERT_FAILS(catalog_submit(catalog, &more, &fixture->err), fixture->err, ERR_BUSY);
    catalog_turn_pass(catalog);
    for (size_t i = 0; i < LENGTH(waited); i++)
        assert_int_equal(waited_end(&waited[i]), ERR_NONE);
    assert_int_equal(write_now(catalog, (struct catalog_write){.kind = CATALOG_BARRIER}), ERR_NONE);
}

static void test_the_queue_is_bounded_in_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct catalog *catalog = fixture->catalog;
    struct waited waited;
    catalog->queue_bytes_max = 10;
    catalog_turn_take(catalog);
    waited_submit(catalog, &waited, RETAINED(STR("12"), STR("3456"), 0));
    struct catalog_write five = RETAINED(STR("1"), STR("2345"), 0);
    five.done = waited_done;
    ASSERT_FAILS(catalog_submit(catalog, &five, &fixture->err), fixture->err, ERR_BUSY);
    struct waited four;
    waited_submit(catalog, &four, RETAINED(STR("1"), STR("234"), 0));
    catalog_turn_pass(catalog);
    assert_int_equal(waited_end(&waited), ERR_NONE);
    assert_int_equal(waited_end(&four), ERR_NONE);
    assert_int_equal(write_now(catalog, RETAINED(STR("1"), STR("23456789a"), 0)), ERR_NONE);
}

/* Page limits stand for a full disk: SQLite answers the same. */
static void set_max_pages(struct catalog *catalog, int pages)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", pages);
    catalog_turn_take(catalog);
    assert_int_equal(sqlite3_exec(catalog->writer.handle, sql, NULL, NULL, NULL), SQLITE_OK);
    catalog_turn_pass(catalog);
}

static void test_a_full_disk_fails_the_whole_batch_and_no_later_one(void **state)
{
    struct fixture *fixture = *state;
    struct catalog *catalog = fixture->catalog;
    struct buf large = {0};
    for (size_t i = 0; i < 100000; i++)
        buf_append_byte(&large, 'x');
    assert_int_equal(write_now(catalog, RETAINED(STR("old"), STR("v"), 0)), ERR_NONE);
    set_max_pages(catalog, 1); /* means: no larger than it is */

    struct waited waited[3], held;
    hold_writer(catalog, &held);
    waited_submit(catalog, &waited[0], RETAINED(STR("old"), STR("changed"), 0));
    waited_submit(catalog, &waited[1], RETAINED(STR("large"), buf_str(&large), 0));
    waited_submit(catalog, &waited[2], (struct catalog_write){.kind = CATALOG_BARRIER});
    release_writer(catalog, &held);
    for (size_t i = 0; i < LENGTH(waited); i++) {
        assert_int_equal(waited_end(&waited[i]), ERR_NO_SPACE);
        assert_string_equal(waited[i].err.hint, "free space on its disk");
    }
    assert_retained(fixture, 0, "old=v@0\n");

    assert_int_equal(write_now(catalog, RETAINED(STR("old"), STR("small"), 0)), ERR_NONE);
    set_max_pages(catalog, 1000000);
    assert_int_equal(write_now(catalog, RETAINED(STR("large"), buf_str(&large), 0)), ERR_NONE);
    ASSERT_OK(catalog_check(catalog, &fixture->err), fixture->err);
    buf_free(&large);
}

static void test_a_refused_write_fails_its_batch_and_no_later_one(void **state)
{
    struct fixture *fixture = *state;
    struct catalog *catalog = fixture->catalog;
    char large[2000];
    memset(large, 'x', sizeof large);
    struct waited waited[2], held;
    hold_writer(catalog, &held);
    sqlite3_limit(catalog->writer.handle, SQLITE_LIMIT_LENGTH,
                  1000); /* unlike a full disk, no rollback of its own */
    waited_submit(catalog, &waited[0], RETAINED(STR("a"), STR("v"), 0));
    waited_submit(catalog, &waited[1], RETAINED(STR("b"), str_make(large, sizeof large), 0));
    release_writer(catalog, &held);
    assert_int_equal(waited_end(&waited[0]), ERR_TOO_LARGE);
    assert_int_equal(waited_end(&waited[1]), ERR_TOO_LARGE);
    assert_retained(fixture, 0, "");
    assert_int_equal(write_now(catalog, RETAINED(STR("c"), STR("v"), 0)), ERR_NONE);
    assert_retained(fixture, 0, "c=v@0\n");
}

static void test_a_full_disk_fails_a_change_at_once(void **state)
{
    struct fixture *fixture = *state;
    set_max_pages(fixture->catalog, 1);
    enum error_code code = ERR_NONE;
    char name[64], note[512];
    memset(note, 'n', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    for (int i = 0; i < 1000 && code == ERR_NONE; i++) {
        snprintf(name, sizeof name, "user%d", i);
        struct catalog_user user = {.username = name, .note = note};
        if (!catalog_user_put(fixture->catalog, &user, true, &fixture->err))
            code = fixture->err.code;
    }
    assert_int_equal(code, ERR_NO_SPACE);
    struct catalog_user out;
    ASSERT_FAILS(catalog_user_get(fixture->catalog, str_of(name), &out, &fixture->err), fixture->err,
                 ERR_NOT_FOUND);
    ASSERT_OK(catalog_user_get(fixture->catalog, STR("user0"), &out, &fixture->err), fixture->err);
    catalog_user_free(&out);
}

/* ---- Many ------------------------------------------------------------------------------------------------ */

struct tally {
    size_t count;
    size_t clients;
    char last[32];
    bool grouped;
};

static bool tally_subscription(struct str client_id, struct str filter, uint8_t options,
                               uint32_t subscription_id, void *arg)
{
    struct tally *tally = arg;
    (void)options;
    (void)subscription_id;
    assert(filter.len != 0 && client_id.len < sizeof tally->last);
    tally->count++;
    if (!str_is(client_id, tally->last)) {
        if (str_compare(client_id, str_of(tally->last)) < 0)
            tally->grouped = false;
        memcpy(tally->last, client_id.data, client_id.len);
        tally->last[client_id.len] = '\0';
        tally->clients++;
    }
    return true;
}

struct many {
    struct catalog_write write;
    char client_id[32];
    char filter[64];
};

static void count_done(struct catalog_write *write, const struct error *err)
{
    (void)write;
    if (err != NULL)
        abort();
}

static void test_a_hundred_thousand_subscriptions_load_grouped_by_client(void **state)
{
    struct fixture *fixture = *state;
    enum { CLIENTS = 1000, EACH = 100 };
    const char *scale = getenv("VARVE_TEST_SCALE");
    size_t clients = CLIENTS * (scale != NULL ? (size_t)strtoul(scale, NULL, 10) : 1);
    struct many *many = mem_zalloc(clients * EACH * sizeof *many);
    for (size_t i = 0; i < clients * EACH; i++) {
        size_t client = i % clients; /* not in the order of the table */
        snprintf(many[i].client_id, sizeof many[i].client_id, "c%zu", client * 7919 % clients);
        snprintf(many[i].filter, sizeof many[i].filter, "sensors/%zu/+/temperature", i / clients);
        many[i].write = SUBSCRIPTION(str_of(many[i].client_id), str_of(many[i].filter), 1, 0);
        many[i].write.done = count_done;
        ASSERT_OK(catalog_submit(fixture->catalog, &many[i].write, &fixture->err), fixture->err);
    }
    assert_int_equal(write_now(fixture->catalog, (struct catalog_write){.kind = CATALOG_BARRIER}), ERR_NONE);
    struct tally tally = {.grouped = true};
    ASSERT_OK(catalog_subscription_each(fixture->catalog, tally_subscription, &tally, &fixture->err),
              fixture->err);
    assert_int_equal(tally.count, clients * EACH);
    assert_int_equal(tally.clients, clients);
    assert_true(tally.grouped);
    mem_free(many);
}

/* ---- Threads --------------------------------------------------------------------------------------------- */

struct worker {
    pthread_t thread;
    struct fixture *fixture;
    int number;
    bool failed;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct catalog *catalog = worker->fixture->catalog;
    for (int i = 0; i < 20 && !worker->failed; i++) {
        char name[32];
        snprintf(name, sizeof name, "w%d/%d", worker->number, i);
        struct catalog_user user = {.username = name};
        struct catalog_user out = {0};
        uint64_t revision;
        worker->failed = write_now(catalog, RETAINED(str_of(name), STR("v"), 0)) != ERR_NONE ||
                         !catalog_user_put(catalog, &user, true, NULL) ||
                         !catalog_user_get(catalog, str_of(name), &out, NULL) ||
                         !catalog_revision(catalog, &revision, NULL);
        catalog_user_free(&out);
    }
    return NULL;
}

static void test_any_thread_may_use_any_part(void **state)
{
    struct fixture *fixture = *state;
    struct worker workers[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){.fixture = fixture, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_false(workers[i].failed);
    }
    uint64_t count;
    ASSERT_OK(catalog_user_count(fixture->catalog, &count, &fixture->err), fixture->err);
    assert_int_equal(count, 80);
    ASSERT_OK(catalog_check(fixture->catalog, &fixture->err), fixture->err);
}

RUN_TESTS(WITH_CATALOG(test_retained_messages_come_back),
          WITH_CATALOG(test_a_value_of_a_megabyte_with_every_byte_comes_back),
          WITH_CATALOG(test_a_session_goes_with_its_subscriptions),
          WITH_CATALOG(test_expired_rows_are_skipped_and_removed), WITH_CATALOG(test_a_walk_stops_when_told),
          WITH_CATALOG(test_keys_are_listed_in_steps_of_any_length),
          WITH_CATALOG(test_done_comes_in_the_order_of_submission),
          WITH_CATALOG(test_the_last_write_of_a_key_wins_within_a_batch),
          WITH_CATALOG(test_closing_commits_what_is_queued),
          WITH_CATALOG(test_flush_returns_when_all_before_it_is_done),
          WITH_CATALOG(test_done_may_submit_its_write_again),
          WITH_CATALOG(test_a_full_queue_refuses_and_recovers),
          WITH_CATALOG(test_the_queue_is_bounded_in_bytes),
          WITH_CATALOG(test_a_full_disk_fails_the_whole_batch_and_no_later_one),
          WITH_CATALOG(test_a_refused_write_fails_its_batch_and_no_later_one),
          WITH_CATALOG(test_a_full_disk_fails_a_change_at_once),
          WITH_CATALOG(test_a_hundred_thousand_subscriptions_load_grouped_by_client),
          WITH_CATALOG(test_any_thread_may_use_any_part))
