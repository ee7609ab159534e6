/* Hashes: the keyed one spreads and is secret, the stable one never changes. */
#include "base/hash.h"
#include "harness.h"

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_equal_bytes_hash_equally_wherever_they_lie(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    for (size_t len = 0; len < 300; len++) {
        unsigned char *key = malloc(len + 1);
        for (size_t i = 0; i < len; i++)
            key[i] = (unsigned char)random_next(&random);
        uint64_t hash = hash_bytes(key, len);
        for (size_t shift = 0; shift < 8; shift++) {
            unsigned char *copy = malloc(len + shift + 1);
            memcpy(copy + shift, key, len);
            unsigned char *exact = realloc(copy, len + shift != 0 ? len + shift : 1); /* overruns are seen */
            CHECK(hash_bytes(exact + shift, len) == hash, "%zu bytes, shifted by %zu", len, shift);
            free(exact);
        }
        free(key);
    }
    assert_int_equal(hash_bytes(NULL, 0), hash_bytes("x", 0));
}

static void test_every_bit_and_the_length_count(void **state)
{
    (void)state;
    unsigned char key[200] = {0};
    for (size_t len = 1; len <= sizeof key; len++) {
        uint64_t hash = hash_bytes(key, len);
        CHECK(hash != hash_bytes(key, len - 1), "%zu zero bytes and one less", len);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            key[bit / 8] ^= (unsigned char)(1u << bit % 8);
            CHECK(hash_bytes(key, len) != hash, "bit %zu of %zu bytes", bit, len);
            key[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
    }
}

static void test_a_flipped_bit_flips_half_of_the_hash(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 3, 4, 7, 8, 12, 16, 17, 23, 32, 64, 65, 128};
    TABLE_EACH(len, lengths)
    {
        unsigned char key[128];
        unsigned long flipped = 0, flips = 0;
        for (int round = 0; round < 40; round++) {
            random_bytes(key, *len);
            uint64_t hash = hash_bytes(key, *len);
            for (size_t bit = 0; bit < 8 * *len; bit++, flips++) {
                key[bit / 8] ^= (unsigned char)(1u << bit % 8);
                flipped += (unsigned long)__builtin_popcountll(hash ^ hash_bytes(key, *len));
                key[bit / 8] ^= (unsigned char)(1u << bit % 8);
            }
        }
        double mean = (double)flipped / (double)flips;
        CHECK(mean > 30.5 && mean < 33.5, "%zu bytes: %f bits", *len, mean);
    }
}

/* Chi-square over 256 buckets, 255 degrees of freedom: 400 is passed once in a hundred million times. */
static void assert_spread(const unsigned *buckets, double count, const char *what)
{
    double expected = count / 256, sum = 0;
    for (int i = 0; i < 256; i++)
        sum += (buckets[i] - expected) * (buckets[i] - expected) / expected;
    CHECK(sum < 400, "%s: chi-square %f", what, sum);
}

static void test_similar_names_do_not_collide_and_spread(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    static uint64_t hashes[COUNT];
    static const char *const formats[] = {
        "%d", "client-%d", "plant/line%d/temperature",
        "a/rather/long/topic/name/of/more/than/sixty-four/bytes/in/all/%d/x"};
    for (size_t f = 0; f < LENGTH(formats); f++) {
        unsigned low[256] = {0}, high[256] = {0};
        for (int i = 0; i < COUNT; i++) {
            char name[100];
            int len = f == 0   ? snprintf(name, sizeof name, "%d", i)
                      : f == 1 ? snprintf(name, sizeof name, "client-%d", i)
                      : f == 2
                          ? snprintf(name, sizeof name, "plant/line%d/temperature", i)
                          : snprintf(name, sizeof name,
                                     "a/rather/long/topic/name/of/more/than/sixty-four/bytes/in/all/%d/x", i);
            hashes[i] = hash_bytes(name, (size_t)len);
            low[hashes[i] & 255]++;
            high[hashes[i] >> 56]++;
        }
        assert_spread(low, COUNT, formats[f]);
        assert_spread(high, COUNT, formats[f]);
        qsort(hashes, COUNT, sizeof hashes[0], compare_u64);
        for (int i = 1; i < COUNT; i++)
            CHECK(hashes[i] != hashes[i - 1], "%s", formats[f]);
    }
}

static void test_numbers_do_not_collide_and_spread(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    static uint64_t hashes[COUNT];
    static const int shifts[] = {0, 12, 40};
    TABLE_EACH(shift, shifts)
    {
        unsigned low[256] = {0};
        for (uint64_t i = 0; i < COUNT; i++) {
            hashes[i] = hash_u64(i << *shift);
            low[hashes[i] & 255]++;
        }
        assert_spread(low, COUNT, "numbers");
        qsort(hashes, COUNT, sizeof hashes[0], compare_u64);
        for (int i = 1; i < COUNT; i++)
            CHECK(hashes[i] != hashes[i - 1], "shifted by %d", *shift);
    }
}

static void hash_in_another_process(char *out, size_t bytes)
{
    FILE *other = popen("exec /proc/$PPID/exe --print-hash", "r");
    assert_non_null(other);
    assert_non_null(fgets(out, (int)bytes, other));
    pclose(other);
}

static void test_each_process_has_its_own_seed(void **state)
{
    (void)state;
    char a[64], b[64];
    hash_in_another_process(a, sizeof a);
    hash_in_another_process(b, sizeof b);
    assert_string_not_equal(a, b);
}

static void test_the_stable_hash_never_changes(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint64_t hash;
    } rows[] = {
        {"", UINT64_C(0xefd01f60ba992926)},
        {"a", UINT64_C(0x82a2a958a9bece5b)},
        {"foobar", UINT64_C(0x2c22194922d1672b)},
        {"plant/line1/temperature", UINT64_C(0x71ebc3947799543e)},
    };
    TABLE_EACH(row, rows)
    CHECK(hash_stable(row->key, strlen(row->key)) == row->hash, "%s", row->key);
}

static void test_the_stable_hash_spreads_over_partitions(void **state)
{
    (void)state;
    unsigned low[256] = {0};
    for (int i = 0; i < 100000; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, "station-%d", i);
        low[hash_stable(name, (size_t)len) & 255]++;
    }
    assert_spread(low, 100000, "stable");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--print-hash") == 0) {
        printf("%016" PRIx64 "\n", hash_bytes("name", 4));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_bytes_hash_equally_wherever_they_lie),
        cmocka_unit_test(test_every_bit_and_the_length_count),
        cmocka_unit_test(test_a_flipped_bit_flips_half_of_the_hash),
        cmocka_unit_test(test_similar_names_do_not_collide_and_spread),
        cmocka_unit_test(test_numbers_do_not_collide_and_spread),
        cmocka_unit_test(test_each_process_has_its_own_seed),
        cmocka_unit_test(test_the_stable_hash_never_changes),
        cmocka_unit_test(test_the_stable_hash_spreads_over_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
