/* What the fake holds: objects in the order of their keys, uploads in parts; and the operations on them. */
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/random.h"
#include "s3/fake_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- Replies ----------------------------------------------------------------------------------------------- */

static void escape(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': buf_append_str(out, STR("&amp;")); break;
        case '<': buf_append_str(out, STR("&lt;")); break;
        case '>': buf_append_str(out, STR("&gt;")); break;
        case '"': buf_append_str(out, STR("&quot;")); break;
        default: buf_append_byte(out, (uint8_t)*text);
        }
    }
}

static void url_encode(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-_.~/", c) != NULL) {
            buf_append_byte(out, c);
        } else if (c == ' ') {
            buf_append_byte(out, '+');
        } else {
            buf_printf(out, "%%%02X", c);
        }
    }
}

void fake_reply_error(struct fake_reply *reply, int status, const char *code, const char *extra)
{
    buf_reset(&reply->headers);
    buf_reset(&reply->body);
    reply->status = status;
    reply->is_object = false;
    buf_append_str(&reply->headers, STR("content-type: application/xml\r\n"));
    buf_printf(&reply->body,
               "<?xml version=\"1.0\" "
               "encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message></Message>%s<RequestId>1</"
               "RequestId></Error>",
               code, extra);
}

static void http_date(int64_t wall_ms, char *out, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(out, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* ---- Objects ----------------------------------------------------------------------------------------------- */

/* Where the key is, or would be. */
static size_t position(const struct fake_store *store, const char *key)
{
    size_t low = 0;
    size_t high = store->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(store->objects[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct fake_object *fake_store_find(struct fake_store *store, const char *key)
{
    size_t at = position(store, key);
    return at < store->count && strcmp(store->objects[at].key, key) == 0 ? &store->objects[at] : NULL;
}

static void free_object(struct fake_object *object)
{
    mem_free(object->key);
    mem_free(object->put_id);
    mem_free(object->content_type);
    buf_free(&object->body);
}

static void etag_of(struct str body, const struct fake_s3_traits *traits, char out[48])
{
    struct digests digests;
    char hex[33];
    digest_all(body, &digests);
    hex_encode(traits->etags_are_random ? digests.sha256 : digests.md5, 16, hex);
    snprintf(out, 48, "\"%s\"", hex);
}

struct fake_object *fake_store_put(struct fake_store *store, const char *key, struct str body,
                                   const struct fake_s3_traits *traits)
{
    size_t at = position(store, key);
    struct fake_object *object = fake_store_find(store, key);
    if (object == NULL) {
        if (store->count == store->cap) {
            store->cap = store->cap > 0 ? 2 * store->cap : 64;
            store->objects = mem_realloc(store->objects, store->cap * sizeof *store->objects);
        }
        memmove(&store->objects[at + 1], &store->objects[at], (store->count - at) * sizeof *store->objects);
        store->count++;
        object = &store->objects[at];
    } else {
        free_object(object);
    }
    *object =
        (struct fake_object){.key = mem_strdup(key), .modified_ms = clock_wall_ms() + traits->clock_skew_ms};
    buf_append_str(&object->body, body);
    etag_of(body, traits, object->etag);
    return object;
}

bool fake_store_remove(struct fake_store *store, const char *key)
{
    struct fake_object *object = fake_store_find(store, key);
    if (object == NULL)
        return false;
    size_t at = (size_t)(object - store->objects);
    free_object(object);
    memmove(object, object + 1, (store->count - at - 1) * sizeof *object);
    store->count--;
    return true;
}

/* ---- PUT --------------------------------------------------------------------------------------------------- */

/* Whether the condition holds; else the reply says why not. */
static bool condition_holds(struct fake_store *store, const struct fake_s3_traits *traits,
                            const struct fake_message *message, struct fake_reply *reply)
{
    const char *none = fake_header(message, "if-none-match");
    const char *match = fake_header(message, "if-match");
    if (none == NULL && match == NULL)
        return true;
    if (traits->refuses_conditions) {
        fake_reply_error(reply, 501, "NotImplemented", "");
        return false;
    }
    const struct fake_object *object = fake_store_find(store, message->key);
    if (traits->ignores_conditions || (none != NULL && object == NULL))
        return true;
    if (none == NULL && object == NULL) {
        fake_reply_error(reply, 404, "NoSuchKey", "");
        return false;
    }
    if (none == NULL && strcmp(match, object->etag) == 0)
        return true;
    fake_reply_error(reply, 412, "PreconditionFailed", "");
    return false;
}

static bool body_is_right(const struct fake_message *message, const struct fake_s3_traits *traits,
                          struct fake_reply *reply)
{
    const char *told = fake_header(message, "x-amz-checksum-crc32c");
    if (told == NULL || !traits->checks_crc32c)
        return true;
    uint32_t crc = crc32c(0, message->body.data, message->body.len);
    const uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
    char text[BASE64_BYTES(4)];
    size_t len = base64_encode(bytes, 4, text, false);
    if (str_is(str_make(text, len), told))
        return true;
    fake_reply_error(reply, 400, "BadDigest", "");
    return false;
}

static void put_object(struct fake_store *store, const struct fake_s3_traits *traits,
                       const struct fake_message *message, struct fake_reply *reply)
{
    if (!body_is_right(message, traits, reply) || !condition_holds(store, traits, message, reply))
        return;
    struct fake_object *object = fake_store_put(store, message->key, buf_str(&message->body), traits);
    const char *id = fake_header(message, "x-amz-meta-varve-put");
    if (id != NULL && !traits->loses_metadata)
        object->put_id = mem_strdup(id);
    object->content_type = mem_strdup_or_null(fake_header(message, "content-type"));
    reply->status = 200;
    buf_printf(&reply->headers, "etag: %s\r\n", object->etag);
}

/* ---- GET, HEAD, DELETE ------------------------------------------------------------------------------------- */

static void object_headers(const struct fake_object *object, struct fake_reply *reply)
{
    char date[64];
    http_date(object->modified_ms, date, sizeof date);
    buf_printf(&reply->headers, "etag: %s\r\nlast-modified: %s\r\naccept-ranges: bytes\r\n", object->etag,
               date);
    if (object->put_id != NULL)
        buf_printf(&reply->headers, "x-amz-meta-varve-put: %s\r\n", object->put_id);
    if (object->content_type != NULL)
        buf_printf(&reply->headers, "content-type: %s\r\n", object->content_type);
}

/* bytes=a-b, bytes=a-, bytes=-n. False: it begins behind the end. */
static bool read_range(const char *text, uint64_t size, uint64_t *from, uint64_t *length)
{
    *from = 0;
    *length = size;
    if (text == NULL || strncmp(text, "bytes=", 6) != 0)
        return true;
    text += 6;
    char *end;
    if (*text == '-') {
        uint64_t last = strtoull(text + 1, &end, 10);
        *length = last < size ? last : size;
        *from = size - *length;
        return size > 0 && last > 0;
    }
    *from = strtoull(text, &end, 10);
    uint64_t to = end[0] == '-' && end[1] != '\0' ? strtoull(end + 1, NULL, 10) : UINT64_MAX;
    if (*from >= size)
        return false;
    if (to >= size)
        to = size - 1;
    *length = to - *from + 1;
    return true;
}

static void get_object(struct fake_store *store, const struct fake_message *message, struct fake_reply *reply,
                       bool is_head)
{
    const struct fake_object *object = fake_store_find(store, message->key);
    const char *range = fake_header(message, "range");
    const char *match = fake_header(message, "if-match");
    uint64_t from;
    uint64_t length;
    reply->is_head = is_head;
    if (object == NULL) {
        fake_reply_error(reply, 404, "NoSuchKey", "");
    } else if (match != NULL && strcmp(match, object->etag) != 0) {
        fake_reply_error(reply, 412, "PreconditionFailed", "");
    } else if (!read_range(range, object->body.len, &from, &length)) {
        fake_reply_error(reply, 416, "InvalidRange", "");
    } else {
        reply->status = range != NULL ? 206 : 200;
        reply->is_object = true;
        object_headers(object, reply);
        if (range != NULL) {
            buf_printf(&reply->headers, "content-range: bytes %" PRIu64 "-%" PRIu64 "/%zu\r\n", from,
                       from + length - 1, object->body.len);
        }
        reply->length = length;
        if (!is_head && length > 0)
            buf_append(&reply->body, object->body.data + from, length);
    }
    if (is_head)
        buf_reset(&reply->body);
}

/* The texts of all elements of a name, in order; entities are not expected in them but these. */
static bool next_element(struct str *rest, const char *name, struct buf *out)
{
    char open[40];
    char close[40];
    snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    const char *from = rest->len > 0 ? memmem(rest->data, rest->len, open, strlen(open)) : NULL;
    if (from == NULL)
        return false;
    from += strlen(open);
    size_t left = rest->len - (size_t)(from - rest->data);
    const char *to = memmem(from, left, close, strlen(close));
    if (to == NULL)
        return false;
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'},   {"&gt;", '>'},  {"&quot;", '"'},
                    {"&#9;", '\t'}, {"&#10;", '\n'}, {"&#13;", '\r'}};
    buf_reset(out);
    for (const char *c = from; c < to;) {
        bool found = false;
        for (size_t i = 0; !found && i < sizeof entities / sizeof entities[0]; i++) {
            size_t len = strlen(entities[i].entity);
            if ((size_t)(to - c) >= len && memcmp(c, entities[i].entity, len) == 0) {
                buf_append_byte(out, (uint8_t)entities[i].c);
                c += len;
                found = true;
            }
        }
        if (!found)
            buf_append_byte(out, (uint8_t)*c++);
    }
    *rest = str_make(to, left - (size_t)(to - from));
    return true;
}

static void delete_many(struct fake_store *store, const struct fake_s3_traits *traits,
                        const struct fake_message *message, struct fake_reply *reply)
{
    struct digests digests;
    char md5[BASE64_BYTES(MD5_BYTES)];
    const char *told = fake_header(message, "content-md5");
    digest_all(buf_str(&message->body), &digests);
    size_t len = base64_encode(digests.md5, MD5_BYTES, md5, false);
    if (traits->refuses_batch_delete) {
        fake_reply_error(reply, 501, "NotImplemented", "");
    } else if (told == NULL) {
        fake_reply_error(reply, 400, "InvalidRequest", "");
    } else if (!str_is(str_make(md5, len), told)) {
        fake_reply_error(reply, 400, "BadDigest", "");
    } else {
        struct str rest = buf_str(&message->body);
        struct buf key = {0};
        while (next_element(&rest, "Key", &key))
            (void)fake_store_remove(store, buf_cstr(&key));
        buf_free(&key);
        reply->status = 200;
        buf_append_str(&reply->headers, STR("content-type: application/xml\r\n"));
        buf_append_str(
            &reply->body,
            STR("<?xml version=\"1.0\"?><DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>"));
    }
}

/* ---- Lists ------------------------------------------------------------------------------------------------- */

struct listing {
    struct buf prefix;
    struct buf delimiter;
    struct buf after;
    unsigned long limit;
    bool encoded;
};

static void append_key(const struct listing *listing, const char *key, struct buf *out)
{
    if (listing->encoded) {
        url_encode(key, out);
    } else {
        escape(key, out);
    }
}

static void append_entry(const struct listing *listing, const struct fake_object *object, struct buf *out)
{
    char date[CLOCK_TEXT_BYTES];
    clock_format(object->modified_ms, date);
    buf_append_str(out, STR("<Contents><Key>"));
    append_key(listing, object->key, out);
    buf_printf(out, "</Key><LastModified>%s</LastModified><ETag>", date);
    escape(object->etag, out);
    buf_printf(out, "</ETag><Size>%zu</Size><StorageClass>STANDARD</StorageClass></Contents>",
               object->body.len);
}

static void fill_list(struct fake_store *store, struct listing *listing, struct buf *out)
{
    size_t told = 0;
    struct buf common = {0};
    const char *last = "";
    bool more = false;
    const char *prefix = buf_cstr(&listing->prefix);
    const char *delimiter = buf_cstr(&listing->delimiter);
    for (size_t i = 0; i < store->count; i++) {
        const struct fake_object *object = &store->objects[i];
        if (strncmp(object->key, prefix, listing->prefix.len) != 0 ||
            strcmp(object->key, buf_cstr(&listing->after)) <= 0)
            continue;
        const char *at = delimiter[0] != '\0' ? strstr(object->key + listing->prefix.len, delimiter) : NULL;
        size_t len = at != NULL ? (size_t)(at - object->key) + listing->delimiter.len : 0;
        if (at != NULL && common.len == len && memcmp(common.data, object->key, len) == 0) {
            last = object->key;
            continue;
        }
        if (told == listing->limit) {
            more = true;
            break;
        }
        told++;
        last = object->key;
        if (at == NULL) {
            append_entry(listing, object, out);
            continue;
        }
        buf_reset(&common);
        buf_append(&common, object->key, len);
        buf_append_str(out, STR("<CommonPrefixes><Prefix>"));
        append_key(listing, buf_cstr(&common), out);
        buf_append_str(out, STR("</Prefix></CommonPrefixes>"));
    }
    buf_printf(out, "<IsTruncated>%s</IsTruncated><KeyCount>%zu</KeyCount>", more ? "true" : "false", told);
    if (more) {
        char hex[2 * 1024 + 1];
        hex_encode(last, strlen(last), hex);
        buf_printf(out, "<NextContinuationToken>%s</NextContinuationToken>", hex);
    }
    buf_free(&common);
}

static void read_token(const struct buf *token, struct buf *out)
{
    for (size_t i = 0; i + 1 < token->len; i += 2) {
        char pair[3] = {(char)token->data[i], (char)token->data[i + 1], '\0'};
        buf_append_byte(out, (uint8_t)strtoul(pair, NULL, 16));
    }
}

static void list_objects(struct fake_store *store, const struct fake_message *message,
                         struct fake_reply *reply)
{
    struct listing listing = {.limit = 1000};
    struct buf value = {0};
    (void)fake_query(message, "prefix", &listing.prefix);
    (void)fake_query(message, "delimiter", &listing.delimiter);
    if (fake_query(message, "continuation-token", &value)) {
        read_token(&value, &listing.after);
    } else {
        (void)fake_query(message, "start-after", &listing.after);
    }
    buf_reset(&value);
    if (fake_query(message, "max-keys", &value))
        listing.limit = strtoul(buf_cstr(&value), NULL, 10);
    buf_reset(&value);
    listing.encoded = fake_query(message, "encoding-type", &value);
    reply->status = 200;
    buf_append_str(&reply->headers, STR("content-type: application/xml\r\n"));
    buf_append_str(&reply->body, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
                                     "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
    if (listing.encoded)
        buf_append_str(&reply->body, STR("<EncodingType>url</EncodingType>"));
    fill_list(store, &listing, &reply->body);
    buf_append_str(&reply->body, STR("</ListBucketResult>"));
    buf_free(&value);
    buf_free(&listing.prefix);
    buf_free(&listing.delimiter);
    buf_free(&listing.after);
}

/* ---- Uploads in parts -------------------------------------------------------------------------------------- */

static struct fake_upload *find_upload(struct fake_store *store, const struct fake_message *message)
{
    struct buf id = {0};
    struct fake_upload *found = NULL;
    (void)fake_query(message, "uploadId", &id);
    for (size_t i = 0; i < store->upload_count; i++) {
        if (strcmp(store->uploads[i].id, buf_cstr(&id)) == 0 &&
            strcmp(store->uploads[i].key, message->key) == 0)
            found = &store->uploads[i];
    }
    buf_free(&id);
    return found;
}

static void free_upload(struct fake_upload *upload)
{
    for (size_t i = 0; i < upload->count; i++)
        buf_free(&upload->parts[i].body);
    mem_free(upload->parts);
    mem_free(upload->key);
    mem_free(upload->put_id);
}

static void remove_upload(struct fake_store *store, struct fake_upload *upload)
{
    size_t at = (size_t)(upload - store->uploads);
    free_upload(upload);
    memmove(upload, upload + 1, (store->upload_count - at - 1) * sizeof *upload);
    store->upload_count--;
}

static void begin_upload(struct fake_store *store, const struct fake_s3_traits *traits,
                         const struct fake_message *message, struct fake_reply *reply)
{
    const char *id = fake_header(message, "x-amz-meta-varve-put");
    store->uploads = mem_realloc(store->uploads, (store->upload_count + 1) * sizeof *store->uploads);
    struct fake_upload *upload = &store->uploads[store->upload_count++];
    *upload = (struct fake_upload){.key = mem_strdup(message->key),
                                   .put_id = traits->loses_metadata ? NULL : mem_strdup_or_null(id),
                                   .begun_ms = clock_wall_ms()};
    snprintf(upload->id, sizeof upload->id, "upload-%" PRIu64, ++store->ids);
    reply->status = 200;
    buf_printf(&reply->body,
               "<?xml "
               "version=\"1.0\"?><InitiateMultipartUploadResult><UploadId>%s</UploadId></"
               "InitiateMultipartUploadResult>",
               upload->id);
}

static void put_part(struct fake_store *store, const struct fake_s3_traits *traits,
                     const struct fake_message *message, struct fake_reply *reply)
{
    struct fake_upload *upload = find_upload(store, message);
    struct buf number = {0};
    (void)fake_query(message, "partNumber", &number);
    unsigned wanted = (unsigned)strtoul(buf_cstr(&number), NULL, 10);
    buf_free(&number);
    if (upload == NULL) {
        fake_reply_error(reply, 404, "NoSuchUpload", "");
        return;
    }
    struct fake_part *part = NULL;
    for (size_t i = 0; i < upload->count; i++) {
        if (upload->parts[i].number == wanted)
            part = &upload->parts[i];
    }
    if (part == NULL) {
        upload->parts = mem_realloc(upload->parts, (upload->count + 1) * sizeof *upload->parts);
        part = &upload->parts[upload->count++];
        *part = (struct fake_part){.number = wanted};
    }
    buf_reset(&part->body);
    buf_append_str(&part->body, buf_str(&message->body));
    etag_of(buf_str(&part->body), traits, part->etag);
    reply->status = 200;
    buf_printf(&reply->headers, "etag: %s\r\n", part->etag);
}

/* Puts the parts together as the body says. False: one is not there or too small. */
static bool join_parts(const struct fake_upload *upload, const struct fake_message *message, struct buf *out)
{
    struct str rest = buf_str(&message->body);
    struct buf number = {0};
    struct buf etag = {0};
    bool ok = true;
    unsigned last = 0;
    size_t parts = 0;
    while (ok && next_element(&rest, "PartNumber", &number) && next_element(&rest, "ETag", &etag)) {
        unsigned wanted = (unsigned)strtoul(buf_cstr(&number), NULL, 10);
        const struct fake_part *part = NULL;
        for (size_t i = 0; i < upload->count; i++) {
            if (upload->parts[i].number == wanted && strcmp(upload->parts[i].etag, buf_cstr(&etag)) == 0)
                part = &upload->parts[i];
        }
        ok = part != NULL && wanted > last;
        last = wanted;
        parts++;
        if (ok)
            buf_append_str(out, buf_str(&part->body));
    }
    buf_free(&number);
    buf_free(&etag);
    return ok && parts > 0;
}

static void complete_upload(struct fake_store *store, const struct fake_s3_traits *traits,
                            const struct fake_message *message, struct fake_reply *reply)
{
    struct fake_upload *upload = find_upload(store, message);
    struct buf body = {0};
    if (upload == NULL) {
        fake_reply_error(reply, 404, "NoSuchUpload", "");
    } else if (!join_parts(upload, message, &body)) {
        fake_reply_error(reply, 400, "InvalidPart", "");
    } else if (condition_holds(store, traits, message, reply)) {
        struct fake_object *object = fake_store_put(store, message->key, buf_str(&body), traits);
        char etag[48];
        snprintf(etag, sizeof etag, "\"%.32s-%zu\"", object->etag + 1, upload->count);
        memcpy(object->etag, etag, sizeof etag);
        object->put_id = mem_strdup_or_null(upload->put_id);
        remove_upload(store, upload);
        reply->status = 200;
        buf_append_str(&reply->body, STR("<?xml version=\"1.0\"?><CompleteMultipartUploadResult><ETag>"));
        escape(object->etag, &reply->body);
        buf_append_str(&reply->body, STR("</ETag></CompleteMultipartUploadResult>"));
    }
    buf_free(&body);
}

static void end_upload(struct fake_store *store, const struct fake_message *message, struct fake_reply *reply)
{
    struct fake_upload *upload = find_upload(store, message);
    if (upload == NULL) {
        fake_reply_error(reply, 404, "NoSuchUpload", "");
    } else {
        remove_upload(store, upload);
        reply->status = 204;
    }
}

static void list_uploads(struct fake_store *store, const struct fake_message *message,
                         struct fake_reply *reply)
{
    struct buf prefix = {0};
    (void)fake_query(message, "prefix", &prefix);
    reply->status = 200;
    buf_append_str(&reply->body, STR("<?xml version=\"1.0\"?><ListMultipartUploadsResult>"));
    for (size_t i = 0; i < store->upload_count; i++) {
        const struct fake_upload *upload = &store->uploads[i];
        char date[CLOCK_TEXT_BYTES];
        if (strncmp(upload->key, buf_cstr(&prefix), prefix.len) != 0)
            continue;
        clock_format(upload->begun_ms, date);
        buf_append_str(&reply->body, STR("<Upload><Key>"));
        escape(upload->key, &reply->body);
        buf_printf(&reply->body, "</Key><UploadId>%s</UploadId><Initiated>%s</Initiated></Upload>",
                   upload->id, date);
    }
    buf_append_str(&reply->body, STR("<IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"));
    buf_free(&prefix);
}

/* ---- All of them ------------------------------------------------------------------------------------------- */

void fake_store_do(struct fake_store *store, const struct fake_s3_traits *traits,
                   const struct fake_message *message, struct fake_reply *reply)
{
    const char *method = message->method;
    bool is_bucket = message->key[0] == '\0';
    struct buf value = {0};
    bool uploads = fake_query(message, "uploads", &value);
    bool upload = fake_query(message, "uploadId", &value);
    if (strcmp(message->bucket, FAKE_BUCKET) != 0) {
        fake_reply_error(reply, 404, "NoSuchBucket", "");
        reply->is_head = strcmp(method, "HEAD") == 0;
    } else if (strcmp(method, "PUT") == 0 && !is_bucket) {
        (upload ? put_part : put_object)(store, traits, message, reply);
    } else if (strcmp(method, "HEAD") == 0 && is_bucket) {
        reply->status = 200;
        reply->is_head = true;
    } else if ((strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) && !is_bucket) {
        get_object(store, message, reply, strcmp(method, "HEAD") == 0);
    } else if (strcmp(method, "GET") == 0) {
        (uploads ? list_uploads : list_objects)(store, message, reply);
    } else if (strcmp(method, "DELETE") == 0 && upload) {
        end_upload(store, message, reply);
    } else if (strcmp(method, "DELETE") == 0 && !is_bucket) {
        (void)fake_store_remove(store, message->key);
        reply->status = 204;
    } else if (strcmp(method, "POST") == 0 && is_bucket) {
        delete_many(store, traits, message, reply);
    } else if (strcmp(method, "POST") == 0) {
        (uploads ? begin_upload : complete_upload)(store, traits, message, reply);
    } else {
        fake_reply_error(reply, 405, "MethodNotAllowed", "");
    }
    buf_free(&value);
}

void fake_store_free(struct fake_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        free_object(&store->objects[i]);
    mem_free(store->objects);
    for (size_t i = 0; i < store->upload_count; i++)
        free_upload(&store->uploads[i]);
    mem_free(store->uploads);
}
