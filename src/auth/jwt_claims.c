/* What a verified token says (RFC 7519, 4), read strictly: a claim that the broker acts on and that has the wrong
 * type refuses the token, since dropping it could grant more than its issuer meant.
 *
 *   exp, nbf    seconds since 1970, whole or with a fraction; exp itself is already too late (4.1.4)
 *   iss, aud    when the options ask for them
 *   the user name's claim, clientid   text that is not empty
 *   superuser   true or false
 *   acl         [{"permission": "allow"|"deny", "action": "publish"|"subscribe"|"all", "topic": "…"}, …]; a rule
 *               with other members is refused: each could be a condition that narrows it */
#include "auth/auth_internal.h"

#include "base/mem.h"

#include <math.h>

#define SECONDS_MAX 1e15 /* some 30 million years, and exact in a double */

void jwt_claims_free(struct jwt_claims *claims)
{
    mem_free(claims->username);
    mem_free(claims->client_id);
    for (size_t i = 0; i < claims->acl_count; i++)
        mem_free(claims->acl[i].topic);
    mem_free(claims->acl);
    *claims = (struct jwt_claims){0};
}

/* A NumericDate. A fraction is rounded by `round`, to the side that grants less. */
static bool read_time(const json_t *value, const char *claim, double (*round)(double), int64_t *out,
                      struct error *err)
{
    double seconds = round(json_number_value(value));
    if (!json_is_number(value) || !(fabs(seconds) <= SECONDS_MAX))
        return error_set(err, ERR_DENIED, "token: %s is no time", claim);
    *out = (int64_t)seconds;
    return true;
}

static bool check_times(const json_t *payload, const struct jwt_options *options, int64_t now_s,
                        struct jwt_claims *out, struct error *err)
{
    const json_t *exp = json_object_get(payload, "exp");
    const json_t *nbf = json_object_get(payload, "nbf");
    if (exp == NULL && options->require_expiry)
        return error_set(err, ERR_DENIED, "token: no exp");
    if (exp != NULL) {
        if (!read_time(exp, "exp", floor, &out->expires_s, err))
            return false;
        if (now_s - options->leeway_s >= out->expires_s) {
            return error_set(err, ERR_DENIED, "token: expired at %lld, now is %lld",
                             (long long)out->expires_s, (long long)now_s);
        }
    }
    if (nbf != NULL) {
        int64_t from_s = 0;
        if (!read_time(nbf, "nbf", ceil, &from_s, err))
            return false;
        if (now_s + options->leeway_s < from_s) {
            return error_set(err, ERR_DENIED, "token: not valid before %lld, now is %lld", (long long)from_s,
                             (long long)now_s);
        }
    }
    return true;
}

static bool text_is(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static bool check_parties(const json_t *payload, const struct jwt_options *options, struct error *err)
{
    if (options->issuer != NULL && !text_is(json_object_get(payload, "iss"), options->issuer))
        return error_set(err, ERR_DENIED, "token: iss is not \"%s\"", options->issuer);
    if (options->audience == NULL)
        return true;
    const json_t *aud = json_object_get(payload, "aud");
    if (text_is(aud, options->audience))
        return true;
    for (size_t i = 0; i < json_array_size(aud); i++) {
        if (text_is(json_array_get(aud, i), options->audience))
            return true;
    }
    return error_set(err, ERR_DENIED, "token: aud is not \"%s\"", options->audience);
}

/* *out stays NULL if the claim is absent. */
static bool read_text(const json_t *payload, const char *claim, char **out, struct error *err)
{
    const json_t *value = json_object_get(payload, claim);
    if (value == NULL)
        return true;
    if (json_string_length(value) == 0)
        return error_set(err, ERR_DENIED, "token: %s is no text, or empty", claim);
    *out = mem_strdup(json_string_value(value));
    return true;
}

static bool read_rule(const json_t *rule, struct jwt_acl_rule *out)
{
    const json_t *permission = json_object_get(rule, "permission");
    const json_t *action = json_object_get(rule, "action");
    const json_t *topic = json_object_get(rule, "topic");
    bool all = text_is(action, "all");
    *out = (struct jwt_acl_rule){
        .allow = text_is(permission, "allow"),
        .publish = all || text_is(action, "publish"),
        .subscribe = all || text_is(action, "subscribe"),
    };
    if (json_object_size(rule) != 3 || (!out->allow && !text_is(permission, "deny")) ||
        (!out->publish && !out->subscribe) || json_string_length(topic) == 0)
        return false;
    out->topic = mem_strdup(json_string_value(topic));
    return true;
}

static bool read_acl(const json_t *payload, struct jwt_claims *out, struct error *err)
{
    const json_t *acl = json_object_get(payload, "acl");
    if (acl == NULL)
        return true;
    if (!json_is_array(acl))
        return error_set(err, ERR_DENIED, "token: acl is no list");
    out->has_acl = true;
    out->acl = mem_zalloc(json_array_size(acl) * sizeof *out->acl);
    for (size_t i = 0; i < json_array_size(acl); i++) {
        if (!read_rule(json_array_get(acl, i), &out->acl[i]))
            return error_set(err, ERR_DENIED, "token: rule %zu of acl is malformed", i + 1);
        out->acl_count = i + 1;
    }
    return true;
}

bool jwt_claims_read(const json_t *payload, const struct jwt_options *options, int64_t now_s,
                     struct jwt_claims *out, struct error *err)
{
    *out = (struct jwt_claims){0};
    const char *username_claim = options->username_claim != NULL ? options->username_claim : "sub";
    const json_t *superuser = json_object_get(payload, "superuser");
    bool ok = check_times(payload, options, now_s, out, err) && check_parties(payload, options, err) &&
              read_text(payload, username_claim, &out->username, err) &&
              read_text(payload, "clientid", &out->client_id, err) && read_acl(payload, out, err);
    if (ok && superuser != NULL && !json_is_boolean(superuser))
        ok = error_set(err, ERR_DENIED, "token: superuser is neither true nor false");
    out->superuser = json_is_true(superuser);
    if (!ok)
        jwt_claims_free(out);
    return ok;
}
