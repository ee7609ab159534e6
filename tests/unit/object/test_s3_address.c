/* Endpoints, regions, hosts and paths. */
#include "base/mem.h"
#include "harness.h"
#include "object/object.h"
#include "object/s3_address.h"

static struct object_config config_of(const char *endpoint, const char *host, uint16_t port,
                                      const char *region)
{
    struct object_config config;
    object_config_init(&config);
    config.endpoint = mem_strdup_or_null(endpoint);
    config.host = mem_strdup_or_null(host);
    config.port = port;
    config.region = mem_strdup_or_null(region);
    return config;
}

static void test_endpoints_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        const char *host;
        uint16_t port;
        const char *region;
        bool tls;
        const char *header; /* for the bucket "b" in the path */
        const char *gives_region;
        const char *path; /* of b/k */
    } rows[] = {
        {"https://s3.eu-west-1.amazonaws.com", NULL, 0, NULL, true, "s3.eu-west-1.amazonaws.com", "eu-west-1",
         "/b/k"},
        {"HTTPS://S3.Amazonaws.com/", NULL, 0, NULL, true, "s3.amazonaws.com", "us-east-1", "/b/k"},
        {"https://s3.dualstack.eu-central-1.amazonaws.com", NULL, 0, NULL, true,
         "s3.dualstack.eu-central-1.amazonaws.com", "eu-central-1", "/b/k"},
        {"https://s3.cn-north-1.amazonaws.com.cn", NULL, 0, NULL, true, "s3.cn-north-1.amazonaws.com.cn",
         "cn-north-1", "/b/k"},
        {"http://127.0.0.1:9000", NULL, 0, NULL, false, "127.0.0.1:9000", "us-east-1", "/b/k"},
        {"http://minio:80", NULL, 0, "eu-x", false, "minio", "eu-x", "/b/k"},
        {"https://minio:80", NULL, 0, NULL, true, "minio:80", "us-east-1", "/b/k"},
        {"http://[::1]:7480/base/", NULL, 0, NULL, false, "[::1]:7480", "us-east-1", "/base/b/k"},
        {"https://s3.us-west-004.backblazeb2.com", NULL, 0, NULL, true, "s3.us-west-004.backblazeb2.com",
         "us-west-004", "/b/k"},
        {"https://fra1.digitaloceanspaces.com", NULL, 0, NULL, true, "fra1.digitaloceanspaces.com", "fra1",
         "/b/k"},
        {"https://0123.r2.cloudflarestorage.com", NULL, 0, NULL, true, "0123.r2.cloudflarestorage.com",
         "auto", "/b/k"},
        {"https://storage.googleapis.com", NULL, 0, NULL, true, "storage.googleapis.com", "auto", "/b/k"},
        {NULL, "s3.eu-west-2.amazonaws.com", 443, NULL, true, "s3.eu-west-2.amazonaws.com", "eu-west-2",
         "/b/k"},
        {NULL, "store.example", 8443, NULL, true, "store.example:8443", "us-east-1", "/b/k"},
    };
    TABLE_EACH(row, rows)
    {
        struct object_config config = config_of(row->endpoint, row->host, row->port, row->region);
        struct s3_endpoint endpoint;
        struct error err;
        struct buf host = {0};
        struct buf path = {0};
        ASSERT_OK(s3_endpoint_read(&config, &endpoint, &err), err);
        s3_host_header(&endpoint, STR("b"), false, &host);
        s3_path(&endpoint, STR("b"), STR("k"), false, &path);
        assert_string_equal(buf_cstr(&host), row->header);
        assert_string_equal(buf_cstr(&path), row->path);
        assert_string_equal(endpoint.region, row->gives_region);
        assert_int_equal(endpoint.tls, row->tls);
        buf_free(&host);
        buf_free(&path);
        s3_endpoint_free(&endpoint);
        object_config_free(&config);
    }
}

static void test_endpoints_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const endpoints[] = {
        "s3.amazonaws.com",  "ftp://host",     "https://",        "http://host:0",
        "http://host:99999", "http://host:",   "http://ho st",    "http://host?x=y",
        "http://u:p@host",   "http://host/#a", "http://host/a b", "http://-host",
        "http://.host",      "http://host\n",  "http://[::1",     "http://host/\xc3\xbc",
    };
    for (size_t i = 0; i < LENGTH(endpoints); i++) {
        struct object_config config = config_of(endpoints[i], NULL, 0, NULL);
        struct s3_endpoint endpoint;
        struct error err;
        err.code = ERR_NONE;
        bool ok = s3_endpoint_read(&config, &endpoint, &err);
        if (strcmp(endpoints[i], "http://host\n") == 0) {
            assert_true(ok); /* white space at the ends does not count */
            s3_endpoint_free(&endpoint);
        } else {
            CHECK(!ok && err.code == ERR_INVALID && strstr(err.text, "endpoint") != NULL, "%s: %s",
                  endpoints[i], err.text);
        }
        object_config_free(&config);
    }
    struct object_config config = config_of("http://h", NULL, 0, "eu west");
    struct s3_endpoint endpoint;
    struct error err;
    ASSERT_FAILS(s3_endpoint_read(&config, &endpoint, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "region"));
    object_config_free(&config);
    config = config_of(NULL, NULL, 0, NULL);
    ASSERT_FAILS(s3_endpoint_read(&config, &endpoint, &err), err, ERR_INVALID);
    object_config_free(&config);
}

static void test_paths_are_encoded_in_one_form(void **state)
{
    (void)state;
    const struct s3_endpoint endpoint = {.host = (char *)"h", .base = (char *)"", .port = 80};
    struct buf out = {0};
    s3_path(&endpoint, STR("b.c"), STR("a b+c=d&e;f:g@h,i'(j)*k!l$m%2F~-._/ü//../"), false, &out);
    assert_string_equal(buf_cstr(&out),
                        "/b.c/a%20b%2Bc%3Dd%26e%3Bf%3Ag%40h%2Ci%27%28j%29%2Ak%21l%24m%252F~-._/"
                        "%C3%BC//../");
    buf_reset(&out);
    s3_path(&endpoint, STR("b"), STR("k"), true, &out);
    assert_string_equal(buf_cstr(&out), "/k");
    buf_reset(&out);
    s3_path(&endpoint, STR("b"), STR_NONE, true, &out);
    assert_string_equal(buf_cstr(&out), "/");
    buf_reset(&out);
    s3_path(&endpoint, STR("b"), STR_NONE, false, &out);
    assert_string_equal(buf_cstr(&out), "/b");
    buf_reset(&out);
    s3_host_header(&endpoint, STR("b"), true, &out);
    assert_string_equal(buf_cstr(&out), "b.h");
    buf_free(&out);
}

static void test_styles_follow_from_endpoint_and_bucket(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        const char *bucket;
        enum s3_style style; /* of auto */
    } rows[] = {
        {"https://s3.eu-west-1.amazonaws.com", "bucket", S3_STYLE_VHOST},
        {"https://s3.eu-west-1.amazonaws.com", "my.bucket", S3_STYLE_PATH},
        {"https://s3.eu-west-1.amazonaws.com", "My_Bucket", S3_STYLE_PATH},
        {"https://fra1.digitaloceanspaces.com", "bucket", S3_STYLE_VHOST},
        {"https://0123.r2.cloudflarestorage.com", "bucket", S3_STYLE_PATH},
        {"https://storage.googleapis.com", "bucket", S3_STYLE_PATH},
        {"http://127.0.0.1:9000", "bucket", S3_STYLE_PATH},
        {"http://[::1]:9000", "bucket", S3_STYLE_PATH},
        {"http://localhost:9000", "bucket", S3_STYLE_PATH},
        {"https://store.example", "bucket", S3_STYLE_UNDECIDED},
        {"http://store.example", "my.bucket", S3_STYLE_UNDECIDED},
    };
    TABLE_EACH(row, rows)
    {
        struct object_config config = config_of(row->endpoint, NULL, 0, NULL);
        struct s3_endpoint endpoint;
        struct error err;
        ASSERT_OK(s3_endpoint_read(&config, &endpoint, &err), err);
        CHECK(s3_style_of(OBJECT_ACCESS_AUTO, &endpoint, str_of(row->bucket)) == row->style, "%s",
              row->endpoint);
        assert_int_equal(s3_style_of(OBJECT_ACCESS_PATH, &endpoint, str_of(row->bucket)), S3_STYLE_PATH);
        s3_endpoint_free(&endpoint);
        object_config_free(&config);
    }
}

static void test_a_configuration_is_checked_field_by_field(void **state)
{
    (void)state;
    struct object_config config = config_of("https://h.example", NULL, 0, NULL);
    struct error err;
    ASSERT_FAILS(object_config_check(&config, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "access_key_id"));
    config.access_key_id = mem_strdup("id");
    ASSERT_FAILS(object_config_check(&config, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "secret_access_key"));
    config.secret_access_key = mem_strdup("secret");
    ASSERT_OK(object_config_check(&config, &err), err);
    object_config_header(&config, STR("X-Extra"), STR("v"));
    ASSERT_OK(object_config_check(&config, &err), err);
    object_config_header(&config, STR("Authorization"), STR("v"));
    ASSERT_FAILS(object_config_check(&config, &err), err, ERR_INVALID);
    struct object_config copy;
    object_config_copy(&copy, &config);
    object_config_free(&config);
    assert_string_equal(copy.secret_access_key, "secret");
    assert_string_equal(copy.headers[1].name, "Authorization");
    object_config_free(&copy);
    config = config_of("https://127.0.0.1", NULL, 0, NULL);
    config.credentials = OBJECT_CREDENTIALS_ANONYMOUS;
    config.access = OBJECT_ACCESS_VHOST;
    ASSERT_FAILS(object_config_check(&config, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "access_method"));
    config.access = OBJECT_ACCESS_AUTO;
    ASSERT_OK(object_config_check(&config, &err), err);
    config.pool_size = 0;
    ASSERT_FAILS(object_config_check(&config, &err), err, ERR_INVALID);
    assert_non_null(strstr(err.text, "pool_size"));
    object_config_free(&config);
}

RUN_TESTS(cmocka_unit_test(test_endpoints_are_read),
          cmocka_unit_test(test_endpoints_that_are_none_are_refused),
          cmocka_unit_test(test_paths_are_encoded_in_one_form),
          cmocka_unit_test(test_styles_follow_from_endpoint_and_bucket),
          cmocka_unit_test(test_a_configuration_is_checked_field_by_field))
