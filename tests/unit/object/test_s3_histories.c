/* Seeded histories: two clients of one store that fails at random. After each request, what the caller was told is held against what the
 * store has: success means that it is there, a refusal names the right reason, an error that is not ERR_UNKNOWN means that nothing
 * happened, and what is read is what was written.
 *
 * VARVE_SEED=n repeats the history of a seed, and no other; with VARVE_HISTORIES=n, n of them from there on. */
#include "harness.h"
#include "s3/fake_s3.h"
#include "s3/servers.h"

#define HISTORIES 80
#define STEPS     40
#define KEYS      12

static const struct str bucket = {FAKE_BUCKET, sizeof FAKE_BUCKET - 1};

/* Of 1,000 requests; what is not answered costs half a second each, so there is little of it. */
static const unsigned faults[FAKE_FAULTS] = {
    [FAKE_REFUSED] = 30,      [FAKE_RESET_BEFORE] = 30, [FAKE_RESET_AFTER] = 60, [FAKE_RESET_BODY] = 30,
    [FAKE_SILENT_BEFORE] = 1, [FAKE_SILENT_AFTER] = 2,  [FAKE_LATE] = 1,         [FAKE_500] = 20,
    [FAKE_500_EMPTY] = 20,    [FAKE_500_AFTER] = 50,    [FAKE_503] = 5,          [FAKE_503_EMPTY] = 5,
    [FAKE_409] = 20,          [FAKE_ERROR_IN_200] = 20, [FAKE_TRUNCATED] = 30,   [FAKE_FLIPPED_BIT] = 20,
    [FAKE_WRONG_ETAG] = 20,
};

struct history {
    struct fake_s3 *fake;
    struct object_store *clients[2];
    struct random random;
    uint64_t seed;
    unsigned step;
    unsigned ops[OBJECT_OPS];
    unsigned unknown;
};

/* What the store has under the key, past all faults. */
static bool has(struct history *history, const char *key, struct str body)
{
    struct buf got = {0};
    bool ok = fake_s3_get(history->fake, key, &got) && str_equal(buf_str(&got), body);
    buf_free(&got);
    return ok;
}

static bool has_any(struct history *history, const char *key)
{
    struct buf got = {0};
    bool ok = fake_s3_get(history->fake, key, &got);
    buf_free(&got);
    return ok;
}

#define CLAIM(condition, what)                                                                         \
    CHECK(condition, "VARVE_SEED=%" PRIu64 ", step %u: %s: %s %s", history->seed, history->step, what, \
          error_code_name(err.code), err.code != ERR_NONE ? err.text : "")

/* Creates a key that may be there already. */
static void create(struct history *history, struct object_store *client, const char *key, struct str body)
{
    struct error err = {.code = ERR_NONE};
    bool was_there = has_any(history, key);
    bool ok = object_put(client, bucket, str_of(key), body, OBJECT_IF_NONE, &err);
    history->unknown += err.code == ERR_UNKNOWN;
    CLAIM(!ok || (!was_there && has(history, key, body)),
          "a creation succeeds only as the first, and is there");
    CLAIM(err.code != ERR_EXISTS || was_there, "only who comes second is told so");
    CLAIM(ok || err.code == ERR_UNKNOWN || !has(history, key, body), "an error says that nothing happened");
}

static void replace(struct history *history, struct object_store *client, struct str body)
{
    struct error err = {.code = ERR_NONE};
    char key[32];
    snprintf(key, sizeof key, "own/%u", history->step); /* of its own: a late effect hits nothing else */
    bool ok = object_put(client, bucket, str_of(key), body, OBJECT_ALWAYS, &err);
    history->unknown += err.code == ERR_UNKNOWN;
    CLAIM(!ok || has(history, key, body), "what was put is there");
    CLAIM(ok || err.code == ERR_UNKNOWN || !has_any(history, key), "an error says that nothing happened");
}

static void read_back(struct history *history, struct object_store *client, const char *key)
{
    struct error err = {.code = ERR_NONE};
    struct buf got = {0};
    bool was_there = has_any(history, key);
    bool ok = object_get(client, bucket, str_of(key), NULL, &got, &err);
    CLAIM(!ok || has(history, key, buf_str(&got)), "what is read is what is there");
    CLAIM(err.code != ERR_NOT_FOUND || !was_there, "only what is not there is not found");
    CLAIM(err.code != ERR_UNKNOWN, "reading is never unknown");
    buf_free(&got);
}

static void remove_key(struct history *history, struct object_store *client, const char *key)
{
    struct error err = {.code = ERR_NONE};
    bool was_there = has_any(history, key);
    bool ok = object_delete(client, bucket, str_of(key), &err);
    history->unknown += err.code == ERR_UNKNOWN;
    CLAIM(!ok || !has_any(history, key), "what was deleted is gone");
    CLAIM(ok || err.code == ERR_UNKNOWN || !was_there || has_any(history, key),
          "an error says that nothing happened");
}

static void count_key(const char *key, struct str body, void *arg)
{
    (void)key;
    (void)body;
    (*(size_t *)arg)++;
}

static void list_all(struct history *history, struct object_store *client)
{
    struct error err = {.code = ERR_NONE};
    struct object_request list = {.op = OBJECT_LIST, .bucket = bucket, .key = STR("once/")};
    size_t there = 0;
    fake_s3_each(history->fake, "once/", count_key, &there);
    bool ok = object_wait(client, &list, &err);
    CLAIM(!ok || list.list_count == there, "a listing has all and nothing else");
    object_request_free(&list);
}

static void step(struct history *history)
{
    char key[32];
    char body[64];
    struct object_store *client = history->clients[random_below(&history->random, 2)];
    snprintf(key, sizeof key, "once/%u", (unsigned)random_below(&history->random, KEYS));
    snprintf(body, sizeof body, "step %u of %" PRIu64, history->step, history->seed);
    switch (random_below(&history->random, 10)) {
    case 0:
    case 1:
    case 2:
    case 3: create(history, client, key, str_of(body)); break;
    case 4: replace(history, client, str_of(body)); break;
    case 5:
    case 6:
    case 7: read_back(history, client, key); break;
    case 8: remove_key(history, client, key); break;
    default: list_all(history, client); break;
    }
}

static void run_history(uint64_t seed, unsigned *unknown)
{
    struct history history = {.seed = seed, .fake = fake_s3_start()};
    struct object_config config;
    fake_s3_config(history.fake, &config);
    for (size_t i = 0; i < 2; i++)
        history.clients[i] = s3_open_or_fail(&config);
    random_seed(&history.random, seed);
    fake_s3_schedule(history.fake, seed, faults);
    for (history.step = 0; history.step < STEPS; history.step++)
        step(&history);
    for (size_t i = 0; i < 2; i++)
        object_store_close(history.clients[i]);
    object_config_free(&config);
    fake_s3_stop(history.fake);
    *unknown += history.unknown;
}

static void test_what_callers_are_told_is_true(void **state)
{
    (void)state;
    uint64_t seed = harness_seed();
    unsigned histories = harness_histories(getenv("VARVE_SEED") != NULL ? 1 : HISTORIES);
    unsigned unknown = 0;
    for (unsigned i = 0; i < histories; i++)
        run_history(seed + i, &unknown);
    /* With so many attempts, what is not known stays rare. */
    print_message("%u of %u requests were unknown\n", unknown, histories * STEPS);
    assert_true(unknown <= histories * STEPS / 50 + 1);
}

RUN_TESTS(cmocka_unit_test(test_what_callers_are_told_is_true))
