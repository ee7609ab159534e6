/* Servers of a test's own, on the loopback interface. */
#ifndef TESTS_LOOPBACK_H
#define TESTS_LOOPBACK_H

#include "harness.h"

#include <arpa/inet.h>
#include <sys/socket.h>

/* A TCP socket on a port that nobody else has. It does not listen yet: until then connections to it are refused. Returns owned. */
static inline int loopback_bind(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

#endif
