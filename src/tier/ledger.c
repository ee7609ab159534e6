/* The ledger of a tier: what it is about to do to the store, and what it has done, one durable line each. With it a tier
 * knows after a crash which objects may be in the store without belonging to the table: it never lists to find them.
 *
 *     DIR/tier/<station>/ledger      a line: CRC-32C of the text behind it as 8 hex digits, a space, a JSON object, a line feed
 *
 *     {"op":"intent","uuid":…,"keys":[…]}                      these objects are going to be put
 *     {"op":"commit","uuid":…|null,"state":{…}}                the intent is in the table, which holds now `state`
 *     {"op":"abandon","uuid":…,"after":ms}                     its objects are dead: to be removed then
 *     {"op":"bury","keys":[…],"after":ms}                      these are dead
 *     {"op":"gone","after":ms,"key":…}                         the dead ones of this time that begin with this key are removed
 *     {"op":"give_up","below":offset}
 *     {"op":"scrub","scrub":{…}}                               how far the scrub is, and how the last one has ended
 *
 * A line counts once it is whole and its checksum is right. The last one may be torn: it is cut off. A bad line before
 * others is corruption, never stepped over. At REWRITE_BYTES the file is written anew, with what still counts.
 *
 * The ledger may be lost: then the table in the store says what is committed, and objects of an attempt that was under way
 * stay there as garbage that nothing refers to. */
#include "tier/tier_internal.h"

#include "base/crc32c.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/tune.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CRC_DIGITS    8
#define FILE_BYTES    (64u << 20)
#define REWRITE_BYTES (512u << 10)

/* ---- Keys ------------------------------------------------------------------------------------------------ */

static struct ledger_keys *keys_new(struct str uuid, const struct str *keys, size_t count, int64_t after_ms)
{
    struct ledger_keys *out = mem_zalloc(sizeof(*out) + count * sizeof(char *));
    if (uuid.len > 0)
        memcpy(out->uuid, uuid.data, uuid.len < LAKE_UUID_BYTES ? uuid.len : LAKE_UUID_BYTES - 1);
    out->after_ms = after_ms;
    for (size_t i = 0; i < count; i++)
        out->keys[out->count++] = str_dup(keys[i]);
    return out;
}

static void keys_free(struct ledger_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        mem_free(keys->keys[i]);
    mem_free(keys);
}

static struct ledger_keys *keys_at(struct list *link)
{
    return CONTAINER_OF(link, struct ledger_keys, link);
}

static struct ledger_keys *find_intent(struct ledger *ledger, struct str uuid)
{
    LIST_EACH(it, &ledger->intents)
    {
        if (str_is(uuid, keys_at(it)->uuid))
            return keys_at(it);
    }
    return NULL;
}

/* In the order of their times. */
static void add_dead(struct ledger *ledger, struct ledger_keys *keys)
{
    keys->uuid[0] = '\0';
    struct list *at = &ledger->dead;
    while (at->prev != &ledger->dead && keys_at(at->prev)->after_ms > keys->after_ms)
        at = at->prev;
    list_append(at, &keys->link);
}

/* ---- Lines ----------------------------------------------------------------------------------------------- */

static json_t *text_json(struct str text)
{
    return json_stringn(text.data, text.len);
}

static json_t *keys_json(const struct ledger_keys *keys)
{
    json_t *array = json_array();
    for (size_t i = 0; i < keys->count; i++)
        json_array_append_new(array, json_string(keys->keys[i]));
    return array;
}

static json_t *state_json(const struct ledger_state *state)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "version", (json_int_t)state->version, "epoch",
                     (json_int_t)state->epoch, "next", (json_int_t)state->next, "first",
                     (json_int_t)state->first, "first_ms", (json_int_t)state->first_ms, "rows",
                     (json_int_t)state->rows, "bytes", (json_int_t)state->bytes, "files",
                     (json_int_t)state->files, "file_bytes", (json_int_t)state->file_bytes);
}

static json_t *scrub_json(const struct ledger_scrub *scrub)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "began", (json_int_t)scrub->began_ms, "at",
                     (json_int_t)scrub->at, "skip", (json_int_t)scrub->skip, "files",
                     (json_int_t)scrub->now.files, "findings", (json_int_t)scrub->now.findings, "repaired",
                     (json_int_t)scrub->now.repaired, "ended", (json_int_t)scrub->ended_ms, "last_files",
                     (json_int_t)scrub->last.files, "last_findings", (json_int_t)scrub->last.findings,
                     "last_repaired", (json_int_t)scrub->last.repaired);
}

/* Takes the object. */
static void append_line(struct buf *out, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    buf_printf(out, "%08" PRIx32 " %s\n", crc32c(0, text, strlen(text)), text);
    free(text);
    json_decref(object);
}

static bool write_whole(struct ledger *ledger, struct error *err)
{
    struct buf text = {0};
    append_line(&text,
                json_pack("{s:s,s:n,s:o}", "op", "commit", "uuid", "state", state_json(&ledger->state)));
    if (ledger->state.give_up > 0)
        append_line(&text,
                    json_pack("{s:s,s:I}", "op", "give_up", "below", (json_int_t)ledger->state.give_up));
    if (ledger->scrub.began_ms > 0 || ledger->scrub.ended_ms > 0)
        append_line(&text, json_pack("{s:s,s:o}", "op", "scrub", "scrub", scrub_json(&ledger->scrub)));
    LIST_EACH(it, &ledger->intents)
    append_line(&text, json_pack("{s:s,s:s,s:o}", "op", "intent", "uuid", keys_at(it)->uuid, "keys",
                                 keys_json(keys_at(it))));
    LIST_EACH(it, &ledger->dead)
    append_line(&text, json_pack("{s:s,s:o,s:I}", "op", "bury", "keys", keys_json(keys_at(it)), "after",
                                 (json_int_t)keys_at(it)->after_ms));
    FAULT_POINT("tier.before_ledger_rewrite");
    bool ok = buf_write_file(&text, ledger->path, 0600, err);
    if (ok) {
        if (ledger->fd >= 0)
            close(ledger->fd);
        ledger->bytes = text.len;
        ledger->fd = open(ledger->path, O_WRONLY | O_APPEND | O_CLOEXEC);
        ok = ledger->fd >= 0 || error_errno(err, errno, "open %s", ledger->path);
    }
    buf_free(&text);
    return ok;
}

/* Takes the object. A line that is not written whole is cut off again, or the next one would be read with it. */
static bool write_line(struct ledger *ledger, json_t *object, struct error *err)
{
    struct buf line = {0};
    append_line(&line, object);
    ssize_t written = ledger->fd >= 0 ? write(ledger->fd, line.data, line.len) : -1;
    bool ok = written == (ssize_t)line.len && fdatasync(ledger->fd) == 0;
    if (!ok) {
        error_errno(err, written >= 0 && written < (ssize_t)line.len ? ENOSPC : errno, "write %s",
                    ledger->path);
        if (ledger->fd >= 0 && ftruncate(ledger->fd, (off_t)ledger->bytes) != 0)
            ledger->fd = (close(ledger->fd), -1); /* nothing may come behind a torn line */
    } else {
        ledger->bytes += line.len;
    }
    buf_free(&line);
    return ok;
}

/* What the line says is in memory already. */
static bool rewrite_if_large(struct ledger *ledger, struct error *err)
{
    return ledger->bytes < (uint64_t)TUNED("tier.ledger_bytes", REWRITE_BYTES) || write_whole(ledger, err);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

static struct str text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return str_make(json_string_value(value), json_string_length(value));
}

static uint64_t number_of(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static struct ledger_keys *read_keys(const json_t *object, struct str uuid)
{
    const json_t *array = json_object_get(object, "keys");
    size_t count = json_array_size(array);
    struct str *keys = mem_alloc((count + 1) * sizeof(*keys));
    for (size_t i = 0; i < count; i++) {
        const json_t *key = json_array_get(array, i);
        keys[i] = str_make(json_string_value(key), json_string_length(key));
    }
    struct ledger_keys *out = keys_new(uuid, keys, count, (int64_t)number_of(object, "after"));
    mem_free(keys);
    return out;
}

static void read_state(const json_t *state, struct ledger_state *out)
{
    uint64_t give_up = out->give_up;
    *out = (struct ledger_state){
        .version = number_of(state, "version"),
        .epoch = number_of(state, "epoch"),
        .next = number_of(state, "next"),
        .first = number_of(state, "first"),
        .first_ms = (int64_t)number_of(state, "first_ms"),
        .rows = number_of(state, "rows"),
        .bytes = number_of(state, "bytes"),
        .files = number_of(state, "files"),
        .file_bytes = number_of(state, "file_bytes"),
        .give_up = give_up,
    };
}

static void read_scrub(const json_t *object, struct ledger_scrub *out)
{
    *out = (struct ledger_scrub){
        .began_ms = (int64_t)number_of(object, "began"),
        .at = number_of(object, "at"),
        .skip = number_of(object, "skip"),
        .now = {number_of(object, "files"), number_of(object, "findings"), number_of(object, "repaired")},
        .ended_ms = (int64_t)number_of(object, "ended"),
        .last = {number_of(object, "last_files"), number_of(object, "last_findings"),
                 number_of(object, "last_repaired")},
    };
}

static void end_intent(struct ledger *ledger, struct str uuid)
{
    struct ledger_keys *keys = find_intent(ledger, uuid);
    if (keys == NULL)
        return;
    list_remove(&keys->link);
    keys_free(keys);
}

static void merge_intent(struct ledger *ledger, struct ledger_keys *keys)
{
    list_append(&ledger->intents, &keys->link);
}

static bool apply(struct ledger *ledger, const json_t *object)
{
    struct str op = text_of(object, "op"), uuid = text_of(object, "uuid");
    if (str_is(op, "intent")) {
        merge_intent(ledger, read_keys(object, uuid));
    } else if (str_is(op, "commit")) {
        read_state(json_object_get(object, "state"), &ledger->state);
        while (uuid.data != NULL && find_intent(ledger, uuid) != NULL)
            end_intent(ledger, uuid);
    } else if (str_is(op, "abandon")) {
        for (struct ledger_keys *keys; (keys = find_intent(ledger, uuid)) != NULL;) {
            list_remove(&keys->link);
            keys->after_ms = (int64_t)number_of(object, "after");
            add_dead(ledger, keys);
        }
    } else if (str_is(op, "bury")) {
        add_dead(ledger, read_keys(object, STR_NONE));
    } else if (str_is(op, "gone")) {
        LIST_EACH_SAFE(it, &ledger->dead)
        {
            struct ledger_keys *keys = keys_at(it);
            if (keys->after_ms != (int64_t)number_of(object, "after") || keys->count == 0 ||
                !str_is(text_of(object, "key"), keys->keys[0]))
                continue;
            list_remove(&keys->link);
            keys_free(keys);
            break;
        }
    } else if (str_is(op, "give_up")) {
        ledger->state.give_up = number_of(object, "below");
    } else if (str_is(op, "scrub")) {
        read_scrub(json_object_get(object, "scrub"), &ledger->scrub);
    } else {
        return false;
    }
    return true;
}

/* A whole line without its line feed. */
static bool read_line(struct ledger *ledger, struct str line)
{
    char digits[CRC_DIGITS + 1] = {0};
    if (line.len <= CRC_DIGITS + 1 || line.data[CRC_DIGITS] != ' ')
        return false;
    memcpy(digits, line.data, CRC_DIGITS);
    struct str text = str_make(line.data + CRC_DIGITS + 1, line.len - CRC_DIGITS - 1);
    if (strtoul(digits, NULL, 16) != crc32c(0, text.data, text.len))
        return false;
    json_t *object = json_loadb(text.data, text.len, 0, NULL);
    bool ok = json_is_object(object) && apply(ledger, object);
    json_decref(object);
    return ok;
}

static bool read_all(struct ledger *ledger, struct str text, struct error *err)
{
    struct str rest = text, line;
    unsigned number = 0;
    while (rest.data != NULL && rest.len > 0) {
        const char *end = memchr(rest.data, '\n', rest.len);
        number++;
        if (end == NULL)
            return true; /* torn: cut off by who opens it */
        line = str_make(rest.data, (size_t)(end - rest.data));
        rest = str_make(end + 1, rest.len - line.len - 1);
        if (read_line(ledger, line)) {
            ledger->bytes = (uint64_t)(end + 1 - text.data);
            continue;
        }
        if (rest.len == 0)
            return true; /* the last one: torn within */
        error_set(err, ERR_CORRUPT, "%s, line %u does not match its checksum", ledger->path, number);
        return error_hint(err, "move the file away: the table in the store says what is committed");
    }
    return true;
}

bool ledger_open(struct ledger *ledger, const char *dir, struct error *err)
{
    char path[TIER_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/ledger", dir);
    *ledger = (struct ledger){.path = mem_strdup(path), .fd = -1};
    list_init(&ledger->intents);
    list_init(&ledger->dead);
    pthread_mutex_init(&ledger->lock, NULL);
    struct buf text = {0};
    struct error missing = {0};
    bool there = buf_read_file(&text, path, FILE_BYTES, &missing);
    bool ok = there || missing.code == ERR_NOT_FOUND;
    if (!ok && err != NULL)
        *err = missing;
    ok = ok && read_all(ledger, buf_str(&text), err);
    if (ok && there && ledger->bytes == text.len) {
        ledger->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        ok = ledger->fd >= 0 || error_errno(err, errno, "open %s", path);
    } else if (ok) {
        ok = write_whole(ledger, err);
    }
    buf_free(&text);
    if (!ok)
        ledger_close(ledger);
    return ok;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->path == NULL)
        return;
    if (ledger->fd >= 0)
        close(ledger->fd);
    LIST_EACH_SAFE(it, &ledger->intents)
    keys_free(keys_at(it));
    LIST_EACH_SAFE(it, &ledger->dead)
    keys_free(keys_at(it));
    pthread_mutex_destroy(&ledger->lock);
    mem_free(ledger->path);
    ledger->path = NULL;
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

void ledger_state(struct ledger *ledger, struct ledger_state *out)
{
    pthread_mutex_lock(&ledger->lock);
    *out = ledger->state;
    pthread_mutex_unlock(&ledger->lock);
}

bool ledger_intend(struct ledger *ledger, const char *uuid, const struct str *keys, size_t count,
                   struct error *err)
{
    struct ledger_keys *intent = keys_new(str_of(uuid), keys, count, 0);
    pthread_mutex_lock(&ledger->lock);
    bool ok = write_line(
        ledger, json_pack("{s:s,s:s,s:o}", "op", "intent", "uuid", uuid, "keys", keys_json(intent)), err);
    if (ok)
        merge_intent(ledger, intent);
    pthread_mutex_unlock(&ledger->lock);
    if (!ok)
        keys_free(intent);
    return ok;
}

bool ledger_commit(struct ledger *ledger, const char *uuid, const struct ledger_state *state,
                   struct error *err)
{
    pthread_mutex_lock(&ledger->lock);
    bool ok = write_line(
        ledger, json_pack("{s:s,s:s?,s:o}", "op", "commit", "uuid", uuid, "state", state_json(state)), err);
    if (ok) {
        uint64_t give_up = ledger->state.give_up;
        ledger->state = *state;
        ledger->state.give_up = give_up;
        while (uuid != NULL && find_intent(ledger, str_of(uuid)) != NULL)
            end_intent(ledger, str_of(uuid));
        ok = rewrite_if_large(ledger, err);
    }
    pthread_mutex_unlock(&ledger->lock);
    return ok;
}

bool ledger_abandon(struct ledger *ledger, const char *uuid, int64_t after_ms, struct error *err)
{
    pthread_mutex_lock(&ledger->lock);
    bool ok = write_line(
        ledger, json_pack("{s:s,s:s,s:I}", "op", "abandon", "uuid", uuid, "after", (json_int_t)after_ms),
        err);
    for (struct ledger_keys *keys; ok && (keys = find_intent(ledger, str_of(uuid))) != NULL;) {
        list_remove(&keys->link);
        keys->after_ms = after_ms;
        add_dead(ledger, keys);
    }
    pthread_mutex_unlock(&ledger->lock);
    return ok;
}

bool ledger_bury(struct ledger *ledger, const struct str *keys, size_t count, int64_t after_ms,
                 struct error *err)
{
    if (count == 0)
        return true;
    struct ledger_keys *dead = keys_new(STR_NONE, keys, count, after_ms);
    pthread_mutex_lock(&ledger->lock);
    bool ok = write_line(
        ledger,
        json_pack("{s:s,s:o,s:I}", "op", "bury", "keys", keys_json(dead), "after", (json_int_t)after_ms),
        err);
    if (ok)
        add_dead(ledger, dead);
    pthread_mutex_unlock(&ledger->lock);
    if (!ok)
        keys_free(dead);
    return ok;
}

bool ledger_give_up(struct ledger *ledger, uint64_t below, struct error *err)
{
    pthread_mutex_lock(&ledger->lock);
    bool ok = below <= ledger->state.give_up ||
              write_line(ledger, json_pack("{s:s,s:I}", "op", "give_up", "below", (json_int_t)below), err);
    if (ok && below > ledger->state.give_up)
        ledger->state.give_up = below;
    pthread_mutex_unlock(&ledger->lock);
    return ok;
}

void ledger_scrub(struct ledger *ledger, struct ledger_scrub *out)
{
    pthread_mutex_lock(&ledger->lock);
    *out = ledger->scrub;
    pthread_mutex_unlock(&ledger->lock);
}

bool ledger_set_scrub(struct ledger *ledger, const struct ledger_scrub *scrub, struct error *err)
{
    pthread_mutex_lock(&ledger->lock);
    bool ok = write_line(ledger, json_pack("{s:s,s:o}", "op", "scrub", "scrub", scrub_json(scrub)), err);
    if (ok) {
        ledger->scrub = *scrub;
        ok = rewrite_if_large(ledger, err);
    }
    pthread_mutex_unlock(&ledger->lock);
    return ok;
}

const struct ledger_keys *ledger_due(struct ledger *ledger, int64_t now_ms, int64_t *due_ms)
{
    pthread_mutex_lock(&ledger->lock);
    const struct ledger_keys *keys = list_empty(&ledger->dead) ? NULL : keys_at(ledger->dead.next);
    *due_ms = keys != NULL ? keys->after_ms : INT64_MAX;
    pthread_mutex_unlock(&ledger->lock);
    return keys != NULL && keys->after_ms <= now_ms ? keys : NULL;
}

bool ledger_gone(struct ledger *ledger, const struct ledger_keys *keys, struct error *err)
{
    struct ledger_keys *mine = (struct ledger_keys *)(uintptr_t)keys;
    pthread_mutex_lock(&ledger->lock);
    bool ok = write_line(ledger,
                         json_pack("{s:s,s:I,s:o}", "op", "gone", "after", (json_int_t)keys->after_ms, "key",
                                   text_json(str_of(keys->count > 0 ? keys->keys[0] : ""))),
                         err);
    if (ok) {
        list_remove(&mine->link);
        keys_free(mine);
        ok = rewrite_if_large(ledger, err);
    }
    pthread_mutex_unlock(&ledger->lock);
    return ok;
}

void ledger_intents(struct ledger *ledger, void (*each)(const struct ledger_keys *keys, void *arg), void *arg)
{
    pthread_mutex_lock(&ledger->lock);
    LIST_EACH(it, &ledger->intents)
    each(keys_at(it), arg);
    pthread_mutex_unlock(&ledger->lock);
}
