/* Where credentials come from. Each place says "none here" (the next is asked), gives some, or fails: one that is meant to have some
 * and does not is an error, not a reason to sign as somebody else. */
#include "object/s3_credentials.h"

#include "base/clock.h"
#include "base/mem.h"
#include "object/object_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1u << 20)

static bool given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void set(char **out, struct str text)
{
    secret_free(*out);
    *out = str_dup(text);
}

/* ---- Configured keys ------------------------------------------------------------------------------------- */

static bool load_configured(const struct object_config *config, struct s3_identity *out, struct error *err)
{
    out->access_key_id = secret_resolve("access_key_id", config->access_key_id, err);
    if (out->access_key_id == NULL)
        return false;
    out->secret_access_key = secret_resolve("secret_access_key", config->secret_access_key, err);
    if (out->secret_access_key == NULL)
        return false;
    if (given(config->session_token))
        out->session_token = secret_resolve("session_token", config->session_token, err);
    return !given(config->session_token) || out->session_token != NULL;
}

/* ---- The environment ------------------------------------------------------------------------------------- */

bool s3_credentials_from_environment(struct s3_identity *out, bool *found, struct error *err)
{
    const char *id = secure_getenv("AWS_ACCESS_KEY_ID");
    const char *secret = secure_getenv("AWS_SECRET_ACCESS_KEY");
    const char *token = secure_getenv("AWS_SESSION_TOKEN");
    *found = given(id) || given(secret);
    if (!*found)
        return true;
    if (!given(id) || !given(secret)) {
        return error_set(err, ERR_INVALID, "the environment has %s without %s",
                         given(id) ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                         given(id) ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    }
    set(&out->access_key_id, str_of(id));
    set(&out->secret_access_key, str_of(secret));
    if (given(token))
        set(&out->session_token, str_of(token));
    return true;
}

/* ---- The shared file ------------------------------------------------------------------------------------- */

/* key = value; blanks around both do not count. */
static bool read_line(struct str line, struct s3_identity *out, unsigned number, struct error *err)
{
    struct str key;
    struct str value = line;
    (void)str_next(&value, '=', &key);
    if (value.data == NULL)
        return error_set(err, ERR_INVALID, "line %u: neither a [profile] nor key = value", number);
    key = str_trim(key);
    value = str_trim(value);
    if (str_equal_nocase(key, STR("aws_access_key_id"))) {
        set(&out->access_key_id, value);
    } else if (str_equal_nocase(key, STR("aws_secret_access_key"))) {
        set(&out->secret_access_key, value);
    } else if (str_equal_nocase(key, STR("aws_session_token"))) {
        set(&out->session_token, value);
    }
    return true;
}

static bool scan_file(struct str text, struct str profile, struct s3_identity *out, bool *there,
                      struct error *err)
{
    struct str line;
    bool ours = false;
    unsigned number = 0;
    while (str_next(&text, '\n', &line)) {
        bool nested = line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
        number++;
        line = str_trim(line);
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';')
            continue;
        if (line.data[0] == '[') {
            if (line.data[line.len - 1] != ']')
                return error_set(err, ERR_INVALID, "line %u: the profile's ] is missing", number);
            ours = str_equal(str_trim(str_make(line.data + 1, line.len - 2)), profile);
            *there = *there || ours;
        } else if (ours && !nested && !read_line(line, out, number, err)) {
            return false;
        }
    }
    return true;
}

bool s3_credentials_from_file(struct str text, struct str profile, struct s3_identity *out, struct error *err)
{
    bool there = false;
    *out = (struct s3_identity){0};
    bool ok = scan_file(text, profile, out, &there, err);
    if (ok && !there) {
        ok = error_set(err, ERR_NOT_FOUND, "no profile %.*s", (int)(profile.len < 80 ? profile.len : 80),
                       profile.data);
    } else if (ok && (!given(out->access_key_id) || !given(out->secret_access_key))) {
        ok = error_set(err, ERR_NOT_FOUND,
                       "the profile %.*s has no aws_access_key_id with aws_secret_access_key",
                       (int)(profile.len < 80 ? profile.len : 80), profile.data);
    }
    if (!ok)
        s3_identity_free(out);
    return ok;
}

static bool read_profile(const char *path, struct str profile, struct s3_identity *out, struct error *err)
{
    struct buf text = {0};
    bool ok = buf_read_file(&text, path, FILE_BYTES_MAX, err);
    if (ok && !s3_credentials_from_file(buf_str(&text), profile, out, err))
        ok = error_wrap(err, "%s", path);
    if (text.data != NULL)
        mem_wipe(text.data, text.cap);
    buf_free(&text);
    return ok;
}

/* The variable, or the file below the home directory; empty: there is none. */
static void path_of(const char *variable, const char *name, struct buf *out)
{
    const char *path = secure_getenv(variable);
    const char *home = secure_getenv("HOME");
    if (given(path)) {
        buf_append_str(out, str_of(path));
    } else if (given(home)) {
        buf_printf(out, "%s/.aws/%s", home, name);
    }
}

static bool load_profile(const struct object_config *config, struct s3_identity *out, bool *found,
                         struct error *err)
{
    const char *names[] = {config->profile, secure_getenv("AWS_PROFILE"),
                           secure_getenv("AWS_DEFAULT_PROFILE"), "default"};
    struct buf credentials = {0};
    struct buf other = {0};
    struct buf section = {0};
    size_t i = 0;
    while (!given(names[i]))
        i++;
    bool is_wanted = i < 3;
    path_of("AWS_SHARED_CREDENTIALS_FILE", "credentials", &credentials);
    path_of("AWS_CONFIG_FILE", "config", &other);
    buf_printf(&section, strcmp(names[i], "default") == 0 ? "%s" : "profile %s", names[i]);
    struct error why = {.code = ERR_NOT_FOUND};
    *found = credentials.len > 0 && read_profile(buf_cstr(&credentials), str_of(names[i]), out, &why);
    if (!*found && why.code == ERR_NOT_FOUND && other.len > 0) {
        struct error second;
        *found = read_profile(buf_cstr(&other), buf_str(&section), out, &second);
        if (!*found && second.code != ERR_NOT_FOUND)
            why = second;
    }
    bool ok = *found || (why.code == ERR_NOT_FOUND && !is_wanted);
    if (!ok && why.text[0] == '\0')
        error_set(&why, ERR_NOT_FOUND, "no profile %.80s: there is no shared file", names[i]);
    if (!ok && err != NULL)
        *err = why;
    buf_free(&credentials);
    buf_free(&other);
    buf_free(&section);
    return ok;
}

/* ---- Roles ----------------------------------------------------------------------------------------------- */

static struct str text_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR_NONE;
}

static bool read_role(json_t *root, struct s3_identity *out, struct error *err)
{
    struct str code = text_of(root, "Code");
    struct str id = text_of(root, "AccessKeyId");
    struct str secret = text_of(root, "SecretAccessKey");
    struct str expires = text_of(root, "Expiration");
    if (code.len > 0 && !str_is(code, "Success"))
        return error_set(err, ERR_DENIED, "the role gives no credentials: %.*s",
                         (int)(code.len < 80 ? code.len : 80), code.data);
    if (id.len == 0 || secret.len == 0)
        return error_set(err, ERR_PROTOCOL, "the role's answer has no AccessKeyId with SecretAccessKey");
    if (expires.len > 0 && !clock_parse(expires, &out->expires_ms, NULL))
        return error_set(err, ERR_PROTOCOL, "the role's answer has an Expiration that is no time");
    set(&out->access_key_id, id);
    set(&out->secret_access_key, secret);
    set(&out->session_token, text_of(root, "Token"));
    return true;
}

bool s3_credentials_from_json(struct str text, struct s3_identity *out, struct error *err)
{
    json_error_t where;
    *out = (struct s3_identity){0};
    json_t *root = json_loadb(text.data != NULL ? text.data : "", text.len, 0, &where);
    if (!json_is_object(root)) {
        json_decref(root);
        return error_set(err, ERR_PROTOCOL, "the role's answer is not a JSON object");
    }
    bool ok = read_role(root, out, err);
    if (!ok)
        s3_identity_free(out);
    json_decref(root);
    return ok;
}

/* Over plain http a token goes to this machine and the addresses of container services only. */
bool s3_url_is_trusted(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1",     "localhost",      "[::1]",
                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    struct str text = str_of(url);
    if (str_starts(text, STR("https://")))
        return true;
    if (!str_starts(text, STR("http://")))
        return false;
    text = str_make(text.data + 7, text.len - 7);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        size_t len = strlen(hosts[i]);
        if (text.len < len)
            continue;
        struct str rest = str_make(text.data + len, text.len - len);
        if (str_starts(text, str_of(hosts[i])) &&
            (rest.len == 0 || str_starts(rest, STR(":")) || str_starts(rest, STR("/"))))
            return true;
    }
    return false;
}

/* "authorization: token", or nothing. */
static bool container_token(struct buf *out, struct error *err)
{
    const char *path = secure_getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = secure_getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct buf text = {0};
    bool ok = true;
    if (given(path)) {
        ok = buf_read_file(&text, path, FILE_BYTES_MAX, err);
    } else if (given(token)) {
        buf_append_str(&text, str_of(token));
    }
    struct str value = str_trim(buf_str(&text));
    if (ok && memchr(value.len > 0 ? value.data : "", '\n', value.len) != NULL)
        ok = error_set(err, ERR_INVALID, "the container's authorization token has several lines");
    if (ok && value.len > 0)
        buf_printf(out, "authorization: %.*s", STR_ARG(value));
    if (text.data != NULL)
        mem_wipe(text.data, text.cap);
    buf_free(&text);
    return ok;
}

bool s3_credentials_from_container(struct s3_identity *out, bool *found, struct error *err)
{
    const char *relative = secure_getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = secure_getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct buf url = {0};
    struct buf header = {0};
    struct buf body = {0};
    *found = given(relative) || given(full);
    if (!*found)
        return true;
    if (given(relative)) {
        buf_printf(&url, "http://169.254.170.2%s", relative);
    } else {
        buf_append_str(&url, str_of(full));
    }
    bool ok = s3_url_is_trusted(buf_cstr(&url)) ||
              error_set(err, ERR_INVALID,
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI: must be https, or an address of this machine");
    ok = ok && container_token(&header, err) &&
         s3_metadata_ask(&(struct s3_metadata_request){.url = buf_cstr(&url),
                                                       .method = "GET",
                                                       .header = header.len > 0 ? buf_cstr(&header) : NULL},
                         &body, err) &&
         s3_credentials_from_json(buf_str(&body), out, err);
    if (!ok)
        error_wrap(err, "container role");
    struct buf *const all[] = {&url, &header, &body};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->data != NULL)
            mem_wipe(all[i]->data, all[i]->cap);
        buf_free(all[i]);
    }
    return ok;
}

/* GET of a path below the instance's metadata. */
static bool ask_instance(const char *base, const char *path, const char *token, struct buf *out,
                         struct error *err)
{
    struct buf url = {0};
    struct buf header = {0};
    buf_printf(&url, "%s%s", base, path);
    buf_printf(&header, "x-aws-ec2-metadata-token: %s", token);
    bool ok = s3_metadata_ask(
        &(struct s3_metadata_request){.url = buf_cstr(&url), .method = "GET", .header = buf_cstr(&header)},
        out, err);
    mem_wipe(header.data, header.cap);
    buf_free(&url);
    buf_free(&header);
    return ok;
}

static bool load_instance(const char *base, const char *token, struct s3_identity *out, struct error *err)
{
    static const char below[] = "/latest/meta-data/iam/security-credentials/";
    struct buf role = {0};
    struct buf path = {0};
    struct buf body = {0};
    bool ok = ask_instance(base, below, token, &role, err);
    struct str rest = buf_str(&role);
    struct str name = STR_NONE;
    (void)str_next(&rest, '\n', &name);
    name = str_trim(name);
    if (ok && name.len == 0)
        ok = error_set(err, ERR_NOT_FOUND, "this machine has no role");
    buf_printf(&path, "%s%.*s", below, (int)name.len, name.len > 0 ? name.data : "");
    ok = ok && ask_instance(base, buf_cstr(&path), token, &body, err) &&
         s3_credentials_from_json(buf_str(&body), out, err);
    if (body.data != NULL)
        mem_wipe(body.data, body.cap);
    buf_free(&role);
    buf_free(&path);
    buf_free(&body);
    return ok;
}

bool s3_credentials_from_instance(struct s3_identity *out, bool *found, struct error *err)
{
    const char *off = secure_getenv("AWS_EC2_METADATA_DISABLED");
    const char *base = secure_getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct buf url = {0};
    struct buf token = {0};
    struct error why;
    *found = false;
    if (off != NULL && str_equal_nocase(str_of(off), STR("true")))
        return true;
    if (!given(base))
        base = "http://169.254.169.254";
    struct str root = str_of(base);
    while (root.len > 0 && root.data[root.len - 1] == '/')
        root.len--;
    char *trimmed = str_dup(root);
    buf_printf(&url, "%s/latest/api/token", trimmed);
    /* No answer: this is no machine of that kind. */
    bool ok = true;
    if (s3_metadata_ask(
            &(struct s3_metadata_request){.url = buf_cstr(&url),
                                          .method = "PUT",
                                          .header = "x-aws-ec2-metadata-token-ttl-seconds: 21600"},
            &token, &why)) {
        *found = true;
        ok = load_instance(trimmed, buf_cstr(&token), out, err) || error_wrap(err, "instance role");
    }
    if (token.data != NULL)
        mem_wipe(token.data, token.cap);
    buf_free(&token);
    buf_free(&url);
    mem_free(trimmed);
    return ok;
}

/* ---- All of them ----------------------------------------------------------------------------------------- */

static bool load_chain(const struct object_config *config, struct s3_identity *out, struct error *err)
{
    bool found = false;
    bool ok = config->profile != NULL || s3_credentials_from_environment(out, &found, err);
    if (ok && !found && config->profile == NULL)
        ok = s3_credentials_from_web_identity(out, &found, err);
    if (ok && !found)
        ok = load_profile(config, out, &found, err);
    if (ok && !found)
        ok = s3_credentials_from_container(out, &found, err);
    if (ok && !found)
        ok = s3_credentials_from_instance(out, &found, err);
    if (!ok || found)
        return ok;
    error_set(err, ERR_NOT_FOUND,
              "none in the environment, by a web identity, in a shared file, from a container's or this "
              "machine's role");
    return error_hint(err, "give access_key_id and secret_access_key");
}

bool s3_credentials_load(const struct object_config *config, struct s3_identity *out, struct error *err)
{
    struct error why = {.code = ERR_NONE};
    *out = (struct s3_identity){0};
    bool ok = config->credentials == OBJECT_CREDENTIALS_KEYS ? load_configured(config, out, &why)
                                                             : load_chain(config, out, &why);
    for (const char *c = ok ? out->access_key_id : ""; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == ',' || *c == '/')
            ok = error_set(&why, ERR_INVALID, "the access key has a character that no key has");
    }
    for (const char *c = ok && out->session_token != NULL ? out->session_token : ""; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            ok = error_set(&why, ERR_INVALID, "the session token has a character that no token has");
    }
    if (ok)
        return true;
    s3_identity_free(out);
    if (err != NULL)
        *err = why;
    return false;
}
