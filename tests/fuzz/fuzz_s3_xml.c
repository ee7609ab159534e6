/* What an S3 store may answer in XML. The first byte of the input says what is expected:
 *
 *   'e' an error   'l' a listing   'u' uploads   'i' the id of an upload   'c' the end of one   'd' deletions   'x' text to escape
 *
 * Whatever comes: what is taken is what could have been asked for, and what is refused leaves nothing behind. */
#include "base/mem.h"
#include "object/object_internal.h"
#include "object/s3_xml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void read_error(struct str body)
{
    struct s3_error error;
    (void)s3_xml_error(body, &error);
    check(memchr(error.code, '\0', sizeof error.code) != NULL);
    check(memchr(error.message, '\0', sizeof error.message) != NULL);
    for (const char *c = error.message; *c != '\0'; c++)
        check((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void read_list(struct str body)
{
    struct object_request request = {.op = OBJECT_LIST, .key = STR("p/"), .start_after = STR("p/5")};
    struct buf token = {0};
    struct error err = {.code = ERR_NONE};
    bool more = false;
    bool ok = s3_xml_list(body, &request, &more, &token, &err);
    check(ok || (err.code == ERR_CORRUPT && request.list_count == 0));
    for (size_t i = 0; i < request.list_count; i++) {
        struct str key = request.list[i].key;
        check(key_check(key, NULL) && str_starts(key, request.key) &&
              str_compare(key, request.start_after) > 0);
        check(i == 0 || str_compare(request.list[i - 1].key, key) < 0);
    }
    object_request_free(&request);
    buf_free(&token);
}

static void read_uploads(struct str body)
{
    struct s3_uploads uploads;
    bool ok = s3_xml_uploads(body, &uploads, NULL);
    check(ok || uploads.count == 0);
    for (size_t i = 0; i < uploads.count; i++)
        check(uploads.items[i].key != NULL && uploads.items[i].id != NULL);
    s3_uploads_free(&uploads);
}

static void read_leaf(struct str body, bool id)
{
    struct buf out = {0};
    bool ok = id ? s3_xml_upload_id(body, &out, NULL) : s3_xml_completed(body, &out, NULL);
    check(ok == (out.len > 0));
    buf_free(&out);
}

static void note(struct str key, const struct s3_error *why, void *arg)
{
    (void)key;
    (void)why;
    (*(size_t *)arg)++;
}

/* Escaped and read back it is the same, if XML can carry it at all. */
static void escape(struct str text)
{
    struct buf body = {0};
    struct buf out = {0};
    buf_append_str(&body, STR("<InitiateMultipartUploadResult><UploadId>a"));
    if (utf8_valid(text.data, text.len) && s3_xml_escape(text, &body) && text.len < 60000) {
        buf_append_str(&body, STR("b</UploadId></InitiateMultipartUploadResult>"));
        check(s3_xml_upload_id(buf_str(&body), &out, NULL));
        check(out.len == text.len + 2 && memcmp(out.data + 1, text.len > 0 ? text.data : "", text.len) == 0);
    }
    buf_free(&body);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = 0;
    if (size == 0)
        return 0;
    struct str body = str_make(data + 1, size - 1);
    switch (data[0]) {
    case 'e': read_error(body); break;
    case 'l': read_list(body); break;
    case 'u': read_uploads(body); break;
    case 'i': read_leaf(body, true); break;
    case 'c': read_leaf(body, false); break;
    case 'd': (void)s3_xml_deleted(body, note, &count, NULL); break;
    case 'x': escape(body); break;
    default: break;
    }
    return 0;
}
