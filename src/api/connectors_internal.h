/* Connectors in the API: what several files of it share. */
#ifndef API_CONNECTORS_INTERNAL_H
#define API_CONNECTORS_INTERNAL_H

#include "api/api_internal.h"
#include "connector/connector.h"
#include "connector/spec.h"

/* Figures for GET /metrics: connectors_figures.c. */
void connectors_metrics(struct buf *out, void *connectors);

/* spec_schema.c: the schema object of such an object, for openapi.json. `named`: with type and name. Returns owned. */
json_t *spec_schema(const struct spec_key *keys, bool named);

/* What is found out on another thread while a request is parked. Both sides have a reference: a client may be gone by then. */
struct finding;
struct finding *finding_new(struct api_request *request); /* the request's state */
struct finding *finding_ref(struct finding *finding);
void finding_unref(struct finding *finding);
/* Takes the answer (NULL: none), copies the error (NULL: none), wakes the request. Thread: any. */
void finding_tell(struct finding *finding, json_t *answer, const struct error *err);
/* False: nothing is told yet. *answer is the caller's, or NULL; err->code ERR_NONE: it went well. Once. */
bool finding_take(struct finding *finding, json_t **answer, struct error *err);

#endif
