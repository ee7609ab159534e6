/* Where credentials come from: the configuration, or the AWS chain. Blocks; on a worker.
 *
 * The chain, first that has any: environment (AWS_ACCESS_KEY_ID …), web identity (AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, as
 * EKS sets them for a service account), shared file (~/.aws/credentials, AWS_SHARED_CREDENTIALS_FILE,
 * AWS_PROFILE), container role (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI), instance role (IMDSv2, unless
 * AWS_EC2_METADATA_DISABLED). */
#ifndef OBJECT_S3_CREDENTIALS_H
#define OBJECT_S3_CREDENTIALS_H

#include "object/config.h"
#include "object/s3_sign.h"

/* Fills *out. Errors: ERR_NOT_FOUND (none of the places has any: which were looked at), ERR_DENIED (a place that should has none),
 * those of files and connections. */
bool s3_credentials_load(const struct object_config *config, struct s3_identity *out, struct error *err);

/* The parts. */

/* The profile's keys in the text of a shared file. ERR_NOT_FOUND: no such profile; ERR_INVALID: line, what is wrong. */
bool s3_credentials_from_file(struct str text, struct str profile, struct s3_identity *out,
                              struct error *err);
/* {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}, as roles are answered. */
bool s3_credentials_from_json(struct str text, struct s3_identity *out, struct error *err);
bool s3_credentials_from_environment(struct s3_identity *out, bool *found, struct error *err);
bool s3_credentials_from_web_identity(struct s3_identity *out, bool *found, struct error *err);
bool s3_credentials_from_container(struct s3_identity *out, bool *found, struct error *err);
bool s3_credentials_from_instance(struct s3_identity *out, bool *found, struct error *err);

/* Whether secrets may be sent there: https, this machine, or a container service's address. */
bool s3_url_is_trusted(const char *url);

/* A small GET or PUT to a metadata service: no proxy, no redirect, seconds at most, 64 KiB. A POST goes further: it has more time, and
 * goes by the proxy of the environment. */
struct s3_metadata_request {
    const char *url;
    const char *method;
    const char *header; /* "name: value", or NULL */
    struct str body;    /* of a POST */
};
/* Appends the body; of a POST also that of a refusal. Errors: ERR_IO and ERR_TIMEOUT (not there), ERR_NOT_FOUND (404), ERR_DENIED (other than 200). */
bool s3_metadata_ask(const struct s3_metadata_request *request, struct buf *out, struct error *err);

#endif
