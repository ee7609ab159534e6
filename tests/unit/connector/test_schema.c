/* What is in a connector, and what of it a store is told. */
#include "connector/connector_internal.h"
#include "harness.h"

#include "base/mem.h"

/* JSON with ' for ". */
static json_t *parsed(const char *text)
{
    struct buf json = {0};
    buf_append_str(&json, str_of(text));
    for (size_t i = 0; i < json.len; i++)
        json.data[i] = json.data[i] == '\'' ? '"' : json.data[i];
    json_t *value = json_loadb((const char *)json.data, json.len, 0, NULL);
    CHECK(value != NULL, "%s", text);
    buf_free(&json);
    return value;
}

static bool configure(const char *type, const char *text, struct object_config *out, struct error *err)
{
    const struct connector_type *found = connector_type_find(str_of(type));
    json_t *given = parsed(text), *object = spec_read(found->keys, given, NULL, err);
    json_decref(given);
    *out = (struct object_config){0};
    bool ok = object != NULL && connector_configure(found, "s3:archive", object, "/data", out, err);
    json_decref(object);
    return ok;
}

/* Everything that EMQX's dashboard sends, in its words. */
static void test_an_object_of_emqx_is_taken_as_it_is(void **state)
{
    (void)state;
    struct error err = {0};
    struct object_config config;
    ASSERT_OK(
        configure("s3",
                  "{'host':'s3.eu-west-1.example.com','port':9000,'access_key_id':'id','secret_access_key':'"
                  "secret',"
                  "'access_method':'vhost','enable':true,'tags':['a'],'description':'d','transport_options':{"
                  "'connect_timeout':'5s','enable_pipelining':100,'headers':{'x-a':'b'},'ipv6_probe':true,"
                  "'max_retries':4,'pool_size':16,'pool_type':'random','request_timeout':'20s','ssl':{'"
                  "enable':true,"
                  "'verify':'verify_none','depth':10,'versions':['tlsv1.3','tlsv1.2'],'ciphers':[],"
                  "'cacertfile':'/ca.pem','certfile':'/c.pem','keyfile':'/k.pem','password':'pass',"
                  "'server_name_indication':'s3.example','hibernate_after':'5s','reuse_sessions':true,"
                  "'secure_renegotiate':true,'middlebox_comp_mode':true,'log_level':'notice'}},"
                  "'resource_opts':{'health_check_interval':'15s','health_check_timeout':'60s',"
                  "'start_after_created':true,'start_timeout':'5s'}}",
                  &config, &err),
        err);
    assert_int_equal(config.kind, OBJECT_S3);
    assert_int_equal(config.access, OBJECT_ACCESS_VHOST);
    assert_int_equal(config.credentials, OBJECT_CREDENTIALS_KEYS);
    assert_string_equal(config.name, "s3:archive");
    assert_string_equal(config.host, "s3.eu-west-1.example.com");
    assert_int_equal(config.port, 9000);
    assert_string_equal(config.access_key_id, "id");
    assert_string_equal(config.secret_access_key, "secret");
    assert_true(config.tls.enable);
    assert_false(config.tls.verify);
    assert_string_equal(config.tls.ca_file, "/ca.pem");
    assert_string_equal(config.tls.cert_file, "/c.pem");
    assert_string_equal(config.tls.key_file, "/k.pem");
    assert_string_equal(config.tls.key_password, "pass");
    assert_string_equal(config.tls.server_name, "s3.example");
    assert_int_equal(config.connect_timeout_ms, 5000);
    assert_int_equal(config.request_timeout_ms, 20000);
    assert_int_equal(config.max_retries, 4);
    assert_int_equal(config.pool_size, 16);
    assert_int_equal(config.header_count, 1);
    assert_string_equal(config.headers[0].name, "x-a");
    assert_string_equal(config.headers[0].value, "b");
    object_config_free(&config);
}

static void test_defaults_verify_certificates_and_ask_for_credentials(void **state)
{
    (void)state;
    struct error err = {0};
    struct object_config config;
    ASSERT_OK(configure("s3", "{'host':'h.example','port':443}", &config, &err), err);
    assert_true(config.tls.enable && config.tls.verify);
    assert_null(config.tls.ca_file);
    assert_null(config.tls.server_name);
    assert_null(config.region);
    assert_null(config.bucket);
    assert_int_equal(config.access, OBJECT_ACCESS_PATH);
    assert_int_equal(config.credentials, OBJECT_CREDENTIALS_CHAIN);
    assert_int_equal(config.max_retries, 2);
    assert_int_equal(config.pool_size, 8);
    assert_int_equal(config.connect_timeout_ms, 15000);
    assert_int_equal(config.request_timeout_ms, 30000);
    assert_false(config.checksum);
    object_config_free(&config);
}

static void test_our_own_keys_reach_the_store(void **state)
{
    (void)state;
    struct error err = {0};
    struct object_config config;
    ASSERT_OK(configure("s3",
                        "{'endpoint':'http://127.0.0.1:9000','region':'eu-west-1','bucket':'b-1',"
                        "'access_method':'auto','access_key_id':'id','secret_access_key':'env:SECRET',"
                        "'session_token':'file:///token','profile':'p','transport_options':{'checksum':true,"
                        "'requests_per_second':50,'bytes_per_second':'10MiB',"
                        "'ssl':{'server_name_indication':'disable'}}}",
                        &config, &err),
              err);
    assert_string_equal(config.endpoint, "http://127.0.0.1:9000");
    assert_string_equal(config.region, "eu-west-1");
    assert_string_equal(config.bucket, "b-1");
    assert_string_equal(config.secret_access_key, "env:SECRET");
    assert_string_equal(config.session_token, "file:///token");
    assert_string_equal(config.profile, "p");
    assert_int_equal(config.access, OBJECT_ACCESS_AUTO);
    assert_true(config.checksum);
    assert_int_equal(config.requests_per_s, 50);
    assert_int_equal(config.bytes_per_s, 10 << 20);
    assert_null(config.tls.server_name);
    object_config_free(&config);
}

static void test_a_directory_is_in_the_data_directory_unless_its_path_is_absolute(void **state)
{
    (void)state;
    struct error err = {0};
    struct object_config config;
    ASSERT_OK(configure("directory", "{'path':'objects'}", &config, &err), err);
    assert_int_equal(config.kind, OBJECT_DIRECTORY);
    assert_string_equal(config.path, "/data/objects");
    object_config_free(&config);
    ASSERT_OK(configure("directory", "{'path':'/mnt/nas'}", &config, &err), err);
    assert_string_equal(config.path, "/mnt/nas");
    object_config_free(&config);
}

static void test_what_makes_no_store_is_refused_with_its_key(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *object;
        const char *text; /* a part of it */
    } rows[] = {
        {"s3", "{}", "endpoint: missing"},
        {"s3", "{'host':'h','prt':1}", "unknown key \"prt\""},
        {"s3", "{'host':'h','port':0}", "port: expected a whole number from 1 to 65535"},
        {"s3", "{'host':'a b'}", "host"},
        {"s3", "{'endpoint':'ftp://h'}", "endpoint"},
        {"s3", "{'host':'h','access_key_id':'a'}", "secret_access_key: missing"},
        {"s3", "{'host':'h','secret_access_key':'a'}", "access_key_id: missing"},
        {"s3", "{'host':'h','access_method':'dns'}", "access_method: expected one of path, vhost, auto"},
        {"s3", "{'host':'h','transport_options':{'pool_size':0}}", "transport_options: pool_size: expected"},
        {"s3", "{'host':'h','transport_options':{'ssl':{'ciphers':['A']}}}",
         "ciphers: expected an empty list"},
        {"s3", "{'host':'h','transport_options':{'ssl':{'versions':['tlsv1.3']}}}",
         "versions: expected a list"},
        {"s3", "{'host':'h','transport_options':{'ssl':{'certfile':'/c'}}}", "keyfile: missing"},
        {"s3", "{'host':'h','transport_options':{'headers':{'a b':'c'}}}", "headers"},
        {"s3", "{'host':'h','resource_opts':{'health_check_interval':'2h'}}",
         "health_check_interval: expected"},
        {"directory", "{}", "path: missing"},
        {"directory", "{'path':'x','host':'h'}", "unknown key \"host\""},
    };
    TABLE_EACH(row, rows)
    {
        struct error err = {0};
        struct object_config config;
        bool ok = configure(row->type, row->object, &config, &err);
        object_config_free(&config);
        CHECK(!ok && err.code == ERR_INVALID && strstr(err.text, row->text) != NULL, "%s: %s", row->object,
              err.text);
    }
}

static void test_an_id_is_made_of_type_and_name(void **state)
{
    (void)state;
    char id[CONNECTOR_ID_MAX], longest[CONNECTOR_NAME_MAX + 2];
    const struct connector_type *type;
    struct error err = {0};
    memset(longest, 'a', sizeof(longest));
    longest[CONNECTOR_NAME_MAX] = '\0';
    const struct {
        const char *type;
        const char *name;
        bool ok;
    } rows[] = {
        {"s3", "a", true},    {"s3", "My-S3_1", true}, {"directory", "0", true},  {"s3", longest, true},
        {"s4", "a", false},   {"S3", "a", false},      {"s3", "", false},         {"s3", "-a", false},
        {"s3", "a:b", false}, {"s3", "a/b", false},    {"s3", "\xc3\xbc", false}, {"s3", "a b", false},
        {"s3", "a.b", false}, {NULL, "a", false},      {"s3", NULL, false},
    };
    TABLE_EACH(row, rows)
    {
        json_t *object = json_pack("{s:s*, s:s*}", "type", row->type, "name", row->name);
        bool ok = connector_id_make(object, &type, id, &err);
        CHECK(ok == row->ok, "%s %s: %s", row->type, row->name, err.text);
        if (ok) {
            char expected[CONNECTOR_ID_MAX];
            snprintf(expected, sizeof(expected), "%s:%s", row->type, row->name);
            assert_string_equal(id, expected);
        }
        json_decref(object);
    }
    longest[CONNECTOR_NAME_MAX] = 'a';
    longest[CONNECTOR_NAME_MAX + 1] = '\0';
    json_t *object = json_pack("{s:s, s:s}", "type", "s3", "name", longest);
    assert_false(connector_id_make(object, &type, id, &err));
    json_decref(object);
}

RUN_TESTS(cmocka_unit_test(test_an_object_of_emqx_is_taken_as_it_is),
          cmocka_unit_test(test_defaults_verify_certificates_and_ask_for_credentials),
          cmocka_unit_test(test_our_own_keys_reach_the_store),
          cmocka_unit_test(test_a_directory_is_in_the_data_directory_unless_its_path_is_absolute),
          cmocka_unit_test(test_what_makes_no_store_is_refused_with_its_key),
          cmocka_unit_test(test_an_id_is_made_of_type_and_name))
