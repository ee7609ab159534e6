#include "object/conformance.h"

#include "base/mem.h"
#include "base/thread.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct conformance target;
static char prefix[80]; /* of the claim that runs, with '/' at its end */

static struct str key_of(struct buf *out, struct str rest)
{
    buf_reset(out);
    buf_append_str(out, str_of(prefix));
    buf_append_str(out, rest);
    return buf_str(out);
}

static int begin_claim(void **state)
{
    (void)state;
    snprintf(prefix, sizeof prefix, "c%016" PRIx64 "/", random_u64());
    return 0;
}

static int end_claim(void **state)
{
    (void)state;
    struct error err;
    struct object_request list = {.op = OBJECT_LIST, .bucket = target.bucket, .key = str_of(prefix)};
    for (bool more = true; more;) {
        object_request_free(&list);
        if (!object_wait(target.store, &list, &err)) {
            print_error("cleaning up: %s\n", err.text);
            return 0;
        }
        more = list.more;
        struct str *keys = mem_zalloc((list.list_count + 1) * sizeof *keys);
        for (size_t i = 0; i < list.list_count; i++)
            keys[i] = list.list[i].key;
        struct object_request gone = {
            .op = OBJECT_DELETE_MANY, .bucket = target.bucket, .keys = keys, .key_count = list.list_count};
        if (list.list_count > 0 && !object_wait(target.store, &gone, &err))
            print_error("cleaning up: %s\n", err.text);
        object_request_free(&gone);
        mem_free(keys);
    }
    object_request_free(&list);
    return 0;
}

/* ---- Helpers ----------------------------------------------------------------------------------------------- */

static void put(struct str rest, struct str body)
{
    struct buf key = {0};
    struct error err;
    ASSERT_OK(object_put(target.store, target.bucket, key_of(&key, rest), body, OBJECT_ALWAYS, &err), err);
    buf_free(&key);
}

static void expect(struct str rest, const struct object_range *range, struct str body)
{
    struct buf key = {0};
    struct buf got = {0};
    struct error err;
    ASSERT_OK(object_get(target.store, target.bucket, key_of(&key, rest), range, &got, &err), err);
    if (!str_equal(buf_str(&got), body)) {
        fail_msg("%.*s: got %zu bytes \"%.*s\", not \"%.*s\"", STR_ARG(rest), got.len,
                 (int)(got.len < 80 ? got.len : 80), got.len > 0 ? (char *)got.data : "",
                 (int)(body.len < 80 ? body.len : 80), body.data);
    }
    buf_free(&key);
    buf_free(&got);
}

static void expect_missing(struct str rest)
{
    struct buf key = {0};
    struct buf got = {0};
    struct error err;
    ASSERT_FAILS(object_get(target.store, target.bucket, key_of(&key, rest), NULL, &got, &err), err,
                 ERR_NOT_FOUND);
    assert_int_equal(got.len, 0);
    buf_free(&key);
}

static struct object_request request_of(enum object_op op, struct str key)
{
    return (struct object_request){.op = op, .bucket = target.bucket, .key = key};
}

/* ---- Bytes ------------------------------------------------------------------------------------------------- */

static void test_what_is_put_is_got(void **state)
{
    (void)state;
    put(STR("a"), STR("the bytes"));
    expect(STR("a"), NULL, STR("the bytes"));
}

static void test_an_empty_object_is_an_object(void **state)
{
    (void)state;
    put(STR("empty"), STR_NONE);
    expect(STR("empty"), NULL, STR_NONE);
    struct buf key = {0};
    struct object_request head = request_of(OBJECT_HEAD, key_of(&key, STR("empty")));
    struct error err;
    ASSERT_OK(object_wait(target.store, &head, &err), err);
    assert_int_equal(head.info.size, 0);
    object_request_free(&head);
    buf_free(&key);
}

static void test_a_second_put_replaces_the_whole(void **state)
{
    (void)state;
    put(STR("a"), STR("a longer first text"));
    put(STR("a"), STR("short"));
    expect(STR("a"), NULL, STR("short"));
}

static void test_every_byte_is_kept(void **state)
{
    (void)state;
    uint8_t bytes[256 * 17];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    put(STR("binary"), str_make(bytes, sizeof bytes));
    expect(STR("binary"), NULL, str_make(bytes, sizeof bytes));
}

static struct buf large_body(size_t len, uint64_t seed)
{
    struct buf body = {0};
    struct random random;
    random_seed(&random, seed);
    buf_reserve(&body, len);
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = random_next(&random);
        buf_append(&body, &word, len - i < 8 ? len - i : 8);
    }
    return body;
}

static void test_a_body_of_megabytes_is_kept(void **state)
{
    (void)state;
    struct buf body = large_body(9 * 1024 * 1024 + 7, 1);
    put(STR("large"), buf_str(&body));
    expect(STR("large"), NULL, buf_str(&body));
    buf_free(&body);
}

/* Where the store's configuration says so (S3: part_bytes), in parts; on condition in one piece. */
static void test_a_body_in_parts_is_kept(void **state)
{
    (void)state;
    struct buf body = large_body(11 * 1024 * 1024 + 13, 3);
    struct buf key = {0};
    struct buf got = {0};
    struct error err;
    struct object_request put_it = request_of(OBJECT_PUT, key_of(&key, STR("parts")));
    struct object_request head = request_of(OBJECT_HEAD, buf_str(&key));
    put_it.body = buf_str(&body);
    ASSERT_OK(object_wait(target.parts, &put_it, &err), err);
    ASSERT_OK(object_wait(target.store, &head, &err), err);
    assert_true(str_equal(put_it.info.etag, head.info.etag));
    assert_int_equal(head.info.size, body.len);
    object_request_free(&put_it);
    object_request_free(&head);
    ASSERT_OK(object_get(target.store, target.bucket, buf_str(&key), NULL, &got, &err), err);
    assert_true(str_equal(buf_str(&got), buf_str(&body)));
    put_it.condition = OBJECT_IF_NONE;
    if (!target.no_conditions)
        ASSERT_FAILS(object_wait(target.parts, &put_it, &err), err, ERR_EXISTS);
    object_request_free(&put_it);
    size_t ended;
    ASSERT_OK(object_sweep(target.parts, target.bucket, str_of(prefix), 0, &ended, &err), err);
    assert_int_equal(ended, 0);
    buf_free(&body);
    buf_free(&got);
    buf_free(&key);
}

static void test_a_body_is_read_from_a_part_of_a_file(void **state)
{
    (void)state;
    char dir[HARNESS_PATH_BYTES];
    char path[HARNESS_PATH_BYTES + 8];
    harness_make_dir(dir);
    snprintf(path, sizeof path, "%s/body", dir);
    struct buf body = large_body(3 * 1024 * 1024 + 11, 2);
    struct error err;
    ASSERT_OK(buf_write_file(&body, path, 0600, &err), err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct object_file file = {.fd = fd, .offset = 1000, .length = body.len - 1001};
    struct buf key = {0};
    struct object_request request = request_of(OBJECT_PUT, key_of(&key, STR("from-file")));
    request.file = &file;
    ASSERT_OK(object_wait(target.store, &request, &err), err);
    assert_true(request.info.etag.len > 0);
    expect(STR("from-file"), NULL, str_make(body.data + 1000, body.len - 1001));
    object_request_free(&request);
    buf_free(&key);
    buf_free(&body);
    close(fd);
    harness_remove_dir(dir);
}

/* ---- Ranges ------------------------------------------------------------------------------------------------ */

static void test_ranges_give_what_they_say(void **state)
{
    (void)state;
    static const struct {
        struct object_range range;
        const char *gives;
    } rows[] = {
        {{.offset = 0, .length = 0}, "0123456789"},
        {{.offset = 0, .length = 1}, "0"},
        {{.offset = 3, .length = 4}, "3456"},
        {{.offset = 9, .length = 1}, "9"},
        {{.offset = 8, .length = 100}, "89"},
        {{.offset = 4, .length = 0}, "456789"},
        {{.length = 3, .suffix = true}, "789"},
        {{.length = 10, .suffix = true}, "0123456789"},
        {{.length = 500, .suffix = true}, "0123456789"},
    };
    put(STR("digits"), STR("0123456789"));
    TABLE_EACH(row, rows)
    expect(STR("digits"), &row->range, str_of(row->gives));
}

static void test_the_size_of_the_whole_comes_with_a_range(void **state)
{
    (void)state;
    put(STR("digits"), STR("0123456789"));
    struct buf key = {0};
    struct object_request get = request_of(OBJECT_GET, key_of(&key, STR("digits")));
    get.range = (struct object_range){.offset = 2, .length = 3};
    struct error err;
    ASSERT_OK(object_wait(target.store, &get, &err), err);
    assert_int_equal(get.info.size, 10);
    assert_int_equal(get.data.len, 3);
    assert_true(get.info.etag.len > 0);
    object_request_free(&get);
    buf_free(&key);
}

static void test_a_range_beyond_the_end_is_refused(void **state)
{
    (void)state;
    put(STR("digits"), STR("0123456789"));
    struct buf key = {0};
    struct buf got = {0};
    struct error err;
    struct object_range range = {.offset = 10, .length = 1};
    ASSERT_FAILS(object_get(target.store, target.bucket, key_of(&key, STR("digits")), &range, &got, &err),
                 err, ERR_INVALID);
    buf_free(&key);
}

static void test_the_end_of_an_empty_object_is_empty(void **state)
{
    (void)state;
    put(STR("empty"), STR_NONE);
    struct object_range range = {.length = 8, .suffix = true};
    expect(STR("empty"), &range, STR_NONE);
}

static void test_more_than_the_limit_is_not_got(void **state)
{
    (void)state;
    put(STR("digits"), STR("0123456789"));
    struct buf key = {0};
    struct object_request get = request_of(OBJECT_GET, key_of(&key, STR("digits")));
    get.max_bytes = 9;
    struct error err;
    ASSERT_FAILS(object_wait(target.store, &get, &err), err, ERR_TOO_LARGE);
    object_request_free(&get);
    get.max_bytes = 10;
    ASSERT_OK(object_wait(target.store, &get, &err), err);
    assert_int_equal(get.data.len, 10);
    object_request_free(&get);
    buf_free(&key);
}

/* ---- What is not there ------------------------------------------------------------------------------------- */

static void test_what_is_not_there_is_not_found(void **state)
{
    (void)state;
    expect_missing(STR("nothing"));
    struct buf key = {0};
    struct object_request head = request_of(OBJECT_HEAD, key_of(&key, STR("nothing")));
    struct error err;
    ASSERT_FAILS(object_wait(target.store, &head, &err), err, ERR_NOT_FOUND);
    object_request_free(&head);
    buf_free(&key);
}

static void test_deleting_removes_and_may_be_repeated(void **state)
{
    (void)state;
    put(STR("a/b/c"), STR("x"));
    struct buf key = {0};
    struct error err;
    ASSERT_OK(object_delete(target.store, target.bucket, key_of(&key, STR("a/b/c")), &err), err);
    expect_missing(STR("a/b/c"));
    ASSERT_OK(object_delete(target.store, target.bucket, key_of(&key, STR("a/b/c")), &err), err);
    buf_free(&key);
}

static void test_many_are_deleted_at_once(void **state)
{
    (void)state;
    struct buf keys[41] = {0};
    struct str views[41];
    for (size_t i = 0; i < 41; i++) {
        char rest[40];
        snprintf(rest, sizeof rest, "many/%zu & <%zu>", i, i);
        views[i] = key_of(&keys[i], str_of(rest));
        if (i != 7)
            put(str_of(rest), STR("x"));
    }
    struct object_request request = request_of(OBJECT_DELETE_MANY, STR_NONE);
    request.keys = views;
    request.key_count = 41;
    struct error err;
    ASSERT_OK(object_wait(target.store, &request, &err), err);
    assert_int_equal(request.deleted, 41); /* the one that was not there is gone, too */
    object_request_free(&request);
    struct object_request list = request_of(OBJECT_LIST, str_of(prefix));
    ASSERT_OK(object_wait(target.store, &list, &err), err);
    assert_int_equal(list.list_count, 0);
    object_request_free(&list);
    for (size_t i = 0; i < 41; i++)
        buf_free(&keys[i]);
}

static void test_a_bucket_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct error err;
    struct buf got = {0};
    struct str bucket = STR("varve-no-such-bucket-7261");
    ASSERT_FAILS(object_get(target.store, bucket, STR("a"), NULL, &got, &err), err, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "bucket"));
    struct object_request head = {.op = OBJECT_HEAD_BUCKET, .bucket = bucket};
    if (target.bucket_is_made) {
        ASSERT_OK(object_wait(target.store, &head, &err), err);
    } else {
        ASSERT_FAILS(object_wait(target.store, &head, &err), err, ERR_NOT_FOUND);
        assert_non_null(strstr(err.text, "bucket"));
        ASSERT_FAILS(object_put(target.store, bucket, STR("a"), STR("x"), OBJECT_ALWAYS, &err), err,
                     ERR_NOT_FOUND);
    }
    struct object_request there = {.op = OBJECT_HEAD_BUCKET, .bucket = target.bucket};
    ASSERT_OK(object_wait(target.store, &there, &err), err);
}

static void test_names_that_no_store_can_have_are_refused(void **state)
{
    (void)state;
    struct error err;
    char long_key[1026];
    memset(long_key, 'k', sizeof long_key);
    const struct {
        struct str bucket;
        struct str key;
    } rows[] = {
        {target.bucket, STR_NONE},
        {target.bucket, str_make(long_key, 1025)},
        {target.bucket, str_make("a\0b", 3)},
        {target.bucket, STR("\xff\xfe")},
        {STR("no"), STR("a")},
        {STR(".."), STR("a")},
        {STR("../up"), STR("a")},
        {STR("a/b"), STR("a")},
        {STR("-first"), STR("a")},
    };
    TABLE_EACH(row, rows)
    ASSERT_FAILS(object_put(target.store, row->bucket, row->key, STR("x"), OBJECT_ALWAYS, &err), err,
                 ERR_INVALID);
}

/* ---- Keys -------------------------------------------------------------------------------------------------- */

/* Below the prefix of a claim; some are each other's directories. */
static const char *const odd_keys[] = {
    " leading and trailing ",
    "a+b c%20d%2Fe%",
    "q=1&r=2?s#t;u:v@w,x",
    "quotes' \"()*!$\\",
    "~[]{}|<>^`",
    "Übergröße/日本語/🛰",
    "e\xcc\x81 is not \xc3\xa9",
    "a//b",
    "//",
    "/leading",
    "trailing/",
    "dir",
    "dir/",
    "dir/file",
    "dir/file/deeper",
    "./x",
    "../x",
    "a/./b",
    "a/../b",
    "..",
    ".",
    "...",
    "..%2F..",
    ".hidden",
    "%lock",
    "%tmp",
    "%e",
    "x%o",
    "x%+",
    "%2E",
    "line\nbreak\ttab\rreturn",
    "day=2026-11-21/hour=07/0.parquet",
    "\x01\x1f\x7f",
    "CON",
    "name.tmp",
    "a:b|c",
    "\xef\xbb\xbf\x62om",
    "\xf4\x8f\xbf\xbf",
};

/* A control character that XML cannot carry: no listing of S3 can tell it. */
static bool is_xml_text(const char *key)
{
    for (const char *c = key; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t' && *c != '\r')
            return false;
    }
    return true;
}

static void test_every_key_is_its_own_object(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(odd_keys); i++) {
        char body[32];
        snprintf(body, sizeof body, "body %zu", i);
        if (target.bucket_is_made || is_xml_text(odd_keys[i]))
            put(str_of(odd_keys[i]), str_of(body));
    }
    for (size_t i = 0; i < LENGTH(odd_keys); i++) {
        char body[32];
        snprintf(body, sizeof body, "body %zu", i);
        if (target.bucket_is_made || is_xml_text(odd_keys[i]))
            expect(str_of(odd_keys[i]), NULL, str_of(body));
    }
}

static int compare_views(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static void test_odd_keys_are_listed_in_their_order(void **state)
{
    (void)state;
    struct str keys[LENGTH(odd_keys)];
    size_t count = 0;
    for (size_t i = 0; i < LENGTH(odd_keys); i++) {
        if (is_xml_text(odd_keys[i])) {
            put(str_of(odd_keys[i]), STR("x"));
            keys[count++] = str_of(odd_keys[i]);
        }
    }
    qsort(keys, count, sizeof *keys, compare_views);
    struct object_request list = request_of(OBJECT_LIST, str_of(prefix));
    struct error err;
    ASSERT_OK(object_wait(target.store, &list, &err), err);
    assert_int_equal(list.list_count, count);
    for (size_t i = 0; i < count; i++) {
        struct str key = list.list[i].key;
        key.data += strlen(prefix);
        key.len -= strlen(prefix);
        CHECK(str_equal(key, keys[i]), "%.*s, not %.*s", STR_ARG(key), STR_ARG(keys[i]));
    }
    object_request_free(&list);
    for (size_t i = 0; i < count; i++) {
        struct buf key = {0};
        ASSERT_OK(object_delete(target.store, target.bucket, key_of(&key, keys[i]), &err), err);
        buf_free(&key);
        expect_missing(keys[i]);
    }
}

static void test_the_longest_key_is_kept(void **state)
{
    (void)state;
    char rest[1025];
    static const char fillers[] = {'k', '%', '/'};
    for (size_t i = 0; i < sizeof fillers; i++) {
        size_t len = 1024 - strlen(prefix);
        memset(rest, fillers[i], len);
        rest[len - 1] = 'z';
        put(str_make(rest, len), str_make(&fillers[i], 1));
        expect(str_make(rest, len), NULL, str_make(&fillers[i], 1));
    }
    struct object_request list = request_of(OBJECT_LIST, str_of(prefix));
    struct error err;
    ASSERT_OK(object_wait(target.store, &list, &err), err);
    assert_int_equal(list.list_count, 3);
    object_request_free(&list);
}

/* ---- Conditions -------------------------------------------------------------------------------------------- */

static void test_if_none_creates_once(void **state)
{
    (void)state;
    struct buf key = {0};
    struct error err;
    key_of(&key, STR("v1.metadata.json"));
    if (target.no_conditions) {
        ASSERT_FAILS(object_put(target.store, target.bucket, buf_str(&key), STR("a"), OBJECT_IF_NONE, &err),
                     err, ERR_UNSUPPORTED);
    } else {
        ASSERT_OK(object_put(target.store, target.bucket, buf_str(&key), STR("first"), OBJECT_IF_NONE, &err),
                  err);
        ASSERT_FAILS(
            object_put(target.store, target.bucket, buf_str(&key), STR("second"), OBJECT_IF_NONE, &err), err,
            ERR_EXISTS);
        expect(STR("v1.metadata.json"), NULL, STR("first"));
        ASSERT_OK(object_delete(target.store, target.bucket, buf_str(&key), &err), err);
        ASSERT_OK(object_put(target.store, target.bucket, buf_str(&key), STR("third"), OBJECT_IF_NONE, &err),
                  err);
        expect(STR("v1.metadata.json"), NULL, STR("third"));
    }
    buf_free(&key);
}

#define RIVALS 8

struct race {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended;
    unsigned won;
    unsigned lost;
    unsigned unknown;
    struct error failure;
};

struct rival {
    struct object_request request; /* first */
    struct race *race;
};

static void rival_done(struct object_request *request, const struct error *err)
{
    struct race *race = ((struct rival *)(void *)request)->race;
    pthread_mutex_lock(&race->lock);
    race->ended++;
    if (err == NULL) {
        race->won++;
    } else if (err->code == ERR_EXISTS || err->code == ERR_CONFLICT) {
        race->lost++;
    } else if (err->code == ERR_UNKNOWN) {
        race->unknown++;
    } else {
        race->failure = *err;
    }
    pthread_cond_signal(&race->changed);
    pthread_mutex_unlock(&race->lock);
}

/* All at once; each with a body of its own. */
static void run_race(struct race *race, struct str key, enum object_condition condition, struct str etag)
{
    static const char bodies[RIVALS][2] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    struct rival rivals[RIVALS];
    struct error err;
    *race = (struct race){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    for (size_t i = 0; i < RIVALS; i++) {
        rivals[i] = (struct rival){.request = request_of(OBJECT_PUT, key), .race = race};
        rivals[i].request.body = str_of(bodies[i]);
        rivals[i].request.condition = condition;
        rivals[i].request.etag = etag;
        rivals[i].request.done = rival_done;
        ASSERT_OK(object_start(target.store, &rivals[i].request, &err), err);
    }
    pthread_mutex_lock(&race->lock);
    while (race->ended < RIVALS)
        pthread_cond_wait(&race->changed, &race->lock);
    pthread_mutex_unlock(&race->lock);
    for (size_t i = 0; i < RIVALS; i++)
        object_request_free(&rivals[i].request);
}

static void test_of_rivals_one_creates(void **state)
{
    (void)state;
    if (target.no_conditions)
        skip();
    for (int round = 0; round < 10; round++) {
        struct buf key = {0};
        char rest[32];
        struct race race;
        snprintf(rest, sizeof rest, "race/%d", round);
        run_race(&race, key_of(&key, str_of(rest)), OBJECT_IF_NONE, STR_NONE);
        CHECK(race.won == 1 && race.lost == RIVALS - 1, "%u won, %u lost, %s", race.won, race.lost,
              race.failure.text);
        buf_free(&key);
    }
}

static void test_if_match_replaces_what_was_seen(void **state)
{
    (void)state;
    if (target.no_conditions)
        skip();
    struct buf key = {0};
    struct error err;
    put(STR("hint"), STR("one"));
    struct object_request head = request_of(OBJECT_HEAD, key_of(&key, STR("hint")));
    ASSERT_OK(object_wait(target.store, &head, &err), err);
    struct object_request replace = request_of(OBJECT_PUT, buf_str(&key));
    replace.body = STR("two");
    replace.condition = OBJECT_IF_MATCH;
    replace.etag = head.info.etag;
    ASSERT_OK(object_wait(target.store, &replace, &err), err);
    object_request_free(&replace);
    ASSERT_FAILS(object_wait(target.store, &replace, &err), err, ERR_CONFLICT);
    object_request_free(&replace);
    expect(STR("hint"), NULL, STR("two"));
    object_request_free(&head);
    buf_free(&key);
}

static void test_of_rivals_one_replaces(void **state)
{
    (void)state;
    if (target.no_conditions)
        skip();
    struct buf key = {0};
    struct error err;
    struct race race;
    put(STR("hint"), STR("one"));
    struct object_request head = request_of(OBJECT_HEAD, key_of(&key, STR("hint")));
    ASSERT_OK(object_wait(target.store, &head, &err), err);
    run_race(&race, buf_str(&key), OBJECT_IF_MATCH, head.info.etag);
    /* Ceph answers 500 to some who lose: then they cannot tell whose object they find. */
    CHECK(race.won == 1 && race.lost + race.unknown == RIVALS - 1, "%u won, %u lost, %s", race.won, race.lost,
          race.failure.text);
    object_request_free(&head);
    buf_free(&key);
}

static void test_a_get_may_ask_for_one_etag(void **state)
{
    (void)state;
    struct buf key = {0};
    struct error err;
    put(STR("a"), STR("one"));
    struct object_request get = request_of(OBJECT_GET, key_of(&key, STR("a")));
    ASSERT_OK(object_wait(target.store, &get, &err), err);
    struct object_request again = request_of(OBJECT_GET, buf_str(&key));
    again.condition = OBJECT_IF_MATCH;
    again.etag = get.info.etag;
    ASSERT_OK(object_wait(target.store, &again, &err), err);
    object_request_free(&again);
    put(STR("a"), STR("another"));
    ASSERT_FAILS(object_wait(target.store, &again, &err), err, ERR_CONFLICT);
    object_request_free(&again);
    object_request_free(&get);
    buf_free(&key);
}

static void test_etags_of_put_head_get_and_list_agree(void **state)
{
    (void)state;
    struct buf key = {0};
    struct error err;
    key_of(&key, STR("a"));
    struct object_request one = request_of(OBJECT_PUT, buf_str(&key));
    one.body = STR("some bytes");
    struct object_request head = request_of(OBJECT_HEAD, buf_str(&key));
    struct object_request get = request_of(OBJECT_GET, buf_str(&key));
    struct object_request list = request_of(OBJECT_LIST, buf_str(&key));
    ASSERT_OK(object_wait(target.store, &one, &err), err);
    ASSERT_OK(object_wait(target.store, &head, &err), err);
    ASSERT_OK(object_wait(target.store, &get, &err), err);
    ASSERT_OK(object_wait(target.store, &list, &err), err);
    assert_int_equal(list.list_count, 1);
    assert_true(one.info.etag.len > 2);
    assert_true(str_equal(one.info.etag, head.info.etag));
    assert_true(str_equal(one.info.etag, get.info.etag));
    assert_true(str_equal(one.info.etag, list.list[0].etag));
    assert_int_equal(head.info.size, 10);
    assert_int_equal(list.list[0].size, 10);
    assert_true(head.info.modified_ms > INT64_C(1600000000000));
    assert_true(list.list[0].modified_ms / 1000 == head.info.modified_ms / 1000);
    object_request_free(&one);
    object_request_free(&head);
    object_request_free(&get);
    object_request_free(&list);
    buf_free(&key);
}

/* ---- Listing ----------------------------------------------------------------------------------------------- */

static void expect_list(struct object_request *list, const char *const *keys, size_t count, bool more)
{
    struct error err;
    ASSERT_OK(object_wait(target.store, list, &err), err);
    for (size_t i = 0; i < list->list_count && i < count; i++) {
        struct str key = list->list[i].key;
        assert_true(str_starts(key, str_of(prefix)));
        key.data += strlen(prefix);
        key.len -= strlen(prefix);
        CHECK(str_is(key, keys[i]), "%.*s at %zu, not %s", STR_ARG(key), i, keys[i]);
    }
    assert_int_equal(list->list_count, count);
    assert_int_equal(list->more, more);
    object_request_free(list);
}

static void test_listing_knows_prefix_start_limit_and_delimiter(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "a-b", "a/1", "a/2", "a/b/3", "a0", "b/1", "b/2", "c"};
    for (size_t i = 0; i < LENGTH(keys); i++)
        put(str_of(keys[i]), STR("x"));
    struct buf key = {0};
    struct buf start = {0};
    struct object_request list = request_of(OBJECT_LIST, str_of(prefix));
    expect_list(&list, keys, LENGTH(keys), false);
    list.limit = 4;
    expect_list(&list, keys, 4, true);
    list.start_after = key_of(&start, STR("a/2"));
    expect_list(&list, keys + 4, 4, true);
    list.start_after = key_of(&start, STR("b/2"));
    expect_list(&list, keys + 8, 1, false);
    list.start_after = key_of(&start, STR("zzz"));
    expect_list(&list, keys, 0, false);
    list.start_after = STR_NONE;
    list.limit = 0;
    list.key = key_of(&key, STR("a/"));
    expect_list(&list, keys + 2, 3, false);
    list.delimiter = STR("/");
    expect_list(&list, (const char *const[]){"a/1", "a/2", "a/b/"}, 3, false);
    list.key = str_of(prefix);
    static const char *const tops[] = {"a", "a-b", "a/", "a0", "b/", "c"};
    expect_list(&list, tops, 6, false);
    list.key = key_of(&key, STR("nothing/"));
    expect_list(&list, tops, 0, false);
    buf_free(&key);
    buf_free(&start);
}

/* Page by page, going on with the last key each time: with and without a delimiter, at every size of a page. */
static void test_pages_give_each_key_once(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "a-b", "a/1", "a/2", "a/b/3", "a0", "b/1", "b/2", "c"};
    static const char *const tops[] = {"a", "a-b", "a/", "a0", "b/", "c"};
    for (size_t i = 0; i < LENGTH(keys); i++)
        put(str_of(keys[i]), STR("x"));
    for (int delimited = 0; delimited < 2; delimited++) {
        const char *const *all = delimited ? tops : keys;
        size_t count = delimited ? LENGTH(tops) : LENGTH(keys);
        for (uint32_t limit = 1; limit <= count + 1; limit++) {
            struct buf start = {0};
            for (size_t at = 0; at < count;) {
                size_t page = count - at < limit ? count - at : limit;
                struct object_request list = request_of(OBJECT_LIST, str_of(prefix));
                list.limit = limit;
                list.start_after = buf_str(&start);
                if (delimited)
                    list.delimiter = STR("/");
                expect_list(&list, all + at, page, at + page < count);
                at += page;
                key_of(&start, str_of(all[at - 1]));
            }
            buf_free(&start);
        }
    }
}

static void test_a_listing_has_at_most_a_thousand(void **state)
{
    (void)state;
    unsigned count = 1010 / (target.slow_factor > 0 ? target.slow_factor : 1);
    uint32_t limit = count < 1010 ? count - 10 : 0;
    for (unsigned i = 0; i < count; i++) {
        char rest[32];
        snprintf(rest, sizeof rest, "%04u", i);
        put(str_of(rest), STR_NONE);
    }
    struct object_request list = request_of(OBJECT_LIST, str_of(prefix));
    struct error err;
    list.limit = limit;
    ASSERT_OK(object_wait(target.store, &list, &err), err);
    assert_int_equal(list.list_count, count - 10);
    assert_true(list.more);
    struct object_request rest = request_of(OBJECT_LIST, str_of(prefix));
    rest.start_after = list.list[list.list_count - 1].key;
    ASSERT_OK(object_wait(target.store, &rest, &err), err);
    assert_int_equal(rest.list_count, 10);
    assert_false(rest.more);
    object_request_free(&list);
    object_request_free(&rest);
}

/* ---- Requests ---------------------------------------------------------------------------------------------- */

#define CROWD 200

struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended;
    unsigned failed;
};

struct guest {
    struct object_request request; /* first */
    struct crowd *crowd;
    char key[100];
};

static void guest_got(struct object_request *request, const struct error *err)
{
    struct guest *guest = (struct guest *)(void *)request;
    pthread_mutex_lock(&guest->crowd->lock);
    guest->crowd->ended++;
    if (err != NULL || !str_is(buf_str(&request->data), guest->key))
        guest->crowd->failed++;
    pthread_cond_signal(&guest->crowd->changed);
    pthread_mutex_unlock(&guest->crowd->lock);
}

/* `done` starts the next request: what was put is got. */
static void guest_put(struct object_request *request, const struct error *err)
{
    struct error why;
    object_request_free(request);
    request->op = OBJECT_GET;
    request->done = guest_got;
    if (err != NULL || !object_start(target.store, request, &why))
        guest_got(request, err != NULL ? err : &why);
}

static void test_many_requests_run_side_by_side(void **state)
{
    (void)state;
    unsigned count = CROWD / (target.slow_factor > 0 ? target.slow_factor : 1);
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct guest *guests = mem_zalloc(CROWD * sizeof *guests);
    struct error err;
    for (unsigned i = 0; i < count; i++) {
        struct guest *guest = &guests[i];
        snprintf(guest->key, sizeof guest->key, "%scrowd/%u", prefix, i);
        guest->crowd = &crowd;
        guest->request = request_of(OBJECT_PUT, str_of(guest->key));
        guest->request.body = str_of(guest->key);
        guest->request.done = guest_put;
        ASSERT_OK(object_start(target.store, &guest->request, &err), err);
    }
    pthread_mutex_lock(&crowd.lock);
    while (crowd.ended < count)
        pthread_cond_wait(&crowd.changed, &crowd.lock);
    pthread_mutex_unlock(&crowd.lock);
    assert_int_equal(crowd.failed, 0);
    for (unsigned i = 0; i < count; i++)
        object_request_free(&guests[i].request);
    mem_free(guests);
}

static void test_figures_count_what_was_done(void **state)
{
    (void)state;
    struct object_stats before;
    struct object_stats after;
    object_stats(target.store, &before);
    put(STR("counted"), STR("0123456789"));
    expect(STR("counted"), NULL, STR("0123456789"));
    expect_missing(STR("nothing"));
    object_stats(target.store, &after);
    assert_int_equal(after.ops[OBJECT_PUT].ok - before.ops[OBJECT_PUT].ok, 1);
    assert_int_equal(after.ops[OBJECT_GET].ok - before.ops[OBJECT_GET].ok, 1);
    assert_int_equal(after.ops[OBJECT_GET].failed, before.ops[OBJECT_GET].failed);
    assert_int_equal(after.bytes_up - before.bytes_up, 10);
    assert_int_equal(after.bytes_down - before.bytes_down, 10);
    assert_int_equal(after.in_flight, 0);
    assert_int_equal(after.queued, 0);
}

static void test_a_body_with_a_wrong_crc_is_not_put(void **state)
{
    (void)state;
    struct buf key = {0};
    struct object_request request = request_of(OBJECT_PUT, key_of(&key, STR("crc")));
    uint32_t right = 0xe3069283;
    uint32_t wrong = 0xe3069284;
    struct error err;
    request.body = STR("123456789");
    request.crc32c = &right;
    ASSERT_OK(object_wait(target.store, &request, &err), err);
    object_request_free(&request);
    request.crc32c = &wrong;
    ASSERT_FAILS(object_wait(target.store, &request, &err), err, ERR_CORRUPT);
    object_request_free(&request);
    expect(STR("crc"), NULL, STR("123456789"));
    buf_free(&key);
}

static void test_a_probe_finds_what_the_store_does(void **state)
{
    (void)state;
    struct object_probe probe;
    struct error err;
    ASSERT_OK(object_probe(target.store, target.bucket, str_of(prefix), &probe, &err), err);
    assert_true(probe.usable);
    assert_int_equal(probe.count, 9);
    enum object_guarantee expected = target.no_conditions ? OBJECT_SINGLE_WRITER : OBJECT_EXACTLY_ONCE;
    assert_int_equal(probe.guarantee, expected);
    assert_int_equal(object_guarantee(target.store), expected);
    for (size_t i = 0; i < probe.count; i++) {
        const struct object_check *check = &probe.checks[i];
        bool less = (strcmp(check->name, "checksum") == 0 && !target.checks_crc) ||
                    (strcmp(check->name, "batch delete") == 0 && target.deletes_one_by_one) ||
                    (strcmp(check->name, "conditional put") == 0 && target.no_conditions);
        if (less) {
            CHECK(check->result == OBJECT_CHECK_REDUCED, "%s: %s", check->name, check->why.text);
        } else {
            CHECK(check->result == OBJECT_CHECK_OK || strcmp(check->name, "clock") == 0, "%s: %s",
                  check->name, check->why.text);
        }
    }
    struct object_request list = request_of(OBJECT_LIST, str_of(prefix));
    ASSERT_OK(object_wait(target.store, &list, &err), err);
    assert_int_equal(list.list_count, 0); /* it cleans up */
    object_request_free(&list);
}

#define CLAIM(test)                               \
    {                                             \
#test, test, begin_claim, end_claim, NULL \
    }

int conformance_run(const struct conformance *given)
{
    const struct CMUnitTest claims[] = {
        CLAIM(test_what_is_put_is_got),
        CLAIM(test_an_empty_object_is_an_object),
        CLAIM(test_a_second_put_replaces_the_whole),
        CLAIM(test_every_byte_is_kept),
        CLAIM(test_a_body_of_megabytes_is_kept),
        CLAIM(test_a_body_in_parts_is_kept),
        CLAIM(test_a_body_is_read_from_a_part_of_a_file),
        CLAIM(test_ranges_give_what_they_say),
        CLAIM(test_the_size_of_the_whole_comes_with_a_range),
        CLAIM(test_a_range_beyond_the_end_is_refused),
        CLAIM(test_the_end_of_an_empty_object_is_empty),
        CLAIM(test_more_than_the_limit_is_not_got),
        CLAIM(test_what_is_not_there_is_not_found),
        CLAIM(test_deleting_removes_and_may_be_repeated),
        CLAIM(test_many_are_deleted_at_once),
        CLAIM(test_a_bucket_that_is_not_there_is_not_found),
        CLAIM(test_names_that_no_store_can_have_are_refused),
        CLAIM(test_every_key_is_its_own_object),
        CLAIM(test_odd_keys_are_listed_in_their_order),
        CLAIM(test_the_longest_key_is_kept),
        CLAIM(test_if_none_creates_once),
        CLAIM(test_of_rivals_one_creates),
        CLAIM(test_if_match_replaces_what_was_seen),
        CLAIM(test_of_rivals_one_replaces),
        CLAIM(test_a_get_may_ask_for_one_etag),
        CLAIM(test_etags_of_put_head_get_and_list_agree),
        CLAIM(test_listing_knows_prefix_start_limit_and_delimiter),
        CLAIM(test_pages_give_each_key_once),
        CLAIM(test_a_listing_has_at_most_a_thousand),
        CLAIM(test_many_requests_run_side_by_side),
        CLAIM(test_a_body_with_a_wrong_crc_is_not_put),
        CLAIM(test_a_probe_finds_what_the_store_does),
        CLAIM(test_figures_count_what_was_done),
    };
    target = *given;
    if (target.parts == NULL)
        target.parts = target.store;
    print_message("conformance of %s\n", target.what);
    return _cmocka_run_group_tests(target.what, claims, LENGTH(claims), NULL, NULL);
}
