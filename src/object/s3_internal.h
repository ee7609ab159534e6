/* The S3 store: one thread, libcurl multi, and calls on it.
 *
 *   request (object.h)  ──▶  one or more calls  ──▶  one or more attempts each
 *   s3_request.c …           s3_call.c               s3_transfer.c
 *
 * A *call* is one exchange that is repeated until its outcome is known, or cannot be, or the deadline is there. A request is one call mostly;
 * a PUT in parts, a deletion of many, a look at what an ambiguous PUT left behind are several.
 *
 * All of it happens on the store's thread (s3_loop.c). Others reach it by mail. */
#ifndef OBJECT_S3_INTERNAL_H
#define OBJECT_S3_INTERNAL_H

#include "base/heap.h"
#include "base/list.h"
#include "base/thread.h"
#include "object/object_internal.h"
#include "object/s3_address.h"
#include "object/s3_answer.h"
#include "object/s3_credentials.h"
#include "object/s3_pace.h"
#include "object/s3_sign.h"
#include "object/s3_sockets.h"

#include <curl/curl.h>
#include <stdatomic.h>

struct s3_store;

/* ---- Mail: what others ask of the store's thread --------------------------------------------------------- */

struct s3_mail {
    struct list node;
    void (*run)(struct s3_mail *mail); /* on the store's thread; the mail is its own again */
};
/* Never blocks. Thread: any. */
void s3_mail_send(struct s3_store *s3, struct s3_mail *mail);

/* ---- Calls ----------------------------------------------------------------------------------------------- */

enum s3_call_state {
    S3_CALL_IDLE,
    S3_CALL_SLEEPING, /* between attempts */
    S3_CALL_WAITING,  /* for credentials, or for the style of addresses */
    S3_CALL_READY,    /* for a connection, and for the pace to allow it */
    S3_CALL_ACTIVE,   /* libcurl has it */
    S3_CALL_SETTLING  /* its attempt has ended, and is being judged */
};

#define S3_CALL_HEADERS 24
#define S3_ETAG_BYTES   128

/* What an answer says besides its body. */
struct s3_answer {
    long status;
    char etag[S3_ETAG_BYTES];
    char put_id[40];   /* x-amz-meta-varve-put */
    char checksum[16]; /* x-amz-checksum-crc32c */
    char region[S3_REGION_BYTES];
    char range[80]; /* Content-Range */
    bool encrypted; /* with a key of the store's owner: the ETag is no MD5 */
    int64_t modified_ms;
    int64_t date_ms;        /* the store's clock; 0: not told */
    int64_t length;         /* Content-Length; -1: not told */
    int64_t retry_after_ms; /* 0: not told */
};

struct s3_call {
    struct list node;       /* in a list of its state */
    struct heap_node timer; /* when to look at it next: milliseconds, monotonic */
    struct s3_store *s3;
    enum s3_call_state state;

    /* What is asked. Set before s3_call_start(), unchanged until `done`. */
    enum object_op op; /* for figures and texts */
    const char *method;
    struct str bucket;
    struct str key;
    enum object_condition condition;
    struct buf query;
    struct s3_header headers[S3_CALL_HEADERS]; /* but for those of every call; lower-case names; copies */
    size_t header_count;
    struct str body;
    const struct object_file *file; /* instead of body */
    char payload[SHA256_HEX_BYTES]; /* the body's SHA-256; empty: there is no body */
    bool writes;                    /* changes something: an outcome may be unknown */
    bool brief;
    bool is_object; /* the answer's body is an object, not XML */
    bool path_only; /* whatever style is decided: the looks that decide it */
    bool vhost_only;
    int64_t deadline_ms;
    size_t answer_max;
    /* Looks at an answer of 2xx; may change the verdict. May be NULL. */
    void (*check)(struct s3_call *call, struct s3_verdict *verdict);
    /* Once. err NULL: an answer of 2xx that stood the check. The call may be started anew, or be freed. */
    void (*done)(struct s3_call *call, const struct error *err);
    void *owner;
    struct object_attempt *attempt; /* of the request it belongs to, for figures; or NULL */

    /* The course. */
    uint64_t turn; /* order of coming, for fairness */
    unsigned attempts;
    int64_t pause_ms;     /* the last one */
    bool maybe;           /* an attempt may have taken effect */
    bool fresh;           /* the next attempt: over a connection of its own */
    uint64_t keys_turn;   /* the generation of credentials that the attempt was signed with */
    uint64_t keys_needed; /* this one or a later one */
    unsigned keys_tries;
    unsigned clock_tries;
    unsigned corrupt_tries;
    uint8_t seen[SHA256_BYTES]; /* what a GET gave that did not fit its ETag */

    /* The attempt that runs. */
    CURL *easy;
    struct curl_slist *lines;
    uint64_t sent_bytes; /* of the body, handed to libcurl */
    int64_t moved_ms;    /* when something last moved */
    int unsent_bytes;    /* in the socket's queue, when it was last looked at */
    bool head_done;      /* the answer's head came whole */
    bool too_large;
    bool file_failed;
    char text[CURL_ERROR_SIZE];

    /* The answer; of the last attempt. */
    struct s3_answer answer;
    struct buf data;
    struct s3_verdict last;
};

/* The call is zeroed, then filled. Nothing fails here: all ends in `done`, never within this function. */
void s3_call_start(struct s3_store *s3, struct s3_call *call);
void s3_call_free(struct s3_call *call); /* what it holds */
/* Adds a header; copies. The name is lowered. */
void s3_call_header(struct s3_call *call, struct str name, struct str value);
bool s3_call_has_header(const struct s3_call *call, struct str name);
void s3_call_target(const struct s3_call *call, struct s3_target *out);
/* An error that the caller of a writing request gets: ERR_UNKNOWN if an attempt may have taken effect. */
void s3_call_outcome(const struct s3_call *call, const struct error *err, struct error *out);

/* For s3_loop.c. */
void s3_call_timer(struct s3_call *call);
void s3_call_begin_attempt(struct s3_call *call);
void s3_call_attempt_ended(struct s3_call *call, CURLcode code);
void s3_call_ready(struct s3_call *call); /* goes on after waiting */
void s3_call_fail(struct s3_call *call, const struct s3_verdict *verdict);
void s3_call_abort(struct s3_call *call, const struct error *err);

/* s3_transfer.c: libcurl's side of an attempt. */
bool s3_transfer_begin(struct s3_call *call);
void s3_transfer_end(struct s3_call *call); /* gives the handle back */
uint64_t s3_call_body_bytes(const struct s3_call *call);

/* ---- The store ------------------------------------------------------------------------------------------- */

enum s3_etags { S3_ETAGS_UNKNOWN, S3_ETAGS_MD5, S3_ETAGS_OTHER };

#define S3_IDLE_HANDLES 64

struct s3_store {
    struct object_store store; /* first: a store is cast to it */

    /* Set once. */
    struct s3_endpoint endpoint;
    CURLM *multi;
    struct s3_sockets sockets; /* of the thread's; s3_sockets_wake(): anybody's */
    struct curl_slist *route;  /* where a host is called by another name; or NULL */
    struct worker_pool *pool;  /* digests of large bodies, credentials */
    pthread_t thread;
    bool running;
    atomic_uint waiting; /* requests that have not ended; relaxed: a limit */

    pthread_mutex_t mail_lock;
    /* Under the lock. */
    struct list mail;
    bool closing;
    bool pool_stopped; /* no more mail from workers */

    /* The store's thread only. */
    bool stopping;
    struct heap timers;
    struct list calls;   /* IDLE ones are in none; SLEEPING and SETTLING ones here */
    struct list blocked; /* WAITING */
    struct list small;   /* READY, with little or no body */
    struct list bulk;    /* READY, with a large one */
    struct list active;
    unsigned active_count;
    unsigned bulk_count;
    uint64_t turns;
    CURL *idle[S3_IDLE_HANDLES];
    unsigned idle_count;
    struct s3_pace pace;
    int64_t pace_due_ns; /* when the next may go out; 0: at once */
    struct s3_signer signer;
    int64_t skew_ms; /* added to our clock when signing */
    enum s3_etags etags;
    bool bare_etags; /* If-Match of a PUT: without quotes */

    /* Credentials. */
    struct s3_identity identity;
    uint64_t keys_turn; /* counts identities */
    bool has_identity;
    bool refreshing;
    int64_t expiry_margin_ms;
    int64_t refresh_at_ms;    /* wall clock: time for others, while these still serve; 0: never */
    int64_t refresh_after_ms; /* monotonic: not before */

    /* Style of addresses, while it is undecided. */
    enum s3_style style;
    struct s3_look *look; /* under way, or NULL */
};

int64_t s3_now_ms(void);

/* Whether there are credentials for the call; if not, they are on their way and it waits in `blocked`. (s3_keys.c) */
bool s3_keys_ready(struct s3_store *s3, const struct s3_call *call);
/* Whether others than those it was signed with may be had; then it needs them from here on. */
bool s3_keys_renew(struct s3_store *s3, struct s3_call *call);
bool s3_keys_open(struct s3_store *s3, struct error *err);
void s3_keys_close(struct s3_store *s3);

/* The style for this bucket; UNDECIDED: a look is under way and the call waits. (s3_look.c) */
enum s3_style s3_style_for(struct s3_store *s3, const struct s3_call *call);

/* Wakes what waits in `blocked`. */
void s3_unblock(struct s3_store *s3);
/* What waits for credentials ends its attempt with this. */
void s3_fail_blocked(struct s3_store *s3, const struct s3_verdict *verdict);

void *s3_run(void *arg); /* the thread */

/* ---- Requests -------------------------------------------------------------------------------------------- */

/* A request on its way. */
struct object_attempt {
    struct s3_mail mail;
    struct worker_job job;
    struct s3_store *s3;
    struct object_request *request;
    int64_t started_ms;  /* monotonic */
    int64_t deadline_ms; /* monotonic */
    unsigned attempts;
    struct s3_call call;
    struct digests digests; /* of the body */
    char put_id[40];
    bool begun;           /* counted as in flight */
    struct error failure; /* what the request ends with, if it is looked into before */
    bool doubt;           /* an attempt may have taken effect */
    struct buf body;      /* of ours: XML */
    void *more;           /* of a request of several calls */
};

bool s3_start(struct object_store *store, struct object_request *request, struct error *err);
/* Ends the request; err NULL: success. Takes the attempt. */
void s3_request_end(struct object_attempt *attempt, const struct error *err);
/* Zeroes the call and sets what all calls of a request share. */
void s3_request_call(struct object_attempt *attempt, struct s3_call *call, const char *method,
                     struct str key);
void s3_copy_info(struct object_attempt *attempt, const struct s3_call *call);
/* What is to be known of a body, or a part of one, of that size. */
unsigned s3_digest_kinds(const struct object_attempt *attempt, uint64_t body_bytes);
/* Reads the file's part: on a worker. */
bool s3_digest_file(const struct object_file *file, unsigned kinds, struct digests *out, struct error *err);
bool s3_is_in_parts(
    const struct object_attempt *attempt); /* a PUT above multipart_bytes, without a condition */
void s3_count_call(struct object_attempt *attempt, struct s3_call *call);

void s3_put_begin(struct object_attempt *attempt); /* s3_put.c */
void s3_put_object_headers(struct object_attempt *attempt, struct s3_call *call);
/* Ends a PUT with what its deciding call ended with. */
void s3_put_ended(struct object_attempt *attempt, const struct s3_call *call, const struct error *err);
/* It was refused on its condition: looks whose object is there. doubt: an attempt had no answer. */
void s3_put_verify(struct object_attempt *attempt, const struct error *refusal, bool doubt);
void s3_parts_begin(struct object_attempt *attempt);       /* s3_parts.c */
void s3_delete_many_begin(struct object_attempt *attempt); /* s3_delete.c */
void s3_read_begin(struct object_attempt *attempt);        /* s3_read.c: GET, HEAD, LIST, HEAD_BUCKET */
void s3_delete_begin(struct object_attempt *attempt);
bool s3_sweep(struct object_store *store, struct str bucket, struct str prefix, int64_t older_ms,
              size_t *ended, struct error *err);

/* "…" in quotes is the MD5 that a store gives for a body put at once. */
bool s3_etag_is_md5(const char *etag);
/* Learns from what fits whether this store's ETags are MD5; where they are, one that does not fit is wrong. */
bool s3_etag_is_wrong(struct s3_store *s3, const struct s3_answer *answer, const struct digests *digests);
bool s3_etag_fits(const char *etag, const struct digests *digests);

#endif
