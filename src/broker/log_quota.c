/* See log_quota.h. */
#include "broker/log_quota.h"

#include "base/log.h"

bool log_quota_take(struct log_quota *quota, int64_t now_ms)
{
    int64_t second = now_ms / 1000;
    if (second != quota->second) {
        if (quota->left_out > 0)
            LOG_WARNING("log lines left out", LOG_UINT("count", quota->left_out));
        *quota = (struct log_quota){.second = second};
    }
    if (quota->lines >= LOG_QUOTA_LINES) {
        quota->left_out++;
        return false;
    }
    quota->lines++;
    return true;
}
