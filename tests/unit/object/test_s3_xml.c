/* What stores answer in XML: as AWS, Ceph, Swift, Google and others write it; and what nobody should. */
#include "base/mem.h"
#include "harness.h"
#include "object/s3_xml.h"

#define NS "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* ---- Errors ------------------------------------------------------------------------------------------------ */

static void test_errors_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool is_error;
        const char *code;
        const char *message;
        const char *region;
    } rows[] = {
        {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified "
         "key does not "
         "exist.</Message><Key>a</Key><RequestId>1</RequestId></Error>",
         true, "NoSuchKey", "The specified key does not exist.", ""},
        {"<?xml version=\"1.0\" "
         "encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message></Message></Error>",
         true, "AccessDenied", "", ""},
        {"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>", true,
         "AuthorizationHeaderMalformed", "", "eu-west-1"},
        {"<Error " NS "><Code> SlowDown\n</Code><Message>two\nlines</Message></Error>", true, "SlowDown",
         "two lines", ""},
        {"<s:Error xmlns:s=\"urn:x\"><s:Code>X</s:Code></s:Error>", true, "X", "", ""},
        {"<Error><Code>InternalError</Code><Message>breaks o", true, "InternalError", "", ""},
        {"<Error/>", true, "", "", ""},
        {"", false, "", "", ""},
        {"<html><body>503 Service Unavailable</body></html>", false, "", "", ""},
        {"<ListBucketResult><Error><Code>X</Code></Error></ListBucketResult>", false, "", "", ""},
        {"Internal Server Error", false, "", "", ""},
        {"{\"Code\":\"X\"}", false, "", "", ""},
        {"<!DOCTYPE a [<!ENTITY b \"c\">]><Error><Code>&b;</Code></Error>", false, "", "", ""},
    };
    TABLE_EACH(row, rows)
    {
        struct s3_error error;
        CHECK(s3_xml_error(str_of(row->body), &error) == row->is_error, "%s", row->body);
        CHECK(strcmp(error.code, row->code) == 0, "%s: %s", row->body, error.code);
        CHECK(strcmp(error.message, row->message) == 0, "%s: %s", row->body, error.message);
        CHECK(strcmp(error.region, row->region) == 0, "%s: %s", row->body, error.region);
    }
}

static void test_long_texts_of_errors_are_cut(void **state)
{
    (void)state;
    struct buf body = {0};
    struct s3_error error;
    buf_append_str(&body, STR("<Error><Code>"));
    for (int i = 0; i < 100; i++)
        buf_append_str(&body, STR("Code"));
    buf_append_str(&body, STR("</Code><Message>"));
    for (int i = 0; i < 100; i++)
        buf_append_str(&body, STR("ü日"));
    buf_append_str(&body, STR("</Message></Error>"));
    assert_true(s3_xml_error(buf_str(&body), &error));
    assert_int_equal(strlen(error.code), sizeof error.code - 1);
    assert_true(utf8_valid(error.message, strlen(error.message)));
    assert_true(strlen(error.message) > sizeof error.message - 5);
    buf_free(&body);
}

/* ---- Listings ---------------------------------------------------------------------------------------------- */

static const char listing[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult " NS "><Name>b</Name><Prefix>p%2F</Prefix>"
    "<MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
    "<Contents><Key>p/b+c%2Bd%0A</Key><LastModified>2026-11-26T17:00:00.000Z</LastModified>"
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>12</Size><StorageClass>STANDARD</"
    "StorageClass>"
    "<Owner><ID>x</ID></Owner></Contents>"
    "<Contents><Key>p/%C3%BC</Key><Size>0</Size></Contents>"
    "<CommonPrefixes><Prefix>p/dir/</Prefix></CommonPrefixes>"
    "<KeyCount>3</KeyCount><NextContinuationToken>to+ken=</NextContinuationToken></ListBucketResult>";

static bool read_list(const char *body, struct object_request *request, bool *more, struct buf *token)
{
    struct error err;
    bool ok = s3_xml_list(str_of(body), request, more, token, &err);
    if (!ok)
        assert_int_equal(err.code, ERR_CORRUPT);
    return ok;
}

static void test_a_listing_is_read_in_one_order(void **state)
{
    (void)state;
    struct object_request request = {.op = OBJECT_LIST, .key = STR("p/")};
    struct buf token = {0};
    bool more = false;
    assert_true(read_list(listing, &request, &more, &token));
    assert_int_equal(request.list_count, 3);
    assert_true(more);
    assert_string_equal(buf_cstr(&token), "to+ken=");
    assert_true(str_is(request.list[0].key, "p/b c+d\n"));
    assert_true(str_is(request.list[0].etag, "\"d41d8cd98f00b204e9800998ecf8427e\""));
    assert_int_equal(request.list[0].size, 12);
    assert_int_equal(request.list[0].modified_ms, INT64_C(1795712400000));
    assert_true(str_is(request.list[1].key, "p/dir/"));
    assert_true(str_is(request.list[2].key, "p/ü"));
    object_request_free(&request);
    buf_free(&token);
}

static void test_what_is_not_after_the_start_is_left_out(void **state)
{
    (void)state;
    struct object_request request = {.op = OBJECT_LIST, .key = STR("p/"), .start_after = STR("p/dir/")};
    struct buf token = {0};
    bool more;
    assert_true(read_list(listing, &request, &more, &token));
    assert_int_equal(request.list_count, 1);
    assert_true(str_is(request.list[0].key, "p/ü"));
    object_request_free(&request);
    buf_free(&token);
}

static void test_listings_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<ListBucketResult>",
        "<ListBucketResult><Contents><Key>p/a</Key><Size>x</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>other/a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>p/%</Key></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>p/%00</Key></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>p/%FF</Key></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><IsTruncated>perhaps</IsTruncated></ListBucketResult>",
        "<ListAllMyBucketsResult></ListAllMyBucketsResult>",
        "<Error><Code>SlowDown</Code></Error>",
        "<ListBucketResult><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></"
        "a></a></a></a>"
        "</a></a></a></a></a></a></ListBucketResult>",
    };
    for (size_t i = 0; i < LENGTH(bodies); i++) {
        struct object_request request = {.op = OBJECT_LIST, .key = STR("p/")};
        struct buf token = {0};
        bool more;
        CHECK(!read_list(bodies[i], &request, &more, &token), "%s", bodies[i]);
        assert_int_equal(request.list_count, 0);
        object_request_free(&request);
        buf_free(&token);
    }
}

static void test_an_empty_listing_is_a_listing(void **state)
{
    (void)state;
    struct object_request request = {.op = OBJECT_LIST};
    struct buf token = {0};
    bool more = true;
    assert_true(read_list("<ListBucketResult " NS "/>", &request, &more, &token));
    assert_int_equal(request.list_count, 0);
    assert_false(more);
    buf_free(&token);
}

/* ---- The rest ---------------------------------------------------------------------------------------------- */

static void test_uploads_are_read(void **state)
{
    (void)state;
    struct error err;
    struct buf out = {0};
    ASSERT_OK(s3_xml_upload_id(STR("<InitiateMultipartUploadResult " NS
                                   "><Bucket>b</Bucket><Key>k</Key><UploadId> 2~x "
                                   "</UploadId></InitiateMultipartUploadResult>"),
                               &out, &err),
              err);
    assert_string_equal(buf_cstr(&out), "2~x");
    ASSERT_FAILS(s3_xml_upload_id(STR("<InitiateMultipartUploadResult/>"), &out, &err), err, ERR_CORRUPT);
    ASSERT_FAILS(s3_xml_upload_id(STR("<Error><Code>X</Code></Error>"), &out, &err), err, ERR_CORRUPT);
    assert_string_equal(buf_cstr(&out), "2~x");
    buf_reset(&out);
    ASSERT_OK(s3_xml_completed(STR("<CompleteMultipartUploadResult><ETag>&#34;abc-3&#34;</ETag></"
                                   "CompleteMultipartUploadResult>"),
                               &out, &err),
              err);
    assert_string_equal(buf_cstr(&out), "\"abc-3\"");
    buf_free(&out);
    struct s3_uploads uploads;
    ASSERT_OK(s3_xml_uploads(
                  STR("<ListMultipartUploadsResult><NextKeyMarker>k2</NextKeyMarker><NextUploadIdMarker>i2</"
                      "NextUploadIdMarker><IsTruncated>true</IsTruncated><Upload><Key>k1</Key><UploadId>i1</"
                      "UploadId><Initiated>2026-11-26T17:00:00.000Z</Initiated></Upload><Upload><Key>k2</"
                      "Key><UploadId>i2</UploadId></Upload></ListMultipartUploadsResult>"),
                  &uploads, &err),
              err);
    assert_int_equal(uploads.count, 2);
    assert_true(uploads.more);
    assert_string_equal(uploads.items[0].key, "k1");
    assert_string_equal(uploads.items[1].id, "i2");
    assert_int_equal(uploads.items[0].initiated_ms, INT64_C(1795712400000));
    assert_int_equal(uploads.items[1].initiated_ms, 0);
    assert_string_equal(uploads.next_key, "k2");
    s3_uploads_free(&uploads);
    ASSERT_FAILS(s3_xml_uploads(STR("<ListMultipartUploadsResult><Upload><Key>k</Key></Upload></"
                                    "ListMultipartUploadsResult>"),
                                &uploads, &err),
                 err, ERR_CORRUPT);
}

static void note_failed(struct str key, const struct s3_error *why, void *arg)
{
    struct buf *out = arg;
    buf_printf(out, "%.*s=%s;", STR_ARG(key), why->code);
}

static void test_failures_of_a_batch_are_told(void **state)
{
    (void)state;
    struct error err;
    struct buf out = {0};
    ASSERT_OK(s3_xml_deleted(
                  STR("<DeleteResult " NS "><Deleted><Key>a</Key></Deleted><Error><Key>b&amp;c</Key><Code>"
                      "AccessDenied</Code><Message/></Error><Error><Key>d</Key><Code>InternalError</Code>"
                      "</Error></DeleteResult>"),
                  note_failed, &out, &err),
              err);
    assert_string_equal(buf_cstr(&out), "b&c=AccessDenied;d=InternalError;");
    buf_reset(&out);
    ASSERT_OK(s3_xml_deleted(STR("<DeleteResult/>"), note_failed, &out, &err), err);
    assert_int_equal(out.len, 0);
    ASSERT_FAILS(s3_xml_deleted(STR("<DeleteResult>"), note_failed, &out, &err), err, ERR_CORRUPT);
    ASSERT_FAILS(s3_xml_deleted(STR(""), note_failed, &out, &err), err, ERR_CORRUPT);
    buf_free(&out);
}

static void test_texts_are_escaped_or_refused(void **state)
{
    (void)state;
    struct buf out = {0};
    assert_true(s3_xml_escape(STR("a<b>&\"c'\n\r\tü🛰"), &out));
    assert_string_equal(buf_cstr(&out), "a&lt;b&gt;&amp;\"c'&#10;&#13;&#9;ü🛰");
    buf_reset(&out);
    assert_false(s3_xml_escape(STR("a\x01"), &out));
    assert_false(s3_xml_escape(STR("a\xef\xbf\xbf"), &out));
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

RUN_TESTS(cmocka_unit_test(test_errors_are_read_as_far_as_they_go),
          cmocka_unit_test(test_long_texts_of_errors_are_cut),
          cmocka_unit_test(test_a_listing_is_read_in_one_order),
          cmocka_unit_test(test_what_is_not_after_the_start_is_left_out),
          cmocka_unit_test(test_listings_that_cannot_be_are_refused),
          cmocka_unit_test(test_an_empty_listing_is_a_listing), cmocka_unit_test(test_uploads_are_read),
          cmocka_unit_test(test_failures_of_a_batch_are_told),
          cmocka_unit_test(test_texts_are_escaped_or_refused))
