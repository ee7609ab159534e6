/* What clients and subscriptions share: lists that end with their page. */
#ifndef API_CLIENTS_INTERNAL_H
#define API_CLIENTS_INTERNAL_H

#include "api/api_internal.h"

/* A list of so many entries that the walk stops behind the page, once it is known whether there is another. */
struct listing {
    struct api_request *request;
    struct api_page page;
    json_t *data;
    uint64_t seen;
    bool filtered;
    bool more;
};

/* `filters`: the query parameters that leave entries out; NULL ends them. */
struct listing listing_begin(struct api_request *request, const char *const *filters);
/* For an entry that is wanted. */
enum listing_step { LISTING_PASS, LISTING_ADD, LISTING_STOP };
enum listing_step listing_next(struct listing *listing);
/* Takes the data. How many there are is known without filters (`all`), or when the walk has come to its end. */
void listing_reply(struct listing *listing, uint64_t all);
void listing_fail(struct listing *listing, const struct error *err); /* instead */

json_t *str_json(struct str value); /* returns owned */
/* ERR_NOT_FOUND is 404 CLIENTID_NOT_FOUND. */
void reply_no_client(struct api_request *request, const struct error *err);

#define NODE_PARAM                                                                                      \
    {                                                                                                   \
        .name = "node", .type = API_STRING, .description = "taken, and of no effect: there is one node" \
    }
#define LIST_OF(item)                                                                                  \
    "{'type':'object','properties':{'data':{'type':'array','items':" item "},'meta':{'type':'object'," \
    "'properties':{'page':{'type':'integer'},'limit':{'type':'integer'},'count':{'type':'integer'},"   \
    "'hasnext':{'type':'boolean'}}}}}"

#endif
