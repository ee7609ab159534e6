/* Secrets in the catalog: unreadable without the key, and of no use anywhere else. */
#include "connector/connector_internal.h"
#include "harness.h"

#include "base/mem.h"

#define SECRET "open sesame"
#define ID     "s3:archive"

static const uint8_t key[SECRETS_KEY_BYTES] = {1, 2, 3};

static json_t *sealed_one(const char *secret)
{
    json_t *object = json_pack("{s:s, s:s}", "host", "s3.example", "secret_access_key", secret);
    json_t *sealed = secrets_seal(key, connector_type_find(STR("s3")), ID, object);
    json_decref(object);
    return sealed;
}

/* What is opened again, as "text" or as the error's name. */
static void check_opens(const uint8_t with[SECRETS_KEY_BYTES], const char *id, json_t *sealed,
                        const char *secret, enum error_code code)
{
    struct error err = {0};
    json_t *opened = secrets_open(with, connector_type_find(STR("s3")), id, sealed, &err);
    assert_non_null(opened);
    assert_int_equal(err.code, code);
    assert_string_equal(spec_text(opened, "secret_access_key"), secret);
    assert_string_equal(spec_text(opened, "host"), "s3.example"); /* the rest is there all the same */
    if (code != ERR_NONE)
        assert_non_null(strstr(err.text, "secret_access_key cannot be decrypted"));
    json_decref(opened);
}

static void test_a_secret_comes_back_and_is_not_in_what_is_stored(void **state)
{
    (void)state;
    static const char *const secrets[] = {
        SECRET, "", "******", "env:NAME", "sealed:AAAA", "\xc3\xbc\xe2\x82\xac"};
    TABLE_EACH(row, secrets)
    {
        json_t *sealed = sealed_one(*row);
        char *text = json_dumps(sealed, JSON_COMPACT);
        CHECK((*row)[0] == '\0' || strstr(text, *row) == NULL || strcmp(*row, "******") == 0, "%s", text);
        check_opens(key, ID, sealed, *row, ERR_NONE);
        free(text);
        json_decref(sealed);
    }
}

static void test_sealing_twice_gives_different_texts(void **state)
{
    (void)state;
    json_t *one = sealed_one(SECRET), *two = sealed_one(SECRET);
    assert_string_not_equal(spec_text(one, "secret_access_key"), spec_text(two, "secret_access_key"));
    json_decref(one);
    json_decref(two);
}

static void test_another_key_opens_nothing(void **state)
{
    (void)state;
    uint8_t other[SECRETS_KEY_BYTES] = {1, 2, 4};
    json_t *sealed = sealed_one(SECRET);
    check_opens(other, ID, sealed, "", ERR_CORRUPT);
    json_decref(sealed);
}

static void test_a_secret_cannot_be_moved_to_another_connector_or_place(void **state)
{
    (void)state;
    json_t *sealed = sealed_one(SECRET);
    check_opens(key, "s3:archive2", sealed, "", ERR_CORRUPT);
    json_t *moved =
        json_pack("{s:O, s:s, s:O}", "session_token", json_object_get(sealed, "secret_access_key"), "host",
                  "s3.example", "secret_access_key", json_object_get(sealed, "secret_access_key"));
    struct error err = {0};
    json_t *opened = secrets_open(key, connector_type_find(STR("s3")), ID, moved, &err);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_string_equal(spec_text(opened, "session_token"), "");
    assert_string_equal(spec_text(opened, "secret_access_key"), SECRET);
    json_decref(opened);
    json_decref(moved);
    json_decref(sealed);
}

static void test_a_changed_bit_is_noticed_wherever_it_is(void **state)
{
    (void)state;
    json_t *sealed = sealed_one(SECRET);
    const char *text = spec_text(sealed, "secret_access_key");
    struct str encoded = str_of(text + strlen("sealed:"));
    uint8_t bytes[200];
    int64_t len = base64_decode(encoded, bytes, false);
    assert_int_equal(len, 12 + strlen(SECRET) + 16);
    for (int64_t bit = 0; bit < len * 8; bit++) {
        char damaged[300] = "sealed:";
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        base64_encode(bytes, (size_t)len, damaged + strlen(damaged), false);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        json_t *stored = json_pack("{s:s, s:s}", "host", "s3.example", "secret_access_key", damaged);
        check_opens(key, ID, stored, "", ERR_CORRUPT);
        json_decref(stored);
    }
    json_decref(sealed);
}

static void test_what_was_never_sealed_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        SECRET, "", "sealed:", "sealed:!", "sealed:AAAA", "sealed:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    TABLE_EACH(row, texts)
    {
        json_t *stored = json_pack("{s:s, s:s}", "host", "s3.example", "secret_access_key", *row);
        check_opens(key, ID, stored, "", ERR_CORRUPT);
        json_decref(stored);
    }
}

RUN_TESTS(cmocka_unit_test(test_a_secret_comes_back_and_is_not_in_what_is_stored),
          cmocka_unit_test(test_sealing_twice_gives_different_texts),
          cmocka_unit_test(test_another_key_opens_nothing),
          cmocka_unit_test(test_a_secret_cannot_be_moved_to_another_connector_or_place),
          cmocka_unit_test(test_a_changed_bit_is_noticed_wherever_it_is),
          cmocka_unit_test(test_what_was_never_sealed_is_refused))
