/* The XML that S3 stores answer with: errors, listings, uploads in parts, deletions. Bytes in, values out; no I/O.
 *
 * Answers come from strangers: depth and lengths are limited, a document type is refused, what is not well-formed is an error. */
#ifndef OBJECT_S3_XML_H
#define OBJECT_S3_XML_H

#include "base/buf.h"
#include "object/object.h"

#define S3_CODE_BYTES    64
#define S3_MESSAGE_BYTES 200
#define S3_REGION_BYTES  64

struct s3_error {
    char code[S3_CODE_BYTES];       /* empty: not told */
    char message[S3_MESSAGE_BYTES]; /* one line of visible text; often empty */
    char region[S3_REGION_BYTES];   /* the bucket's, where the store names it */
};

/* Whether the body is an <Error>; reads what of it there is, even if it breaks off. */
bool s3_xml_error(struct str body, struct s3_error *out);

/* ListBucketResult of ListObjectsV2. Appends to request->list what comes after request->start_after, objects and common prefixes in
 * one order; *more, and *token (appended) to go on with. Errors: ERR_CORRUPT. */
bool s3_xml_list(struct str body, struct object_request *request, bool *more, struct buf *token,
                 struct error *err);

/* Whether the root element is of this name: what kind of answer it is. */
bool s3_xml_root_is(struct str body, const char *name);

/* InitiateMultipartUploadResult. Appends the id. Errors: ERR_CORRUPT. */
bool s3_xml_upload_id(struct str body, struct buf *id, struct error *err);
/* CompleteMultipartUploadResult. Appends the ETag, with quotes. Errors: ERR_CORRUPT. */
bool s3_xml_completed(struct str body, struct buf *etag, struct error *err);

/* ListMultipartUploadsResult. */
struct s3_upload {
    char *key;
    char *id;
    int64_t initiated_ms; /* 0: not told */
};
struct s3_uploads {
    struct s3_upload *items;
    size_t count;
    bool more;
    char *next_key; /* NULL: not told */
    char *next_id;
};
bool s3_xml_uploads(struct str body, struct s3_uploads *out, struct error *err);
void s3_uploads_free(struct s3_uploads *uploads);

struct s3_identity;
/* AssumeRoleWithWebIdentityResponse of STS: fills *out. Errors: ERR_PROTOCOL. */
bool s3_xml_role(struct str body, struct s3_identity *out, struct error *err);
/* STS' ErrorResponse. */
bool s3_xml_role_error(struct str body, struct s3_error *out);

/* DeleteResult: calls `failed` for each <Error>. Errors: ERR_CORRUPT. */
typedef void s3_failed_fn(struct str key, const struct s3_error *why, void *arg);
bool s3_xml_deleted(struct str body, s3_failed_fn *failed, void *arg, struct error *err);

/* For element content. A character that XML cannot carry: false, nothing appended. */
bool s3_xml_escape(struct str text, struct buf *out);

#endif
