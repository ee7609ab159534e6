/* Bans: who may not connect. They are those of `varve ban`. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "broker/acl.h"
#include "catalog/catalog.h"

static const char *const kinds[] = {"clientid", "username", "peerhost", "peerhost_net", NULL};

static const char ban_schema[] =
    "{'type':'object','required':['as','who'],'additionalProperties':false,'properties':{"
    "'as':{'type':'string','enum':['clientid','username','peerhost','peerhost_net']},"
    "'who':{'type':'string','minLength':1,'maxLength':1024},'reason':{'type':'string','maxLength':1000},"
    "'until':{'oneOf':[{'type':'string'},{'type':'integer'}],'default':'infinity','description':"
    "'RFC 3339, seconds since 1970, or infinity'},"
    "'by':{'type':'string','description':'taken, and not kept'},"
    "'at':{'oneOf':[{'type':'string'},{'type':'integer'}],'description':'taken, and not kept'}}}";

static const struct api_component components[] = {{"ban", ban_schema}};

static const char *kind_of(const struct catalog_ban *ban)
{
    if (ban->kind == CATALOG_BAN_ADDRESS && strchr(ban->who, '/') != NULL)
        return "peerhost_net";
    return kinds[ban->kind];
}

static enum catalog_ban_kind kind_named(const char *name)
{
    return strcmp(name, "clientid") == 0   ? CATALOG_BAN_CLIENT_ID
           : strcmp(name, "username") == 0 ? CATALOG_BAN_USERNAME
                                           : CATALOG_BAN_ADDRESS;
}

static json_t *ban_json(const struct catalog_ban *ban)
{
    char until[CLOCK_TEXT_BYTES] = "infinity";
    if (ban->until_ms != 0)
        clock_format(ban->until_ms, until);
    return json_pack("{s:s, s:s, s:s, s:s}", "as", kind_of(ban), "who", ban->who, "reason",
                     ban->reason != NULL ? ban->reason : "", "until", until);
}

struct listing {
    const struct api_request *request;
    struct api_lister lister;
};

static bool list_one(const struct catalog_ban *ban, void *arg)
{
    struct listing *listing = arg;
    const char *as = api_query(listing->request, "as");
    const char *who = api_query(listing->request, "like_who");
    if ((as != NULL && strcmp(as, kind_of(ban)) != 0) || (who != NULL && strstr(ban->who, who) == NULL))
        return true;
    if (api_lister_want(&listing->lister))
        api_lister_add(&listing->lister, ban_json(ban));
    return true;
}

static void list(struct api_request *request)
{
    struct listing listing = {.request = request, .lister = api_lister(request)};
    struct error err;
    if (catalog_ban_each(api_catalog(request), list_one, &listing, &err)) {
        api_lister_reply(request, &listing.lister);
        return;
    }
    api_lister_drop(&listing.lister);
    api_reply_failure(request, &err);
}

static bool take_until(json_t *value, int64_t *until_ms, struct error *err)
{
    *until_ms = 0;
    if (json_is_integer(value)) {
        int64_t seconds = json_integer_value(value);
        if (seconds <= 0 || seconds > INT64_MAX / 1000)
            return error_set(err, ERR_INVALID, "until: is no time");
        *until_ms = seconds * 1000;
        return true;
    }
    const char *text = json_string_value(value);
    if (text == NULL || strcmp(text, "infinity") == 0)
        return true;
    return clock_parse(str_of(text), until_ms, err) || error_wrap(err, "until");
}

struct wanted {
    const struct catalog_ban *ban;
    bool found;
};

static bool is_wanted(const struct catalog_ban *ban, void *arg)
{
    struct wanted *wanted = arg;
    wanted->found = ban->kind == wanted->ban->kind && strcmp(ban->who, wanted->ban->who) == 0;
    return !wanted->found;
}

static void create(struct api_request *request)
{
    json_t *body = api_body(request);
    uint8_t address[16], prefix_bits;
    struct catalog_ban ban = {
        .kind = kind_named(json_string_value(json_object_get(body, "as"))),
        .who = (char *)json_string_value(json_object_get(body, "who")),
        .reason = (char *)json_string_value(json_object_get(body, "reason")),
    };
    struct wanted wanted = {.ban = &ban};
    struct error err;
    if (!name_ok(request, "who", ban.who))
        return;
    bool ok = take_until(json_object_get(body, "until"), &ban.until_ms, &err) &&
              (ban.kind != CATALOG_BAN_ADDRESS ||
               acl_address_parse(str_of(ban.who), address, &prefix_bits, &err)) &&
              catalog_ban_each(api_catalog(request), is_wanted, &wanted, &err);
    if (ok && wanted.found) {
        api_reply_error(request, 400, "ALREADY_EXISTS", "%s %s is banned already", kind_of(&ban), ban.who);
        return;
    }
    if (ok && catalog_ban_put(api_catalog(request), &ban, &err))
        api_reply_json(request, 200, ban_json(&ban));
    else
        api_reply_failure(request, &err);
}

static void remove_ban(struct api_request *request)
{
    struct str as = api_path(request, "as");
    struct error err;
    for (const char *const *kind = kinds; *kind != NULL; kind++) {
        if (!str_is(as, *kind))
            continue;
        if (catalog_ban_delete(api_catalog(request), kind_named(*kind), api_path(request, "who"), &err))
            api_reply_none(request);
        else
            api_reply_failure(request, &err);
        return;
    }
    api_reply_error(request, 400, "BAD_REQUEST", "as: is one of clientid, username, peerhost, peerhost_net");
}

static bool collect(const struct catalog_ban *ban, void *arg)
{
    json_array_append_new(arg, json_pack("{s:i, s:s}", "kind", (int)ban->kind, "who", ban->who));
    return true;
}

static void remove_all(struct api_request *request)
{
    json_t *all = json_array(), *ban;
    size_t i;
    struct error err;
    bool ok = catalog_ban_each(api_catalog(request), collect, all, &err);
    json_array_foreach(all, i, ban)
    {
        ok =
            ok && (catalog_ban_delete(api_catalog(request),
                                      (enum catalog_ban_kind)json_integer_value(json_object_get(ban, "kind")),
                                      str_of(json_string_value(json_object_get(ban, "who"))), &err) ||
                   err.code == ERR_NOT_FOUND);
    }
    json_decref(all);
    if (ok)
        api_reply_none(request);
    else
        api_reply_failure(request, &err);
}

static const struct api_param list_params[] = {
    API_PAGE_PARAMS,
    {.name = "as", .type = API_STRING, .description = "what is banned", .choices = kinds},
    {.name = "like_who", .type = API_STRING, .description = "a part of whom it bans"},
    {.name = NULL},
};

#define BAN "{'$ref':'#/components/schemas/ban'}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/banned",
     .handle = list,
     .access = API_READ,
     .summary = "All bans, those that are over included",
     .params = list_params,
     .answer =
         "{'type':'object','properties':{'data':{'type':'array','items':" BAN "},'meta':" API_META "}}"},
    {.method = API_POST,
     .path = "/api/v5/banned",
     .handle = create,
     .access = API_ADMINISTER,
     .summary = "Bans a client id, a user or an address; who is connected is ended within a second",
     .body = BAN,
     .answer = BAN,
     .errors = "400 ALREADY_EXISTS"},
    {.method = API_DELETE,
     .path = "/api/v5/banned",
     .handle = remove_all,
     .access = API_ADMINISTER,
     .summary = "Deletes all bans"},
    {.method = API_DELETE,
     .path = "/api/v5/banned/{as}/{who}",
     .handle = remove_ban,
     .access = API_ADMINISTER,
     .summary = "Deletes a ban",
     .errors = "404 NOT_FOUND"},
};

const struct api_table banned_table = {
    .tag = "Bans",
    .description = "Who may not connect",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
