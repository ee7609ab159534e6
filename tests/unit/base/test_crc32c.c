/* CRC-32C: the vectors of RFC 3720, appendix B.4, and both implementations against the definition. */
#include "base/crc32c.h"
#include "harness.h"

typedef uint32_t crc_fn(uint32_t crc, const void *data, size_t len);

static crc_fn *const implementations[] = {crc32c, crc32c_portable};

static uint32_t crc_by_definition(const unsigned char *at, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (; len != 0; at++, len--) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void test_known_vectors(void **state)
{
    (void)state;
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++) {
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    const struct {
        const void *data;
        size_t len;
        uint32_t crc;
    } rows[] = {
        {"", 0, 0},           {"123456789", 9, 0xe3069283}, {zeros, 32, 0x8a9136aa}, {ones, 32, 0x62a8ab43},
        {up, 32, 0x46dd794e}, {down, 32, 0x113fdb5c},
    };
    TABLE_EACH(function, implementations)
    TABLE_EACH(row, rows)
    CHECK((*function)(0, row->data, row->len) == row->crc, "vector of %zu bytes", row->len);
}

static void test_every_length_and_alignment_agrees_with_the_definition(void **state)
{
    (void)state;
    unsigned char data[300];
    random_bytes(data, sizeof data);
    TABLE_EACH(function, implementations)
    for (size_t start = 0; start < 9; start++) {
        for (size_t len = 0; start + len <= sizeof data; len++)
            CHECK((*function)(0, data + start, len) == crc_by_definition(data + start, len),
                  "%zu bytes from %zu", len, start);
    }
}

static void test_pieces_give_the_crc_of_the_whole(void **state)
{
    (void)state;
    unsigned char data[200];
    random_bytes(data, sizeof data);
    uint32_t whole = crc_by_definition(data, sizeof data);
    TABLE_EACH(function, implementations)
    for (size_t cut = 0; cut <= sizeof data; cut++)
        CHECK((*function)((*function)(0, data, cut), data + cut, sizeof data - cut) == whole, "cut at %zu",
              cut);
    assert_int_equal(crc32c(crc32c_portable(0, data, 77), data + 77, sizeof data - 77), whole);
}

RUN_TESTS(cmocka_unit_test(test_known_vectors),
          cmocka_unit_test(test_every_length_and_alignment_agrees_with_the_definition),
          cmocka_unit_test(test_pieces_give_the_crc_of_the_whole))
