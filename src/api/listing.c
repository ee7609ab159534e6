/* See clients_internal.h. */
#include "api/clients_internal.h"

json_t *str_json(struct str value)
{
    return json_stringn(value.len > 0 ? value.data : "", value.len);
}

void reply_no_client(struct api_request *request, const struct error *err)
{
    if (err->code == ERR_NOT_FOUND)
        api_reply_error(request, 404, "CLIENTID_NOT_FOUND", "%s", err->text);
    else
        api_reply_failure(request, err);
}

struct listing listing_begin(struct api_request *request, const char *const *filters)
{
    struct listing listing = {.request = request, .page = api_page(request), .data = json_array()};
    for (; *filters != NULL; filters++)
        listing.filtered = listing.filtered || api_query(request, *filters) != NULL;
    return listing;
}

enum listing_step listing_next(struct listing *listing)
{
    uint64_t at = listing->seen++;
    listing->more = at >= listing->page.skip + listing->page.limit;
    return listing->more ? LISTING_STOP : at >= listing->page.skip ? LISTING_ADD : LISTING_PASS;
}

void listing_reply(struct listing *listing, uint64_t all)
{
    int64_t count = !listing->more ? (int64_t)listing->seen : listing->filtered ? -1 : (int64_t)all;
    api_reply_list(listing->request, listing->data, count, listing->more);
}

void listing_fail(struct listing *listing, const struct error *err)
{
    json_decref(listing->data);
    api_reply_failure(listing->request, err);
}
