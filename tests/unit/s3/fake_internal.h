/* The parts of the fake: its wire (fake_s3.c) and what it holds (fake_store.c). */
#ifndef TESTS_S3_FAKE_INTERNAL_H
#define TESTS_S3_FAKE_INTERNAL_H

#include "object/digest.h"
#include "s3/fake_s3.h"

#include <pthread.h>

#define FAKE_HEADERS_MAX 64

struct fake_header {
    char *name; /* lower case */
    char *value;
};

/* A request as it was read. */
struct fake_message {
    char method[16];
    char *target; /* path?query, as sent */
    char *path;
    char *query;
    char *bucket;
    char *key;
    struct fake_header headers[FAKE_HEADERS_MAX];
    size_t header_count;
    struct buf body;
};

struct fake_reply {
    int status;
    struct buf headers; /* whole lines */
    struct buf body;
    bool is_object;  /* the body is an object's */
    uint64_t length; /* Content-Length of a HEAD's answer */
    bool is_head;
};

struct fake_object {
    char *key;
    struct buf body;
    char etag[48];
    char *put_id;
    char *content_type;
    int64_t modified_ms;
};

struct fake_part {
    unsigned number;
    struct buf body;
    char etag[48];
};

struct fake_upload {
    char *key;
    char *put_id;
    char id[40];
    int64_t begun_ms;
    struct fake_part *parts;
    size_t count;
};

struct fake_store {
    struct fake_object *objects; /* in the order of keys */
    size_t count;
    size_t cap;
    struct fake_upload *uploads;
    size_t upload_count;
    uint64_t ids;
};

const char *fake_header(const struct fake_message *message, const char *name); /* NULL: not there */
bool fake_query(const struct fake_message *message, const char *name,
                struct buf *out); /* decoded; false: not there */

/* Does what is asked, and fills the reply. */
void fake_store_do(struct fake_store *store, const struct fake_s3_traits *traits,
                   const struct fake_message *message, struct fake_reply *reply);
void fake_store_free(struct fake_store *store);
struct fake_object *fake_store_find(struct fake_store *store, const char *key);
struct fake_object *fake_store_put(struct fake_store *store, const char *key, struct str body,
                                   const struct fake_s3_traits *traits);
bool fake_store_remove(struct fake_store *store, const char *key);

void fake_reply_error(struct fake_reply *reply, int status, const char *code, const char *extra);

#endif
