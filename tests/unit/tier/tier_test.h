/* A store in memory that fails by a seed, a log, and records that tests understand. */
#ifndef TESTS_TIER_TEST_H
#define TESTS_TIER_TEST_H

#include "harness.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tier/tier_internal.h"

/* ---- The disk -------------------------------------------------------------------------------------------- */

/* In these tests processes die, and the machine does not: what is written is there. So they need not wait for the device; that
 * the ledger does is nothing that a test without a power switch could see. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

/* ---- The store ------------------------------------------------------------------------------------------- */

struct thing {
    char *key;
    struct buf bytes;
};

/* A put that was answered with "unknown", and arrives later, or never. */
struct late {
    char *key;
    struct buf bytes;
    enum object_condition condition;
};

#define LATE_MAX 16
#define HELD_MAX 64

struct fake {
    struct thing *things;
    size_t count, cap;
    struct late late[LATE_MAX];
    size_t late_count;
    struct random *random;
    unsigned fail_one_of; /* requests; 0: none fails */
    bool dead;            /* the process that asks has died: nothing is answered */
    uint64_t die_at;      /* the number of the request with which it dies; 0: it does not */
    uint64_t requests, puts, gets;
    bool conditions_refused; /* 501 */
    bool watch;              /* puts and deletes are counted */
    uint64_t changes;
    unsigned hold_one_of;   /* puts of files: it is answered when fake_answer() says so; 0: none */
    unsigned answer_one_of; /* requests: it answers one that is held; 0: none */
    struct object_request *held[HELD_MAX];
    size_t held_count;
};

static inline struct thing *fake_find(struct fake *fake, struct str key)
{
    for (size_t i = 0; i < fake->count; i++) {
        if (str_is(key, fake->things[i].key))
            return &fake->things[i];
    }
    return NULL;
}

static inline bool fake_apply(struct fake *fake, struct str key, struct str bytes,
                              enum object_condition condition)
{
    struct thing *thing = fake_find(fake, key);
    if (thing != NULL && condition == OBJECT_IF_NONE)
        return false;
    fake->changes++;
    if (thing == NULL) {
        if (fake->count == fake->cap) {
            fake->cap = fake->cap > 0 ? 2 * fake->cap : 64;
            fake->things = mem_realloc(fake->things, fake->cap * sizeof(*fake->things));
        }
        thing = &fake->things[fake->count++];
        *thing = (struct thing){.key = str_dup(key)};
    }
    buf_reset(&thing->bytes);
    buf_append_str(&thing->bytes, bytes);
    return true;
}

static inline void fake_delete(struct fake *fake, struct str key)
{
    struct thing *thing = fake_find(fake, key);
    if (thing == NULL)
        return;
    fake->changes++;
    mem_free(thing->key);
    buf_free(&thing->bytes);
    *thing = fake->things[--fake->count];
}

static inline void fake_deliver_late(struct fake *fake)
{
    while (fake->late_count > 0) {
        struct late *late = &fake->late[--fake->late_count];
        fake_apply(fake, str_of(late->key), buf_str(&late->bytes), late->condition);
        mem_free(late->key);
        buf_free(&late->bytes);
    }
}

static inline void fake_free(struct fake *fake)
{
    assert_int_equal(fake->held_count, 0);
    fake_deliver_late(fake);
    while (fake->count > 0)
        fake_delete(fake, str_of(fake->things[0].key));
    mem_free(fake->things);
}

static inline struct str fake_body(const struct object_request *request, struct buf *room)
{
    if (request->file == NULL)
        return request->body;
    buf_reserve(room, request->file->length + 1);
    ssize_t got = pread(request->file->fd, room->data, request->file->length, (off_t)request->file->offset);
    assert_int_equal(got, request->file->length);
    room->len = request->file->length;
    return buf_str(room);
}

static inline bool fake_put(struct fake *fake, struct object_request *request, struct error *err)
{
    struct buf room = {0};
    struct str body = fake_body(request, &room);
    bool fails = fake->fail_one_of > 0 && random_below(fake->random, fake->fail_one_of) == 0;
    uint64_t how = fails ? random_below(fake->random, 4) : 0;
    bool ok = true;
    if (fake->conditions_refused && request->condition != OBJECT_ALWAYS) {
        ok = error_set(err, ERR_UNSUPPORTED, "501");
    } else if (fails && how == 0) {
        ok = error_set(err, ERR_IO, "refused");
    } else if (fails && how == 1) { /* the answer is lost */
        fake_apply(fake, request->key, body, request->condition);
        ok = error_set(err, ERR_UNKNOWN, "reset behind the request");
    } else if (fails && how == 2 && fake->late_count < LATE_MAX &&
               !fake->conditions_refused) { /* it arrives later */
        struct late *late = &fake->late[fake->late_count++];
        *late = (struct late){.key = str_dup(request->key), .condition = request->condition};
        buf_append_str(&late->bytes, body);
        ok = error_set(err, ERR_UNKNOWN, "time is over");
    } else if (fails) {
        ok = error_set(err, ERR_UNKNOWN, "reset before the request");
    } else if (!fake_apply(fake, request->key, body, request->condition)) {
        ok = error_set(err, ERR_EXISTS, "412");
    }
    fake->puts++;
    buf_free(&room);
    return ok;
}

static inline bool fake_get(struct fake *fake, struct object_request *request, struct error *err)
{
    struct thing *thing = fake_find(fake, request->key);
    fake->gets++;
    if (fake->fail_one_of > 0 && random_below(fake->random, fake->fail_one_of) == 0)
        return error_set(err, ERR_IO, "cut off");
    if (thing == NULL)
        return error_set(err, ERR_NOT_FOUND, "404");
    uint64_t from = request->range.offset, length = request->range.length;
    if (from == 0 && length == 0)
        length = thing->bytes.len;
    assert_true(from + length <= thing->bytes.len);
    request->info.size = thing->bytes.len;
    if (request->op == OBJECT_GET)
        buf_append(&request->data, thing->bytes.data + from, length);
    return true;
}

static inline void fake_list(struct fake *fake, struct object_request *request)
{
    request->list = mem_alloc((fake->count + 1) * sizeof(*request->list));
    for (size_t i = 0; i < fake->count; i++) {
        struct str key = str_of(fake->things[i].key);
        if (str_starts(key, request->key))
            request->list[request->list_count++] =
                (struct object_info){.key = {str_dup(key), key.len}, .size = fake->things[i].bytes.len};
    }
}

static inline struct object_request *fake_take_held(struct fake *fake, size_t at)
{
    struct object_request *request = fake->held[at];
    fake->held[at] = fake->held[--fake->held_count];
    return request;
}

/* Of the puts that are held, one that chance picks has its effect, and ends. */
static inline void fake_answer(struct fake *fake)
{
    struct error failure = {0};
    if (fake->held_count == 0)
        return;
    struct object_request *request =
        fake_take_held(fake, (size_t)random_below(fake->random, fake->held_count));
    bool ok = fake_put(fake, request, &failure);
    request->done(request, ok ? NULL : &failure);
}

static inline void fake_answer_all(struct fake *fake)
{
    while (fake->held_count > 0)
        fake_answer(fake);
}

/* Who has asked has died and has left the puts that are held: some have had their effect, some will, or never. */
static inline void fake_drop_held(struct fake *fake, bool may_be_late)
{
    struct error closed = {0};
    error_set(&closed, ERR_CLOSED, "the process is dead");
    while (fake->held_count > 0) {
        struct object_request *request = fake_take_held(fake, 0);
        struct buf room = {0};
        struct str body = fake_body(request, &room);
        uint64_t how = random_below(fake->random, 3);
        if (how == 0) {
            fake_apply(fake, request->key, body, request->condition);
        } else if (how == 1 && may_be_late && fake->late_count < LATE_MAX) {
            struct late *late = &fake->late[fake->late_count++];
            *late = (struct late){.key = str_dup(request->key), .condition = request->condition};
            buf_append_str(&late->bytes, body);
        }
        buf_free(&room);
        request->done(request, &closed);
    }
}

static inline bool fake_holds(struct fake *fake, const struct object_request *request)
{
    return fake->hold_one_of > 0 && request->op == OBJECT_PUT && request->file != NULL && !fake->dead &&
           fake->held_count < HELD_MAX && random_below(fake->random, fake->hold_one_of) == 0;
}

static inline bool fake_start(struct object_store *store, struct object_request *request, struct error *err)
{
    struct fake *fake = (struct fake *)store;
    struct error failure = {0};
    bool ok = true;
    (void)err;
    fake->requests++;
    if (fake->die_at > 0 && fake->requests == fake->die_at)
        fake->dead = true;
    if (fake_holds(fake, request)) {
        fake->held[fake->held_count++] = request;
        return true;
    }
    if (fake->dead) {
        ok = error_set(&failure, ERR_CLOSED, "the process is dead");
    } else {
        if (fake->answer_one_of > 0 && random_below(fake->random, fake->answer_one_of) == 0)
            fake_answer(fake);
        if (fake->late_count > 0 && random_below(fake->random, 4) == 0)
            fake_deliver_late(fake);
        switch (request->op) {
        case OBJECT_PUT: ok = fake_put(fake, request, &failure); break;
        case OBJECT_HEAD:
        case OBJECT_GET: ok = fake_get(fake, request, &failure); break;
        case OBJECT_DELETE_MANY:
            for (size_t i = 0; i < request->key_count; i++)
                fake_delete(fake, request->keys[i]);
            break;
        case OBJECT_LIST: fake_list(fake, request); break;
        default: fail_msg("request %d", (int)request->op);
        }
    }
    request->done(request, ok ? NULL : &failure);
    return true;
}

static inline bool fake_take(void *arg, struct str connector, struct str bucket, struct tier_store *out,
                             struct error *err)
{
    (void)connector;
    (void)bucket;
    (void)err;
    *out = (struct tier_store){.store = arg, .root = mem_strdup("s3://bucket")};
    return true;
}

static inline void fake_give_back(void *arg, struct tier_store *store)
{
    (void)arg;
    (void)store;
}

/* ---- Records: a topic, a zero, a payload ------------------------------------------------------------------- */

static inline bool test_decode(struct str record, struct arena *memory, struct tier_row *out,
                               struct error *err)
{
    const char *zero = memchr(record.data, '\0', record.len);
    (void)memory;
    if (zero == NULL)
        return error_set(err, ERR_CORRUPT, "no record of this test");
    size_t len = (size_t)(zero - record.data);
    *out = (struct tier_row){.topic = str_make(record.data, len),
                             .payload = str_make(zero + 1, record.len - len - 1),
                             .expiry_s = -1,
                             .payload_format = -1};
    return true;
}

static inline bool test_encode(const struct tier_row *row, struct arena *memory, struct str *record,
                               struct error *err)
{
    (void)err;
    size_t len = row->topic.len + 1 + row->payload.len;
    char *bytes = arena_alloc(memory, len);
    memcpy(bytes, row->topic.data, row->topic.len);
    bytes[row->topic.len] = '\0';
    if (row->payload.len > 0)
        memcpy(bytes + row->topic.len + 1, row->payload.data, row->payload.len);
    *record = str_make(bytes, len);
    return true;
}

static inline struct tiers_options fake_options(struct fake *fake, const char *dir)
{
    return (struct tiers_options){
        .dir = dir,
        .codec = {.decode = test_decode, .encode = test_encode},
        .take_store = fake_take,
        .give_back = fake_give_back,
        .arg = fake,
        .start = fake_start,
        .manual = true,
        .row_group_bytes = 4096,
        .memory_bytes = 1 << 20,
        .cache_bytes = 1 << 20,
    };
}

#endif
