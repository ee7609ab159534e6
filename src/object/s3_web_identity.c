/* A role for a token that somebody else has signed, as Kubernetes does for a service account (IRSA on EKS).
 *
 *     AWS_WEB_IDENTITY_TOKEN_FILE  ─▶ the token; renewed by who has put it there, and so read each time
 *     AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
 *          │  POST to STS: AssumeRoleWithWebIdentity, which is not signed: the token is the proof
 *          ▼
 *     keys for an hour, with their end
 *
 * STS is the region's (AWS_REGION, AWS_DEFAULT_REGION), or AWS_ENDPOINT_URL_STS. */
#include "object/s3_credentials.h"

#include "base/mem.h"
#include "object/object_internal.h"
#include "object/s3_xml.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKEN_BYTES_MAX (64u << 10)

static bool given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void append_encoded(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (plain)
            buf_append_byte(out, (uint8_t)c);
        else
            buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

static void append_field(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "&%s=", name);
    append_encoded(out, value);
}

static void endpoint_of(struct buf *out)
{
    const char *url = secure_getenv("AWS_ENDPOINT_URL_STS");
    const char *region = secure_getenv("AWS_REGION");
    if (!given(region))
        region = secure_getenv("AWS_DEFAULT_REGION");
    if (given(url)) {
        buf_append_str(out, str_of(url));
    } else if (given(region)) {
        buf_printf(out, "https://sts.%s.amazonaws.com%s/", region,
                   str_starts(str_of(region), STR("cn-")) ? ".cn" : "");
    } else {
        buf_append_str(out, STR("https://sts.amazonaws.com/"));
    }
}

static bool append_token(const char *path, struct buf *form, struct error *err)
{
    struct buf text = {0};
    bool ok = buf_read_file(&text, path, TOKEN_BYTES_MAX, err);
    struct str token = str_trim(buf_str(&text));
    if (ok && token.len == 0)
        ok = error_set(err, ERR_INVALID, "%s is empty", path);
    if (ok)
        append_field(form, "WebIdentityToken", token);
    if (text.data != NULL)
        mem_wipe(text.data, text.cap);
    buf_free(&text);
    return ok;
}

static bool make_form(const char *role, const char *path, struct buf *form, struct error *err)
{
    const char *session = secure_getenv("AWS_ROLE_SESSION_NAME");
    buf_append_str(form, STR("Action=AssumeRoleWithWebIdentity&Version=2011-06-15"));
    append_field(form, "RoleArn", str_of(role));
    append_field(form, "RoleSessionName", given(session) ? str_of(session) : STR("varve"));
    return append_token(path, form, err);
}

/* What STS says of a refusal is in the body. */
static bool refused(struct str body, struct error *err)
{
    struct s3_error why;
    if (err != NULL && err->code == ERR_DENIED && s3_xml_role_error(body, &why) && why.code[0] != '\0') {
        error_set(err, ERR_DENIED, "%s: %s", why.code, why.message);
        error_hint(err, "see the role's trust policy, and whether the token is of its issuer");
    }
    return false;
}

bool s3_credentials_from_web_identity(struct s3_identity *out, bool *found, struct error *err)
{
    const char *role = secure_getenv("AWS_ROLE_ARN");
    const char *path = secure_getenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    struct buf url = {0}, form = {0}, body = {0};
    struct error why = {0};
    *found = given(path); /* a role alone may be for a profile */
    if (!*found)
        return true;
    if (!given(role))
        return error_set(err, ERR_INVALID,
                         "the environment has AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN");
    endpoint_of(&url);
    bool ok =
        s3_url_is_trusted(buf_cstr(&url)) ||
        error_set(&why, ERR_INVALID, "AWS_ENDPOINT_URL_STS: must be https, or an address of this machine");
    ok = ok && make_form(role, path, &form, &why) &&
         (s3_metadata_ask(
              &(struct s3_metadata_request){.url = buf_cstr(&url),
                                            .method = "POST",
                                            .header = "content-type: application/x-www-form-urlencoded",
                                            .body = buf_str(&form)},
              &body, &why) ||
          refused(buf_str(&body), &why)) &&
         s3_xml_role(buf_str(&body), out, &why);
    if (!ok && err != NULL) {
        *err = why;
        error_wrap(err, "role %s by a web identity", role);
    }
    struct buf *const all[] = {&url, &form, &body};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->data != NULL)
            mem_wipe(all[i]->data, all[i]->cap);
        buf_free(all[i]);
    }
    return ok;
}
