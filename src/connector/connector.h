/* Connectors: the stores that stations' second tier and sinks write to, by name.
 *
 *     {"type": "s3", "name": "archive", …}   ─▶  id "s3:archive"  ─▶  one struct object_store for all who use it
 *
 * A connector is a JSON object in the catalog (spec.h reads it, schema.c says what is in it), a store that is opened
 * from it, and what the last look at that store has found: connected, connecting or disconnected, with the reason.
 * `directory:local` is always there: the directory DIR/objects.
 *
 * Who writes to a store over months says so (connectors_use), so that nobody deletes it below him, and takes a
 * reference for each piece of work (connectors_take): an update opens another store, and work under way ends on the
 * former one.
 *
 * Secrets are literals, file:///path or env:NAME. Literals are encrypted in the catalog with a key that follows from
 * DIR/secret.key, and ****** in whatever is shown.
 *
 * Thread: any but a reactor: calls read and write the catalog. Exceptions are said. */
#ifndef CONNECTOR_CONNECTOR_H
#define CONNECTOR_CONNECTOR_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "object/object.h"

#include <jansson.h>
#include <stdint.h>

struct catalog;
struct connectors;
struct secret_key;
struct spec_key; /* spec.h */

#define CONNECTOR_LOCAL    "directory:local"
#define CONNECTOR_NAME_MAX 255 /* bytes; letters, digits, _ and -, a letter or digit first */
#define CONNECTOR_ID_MAX   300

struct connectors_options {
    const char *dir;         /* the data directory: relative paths of directory connectors begin there */
    struct catalog *catalog; /* borrowed until connectors_close() */
    const struct secret_key *secret; /* of the installation; copied as the key that follows from it */
};

/* Reads all of them and begins to look at their stores. One that cannot be read or opened is there all the same, with what
 * is wrong as its reason. Returns owned. Errors: those of the catalog and of starting threads. */
struct connectors *connectors_open(const struct connectors_options *options, struct error *err);
/* Ends requests that are under way (ERR_CLOSED) and closes all stores. Whoever uses one has stopped before; references
 * that are still held are our own mistake: asserted. Takes; NULL is fine. Blocks. */
void connectors_close(struct connectors *connectors);

/* ---- Working with a store -------------------------------------------------------------------------------- */

/* A store in somebody's hands. It stays open until it is released, whatever becomes of its connector. */
struct connector_store {
    struct object_store *objects;
    const char *bucket; /* the connector's default; "": none */
    const char *id;     /* "s3:archive" */
};

/* Returns a reference; the same pointer as long as the connector is not changed: so what a probe has found can be kept with it.
 * A store that is disconnected is given, too: its requests say what is wrong, and may succeed.
 * Errors: ERR_NOT_FOUND (no such connector), ERR_READ_ONLY (it is disabled), those of object_store_open(). */
struct connector_store *connectors_take(struct connectors *connectors, struct str id, struct error *err);
struct connector_store *connector_store_ref(struct connector_store *store); /* Thread: any */
/* Takes; NULL is fine. Never blocks: the last one lets a thread of the connectors close it. Thread: any, a store's too. */
void connector_store_release(struct connector_store *store);

/* How locations in a table begin: "s3://bucket", or the path of the bucket's directory, so that other programs find the
 * files that a table names. Returns owned. NULL: ERR_NOT_FOUND. */
char *connectors_root(struct connectors *connectors, struct str id, struct str bucket, struct error *err);

/* While somebody uses a connector, it is not deleted. `who` is a kind and a name: "station:telemetry", "action:s3:archive".
 * Each use is ended once by connectors_unuse() with the same text. Errors: ERR_NOT_FOUND. */
bool connectors_use(struct connectors *connectors, struct str id, struct str who, struct error *err);
void connectors_unuse(struct connectors *connectors, struct str id, struct str who);

/* ---- The objects ----------------------------------------------------------------------------------------- */

/* Creates one. `object` is borrowed; what the broker itself says of a connector ("status" and the like) is passed over, so
 * that one that was read can be sent. *id gets its id. Errors: ERR_INVALID (which key, what was expected), ERR_EXISTS, those of
 * the catalog. */
bool connectors_create(struct connectors *connectors, const json_t *object, char id[CONNECTOR_ID_MAX],
                       struct error *err);
/* Changes the keys that are given, those of inner objects too; null sets one back to its default; ****** keeps a secret. Errors:
 * as above, ERR_NOT_FOUND. */
bool connectors_update(struct connectors *connectors, struct str id, const json_t *object, struct error *err);
/* Errors: ERR_NOT_FOUND, ERR_BUSY (in use: by whom), ERR_INVALID (directory:local). */
bool connectors_delete(struct connectors *connectors, struct str id, struct error *err);
bool connectors_enable(struct connectors *connectors, struct str id, bool enable, struct error *err);
/* Opens the store anew, with what its files and variables hold by then, and looks at it. Errors: ERR_NOT_FOUND, ERR_INVALID (disabled). */
bool connectors_start(struct connectors *connectors, struct str id, struct error *err);

/* The object without secrets, and with "status", "status_reason", "node_status", "actions", "uses", "created_at",
 * "last_modified_at". `node` names this broker. Returns owned; NULL: ERR_NOT_FOUND. */
json_t *connectors_describe(struct connectors *connectors, struct str id, const char *node,
                            struct error *err);
/* In the order of ids. `each` borrows; false stops; it may call anything but connectors_close(). */
void connectors_each(struct connectors *connectors, bool (*each)(struct str id, void *arg), void *arg);

enum connector_status { CONNECTOR_CONNECTED, CONNECTOR_CONNECTING, CONNECTOR_DISCONNECTED };
const char *connector_status_name(enum connector_status status); /* "connected" */

/* What the last look at the store has found; *why: ERR_NONE and no text where it is connected. Errors: ERR_NOT_FOUND. */
bool connectors_status(struct connectors *connectors, struct str id, enum connector_status *status,
                       struct error *why, struct error *err);
/* Calls `changed` once, when the connector is not connecting any more; at once if it is not. On any thread; must not block.
 * How long to wait is the caller's: its own start_timeout, in ms, is what is returned; -1: ERR_NOT_FOUND, `changed` is
 * not called. */
int64_t connectors_await(struct connectors *connectors, struct str id, void (*changed)(void *arg), void *arg,
                         struct error *err);

/* The keys of a type, "s3" or "directory", but type and name; NULL: there is no such type. */
const struct spec_key *connector_keys(const char *type);

/* ---- Trying ---------------------------------------------------------------------------------------------- */

/* Tries what would be created, without creating it: opens a store, looks at it once, closes it. Where there is one of
 * this id, ****** stands for its secret. `done` is called once, on any thread, perhaps before this returns; err NULL: it would be
 * connected. False: `done` is not called. Errors: ERR_INVALID, as connectors_create(); ERR_BUSY (too many at once). */
bool connectors_try(struct connectors *connectors, const json_t *object,
                    void (*done)(const struct error *err, void *arg), void *arg, struct error *err);
/* One look at a bucket (empty: the connector's default) in the store of a connector that is there: whether an action or a station
 * could use it. `done` as above. Errors: ERR_NOT_FOUND, ERR_READ_ONLY (disabled), ERR_BUSY, those of object_store_open(). */
bool connectors_look(struct connectors *connectors, struct str id, struct str bucket,
                     void (*done)(const struct error *err, void *arg), void *arg, struct error *err);
/* Everything that object_probe() tries, in the bucket (empty: the connector's default) below the prefix. As above; `probe`
 * is borrowed. Errors: ERR_NOT_FOUND, ERR_INVALID (no bucket), ERR_READ_ONLY (disabled), ERR_BUSY. */
bool connectors_probe(struct connectors *connectors, struct str id, struct str bucket, struct str prefix,
                      void (*done)(const struct object_probe *probe, const struct error *err, void *arg),
                      void *arg, struct error *err);

#endif
