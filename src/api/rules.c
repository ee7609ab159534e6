/* Authorization rules, as EMQX has them under its source "built_in_database": of clients, of users, and of all.
 *
 * They are rules of the catalog, like those of `varve acl`, which stand in between: first those of clients, then of users, then
 * `varve acl`'s by their positions, then those of all. A list is replaced as a whole, all or nothing. */
#include "api/api_internal.h"

#include "base/mem.h"
#include "broker/acl.h"
#include "catalog/catalog.h"

static const char rule_schema[] =
    "{'type':'object','required':['topic','permission'],'additionalProperties':false,'properties':{"
    "'topic':{'type':'string','minLength':1,'maxLength':65535},"
    "'permission':{'type':'string','enum':['allow','deny']},"
    "'action':{'type':'string','enum':['publish','subscribe','all'],'default':'all'}}}";

#define RULES "'rules':{'type':'array','maxItems':1000,'items':{'$ref':'#/components/schemas/acl_rule'}}"

static const char of_user_schema[] =
    "{'type':'object','required':['username','rules'],'additionalProperties':false,'properties':{"
    "'username':{'type':'string','minLength':1,'maxLength':1024}," RULES "}}";
static const char of_client_schema[] =
    "{'type':'object','required':['clientid','rules'],'additionalProperties':false,'properties':{"
    "'clientid':{'type':'string','minLength':1,'maxLength':1024}," RULES "}}";

static const struct api_component components[] = {
    {"acl_rule", rule_schema},
    {"acl_of_user", of_user_schema},
    {"acl_of_client", of_client_schema},
};

/* Whom a list is about. */
enum about { ABOUT_CLIENT, ABOUT_USER, ABOUT_ALL };

static const char *const names[] = {"clientid", "username", NULL};
static const int64_t positions[] = {-2000000000, -1000000000, 1000000000};

/* NULL: not one of these lists. */
static const char *owner(const struct catalog_rule *rule, enum about about)
{
    if (rule->address != NULL || (rule->username != NULL && rule->client_id != NULL))
        return NULL;
    switch (about) {
    case ABOUT_CLIENT: return rule->client_id;
    case ABOUT_USER: return rule->username;
    case ABOUT_ALL: break;
    }
    return rule->username == NULL && rule->client_id == NULL ? "" : NULL;
}

static json_t *rule_json(const struct catalog_rule *rule)
{
    return json_pack("{s:s, s:s, s:s}", "topic", rule->topic, "permission", rule->allow ? "allow" : "deny",
                     "action",
                     rule->publish && rule->subscribe ? "all"
                     : rule->publish                  ? "publish"
                                                      : "subscribe");
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

struct gathering {
    enum about about;
    json_t *lists; /* {owner: [rule]} */
};

static bool gather(const struct catalog_rule *rule, void *arg)
{
    struct gathering *gathering = arg;
    const char *name = owner(rule, gathering->about);
    if (name == NULL)
        return true;
    json_t *list = json_object_get(gathering->lists, name);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(gathering->lists, name, list);
    }
    json_array_append_new(list, rule_json(rule));
    return true;
}

/* All lists of the kind, {owner: [rule]}; NULL: the request has its reply. */
static json_t *lists_of(struct api_request *request, enum about about)
{
    struct gathering gathering = {.about = about, .lists = json_object()};
    struct error err;
    if (catalog_rule_each(api_catalog(request), gather, &gathering, &err))
        return gathering.lists;
    json_decref(gathering.lists);
    api_reply_failure(request, &err);
    return NULL;
}

static void list(struct api_request *request, enum about about)
{
    json_t *lists = lists_of(request, about), *rules;
    const char *name, *like = api_query(request, about == ABOUT_CLIENT ? "like_clientid" : "like_username");
    if (lists == NULL)
        return;
    struct api_lister lister = api_lister(request);
    json_object_foreach(lists, name, rules)
    {
        if ((like == NULL || strstr(name, like) != NULL) && api_lister_want(&lister))
            api_lister_add(&lister, json_pack("{s:s, s:O}", names[about], name, "rules", rules));
    }
    json_decref(lists);
    api_lister_reply(request, &lister);
}

static void show(struct api_request *request, enum about about)
{
    const char *name = api_path(request, names[about]).data;
    json_t *lists = lists_of(request, about);
    if (lists == NULL)
        return;
    json_t *rules = json_object_get(lists, name);
    if (rules != NULL)
        api_reply_json(request, 200, json_pack("{s:s, s:O}", names[about], name, "rules", rules));
    else
        api_reply_error(request, 404, "NOT_FOUND", "no rules of %s", name);
    json_decref(lists);
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

static bool read_rules(json_t *list, struct catalog_rule *out, struct error *err)
{
    size_t i;
    json_t *rule;
    json_array_foreach(list, i, rule)
    {
        const char *action = json_string_value(json_object_get(rule, "action"));
        out[i] = (struct catalog_rule){
            .allow = strcmp(json_string_value(json_object_get(rule, "permission")), "allow") == 0,
            .publish = action == NULL || strcmp(action, "subscribe") != 0,
            .subscribe = action == NULL || strcmp(action, "publish") != 0,
            .topic = (char *)json_string_value(json_object_get(rule, "topic")),
        };
        if (!acl_topic_check(out[i].topic, err))
            return error_wrap(err, "rules[%zu].topic", i);
    }
    return true;
}

/* False: the request has its reply. */
static bool replace(struct api_request *request, enum about about, const char *name, json_t *list,
                    size_t *removed)
{
    size_t count = json_array_size(list);
    struct catalog_rule *rules = mem_zalloc((count + 1) * sizeof(*rules));
    struct error err;
    bool ok = read_rules(list, rules, &err) &&
              catalog_rules_replace(api_catalog(request), about == ABOUT_USER ? name : NULL,
                                    about == ABOUT_CLIENT ? name : NULL, rules, count, positions[about],
                                    removed, &err);
    mem_free(rules);
    if (!ok)
        api_reply_failure(request, &err);
    return ok;
}

/* Several lists at once, each of somebody who has none. */
static void create(struct api_request *request, enum about about)
{
    json_t *lists = lists_of(request, about), *entry;
    size_t i, removed;
    if (lists == NULL)
        return;
    json_array_foreach(api_body(request), i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, names[about]));
        if (json_object_get(lists, name) == NULL)
            continue;
        api_reply_error(request, 409, "ALREADY_EXISTS", "%s has rules already", name);
        json_decref(lists);
        return;
    }
    json_decref(lists);
    json_array_foreach(api_body(request), i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, names[about]));
        if (!name_ok(request, names[about], name) ||
            !replace(request, about, name, json_object_get(entry, "rules"), &removed))
            return;
    }
    api_reply_none(request);
}

static void update(struct api_request *request, enum about about)
{
    size_t removed;
    const char *name = api_path(request, names[about]).data;
    if (name_ok(request, names[about], name) &&
        replace(request, about, name, json_object_get(api_body(request), "rules"), &removed))
        api_reply_none(request);
}

static void remove_rules(struct api_request *request, enum about about)
{
    size_t removed = 0;
    const char *name = about != ABOUT_ALL ? api_path(request, names[about]).data : NULL;
    json_t *none = json_array();
    bool ok = replace(request, about, name, none, &removed);
    json_decref(none);
    if (ok && removed == 0 && about != ABOUT_ALL)
        api_reply_error(request, 404, "NOT_FOUND", "no rules of %s", name);
    else if (ok)
        api_reply_none(request);
}

/* ---- The three kinds ------------------------------------------------------------------------------------- */

static void list_clients(struct api_request *request)
{
    list(request, ABOUT_CLIENT);
}

static void list_users(struct api_request *request)
{
    list(request, ABOUT_USER);
}

static void create_clients(struct api_request *request)
{
    create(request, ABOUT_CLIENT);
}

static void create_users(struct api_request *request)
{
    create(request, ABOUT_USER);
}

static void show_client(struct api_request *request)
{
    show(request, ABOUT_CLIENT);
}

static void show_user(struct api_request *request)
{
    show(request, ABOUT_USER);
}

static void update_client(struct api_request *request)
{
    update(request, ABOUT_CLIENT);
}

static void update_user(struct api_request *request)
{
    update(request, ABOUT_USER);
}

static void remove_client(struct api_request *request)
{
    remove_rules(request, ABOUT_CLIENT);
}

static void remove_user(struct api_request *request)
{
    remove_rules(request, ABOUT_USER);
}

static void show_all(struct api_request *request)
{
    json_t *lists = lists_of(request, ABOUT_ALL);
    if (lists == NULL)
        return;
    json_t *rules = json_object_get(lists, "");
    api_reply_json(request, 200,
                   json_pack("{s:o}", "rules", rules != NULL ? json_incref(rules) : json_array()));
    json_decref(lists);
}

static void replace_all(struct api_request *request)
{
    size_t removed;
    if (replace(request, ABOUT_ALL, NULL, json_object_get(api_body(request), "rules"), &removed))
        api_reply_none(request);
}

static void remove_all(struct api_request *request)
{
    remove_rules(request, ABOUT_ALL);
}

/* ---- Routes ---------------------------------------------------------------------------------------------- */

static const struct api_param client_params[] = {
    API_PAGE_PARAMS,
    {.name = "like_clientid", .type = API_STRING, .description = "a part of the client id"},
    {.name = NULL},
};

static const struct api_param user_params[] = {
    API_PAGE_PARAMS,
    {.name = "like_username", .type = API_STRING, .description = "a part of the user name"},
    {.name = NULL},
};

#define PREFIX    "/api/v5/authorization/sources/built_in_database/rules"
#define OF_USER   "{'$ref':'#/components/schemas/acl_of_user'}"
#define OF_CLIENT "{'$ref':'#/components/schemas/acl_of_client'}"
#define LIST(item) \
    "{'type':'object','properties':{'data':{'type':'array','items':" item "},'meta':" API_META "}}"
#define BODY "{'type':'object','required':['rules'],'properties':{" RULES "}}"

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = PREFIX "/clients",
     .handle = list_clients,
     .access = API_READ,
     .summary = "Rules by client id",
     .params = client_params,
     .answer = LIST(OF_CLIENT)},
    {.method = API_POST,
     .path = PREFIX "/clients",
     .handle = create_clients,
     .access = API_ADMINISTER,
     .summary = "Gives rules to client ids that have none",
     .body = "{'type':'array','maxItems':1000,'items':" OF_CLIENT "}",
     .errors = "409 ALREADY_EXISTS"},
    {.method = API_GET,
     .path = PREFIX "/clients/{clientid}",
     .handle = show_client,
     .access = API_READ,
     .summary = "Rules of a client id",
     .answer = OF_CLIENT,
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = PREFIX "/clients/{clientid}",
     .handle = update_client,
     .access = API_ADMINISTER,
     .summary = "Replaces the rules of a client id",
     .body = BODY},
    {.method = API_DELETE,
     .path = PREFIX "/clients/{clientid}",
     .handle = remove_client,
     .access = API_ADMINISTER,
     .summary = "Deletes the rules of a client id",
     .errors = "404 NOT_FOUND"},
    {.method = API_GET,
     .path = PREFIX "/users",
     .handle = list_users,
     .access = API_READ,
     .summary = "Rules by user",
     .params = user_params,
     .answer = LIST(OF_USER)},
    {.method = API_POST,
     .path = PREFIX "/users",
     .handle = create_users,
     .access = API_ADMINISTER,
     .summary = "Gives rules to users that have none",
     .body = "{'type':'array','maxItems':1000,'items':" OF_USER "}",
     .errors = "409 ALREADY_EXISTS"},
    {.method = API_GET,
     .path = PREFIX "/users/{username}",
     .handle = show_user,
     .access = API_READ,
     .summary = "Rules of a user",
     .answer = OF_USER,
     .errors = "404 NOT_FOUND"},
    {.method = API_PUT,
     .path = PREFIX "/users/{username}",
     .handle = update_user,
     .access = API_ADMINISTER,
     .summary = "Replaces the rules of a user",
     .body = BODY},
    {.method = API_DELETE,
     .path = PREFIX "/users/{username}",
     .handle = remove_user,
     .access = API_ADMINISTER,
     .summary = "Deletes the rules of a user",
     .errors = "404 NOT_FOUND"},
    {.method = API_GET,
     .path = PREFIX "/all",
     .handle = show_all,
     .access = API_READ,
     .summary = "Rules of all clients",
     .answer = "{'type':'object','properties':{" RULES "}}"},
    {.method = API_POST,
     .path = PREFIX "/all",
     .handle = replace_all,
     .access = API_ADMINISTER,
     .summary = "Replaces the rules of all clients",
     .body = BODY},
    {.method = API_DELETE,
     .path = PREFIX "/all",
     .handle = remove_all,
     .access = API_ADMINISTER,
     .summary = "Deletes the rules of all clients"},
};

const struct api_table rules_table = {
    .tag = "Authorization",
    .description = "What clients may do",
    .routes = routes,
    .count = LENGTH(routes),
    .components = components,
    .component_count = LENGTH(components),
};
