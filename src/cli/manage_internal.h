/* What `varve user`, `varve acl` and `varve ban` share: they work on the catalog file itself, whether a broker runs
 * or not; a running one notices within about a second. */
#ifndef CLI_MANAGE_INTERNAL_H
#define CLI_MANAGE_INTERNAL_H

#include "base/buf.h"
#include "catalog/catalog.h"

/* Opens the catalog of the data directory. `create`: makes the directory (mode 0700) where there is none.
 * Returns owned. Errors: as catalog_open; ERR_NOT_FOUND with a hint. */
struct catalog *manage_open(const char *dir, bool create, struct error *err);

/* Appends "key":value to a JSON object, with a comma before it unless it is the first member. NULL gives null. */
void manage_json_text(struct buf *out, const char *key, const char *text);
void manage_json_bool(struct buf *out, const char *key, bool value);
void manage_json_int(struct buf *out, const char *key, int64_t value);

/* Writes to standard output and frees the buffer. False if the output takes no more. */
bool manage_print(struct buf *out);

/* Prints that something was deleted: {"deleted":name}, or "WHAT NAME deleted". False as manage_print. */
bool manage_print_deleted(bool json, const char *what, const char *name);

/* What `list` prints: a line for each thing, or one JSON array of them. Begins as {.json = …}, perhaps with a headline
 * in `out`; manage_listing_next() before each thing is appended to `out`; then manage_listing_print(), which frees it,
 * or buf_free() when listing has failed. */
struct manage_listing {
    bool json;
    struct buf out; /* owned */
    size_t count;
};

/* JSON: the bracket or the comma before the next thing. */
void manage_listing_next(struct manage_listing *listing);
/* As manage_print, with the closing bracket of JSON. */
bool manage_listing_print(struct manage_listing *listing);

/* A name or remark that is shown on terminals and in logs: UTF-8 without control characters, at most `max` bytes.
 * Errors: ERR_INVALID, ERR_TOO_LARGE. */
bool manage_check_text(const char *what, const char *text, size_t max, struct error *err);

/* A password from standard input: its first line, or, on a terminal, what is typed twice without being shown.
 * Appends to out, which the caller wipes. Errors: ERR_INVALID (empty, the two differ), ERR_TOO_LARGE, ERR_IO. */
bool manage_read_password(const char *username, struct buf *out, struct error *err);
/* The same for a secret that exists elsewhere: asked for once. */
bool manage_read_secret(const char *whose, struct buf *out, struct error *err);

#endif
