/* Connectors from inside: one connector, its store, and the thread that looks at stores.
 *
 *   control   serialises what changes connectors: catalog and memory agree while it is held
 *   lock      guards what is in memory, shortly; nobody calls out with it
 *
 * Who wants both takes control first. */
#ifndef CONNECTOR_CONNECTOR_INTERNAL_H
#define CONNECTOR_CONNECTOR_INTERNAL_H

#include "connector/connector.h"
#include "connector/spec.h"

#include "base/list.h"
#include "base/map.h"
#include "base/thread.h"
#include "object/config.h"

#include <stdatomic.h>

#define CONNECTOR_KIND "connector" /* in the catalog */

/* ---- schema.c: what is in a connector -------------------------------------------------------------------- */

struct connector_type {
    const char *name;
    const struct spec_key *keys; /* all but type and name */
    /* From an object that has been read. */
    void (*configure)(const json_t *object, const char *dir, struct object_config *out);
};

/* NULL: there is none of this name. */
const struct connector_type *connector_type_find(struct str name);
/* From a whole object: initialises *out, which the caller frees. Errors: those of object_config_check(). */
bool connector_configure(const struct connector_type *type, const char *id, const json_t *object,
                         const char *dir, struct object_config *out, struct error *err);

/* "type:name", checked: *type and the id. Errors: ERR_INVALID. */
bool connector_id_make(const json_t *object, const struct connector_type **type, char id[CONNECTOR_ID_MAX],
                       struct error *err);
/* What is left of it for spec_read(): without type, name, and what a broker says of a connector itself. Returns owned. */
json_t *connector_strip(const json_t *object);

/* ---- secrets.c: secrets in the catalog ------------------------------------------------------------------- */

#define SECRETS_KEY_BYTES 32

/* Secrets of the connector `id` as the catalog has them, and back. Return owned; never NULL. A secret that cannot be opened is
 * empty, and *err says which: ERR_CORRUPT (another secret.key, or damage); else *err is left alone. */
json_t *secrets_seal(const uint8_t key[SECRETS_KEY_BYTES], const struct connector_type *type, const char *id,
                     const json_t *object);
json_t *secrets_open(const uint8_t key[SECRETS_KEY_BYTES], const struct connector_type *type, const char *id,
                     const json_t *stored, struct error *err);

/* ---- store.c: stores that several use -------------------------------------------------------------------- */

/* connector_store is its face. */
struct shared_store {
    struct connector_store face; /* first */
    struct connectors *all;
    char *id;
    char *bucket;
    atomic_uint references; /* 0 is for ever: the thread closes it */
    struct list link;       /* in connectors->stores, under lock */
};

/* Opens one; the reference is the caller's. Errors: those of object_store_open(). Not under lock. */
struct shared_store *shared_store_open(struct connectors *connectors, const char *id,
                                       const struct object_config *config, struct error *err);
struct shared_store *shared_store_ref(struct shared_store *store);
void shared_store_release(struct shared_store *store); /* NULL is fine. Not under lock */
/* Under lock: one without references, which is off the list; NULL: there is none. shared_store_free() without the lock: blocks. */
struct shared_store *shared_store_idle(struct connectors *connectors);
void shared_store_free(struct shared_store *store);

/* ---- look.c: what a store is like ------------------------------------------------------------------------ */

/* One look: HEAD of the bucket, or of one that nobody has where the connector names none. Once, on a thread of the store.
 * `err` NULL: connected. */
struct look {
    struct object_request request; /* first */
    struct object_store *objects;
    bool has_bucket;
    struct error refusal; /* of HEAD, while LIST is asked for the reason */
    /* Once, on a thread of the store; err NULL: connected. */
    void (*done)(struct look *look, const struct error *err);
};

/* Fill in `done` before. Borrows look and bucket ("": none) until then. False: `done` is not called. Errors: those of
 * object_start(). */
bool look_start(struct look *look, struct object_store *objects, const char *bucket, int64_t deadline_ms,
                struct error *err);

/* ---- registry.c ------------------------------------------------------------------------------------------ */

struct connector_use {
    struct list link;
    char who[]; /* NUL-terminated */
};

struct connector_wait {
    struct list link;
    void (*changed)(void *arg);
    void *arg;
};

struct connector {
    struct connectors *all;
    char id[CONNECTOR_ID_MAX];
    const struct connector_type *type;
    uint64_t hash;
    bool builtin;
    atomic_uint references;

    /* Under lock; changed by who holds control besides. JSON is copied for whoever is to have it without the lock. */
    json_t *object;      /* whole, with its secrets; NULL: the catalog's could not be read */
    struct error damage; /* of what the catalog has: until it is set anew; ERR_NONE: none */
    uint64_t version;    /* of the object */
    int64_t created_ms;
    int64_t modified_ms;
    bool started; /* false: it is opened when that is asked for */
    bool deleted;

    /* Under lock. */
    struct shared_store *store; /* NULL: not enabled, not started, or it could not be opened */
    enum connector_status status;
    struct error why;
    int64_t look_at_ms; /* monotonic; INT64_MAX: it is not looked at */
    bool looking;
    struct list uses;
    struct list waits;
};

struct connectors {
    char *dir;
    struct catalog *catalog;
    uint8_t key[SECRETS_KEY_BYTES];
    struct worker_pool *pool; /* for probes */
    pthread_t thread;
    bool thread_started;

    pthread_mutex_t control;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic */
    /* Under lock. */
    struct map by_id;
    struct list stores; /* all that are open */
    unsigned looks;     /* under way, tries among them */
    unsigned tries;
    bool stopping;
};

/* A reference, or NULL with ERR_NOT_FOUND. */
struct connector *connector_get(struct connectors *connectors, struct str id, struct error *err);
struct connector *connector_ref(struct connector *connector);
void connector_unref(struct connector *connector); /* NULL is fine */

/* What would be created or changed, read and checked, for trying it: ****** stands for the secret of the one that is there.
 * Returns owned. Errors: ERR_INVALID. */
json_t *connector_read_try(struct connectors *connectors, const json_t *given, char id[CONNECTOR_ID_MAX],
                           const struct connector_type **type, struct error *err);

/* ---- uses.c ---------------------------------------------------------------------------------------------- */

bool uses_none(const struct connector *connector,
               struct error *err); /* under lock. Errors: ERR_BUSY: by whom */
void uses_free(struct connector *connector);

/* ---- watch.c: the thread that has stores looked at, and closes those that nobody has any more ------------- */

void *watch_run(void *connectors);
/* Opens the connector's store anew, if it is enabled and started, and has it looked at; else drops it, with the reason.
 * Not under lock. */
void watch_restart(struct connector *connector);
/* Under lock: what is known of it. Who waits for that is moved to *waiting, for watch_tell() without the lock. */
void watch_set(struct connector *connector, enum connector_status status, const struct error *why,
               struct list *waiting);
void watch_tell(struct list *waiting);

#endif
