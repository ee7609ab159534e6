/* Tells the service manager that started `varve serve` how it is: systemd's sd_notify protocol.
 *
 * One datagram of lines KEY=value to the socket that NOTIFY_SOCKET names: READY=1, RELOADING=1, STOPPING=1, WATCHDOG=1,
 * STATUS=text. Without that variable every call does nothing. Thread: main. */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: nobody is told anything */
    struct sockaddr_un address;
    socklen_t address_len;
    int64_t
        watchdog_ms; /* the manager ends the process when it is told nothing for so long; 0: it does not */
    bool failed;     /* a message was not taken: said once */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from the environment, so that programs that this one
 * starts do not speak for it. Before other threads start. A socket that cannot be used is logged, and then there is none. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);
bool notify_is_on(const struct notify *notify);

/* `lines`: "READY=1\nSTATUS=…". Waits at most a few seconds for a manager that is busy. */
void notify_send(struct notify *notify, const char *lines);
/* READY=1 with a status; after a start, and after each reload. */
void notify_ready(struct notify *notify, const char *status);
/* RELOADING=1 with the time, which Type=notify-reload asks for. */
void notify_reloading(struct notify *notify);

#endif
