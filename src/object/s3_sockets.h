/* libcurl's sockets and its timer on epoll, and a way to wake who waits for them.
 *
 * curl_multi_perform() looks at every transfer whenever anything happens; curl_multi_socket_action(), used here, at those alone whose socket
 * is ready. With dozens of small requests under way, that is most of the client's work.
 *
 * Thread: the one that uses the multi handle, but s3_sockets_wake(). */
#ifndef OBJECT_S3_SOCKETS_H
#define OBJECT_S3_SOCKETS_H

#include "base/error.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct s3_sockets {
    CURLM *multi;
    int epoll_fd;
    int wake_fd;
    int64_t due_ms; /* when libcurl wants to be called, monotonic; -1: not at all */
};

/* Borrows the multi handle, whose callbacks it sets: do not move it. Errors: those of the system. */
bool s3_sockets_open(struct s3_sockets *sockets, CURLM *multi, struct error *err);
/* After curl_multi_cleanup(), which says farewell to sockets. */
void s3_sockets_close(struct s3_sockets *sockets);

/* Lets libcurl do what is due, new transfers among it. */
CURLMcode s3_sockets_run_due(struct s3_sockets *sockets);
/* Waits until a socket is ready, somebody wakes it, libcurl's timer or so many milliseconds are over; moves what is ready. */
CURLMcode s3_sockets_wait(struct s3_sockets *sockets, int wait_ms);
/* Ends the wait under way, or the next one. Thread: any. */
void s3_sockets_wake(const struct s3_sockets *sockets);

#endif
