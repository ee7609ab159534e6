/* Where MQTT clients connect, in EMQX's shape. */
#include "api/api_internal.h"

#include "base/mem.h"

#include <stdio.h>

void api_add_listener(struct api *api, const struct api_mqtt_listener *listener)
{
    api->listeners = mem_realloc(api->listeners, (api->listener_count + 1) * sizeof(*api->listeners));
    api->listeners[api->listener_count++] = (struct api_mqtt_listener){
        .name = mem_strdup(listener->name),
        .address = mem_strdup(listener->address),
        .path = listener->path != NULL ? mem_strdup(listener->path) : NULL,
    };
}

void listeners_free(struct api *api)
{
    for (size_t i = 0; i < api->listener_count; i++) {
        mem_free((char *)(uintptr_t)api->listeners[i].name);
        mem_free((char *)(uintptr_t)api->listeners[i].address);
        mem_free((char *)(uintptr_t)api->listeners[i].path);
    }
    mem_free(api->listeners);
}

static json_t *listener_json(const struct api_mqtt_listener *listener)
{
    struct str name = str_of(listener->name), type;
    char id[100];
    str_next(&name, '.', &type);
    snprintf(id, sizeof(id), "%.*s:%.*s", STR_ARG(type), STR_ARG(name));
    json_t *out = json_pack("{s:s, s:o, s:o, s:s, s:b, s:{s:b}}", "id", id, "type",
                            json_stringn(type.data, type.len), "name", json_stringn(name.data, name.len),
                            "bind", listener->address, "enable", 1, "status", "running", 1);
    if (listener->path != NULL)
        json_object_set_new(out, "path", json_string(listener->path));
    return out;
}

static void list(struct api_request *request)
{
    json_t *out = json_array();
    for (size_t i = 0; i < request->api->listener_count; i++)
        json_array_append_new(out, listener_json(&request->api->listeners[i]));
    api_reply_json(request, 200, out);
}

static const struct api_route routes[] = {
    {.method = API_GET,
     .path = "/api/v5/listeners",
     .handle = list,
     .access = API_READ,
     .summary = "Where MQTT clients connect",
     .answer = "{'type':'array','items':{'type':'object','required':['id','type','name','bind'],'properties':"
               "{'id':{'type':"
               "'string','example':'ws:default'},'type':{'type':'string','enum':['tcp','ssl','ws','wss']},'"
               "name':{'type':"
               "'string'},'bind':{'type':'string','description':'address and port, as "
               "bound'},'enable':{'type':'boolean'},"
               "'path':{'type':'string','description':'of a "
               "WebSocket'},'status':{'type':'object','properties':{'running':{'type':'boolean'}}}}}}"},
};

const struct api_table listeners_table = {
    .tag = "Listeners",
    .description = "Where MQTT clients connect",
    .routes = routes,
    .count = LENGTH(routes),
};
