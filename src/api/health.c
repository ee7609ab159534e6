/* Whether the broker lives and is ready: for supervisors and load balancers. Without a key, and without telling more. */
#include "api/api_internal.h"
#include "broker/broker.h"

static void reply_text(struct api_request *request, unsigned status, struct str text)
{
    struct buf body = {0};
    buf_append_str(&body, text);
    api_reply_bytes(request, status, "text/plain; charset=utf-8", &body);
}

static void healthz(struct api_request *request)
{
    if (broker_stuck_reactors(api_broker(request)) == 0)
        reply_text(request, 200, STR("ok\n"));
    else
        reply_text(request, 503, STR("reactors do not turn\n"));
}

static void readyz(struct api_request *request)
{
    if (atomic_load(&request->api->ready))
        reply_text(request, 200, STR("ready\n"));
    else
        reply_text(request, 503, STR("not ready\n"));
}

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/healthz",
     .handle = healthz,
     .access = API_PUBLIC,
     .summary = "Whether the broker lives: 503 if a reactor has not turned for seconds",
     .answer = "{'type':'string','example':'ok'}",
     .answer_type = "text/plain",
     .errors = "503 SERVICE_UNAVAILABLE"},
    {.method = API_GET,
     .path = "/readyz",
     .handle = readyz,
     .access = API_PUBLIC,
     .summary = "Whether all listeners are open and the broker does not stop: 200, else 503",
     .answer = "{'type':'string','example':'ready'}",
     .answer_type = "text/plain",
     .errors = "503 SERVICE_UNAVAILABLE"},
};

const struct api_table health_table = {
    .tag = "Health",
    .description = "For supervisors and load balancers",
    .routes = routes,
    .count = LENGTH(routes),
};
