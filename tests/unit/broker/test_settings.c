/* Defaults, and the life of a snapshot. */
#include "broker/settings.h"

#include "base/mem.h"
#include "broker/acl.h"
#include "harness.h"

#include <pthread.h>

static void test_defaults_are_those_of_the_manual(void **state)
{
    (void)state;
    struct settings *settings = settings_new();
    assert_int_equal(settings->mqtt.max_packet_bytes, 1 << 20);
    assert_int_equal(settings->mqtt.max_topic_levels, 128);
    assert_int_equal(settings->mqtt.max_topic_alias, 100);
    assert_int_equal(settings->mqtt.max_qos, 2);
    assert_true(settings->mqtt.retain_available);
    assert_true(settings->mqtt.wildcard_available);
    assert_true(settings->mqtt.shared_available);
    assert_int_equal(settings->mqtt.receive_maximum, 1000);
    assert_int_equal(settings->mqtt.server_keep_alive, 0);
    assert_int_equal(settings->mqtt.keep_alive_percent, 150); /* [MQTT-3.1.2-22] */
    assert_int_equal(settings->mqtt.connect_timeout_s, 10);
    assert_int_equal(settings->sessions.max_expiry_s, EXPIRY_NEVER);
    assert_int_equal(settings->sessions.v3_expiry_s, 7 * 24 * 3600);
    assert_int_equal(settings->sessions.max_inflight, 1000);
    assert_int_equal(settings->sessions.max_sessions, 1000000);
    assert_int_equal(settings->sessions.max_queued_messages, 100000);
    assert_int_equal(settings->sessions.max_queued_bytes, 64 << 20);
    assert_int_equal(settings->sessions.max_total_queued_bytes, INT64_C(8) << 30);
    assert_int_equal(settings->sessions.when_full, QUEUE_DROP_OLDEST);
    assert_false(settings->sessions.queue_qos0);
    assert_int_equal(settings->client_rate.messages_per_second, 0);
    assert_int_equal(settings->client_rate.bytes_per_second, 0);
    /* Nobody is let in from outside unasked; tokens end. */
    assert_int_equal(settings->auth.allow_anonymous, -1);
    assert_true(settings->auth.password);
    assert_true(settings->auth.scram);
    assert_int_equal(settings->auth.certificate_user, CERTIFICATE_USER_NONE);
    assert_int_equal(settings->auth.jwt_source, JWT_FROM_PASSWORD);
    assert_true(settings->auth.jwt.require_expiry);
    assert_true(settings->acl_default_allow);
    assert_false(settings->acl_denied_disconnects);
    assert_int_equal(settings->acl_count, 0);
    assert_int_equal(settings->share_strategy, SHARE_ROUND_ROBIN);
    assert_int_equal(settings->sys_interval_ms, 10000);
    assert_int_equal(settings->retained_max_messages, 0);
    assert_int_equal(settings->retained_max_bytes, INT64_C(4) << 30);
    assert_int_equal(settings->retained_max_payload_bytes, 1 << 20);
    settings_unref(settings);
}

/* The address sanitizer sees what is freed too early, twice, or not at all. */
static void test_the_last_reference_frees_what_the_settings_own(void **state)
{
    (void)state;
    settings_unref(NULL);
    struct settings *settings = settings_new();
    settings->auth.jwt_secret = mem_strdup("secret");
    settings->auth.jwt_public_key_file = mem_strdup("a.pem");
    settings->auth.jwks_file = mem_strdup("b.json");
    settings->auth.jwks_url = mem_strdup("https://c.example");
    settings->auth.jwks_ca_file = mem_strdup("d.pem");
    settings->auth.jwt.issuer = mem_strdup("e");
    settings->auth.jwt.audience = mem_strdup("f");
    settings->auth.jwt.username_claim = mem_strdup("g");
    for (int i = 0; i < 20; i++) {
        struct acl_rule rule = {.username = mem_strdup("u"), .client_id = mem_strdup("c"), .topic_count = 2};
        rule.topics = mem_alloc(2 * sizeof(*rule.topics));
        rule.topics[0] = mem_strdup("a");
        rule.topics[1] = mem_strdup("b");
        settings_add_rule(settings, &rule);
    }
    assert_int_equal(settings->acl_count, 20);
    assert_ptr_equal(settings_ref(settings), settings);
    settings_unref(settings);
    assert_string_equal(settings->acl[19].topics[1], "b");
    assert_string_equal(settings->auth.jwt_secret, "secret");
    settings_unref(settings);
}

static void *hold_and_let_go(void *arg)
{
    struct settings *settings = arg;
    for (int i = 0; i < 10000; i++)
        settings_unref(settings_ref(settings));
    settings_unref(settings);
    return NULL;
}

static void test_references_are_counted_from_several_threads(void **state)
{
    (void)state;
    struct settings *settings = settings_new();
    pthread_t threads[4];
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, settings_ref(settings)), 0);
    settings_unref(settings);
    for (size_t i = 0; i < LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
}

RUN_TESTS(cmocka_unit_test(test_defaults_are_those_of_the_manual),
          cmocka_unit_test(test_the_last_reference_frees_what_the_settings_own),
          cmocka_unit_test(test_references_are_counted_from_several_threads))
