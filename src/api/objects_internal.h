/* What connectors, actions and rules have in common in the API: refusals, a switch in the path, figures by id. */
#ifndef API_OBJECTS_INTERNAL_H
#define API_OBJECTS_INTERNAL_H

#include "api/api_internal.h"

/* The answer to a change that is refused. EMQX says 400 where others say 409 or 503: `exists` is its code for what is there already;
 * what is in use or not offered is BAD_REQUEST. */
void objects_refuse(struct api_request *request, const struct error *err, const char *exists);
/* 204, or that. */
void objects_reply(struct api_request *request, bool ok, const struct error *err, const char *exists);
/* {enable} of the path. False: it is neither, and answered. */
bool objects_path_enable(struct api_request *request, bool *enable);
/* {node} of the path. False: it is not this one, and answered. */
bool objects_path_node(struct api_request *request);

/* The answer to a try: 204, or 400 TEST_FAILED with what was found. */
void objects_reply_tried(struct api_request *request, const struct error *err);
/* Tries the body of the request, parked until it is known: `start` is connectors_try() or the like. */
typedef bool objects_try_fn(struct api_request *request, void (*done)(const struct error *err, void *arg),
                            void *arg, struct error *err);
void objects_try(struct api_request *request, objects_try_fn *start);

/* Figures of many objects, collected once and written figure by figure, as Prometheus wants them. */
struct object_figure {
    const char *key; /* of the metrics object */
    const char *name;
    const char *type;
    const char *help;
};
struct object_sheet {
    const char *label; /* "rule" */
    const struct object_figure *figures;
    size_t count;
    struct object_row *rows; /* owned */
    size_t row_count;
};
/* Takes metrics; NULL (it is deleted) is passed over. */
void object_sheet_add(struct object_sheet *sheet, struct str id, json_t *metrics);
void object_sheet_write(struct object_sheet *sheet, struct buf *out); /* and frees the rows */

#endif
