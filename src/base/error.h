/* What failed, with which name, and what the caller can do.
 *
 * A function that can fail returns bool or a pointer and takes `struct error *err` last. On success it leaves
 * *err alone. A caller that does not care passes NULL. The text names the thing that failed; each floor adds
 * its own context with error_wrap(); the top prints it once. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

/* One row a code: its name in logs and answers. */
#define ERROR_CODES(X)                                                                     \
    X(ERR_NONE, "none")                                                                    \
    X(ERR_INVALID, "invalid")         /* input that can never be right */                  \
    X(ERR_NOT_FOUND, "not_found")     /* no such thing */                                  \
    X(ERR_EXISTS, "exists")           /* the name is taken */                              \
    X(ERR_BUSY, "busy")               /* a bounded queue is full: try again */             \
    X(ERR_LIMIT, "limit")             /* a configured limit */                             \
    X(ERR_TOO_LARGE, "too_large")     /* over a size limit */                              \
    X(ERR_DENIED, "denied")           /* who asks may not */                               \
    X(ERR_PROTOCOL, "protocol")       /* the peer broke its protocol */                    \
    X(ERR_CORRUPT, "corrupt")         /* stored bytes that do not check */                 \
    X(ERR_IO, "io")                   /* the system or a device failed */                  \
    X(ERR_NO_SPACE, "no_space")       /* disk full */                                      \
    X(ERR_READ_ONLY, "read_only")     /* writing is refused until something is repaired */ \
    X(ERR_NO_MEMORY, "no_memory")     /* an allocation failed */                           \
    X(ERR_TIMEOUT, "timeout")         /* no answer in time */                              \
    X(ERR_CLOSED, "closed")           /* the other side or the owner has closed it */      \
    X(ERR_UNSUPPORTED, "unsupported") /* known, not offered here */                        \
    X(ERR_CONFLICT, "conflict")       /* it is not any more what the caller took it for */ \
    X(ERR_UNKNOWN, "unknown")         /* it may have happened or not: look */              \
    X(ERR_INTERNAL, "internal")       /* our own mistake */

enum error_code {
#define X(code, name) code,
    ERROR_CODES(X)
#undef X
};

struct error {
    enum error_code code;
    char text[400]; /* what failed; one line, no full stop */
    char hint[160]; /* what the user can do; may be empty */
};

/* Sets code and text; clears the hint. Returns false, so that a failing function can `return error_set(…)`. */
bool error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set, with ": " and the system's text for `errnum` added, and the code chosen from it
 * (ENOSPC and EDQUOT: ERR_NO_SPACE; ENOENT: ERR_NOT_FOUND; EEXIST: ERR_EXISTS; EACCES and EPERM: ERR_DENIED;
 * ENOMEM: ERR_NO_MEMORY; ETIMEDOUT: ERR_TIMEOUT; else ERR_IO). */
bool error_errno(struct error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the context and ": " before the text. Returns false. */
bool error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets what the user can do. Returns false. */
bool error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The code's name, as in logs and answers: static. */
const char *error_code_name(enum error_code code);

#endif
