/* What a store honours, found out by trying.
 *
 * Below a prefix of its own: an object is put, got whole and in part, created twice on the condition that there is none, put with a
 * checksum that is wrong, listed, and all of it is deleted in one request. A check that fails leaves those that build upon it
 * SKIPPED; a store is usable if Varve can do its work with what is left, perhaps with a lesser guarantee. */
#include "object/object_internal.h"

#include "base/mem.h"
#include "base/random.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define BODY_BYTES        1024
#define SKEW_NONE_MS      2000   /* it is told in seconds */
#define SKEW_REDUCED_MS   300000 /* signatures are refused from 15 minutes on */
#define PROBE_DEADLINE_MS 60000

enum { KEY_OBJECT, KEY_ONCE, KEY_CHECKSUM, KEYS };

struct trial {
    struct object_store *store;
    struct str bucket;
    struct buf keys[KEYS];
    struct buf below; /* the prefix */
    uint8_t body[BODY_BYTES];
    struct object_probe *probe;
    bool written; /* something may be there */
    bool put_works;
};

static struct object_check *add(struct trial *trial, const char *name, int result)
{
    assert(trial->probe->count < OBJECT_CHECKS);
    struct object_check *check = &trial->probe->checks[trial->probe->count++];
    *check = (struct object_check){.name = name, .result = result};
    return check;
}

static void say(struct object_check *check, const char *text)
{
    check->why.code = ERR_NONE;
    snprintf(check->why.text, sizeof check->why.text, "%s", text);
}

static struct object_request request_of(const struct trial *trial, enum object_op op, int key)
{
    return (struct object_request){.op = op,
                                   .bucket = trial->bucket,
                                   .key = buf_str(&trial->keys[key]),
                                   .brief = true,
                                   .deadline_ms = PROBE_DEADLINE_MS};
}

static struct str body_of(const struct trial *trial)
{
    return str_make(trial->body, BODY_BYTES);
}

/* ---- Checks ---------------------------------------------------------------------------------------------- */

/* False: nothing else can be asked. */
static bool check_bucket(struct trial *trial)
{
    struct object_request request = request_of(trial, OBJECT_HEAD_BUCKET, KEY_OBJECT);
    struct error why;
    if (object_wait(trial->store, &request, &why)) {
        say(add(trial, "bucket", OBJECT_CHECK_OK), "it is there");
        return true;
    }
    /* Who may write but not list is told 403 here; the PUT tells which it is. */
    bool go_on = why.code == ERR_DENIED;
    add(trial, "bucket", go_on ? OBJECT_CHECK_REDUCED : OBJECT_CHECK_FAILED)->why = why;
    return go_on;
}

static void check_put(struct trial *trial)
{
    struct object_request request = request_of(trial, OBJECT_PUT, KEY_OBJECT);
    struct error why;
    request.body = body_of(trial);
    request.content_type = STR("application/octet-stream");
    trial->written = true;
    trial->put_works = object_wait(trial->store, &request, &why);
    object_request_free(&request);
    if (trial->put_works) {
        say(add(trial, "put", OBJECT_CHECK_OK), "objects can be written");
    } else {
        add(trial, "put", OBJECT_CHECK_FAILED)->why = why;
    }
}

/* GET of the range gives these bytes of the body. */
static void check_read(struct trial *trial, const char *name, struct object_range range, struct str expected)
{
    struct object_request request = request_of(trial, OBJECT_GET, KEY_OBJECT);
    struct error why;
    request.range = range;
    if (!trial->put_works) {
        add(trial, name, OBJECT_CHECK_SKIPPED);
        return;
    }
    bool ok = object_wait(trial->store, &request, &why);
    if (ok && (!str_equal(buf_str(&request.data), expected) || request.info.size != BODY_BYTES))
        ok = error_set(&why, ERR_CORRUPT, "what was read is not what was written");
    object_request_free(&request);
    if (ok) {
        say(add(trial, name, OBJECT_CHECK_OK), "what is read is what was written");
    } else {
        add(trial, name, OBJECT_CHECK_FAILED)->why = why;
    }
}

static void reduce(struct trial *trial, const char *name, const struct error *why, const char *text,
                   const char *hint)
{
    struct object_check *check = add(trial, name, OBJECT_CHECK_REDUCED);
    check->why.code = why != NULL ? why->code : ERR_UNSUPPORTED;
    if (why != NULL) {
        snprintf(check->why.text, sizeof check->why.text, "%s: %.300s", text, why->text);
    } else {
        snprintf(check->why.text, sizeof check->why.text, "%s", text);
    }
    snprintf(check->why.hint, sizeof check->why.hint, "%s", hint);
}

static void check_condition(struct trial *trial)
{
    static const char name[] = "conditional put";
    static const char hint[] = "let one broker alone write below the prefix";
    struct error why;
    if (!trial->put_works) {
        add(trial, name, OBJECT_CHECK_SKIPPED);
        return;
    }
    trial->probe->guarantee = OBJECT_SINGLE_WRITER;
    struct str key = buf_str(&trial->keys[KEY_ONCE]);
    if (!object_put(trial->store, trial->bucket, key, STR("1"), OBJECT_IF_NONE, &why)) {
        reduce(trial, name, &why, "If-None-Match is refused", hint);
    } else if (object_put(trial->store, trial->bucket, key, STR("2"), OBJECT_IF_NONE, &why)) {
        reduce(trial, name, NULL, "If-None-Match is ignored: a second creation replaced the first", hint);
    } else if (why.code != ERR_EXISTS) {
        reduce(trial, name, &why, "If-None-Match does not say whether there is one", hint);
    } else {
        trial->probe->guarantee = OBJECT_EXACTLY_ONCE;
        say(add(trial, name, OBJECT_CHECK_OK), "of two who create an object, one is told no");
    }
}

static void check_checksum(struct trial *trial)
{
    static const char name[] = "checksum";
    static const char hint[] = "nothing to do: bodies are signed with their SHA-256";
    const struct object_header wrong_header = {STR("x-amz-checksum-crc32c"), STR("AAAAAQ==")};
    struct object_request request = request_of(trial, OBJECT_PUT, KEY_CHECKSUM);
    uint32_t wrong = 1;
    struct error why;
    request.body = body_of(trial);
    if (trial->store->config.kind == OBJECT_DIRECTORY) {
        request.crc32c = &wrong; /* compared by this process, as S3 stores compare the header */
    } else {
        request.headers = &wrong_header;
        request.header_count = 1;
    }
    if (!trial->put_works) {
        add(trial, name, OBJECT_CHECK_SKIPPED);
    } else if (object_wait(trial->store, &request, &why)) {
        reduce(trial, name, NULL, "a CRC-32C is taken and not compared", hint);
    } else if (why.code != ERR_CORRUPT) {
        reduce(trial, name, &why, "a CRC-32C is refused", hint);
    } else {
        say(add(trial, name, OBJECT_CHECK_OK), "a body with a wrong CRC-32C is refused");
    }
    object_request_free(&request);
}

static void check_list(struct trial *trial)
{
    static const char name[] = "list";
    static const char hint[] = "allow s3:ListBucket: recovering a station needs it";
    struct object_request request = {.op = OBJECT_LIST,
                                     .bucket = trial->bucket,
                                     .key = buf_str(&trial->below),
                                     .brief = true,
                                     .deadline_ms = PROBE_DEADLINE_MS};
    struct error why;
    if (!trial->put_works) {
        add(trial, name, OBJECT_CHECK_SKIPPED);
        return;
    }
    bool ok = object_wait(trial->store, &request, &why);
    bool found = false;
    for (size_t i = 0; ok && i < request.list_count; i++)
        found = found || str_equal(request.list[i].key, buf_str(&trial->keys[KEY_OBJECT]));
    object_request_free(&request);
    if (ok && found) {
        say(add(trial, name, OBJECT_CHECK_OK), "what is written is listed at once");
    } else if (ok) {
        reduce(trial, name, NULL, "what was written is not listed", "recovering a station may miss it");
    } else {
        reduce(trial, name, &why, "objects cannot be listed", hint);
    }
}

/* Cleans up as well. */
static void check_delete(struct trial *trial)
{
    static const char name[] = "batch delete";
    struct object_request request = request_of(trial, OBJECT_DELETE_MANY, KEY_OBJECT);
    struct str keys[KEYS];
    struct error why;
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = buf_str(&trial->keys[i]);
    request.keys = keys;
    request.key_count = KEYS;
    if (!trial->written) {
        add(trial, name, OBJECT_CHECK_SKIPPED);
        return;
    }
    bool ok = object_wait(trial->store, &request, &why);
    object_request_free(&request);
    if (!trial->put_works) {
        add(trial, name, OBJECT_CHECK_SKIPPED);
    } else if (!ok) {
        reduce(trial, name, &why, "objects cannot be deleted",
               "allow s3:DeleteObject: without it, nothing ever leaves the bucket");
    } else if (store_deletes_one_by_one(trial->store)) {
        reduce(trial, name, NULL, "DeleteObjects is refused: objects are deleted one by one",
               "nothing to do");
    } else {
        say(add(trial, name, OBJECT_CHECK_OK), "many objects are deleted in one request");
    }
}

static void check_clock(struct trial *trial)
{
    struct object_stats stats;
    char text[200];
    object_stats(trial->store, &stats);
    int64_t skew = stats.clock_skew_ms < 0 ? -stats.clock_skew_ms : stats.clock_skew_ms;
    if (skew < SKEW_NONE_MS) {
        snprintf(text, sizeof text, "the store's clock and ours agree");
    } else {
        snprintf(text, sizeof text, "the store's clock is %" PRId64 " s %s ours", skew / 1000,
                 stats.clock_skew_ms < 0 ? "behind" : "ahead of");
    }
    if (trial->store->config.kind == OBJECT_DIRECTORY) {
        say(add(trial, "clock", OBJECT_CHECK_SKIPPED), "it is this machine's own");
    } else if (skew >= SKEW_REDUCED_MS) {
        reduce(trial, "clock", NULL, text,
               "synchronise this machine's clock: requests are signed with the time");
    } else {
        say(add(trial, "clock", OBJECT_CHECK_OK), text);
    }
}

/* ---- All of them ----------------------------------------------------------------------------------------- */

static void skip_all(struct trial *trial)
{
    static const char *const names[] = {"put",      "get",  "range",        "conditional put",
                                        "checksum", "list", "batch delete", "clock"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        add(trial, names[i], OBJECT_CHECK_SKIPPED);
}

static void run_checks(struct trial *trial)
{
    if (!check_bucket(trial)) {
        skip_all(trial);
        return;
    }
    check_put(trial);
    check_read(trial, "get", (struct object_range){0}, body_of(trial));
    check_read(trial, "range", (struct object_range){.offset = 100, .length = 200},
               str_make(trial->body + 100, 200));
    check_condition(trial);
    check_checksum(trial);
    check_list(trial);
    check_delete(trial);
    check_clock(trial);
}

static bool judge(struct object_probe *probe, struct error *err)
{
    for (size_t i = 0; i < probe->count; i++) {
        const struct object_check *check = &probe->checks[i];
        if (check->result != OBJECT_CHECK_FAILED)
            continue;
        probe->guarantee = OBJECT_UNPROBED;
        if (err != NULL)
            *err = check->why;
        return false;
    }
    probe->usable = true;
    return true;
}

bool object_probe(struct object_store *store, struct str bucket, struct str prefix,
                  struct object_probe *probe, struct error *err)
{
    static const char *const names[KEYS] = {"object", "once", "checksum"};
    struct trial trial = {.store = store, .bucket = bucket, .probe = probe};
    *probe = (struct object_probe){.guarantee = OBJECT_UNPROBED};
    if (!bucket_check(bucket, err))
        return false;
    buf_printf(&trial.below, "%.*s.varve-probe-%016" PRIx64 "/", STR_ARG(prefix), random_u64());
    for (size_t i = 0; i < KEYS; i++) {
        buf_append_str(&trial.keys[i], buf_str(&trial.below));
        buf_append_str(&trial.keys[i], str_of(names[i]));
    }
    random_bytes(trial.body, sizeof trial.body);
    bool ok = key_check(buf_str(&trial.keys[KEY_CHECKSUM]), err);
    if (ok) {
        run_checks(&trial);
        ok = judge(probe, err);
        pthread_mutex_lock(&store->lock);
        store->guarantee = probe->guarantee;
        pthread_mutex_unlock(&store->lock);
    }
    for (size_t i = 0; i < KEYS; i++)
        buf_free(&trial.keys[i]);
    buf_free(&trial.below);
    return ok;
}
