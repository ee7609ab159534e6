/* Any bytes as a PROXY header: it is complete, incomplete or refused with a reason; a complete one stays complete
 * with more behind it, and none of its prefixes is. */
#include "net/proxy_internal.h"

#include "base/mem.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In a block of its own, so that a read behind it is seen. */
static int64_t parse(const uint8_t *data, size_t size, struct proxy_info *info)
{
    uint8_t *copy = mem_dup(data, size);
    int64_t result = proxy_parse(copy, size, info);
    assert(result >= -1 && result <= (int64_t)size);
    assert((result < 0) == (info->reason != NULL));
    if (info->common_name.len > 0) {
        assert((const uint8_t *)info->common_name.data >= copy);
        assert((const uint8_t *)info->common_name.data + info->common_name.len <= copy + size);
    }
    info->common_name = STR_NONE; /* it borrows from the copy */
    mem_free(copy);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_info info;
    int64_t whole = parse(data, size, &info);
    for (size_t len = 0; len < size && len < 300; len++) {
        int64_t prefix = parse(data, len, &info);
        if (whole > 0)
            assert(prefix == ((int64_t)len < whole ? 0 : whole));
        if (whole == 0)
            assert(prefix == 0);
    }
    return 0;
}
