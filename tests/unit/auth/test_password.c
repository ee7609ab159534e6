/* Passwords: what is hashed verifies, nothing else does, and every answer has cost one argon2 computation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/auth.h"

#include <argon2.h>
#include <ctype.h>
#include <stdio.h>

/* The linker sends the calls of argon2id_verify here; the last string that it got, and how often. */
static char verified_against[PASSWORD_HASH_BYTES];
static int verify_calls;

int __real_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen);
int __wrap_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen);

int __wrap_argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen)
{
    verify_calls++;
    snprintf(verified_against, sizeof verified_against, "%s", encoded);
    return __real_argon2id_verify(encoded, pwd, pwdlen);
}

/* "$argon2id$v=19$m=…,t=…,p=…$": up to the fourth dollar sign and with it. */
static size_t cost_len(const char *hash)
{
    size_t dollars = 0;
    size_t len = 0;
    for (; hash[len] != '\0' && dollars < 4; len++)
        dollars += hash[len] == '$';
    return len;
}

static void test_a_hashed_password_verifies(void **state)
{
    (void)state;
    const struct str passwords[] = {
        STR("correct horse battery staple"),
        STR(""),
        STR("p\0q"),
        STR("gr\303\274\303\237e"),
        STR("\xff\xfe\x00\x01"),
    };
    for (size_t i = 0; i < sizeof passwords / sizeof passwords[0]; i++) {
        char hash[PASSWORD_HASH_BYTES];
        assert_true(password_hash(passwords[i], hash, NULL));
        assert_true(password_verify(hash, passwords[i]));
    }
}

static void test_another_password_does_not_verify(void **state)
{
    (void)state;
    const struct str others[] = {STR("Secret"), STR("secre"), STR("secret "), STR("secret\0"), STR("")};
    char hash[PASSWORD_HASH_BYTES];
    assert_true(password_hash(STR("secret"), hash, NULL));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(password_verify(hash, others[i]));
}

static void test_hashes_have_the_stated_cost_and_a_salt_of_their_own(void **state)
{
    (void)state;
    static const char cost[] = "$argon2id$v=19$m=19456,t=2,p=1$";
    char one[PASSWORD_HASH_BYTES];
    char two[PASSWORD_HASH_BYTES];
    assert_true(password_hash(STR("secret"), one, NULL));
    assert_true(password_hash(STR("secret"), two, NULL));
    assert_memory_equal(one, cost, sizeof cost - 1);
    assert_string_not_equal(one, two);
}

static void test_no_such_user_costs_the_same_argon2_computation(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_BYTES];
    assert_true(password_hash(STR("secret"), hash, NULL));
    verify_calls = 0;
    assert_false(password_verify(NULL, STR("secret")));
    assert_int_equal(verify_calls, 1);
    assert_int_equal(cost_len(verified_against), cost_len(hash));
    assert_memory_equal(verified_against, hash, cost_len(hash));
}

static void test_unusable_hashes_verify_nothing_and_cost_one_computation(void **state)
{
    (void)state;
#define SALT_AND_HASH "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    static const char *const hashes[] = {
        "",
        "secret",
        "$argon2id$",
        "$argon2i$v=19$m=19456,t=2,p=1" SALT_AND_HASH,
        "$argon2id$v=16$m=19456,t=2,p=1" SALT_AND_HASH,
        "$argon2id$v=19$m=19456,t=2,p=1",
        "$argon2id$v=19$m=19456,t=2,p=1$",
        "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA",
        "$argon2id$v=19$m=19456,t=2,p=1" SALT_AND_HASH "=",
        /* costs that would take the machine */
        "$argon2id$v=19$m=4194304,t=2,p=1" SALT_AND_HASH,
        "$argon2id$v=19$m=99999999999999999999,t=2,p=1" SALT_AND_HASH,
        "$argon2id$v=19$m=19456,t=4294967295,p=1" SALT_AND_HASH,
        "$argon2id$v=19$m=19456,t=2,p=16777215" SALT_AND_HASH,
        "$argon2id$v=19$m=19456,t=0,p=1" SALT_AND_HASH,
        "$argon2id$v=19$m=,t=2,p=1" SALT_AND_HASH,
    };
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        verify_calls = 0;
        assert_false(password_verify(hashes[i], STR("secret")));
        assert_in_range(verify_calls, 1, 2);
        /* The computation that counts is the last: on the string that stands for nobody. */
        assert_int_equal(
            strncmp(verified_against, "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$", 53), 0);
    }
}

static void test_a_hash_of_another_cost_verifies(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_BYTES];
    int rc = argon2id_hash_encoded(3, 64, 2, "secret", 6, "0123456789abcdef", 16, 32, hash, sizeof hash);
    assert_int_equal(rc, ARGON2_OK);
    assert_true(password_verify(hash, STR("secret")));
    assert_false(password_verify(hash, STR("Secret")));
}

static void test_a_change_anywhere_in_the_hash_does_not_verify(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_BYTES];
    int rc = argon2id_hash_encoded(1, 8, 1, "secret", 6, "0123456789abcdef", 16, 32, hash, sizeof hash);
    assert_int_equal(rc, ARGON2_OK);
    assert_true(password_verify(hash, STR("secret")));
    for (size_t i = 0; hash[i] != '\0'; i++) {
        char original = hash[i];
        hash[i] = original == 'Q' ? 'R' : 'Q';
        assert_false(password_verify(hash, STR("secret")));
        hash[i] = original;
    }
}

static void test_a_password_over_the_limit_is_refused(void **state)
{
    (void)state;
    static char text[65536];
    memset(text, 'x', sizeof text);
    char hash[PASSWORD_HASH_BYTES];
    struct error err;
    assert_true(password_hash(str_make(text, 65535), hash, &err));
    assert_true(password_verify(hash, str_make(text, 65535)));
    assert_false(password_verify(hash, str_make(text, 65536)));
    assert_false(password_hash(str_make(text, 65536), hash, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void test_generated_passwords_are_letters_and_digits_without_look_alikes(void **state)
{
    (void)state;
    bool seen[256] = {false};
    for (size_t len = 0; len < 200; len++) {
        char password[200];
        password_generate(password, len);
        assert_int_equal(strlen(password), len);
        for (size_t i = 0; i < len; i++) {
            assert_true(isalnum((unsigned char)password[i]));
            assert_null(strchr("0Oo1lI", password[i]));
            seen[(unsigned char)password[i]] = true;
        }
    }
    /* Of 19,900 characters, a letter out of 56 is missing once in 10^156 runs. */
    size_t kinds = 0;
    for (size_t i = 0; i < 256; i++)
        kinds += seen[i];
    assert_int_equal(kinds, 56);
}

static void test_generated_passwords_differ(void **state)
{
    (void)state;
    char one[25];
    char two[25];
    password_generate(one, 24);
    password_generate(two, 24);
    assert_string_not_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hashed_password_verifies),
        cmocka_unit_test(test_another_password_does_not_verify),
        cmocka_unit_test(test_hashes_have_the_stated_cost_and_a_salt_of_their_own),
        cmocka_unit_test(test_no_such_user_costs_the_same_argon2_computation),
        cmocka_unit_test(test_unusable_hashes_verify_nothing_and_cost_one_computation),
        cmocka_unit_test(test_a_hash_of_another_cost_verifies),
        cmocka_unit_test(test_a_change_anywhere_in_the_hash_does_not_verify),
        cmocka_unit_test(test_a_password_over_the_limit_is_refused),
        cmocka_unit_test(test_generated_passwords_are_letters_and_digits_without_look_alikes),
        cmocka_unit_test(test_generated_passwords_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
