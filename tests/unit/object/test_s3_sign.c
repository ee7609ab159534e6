/* Signatures: the examples of AWS's documentation, and what another implementation (botocore) gives for requests that are harder. */
#include "harness.h"
#include "object/s3_sign.h"

#define EXAMPLE_ID     "AKIAIOSFODNN7EXAMPLE"
#define EXAMPLE_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EXAMPLE_MS     INT64_C(1369353600000) /* 2013-05-24T00:00:00Z */
#define EMPTY          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct row {
    const char *method;
    const char *path;
    const char *query;
    const char *headers; /* name:value, one a line */
    const char *payload;
    const char *signature;
};

static size_t split_headers(const char *text, struct s3_header out[16])
{
    struct str rest = str_of(text);
    struct str line;
    size_t count = 0;
    while (str_next(&rest, '\n', &line)) {
        struct str name;
        (void)str_next(&line, ':', &name);
        if (name.len > 0)
            out[count++] = (struct s3_header){name, line};
    }
    return count;
}

static void check_rows(const struct row *rows, size_t count, const char *id, const char *secret,
                       const char *region, int64_t wall_ms)
{
    struct s3_signer signer = {0};
    struct s3_identity identity = {.access_key_id = strdup(id), .secret_access_key = strdup(secret)};
    for (size_t i = 0; i < count; i++) {
        struct s3_header headers[16];
        size_t header_count = split_headers(rows[i].headers, headers);
        const struct s3_to_sign request = {.method = rows[i].method,
                                           .path = str_of(rows[i].path),
                                           .query = str_of(rows[i].query),
                                           .headers = headers,
                                           .header_count = header_count,
                                           .payload = rows[i].payload,
                                           .wall_ms = wall_ms};
        struct buf out = {0};
        s3_sign(&signer, &identity, str_of(region), STR("s3"), &request, &out);
        CHECK(str_ends(buf_str(&out), str_of(rows[i].signature)), "row %zu: %s", i, buf_cstr(&out));
        buf_free(&out);
    }
    s3_identity_free(&identity);
}

/* "Signature Calculations for the Authorization Header": the four examples with the payload in one piece. */
static void test_examples_of_the_documentation(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"GET", "/test.txt", "",
         "host:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\nx-amz-content-sha256:" EMPTY
         "\nx-amz-date:20130524T000000Z",
         EMPTY, "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"PUT", "/test%24file.text", "",
         "date:Fri, 24 May 2013 00:00:00 GMT\nhost:examplebucket.s3.amazonaws.com\n"
         "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n"
         "x-amz-date:20130524T000000Z\nx-amz-storage-class:REDUCED_REDUNDANCY",
         "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
         "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"GET", "/", "lifecycle=",
         "host:examplebucket.s3.amazonaws.com\nx-amz-content-sha256:" EMPTY "\nx-amz-date:20130524T000000Z",
         EMPTY, "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"GET", "/", "max-keys=2&prefix=J",
         "host:examplebucket.s3.amazonaws.com\nx-amz-content-sha256:" EMPTY "\nx-amz-date:20130524T000000Z",
         EMPTY, "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    check_rows(rows, LENGTH(rows), EXAMPLE_ID, EXAMPLE_SECRET, "us-east-1", EXAMPLE_MS);
}

#include "object/s3_vectors.h"

static void test_another_implementation_agrees(void **state)
{
    (void)state;
    check_rows(botocore_rows, LENGTH(botocore_rows), EXAMPLE_ID, EXAMPLE_SECRET, "eu-central-1", EXAMPLE_MS);
}

static void test_the_text_of_authorization(void **state)
{
    (void)state;
    struct s3_signer signer = {0};
    struct s3_identity identity = {.access_key_id = strdup(EXAMPLE_ID),
                                   .secret_access_key = strdup(EXAMPLE_SECRET)};
    const struct s3_header headers[] = {{STR("x-amz-date"), STR("20130524T000000Z")},
                                        {STR("host"), STR("h")}};
    const struct s3_to_sign request = {.method = "GET",
                                       .path = STR("/"),
                                       .headers = headers,
                                       .header_count = 2,
                                       .payload = EMPTY,
                                       .wall_ms = EXAMPLE_MS};
    struct buf out = {0};
    s3_sign(&signer, &identity, STR("us-east-1"), STR("s3"), &request, &out);
    assert_true(
        str_starts(buf_str(&out), STR("AWS4-HMAC-SHA256 Credential=" EXAMPLE_ID
                                      "/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-date,"
                                      "Signature=")));
    buf_free(&out);
    s3_identity_free(&identity);
}

/* The key is kept, but not for another day, region or secret. */
static void test_a_kept_key_is_not_used_for_another(void **state)
{
    (void)state;
    static const char *const secrets[] = {"one", "two"};
    static const char *const regions[] = {"us-east-1", "eu-west-1"};
    static const int64_t days[] = {EXAMPLE_MS, EXAMPLE_MS + 86400000};
    struct s3_signer kept = {0};
    for (size_t i = 0; i < 64; i++) {
        struct s3_signer fresh = {0};
        struct s3_identity identity = {.access_key_id = strdup("id"),
                                       .secret_access_key = strdup(secrets[i % 2])};
        const struct s3_header headers[] = {{STR("host"), STR("h")}};
        const struct s3_to_sign request = {.method = "GET",
                                           .path = STR("/"),
                                           .headers = headers,
                                           .header_count = 1,
                                           .payload = EMPTY,
                                           .wall_ms = days[i / 4 % 2]};
        struct buf one = {0};
        struct buf two = {0};
        s3_sign(&kept, &identity, str_of(regions[i / 2 % 2]), STR("s3"), &request, &one);
        s3_sign(&fresh, &identity, str_of(regions[i / 2 % 2]), STR("s3"), &request, &two);
        assert_true(str_equal(buf_str(&one), buf_str(&two)));
        buf_free(&one);
        buf_free(&two);
        s3_identity_free(&identity);
    }
}

static void test_queries_are_sorted_and_encoded(void **state)
{
    (void)state;
    const struct s3_pair pairs[] = {{STR("prefix"), STR("a b/ü+%")},
                                    {STR("list-type"), STR("2")},
                                    {STR("delete"), STR_NONE},
                                    {STR("Z"), STR("~-._")}};
    struct buf out = {0};
    s3_query(pairs, LENGTH(pairs), &out);
    assert_string_equal(buf_cstr(&out), "Z=~-._&delete=&list-type=2&prefix=a%20b%2F%C3%BC%2B%25");
    buf_free(&out);
}

RUN_TESTS(cmocka_unit_test(test_examples_of_the_documentation),
          cmocka_unit_test(test_another_implementation_agrees),
          cmocka_unit_test(test_the_text_of_authorization),
          cmocka_unit_test(test_a_kept_key_is_not_used_for_another),
          cmocka_unit_test(test_queries_are_sorted_and_encoded))
