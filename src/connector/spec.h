/* What a JSON object that users write may hold, as a table of its keys: what reads it, shows it and describes it.
 *
 *     static const struct spec_key keys[] = {
 *         {"pool_size", SPEC_COUNT, "8", .min = 1, .max = 1024, .about = "connections at a time"}, …, {0}};
 *
 * An object that has been read is whole: every key with a default is there, in the order of the table, and of its type,
 * so that the functions that ask for values cannot fail. A key that is not in the table is refused: a misspelt limit must not
 * mean "none". Secrets are literals, file:///path or env:NAME. Thread: any, on different objects. */
#ifndef CONNECTOR_SPEC_H
#define CONNECTOR_SPEC_H

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdint.h>

enum spec_kind {
    SPEC_TEXT,   /* min to max bytes, without NUL */
    SPEC_SECRET, /* likewise; shown as SPEC_MASK if it is a literal */
    SPEC_BOOL,
    SPEC_COUNT,    /* a whole number, min to max */
    SPEC_DURATION, /* "15s", or a number of ms, min to max; kept as a text */
    SPEC_SIZE,     /* "32MiB", or a number of bytes, likewise */
    SPEC_CHOICE,   /* one of `choices` */
    SPEC_TEXTS, /* a list of min to max texts, none longer than SPEC_TEXT_MAX bytes; of `choices`, if there are some */
    SPEC_MAP,   /* names to texts, likewise */
    SPEC_LIST,  /* of min to max objects; whoever needs them looks at what is in them */
    SPEC_OBJECT /* `inner` */
};

#define SPEC_TEXT_MAX 4096
#define SPEC_MASK     "******"

struct spec_key {
    const char *key; /* NULL ends a table */
    enum spec_kind kind;
    const char *fallback; /* the default, as JSON with ' for "; NULL: none. Of an object: that of its keys */
    uint64_t min;
    uint64_t max;
    const char *const *choices; /* NULL ends them */
    const struct spec_key *inner;
    const char *about; /* for people: a few words */
};

/* Reads `given` (borrowed) over `former` (borrowed; NULL: over the defaults): keys that are not given stay, null sets one back to
 * its default, SPEC_MASK keeps the former secret. Returns owned. Errors: ERR_INVALID: "transport_options: pool_size:
 * expected a whole number from 1 to 1024"; no text holds a value. */
json_t *spec_read(const struct spec_key *keys, const json_t *given, const json_t *former, struct error *err);

/* The default of a key; NULL: none. Of an object: that of its keys. Returns owned. */
json_t *spec_default(const struct spec_key *key);

/* Values of an object that has been read. A key that is absent: "", 0, false. */
const char *spec_text(const json_t *object, const char *key);
bool spec_bool(const json_t *object, const char *key);
uint64_t spec_count(const json_t *object, const char *key);
int64_t spec_duration_ms(const json_t *object, const char *key);
uint64_t spec_size(const json_t *object, const char *key);

/* A copy with SPEC_MASK for each literal secret that is not empty. Returns owned. */
json_t *spec_mask(const struct spec_key *keys, const json_t *object);

/* A copy in which `change` has made another value of each secret. It gets the secret's place ("ssl.password") and returns
 * owned; NULL: an error, with which all ends. */
typedef json_t *spec_secret_fn(const char *place, const json_t *secret, void *arg, struct error *err);
json_t *spec_secrets(const struct spec_key *keys, const json_t *object, spec_secret_fn *change, void *arg,
                     struct error *err);

/* Whether it says where a secret is, and so is none itself: file://…, env:…. */
bool spec_is_reference(struct str text);

#endif
