/* See notify.h. By hand, since the protocol is one sendto(): libsystemd would bring its own dependencies into the broker. */
#include "cli/notify.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define SEND_TIMEOUT_S  5
#define WATCHDOG_MS_MAX INT64_C(86400000)

/* "/path", or "@name" of the abstract name space. */
static bool set_address(struct notify *notify, const char *name)
{
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(notify->address.sun_path))
        return false;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, len + 1);
    if (name[0] == '@')
        notify->address.sun_path[0] = '\0';
    notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
    return true;
}

/* Of this process, or of no particular one. */
static int64_t read_watchdog_ms(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    const char *usec = getenv("WATCHDOG_USEC");
    if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    char *end;
    long long value = strtoll(usec, &end, 10);
    if (end == usec || *end != '\0' || value < 1000)
        return 0;
    return value / 1000 < WATCHDOG_MS_MAX ? value / 1000 : WATCHDOG_MS_MAX;
}

void notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    *notify = (struct notify){.fd = -1};
    if (name != NULL && !set_address(notify, name))
        LOG_WARNING("service manager not told anything: not a socket's name",
                    LOG_TEXT("NOTIFY_SOCKET", name));
    if (notify->address_len > 0) {
        const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (notify->fd >= 0)
            setsockopt(notify->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
        else
            LOG_WARNING("service manager not told anything: no socket", LOG_TEXT("reason", strerror(errno)));
    }
    notify->watchdog_ms = notify->fd >= 0 ? read_watchdog_ms() : 0;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

bool notify_is_on(const struct notify *notify)
{
    return notify->fd >= 0;
}

void notify_send(struct notify *notify, const char *lines)
{
    if (notify->fd < 0)
        return;
    ssize_t sent;
    do {
        sent = sendto(notify->fd, lines, strlen(lines), MSG_NOSIGNAL,
                      (const struct sockaddr *)&notify->address, notify->address_len);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && !notify->failed) {
        notify->failed = true;
        LOG_WARNING("service manager does not listen", LOG_TEXT("reason", strerror(errno)));
    }
}

void notify_ready(struct notify *notify, const char *status)
{
    struct buf lines = {0};
    buf_printf(&lines, "READY=1\nSTATUS=%s", status);
    notify_send(notify, buf_cstr(&lines));
    buf_free(&lines);
}

void notify_reloading(struct notify *notify)
{
    char lines[64];
    snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_ns() / 1000);
    notify_send(notify, lines);
}
