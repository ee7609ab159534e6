/* What SELECT can see of a message, an event or a record of a station.
 *
 * A column is looked up by its name and made when it is asked for; `*` asks for all that the kind of input has, by the
 * table in event_kinds.c. What a text points to is the broker's, valid as long as the input is, or the scope's. */
#include "rule/rule_internal.h"

#include <stdio.h>

static bool no_value(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                     struct error *err)
{
    (void)input;
    (void)scope;
    (void)out;
    (void)err;
    return true;
}

static bool set_text(struct sql_value *out, struct str text)
{
    if (text.data != NULL || text.len > 0)
        *out = sql_string(text);
    return true;
}

/* Who has no name is undefined, not "". */
static bool set_name(struct sql_value *out, struct str text)
{
    if (text.len > 0)
        *out = sql_string(text);
    return true;
}

static bool set_flags(struct sql_scope *scope, bool retain, bool dup, struct sql_value *out,
                      struct error *err)
{
    struct sql_map_builder flags = sql_map_begin(scope);
    if (!sql_map_put(&flags, STR("retain"), sql_bool(retain), err) ||
        !sql_map_put(&flags, STR("dup"), sql_bool(dup), err))
        return false;
    *out = sql_map_end(&flags);
    return true;
}

/* 16 bytes as 32 hexadecimal digits. */
static bool set_id(struct sql_scope *scope, struct str id, struct sql_value *out, struct error *err)
{
    static const char digits[] = "0123456789ABCDEF";
    if (id.len == 0)
        return true;
    char *text = sql_alloc(scope, 2 * id.len, err);
    if (text == NULL)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        text[2 * i] = digits[(uint8_t)id.data[i] >> 4];
        text[2 * i + 1] = digits[(uint8_t)id.data[i] & 15];
    }
    *out = sql_string(str_make(text, 2 * id.len));
    return true;
}

/* What kind of input it is; of records: as messages. */
static const struct event_kind_info *info_of(const struct rule_input *input)
{
    return input->event != NULL           ? event_info(input->event->kind)
           : input->station_event != NULL ? event_info(RULE_EVENT_STATION + input->station_event->kind)
           : input->alarm_event != NULL   ? event_info(RULE_EVENT_ALARM + input->alarm_event->kind)
                                          : &event_publish;
}

/* ---- Columns of all inputs ------------------------------------------------------------------------------- */

static bool get_event(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                      struct error *err)
{
    (void)scope;
    (void)err;
    const struct event_kind_info *info = info_of(input);
    *out =
        sql_string(str_of(info == &event_publish && input->record != NULL ? "station.message" : info->event));
    return true;
}

int64_t input_time_ms(const struct rule_input *input)
{
    return input->event != NULL           ? input->event->time_ms
           : input->station_event != NULL ? input->station_event->time_ms
           : input->alarm_event != NULL   ? input->alarm_event->time_ms
           : input->record != NULL        ? input->record->time_ms
                                          : input->now_ms;
}

static bool get_timestamp(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                          struct error *err)
{
    (void)scope;
    (void)err;
    *out = sql_int(input_time_ms(input));
    return true;
}

static bool get_node(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                     struct error *err)
{
    (void)scope;
    (void)err;
    return set_text(out, str_of(input->rules->options.node));
}

static bool get_metadata(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                         struct error *err)
{
    struct sql_map_builder map = sql_map_begin(scope);
    if (!sql_map_put(&map, STR("rule_id"), sql_string(input->rule_id), err))
        return false;
    *out = sql_map_end(&map);
    return true;
}

static bool get_client_attrs(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                             struct error *err)
{
    (void)input;
    (void)err;
    struct sql_map_builder map = sql_map_begin(scope);
    *out = sql_map_end(&map);
    return true;
}

/* ---- Of messages ----------------------------------------------------------------------------------------- */

static bool get_id(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                   struct error *err)
{
    if (input->publication != NULL)
        return set_id(scope, publication_id(input->publication), out, err);
    if (input->event != NULL)
        return set_id(scope, input->event->id, out, err);
    return set_name(out, input->record->id);
}

struct str input_client_id(const struct rule_input *input)
{
    return input->publication != NULL ? publication_client_id(input->publication)
           : input->event != NULL     ? input->event->client_id
           : input->taken != NULL     ? input->taken->client_id
           : input->record != NULL    ? input->record->client_id
                                      : STR("");
}

struct str input_topic(const struct rule_input *input)
{
    return input->publication != NULL ? input->publication->topic
           : input->event != NULL     ? input->event->topic
           : input->taken != NULL     ? input->taken->topic
           : input->record != NULL    ? input->record->topic
                                      : STR("");
}

static bool get_client_id(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                          struct error *err)
{
    (void)scope;
    (void)err;
    return set_name(out, input_client_id(input));
}

static bool get_username(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                         struct error *err)
{
    (void)scope;
    (void)err;
    return set_name(out, input->publication != NULL ? publication_username(input->publication)
                         : input->event != NULL     ? input->event->username
                                                    : input->record->username);
}

static bool get_topic(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                      struct error *err)
{
    (void)scope;
    (void)err;
    *out = sql_string(input_topic(input));
    return true;
}

static bool get_payload(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                        struct error *err)
{
    (void)scope;
    (void)err;
    *out = sql_string(input->publication != NULL ? input->publication->payload
                      : input->event != NULL     ? input->event->payload
                                                 : input->record->payload);
    return true;
}

static bool get_qos(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                    struct error *err)
{
    (void)scope;
    (void)err;
    *out = sql_int(input->publication != NULL ? input->publication->qos
                   : input->event != NULL     ? input->event->qos
                                              : input->record->qos);
    return true;
}

static bool get_flags(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                      struct error *err)
{
    bool retain = input->publication != NULL ? input->publication->retain
                  : input->event != NULL     ? input->event->retain
                                             : input->record->retain;
    return set_flags(scope, retain, input->event != NULL && input->event->dup, out, err);
}

static bool get_pub_props(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                          struct error *err)
{
    return properties_map(scope,
                          input->publication != NULL ? input->publication->props
                          : input->event != NULL     ? input->event->props
                                                     : input->record->props,
                          MQTT_LIST_PUBLISH, out, err);
}

static bool get_received_at(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                            struct error *err)
{
    if (input->station_event != NULL)
        *out = sql_int(input->record->time_ms);
    else if (input->event == NULL)
        return get_timestamp(input, scope, out, err);
    if (input->event == NULL)
        return true;
    if (input->event->published_ms != 0)
        *out = sql_int(input->event->published_ms);
    return true;
}

/* ---- Of clients ------------------------------------------------------------------------------------------ */

static bool set_address(struct sql_scope *scope, const char *address, bool host_only, struct sql_value *out,
                        struct error *err)
{
    struct str text = str_of(address);
    if (text.len == 0)
        return true;
    if (host_only) {
        const char *colon = strrchr(address, ':');
        text.len = colon != NULL ? (size_t)(colon - address) : text.len;
        if (text.len > 2 && text.data[0] == '[')
            text = str_make(text.data + 1, text.len - 2);
    }
    return sql_make_string(scope, text, out, err);
}

static bool set_peer(const struct rule_input *input, bool host_only, struct sql_scope *scope,
                     struct sql_value *out, struct error *err)
{
    char address[EVENT_ADDRESS_BYTES];
    bool known = input->publication != NULL ? publication_peer(input->publication, address)
                                            : input->event != NULL && event_peer(input->event, address);
    return !known || set_address(scope, address, host_only, out, err);
}

static bool get_peerhost(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                         struct error *err)
{
    return set_peer(input, true, scope, out, err);
}

static bool get_peername(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                         struct error *err)
{
    return set_peer(input, false, scope, out, err);
}

static bool get_sockname(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                         struct error *err)
{
    char address[EVENT_ADDRESS_BYTES];
    return !event_socket(input->event, address) || set_address(scope, address, false, out, err);
}

#define EVENT_COLUMN(name, value)                                                                          \
    static bool get_##name(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out, \
                           struct error *err)                                                              \
    {                                                                                                      \
        const struct broker_event *event = input->event;                                                   \
        (void)scope;                                                                                       \
        (void)err;                                                                                         \
        (void)event;                                                                                       \
        return value;                                                                                      \
    }
#define INTEGER(value) (*out = sql_int(value), true)
#define BOOLEAN(value) (*out = sql_bool(value), true)
#define TEXT(value)    set_text(out, str_of(value))

static const char *snake_reason(const struct broker_event *event)
{
    static const struct {
        uint8_t code;
        const char *name;
    } names[] = {
        {MQTT_SUCCESS, "success"},
        {MQTT_BAD_CREDENTIALS, "bad_username_or_password"},
        {MQTT_NOT_AUTHORIZED, "not_authorized"},
        {MQTT_BANNED, "banned"},
        {MQTT_BAD_CLIENT_ID, "client_identifier_not_valid"},
        {MQTT_SERVER_UNAVAILABLE, "server_unavailable"},
        {MQTT_SERVER_BUSY, "server_busy"},
        {MQTT_QUOTA_EXCEEDED, "quota_exceeded"},
        {MQTT_PACKET_TOO_LARGE, "packet_too_large"},
        {MQTT_BAD_AUTH_METHOD, "bad_authentication_method"},
        {MQTT_UNSUPPORTED_VERSION, "unsupported_protocol_version"},
        {MQTT_PROTOCOL_ERROR, "protocol_error"},
        {MQTT_MALFORMED_PACKET, "malformed_packet"},
    };
    for (size_t i = 0; i < LENGTH(names); i++) {
        if (names[i].code == event->reason_code)
            return names[i].name;
    }
    return mqtt_reason_text(event->reason_code);
}

EVENT_COLUMN(reason_code, TEXT(snake_reason(event)))
EVENT_COLUMN(from_clientid, set_name(out, event->from_client_id))
EVENT_COLUMN(from_username, set_name(out, event->from_username))
EVENT_COLUMN(proto_name, TEXT(event->version == 3 ? "MQIsdp" : "MQTT"))
EVENT_COLUMN(proto_ver, INTEGER(event->version))
EVENT_COLUMN(keepalive, INTEGER(event->keep_alive_s))
EVENT_COLUMN(clean_start, BOOLEAN(event->clean_start))
EVENT_COLUMN(receive_maximum, INTEGER(event->receive_maximum))
EVENT_COLUMN(expiry_interval,
             INTEGER(event->kind == EVENT_CLIENT_CONNECTED ? event->expiry_s
                                                           : (int64_t)event->expiry_s * 1000))
EVENT_COLUMN(is_bridge, BOOLEAN(event->bridge))
EVENT_COLUMN(connected_at, event->connected_ms == 0 || INTEGER(event->connected_ms))
EVENT_COLUMN(disconnected_at, INTEGER(event->time_ms))
EVENT_COLUMN(conn_props, properties_map(scope, event->props, MQTT_LIST_CONNECT, out, err))
EVENT_COLUMN(disconn_props, properties_map(scope, event->props, MQTT_LIST_DISCONNECT, out, err))
EVENT_COLUMN(sub_props, properties_map(scope, event->props, MQTT_LIST_SUBSCRIBE, out, err))
EVENT_COLUMN(unsub_props, properties_map(scope, event->props, MQTT_LIST_UNSUBSCRIBE, out, err))
EVENT_COLUMN(puback_props, properties_map(scope, event->ack_props, MQTT_LIST_ACK, out, err))
EVENT_COLUMN(action, TEXT(event->publish ? "publish" : "subscribe"))
EVENT_COLUMN(authz_source, TEXT(event->superuser ? "superuser" : "rules"))
EVENT_COLUMN(result, TEXT(event->allowed ? "allow" : "deny"))
EVENT_COLUMN(is_anonymous, BOOLEAN(event->anonymous))
EVENT_COLUMN(is_superuser, BOOLEAN(event->superuser))

/* ---- Of stations ----------------------------------------------------------------------------------------- */

#define STATION_COLUMN(name, value)                                                                        \
    static bool get_##name(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out, \
                           struct error *err)                                                              \
    {                                                                                                      \
        const struct station_event *event = input->station_event;                                          \
        (void)scope;                                                                                       \
        (void)err;                                                                                         \
        return value;                                                                                      \
    }

STATION_COLUMN(first_offset, sql_make_int(scope, event->first_offset, out, err))
STATION_COLUMN(last_offset, sql_make_int(scope, event->last_offset, out, err))
STATION_COLUMN(first_timestamp, event->first_ms == 0 || INTEGER(event->first_ms))
STATION_COLUMN(last_timestamp, event->last_ms == 0 || INTEGER(event->last_ms))
STATION_COLUMN(count, sql_make_int(scope, event->count, out, err))
STATION_COLUMN(bytes, sql_make_int(scope, event->bytes, out, err))
STATION_COLUMN(files, sql_make_int(scope, event->files, out, err))
STATION_COLUMN(group, set_text(out, event->group))

static bool get_reason(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                       struct error *err)
{
    (void)scope;
    (void)err;
    const char *reason = input->event != NULL ? input->event->reason : input->station_event->reason;
    return reason == NULL || TEXT(reason);
}

/* ---- Of alarms ------------------------------------------------------------------------------------------- */

#define ALARM_COLUMN(name, value)                                                                          \
    static bool get_##name(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out, \
                           struct error *err)                                                              \
    {                                                                                                      \
        const struct alarm *alarm = input->alarm_event->alarm;                                             \
        (void)scope;                                                                                       \
        (void)err;                                                                                         \
        return value;                                                                                      \
    }

ALARM_COLUMN(name, TEXT(alarm->name))
ALARM_COLUMN(message, TEXT(alarm->message))
ALARM_COLUMN(activated_at, INTEGER(alarm->began_ms))
ALARM_COLUMN(deactivated_at, INTEGER(alarm->ended_ms))

static bool get_details(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                        struct error *err)
{
    const struct alarm *alarm = input->alarm_event->alarm;
    struct sql_map_builder map = sql_map_begin(scope);
    if (!sql_map_put(&map, STR("kind"), sql_string(str_of(alarm->kind)), err) ||
        !sql_map_put(&map, STR("id"), sql_string(alarm_object(alarm)), err))
        return false;
    *out = sql_map_end(&map);
    return true;
}

/* ---- Of records ------------------------------------------------------------------------------------------ */

static bool get_offset(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                       struct error *err)
{
    return sql_make_int(scope, input->record->offset, out, err);
}

static bool get_station(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                        struct error *err)
{
    (void)scope;
    (void)err;
    return set_text(out, input->station);
}

/* ---- By name --------------------------------------------------------------------------------------------- */

struct column {
    const char *name;
    bool (*get)(const struct rule_input *input, struct sql_scope *scope, struct sql_value *out,
                struct error *err);
};

/* In the order of names by bytes: found by halving. */
static const struct column columns[] = {
    {"action", get_action},
    {"activated_at", get_activated_at},
    {"authz_source", get_authz_source},
    {"bytes", get_bytes},
    {"clean_start", get_clean_start},
    {"client_attrs", get_client_attrs},
    {"clientid", get_client_id},
    {"conn_props", get_conn_props},
    {"connected_at", get_connected_at},
    {"count", get_count},
    {"deactivated_at", get_deactivated_at},
    {"details", get_details},
    {"disconn_props", get_disconn_props},
    {"disconnected_at", get_disconnected_at},
    {"event", get_event},
    {"expiry_interval", get_expiry_interval},
    {"files", get_files},
    {"first_offset", get_first_offset},
    {"first_timestamp", get_first_timestamp},
    {"flags", get_flags},
    {"from_clientid", get_from_clientid},
    {"from_username", get_from_username},
    {"group", get_group},
    {"id", get_id},
    {"is_anonymous", get_is_anonymous},
    {"is_bridge", get_is_bridge},
    {"is_superuser", get_is_superuser},
    {"keepalive", get_keepalive},
    {"last_offset", get_last_offset},
    {"last_timestamp", get_last_timestamp},
    {"message", get_message},
    {"metadata", get_metadata},
    {"mountpoint", no_value},
    {"name", get_name},
    {"node", get_node},
    {"offset", get_offset},
    {"payload", get_payload},
    {"peerhost", get_peerhost},
    {"peername", get_peername},
    {"proto_name", get_proto_name},
    {"proto_ver", get_proto_ver},
    {"pub_props", get_pub_props},
    {"puback_props", get_puback_props},
    {"publish_received_at", get_received_at},
    {"qos", get_qos},
    {"reason", get_reason},
    {"reason_code", get_reason_code},
    {"receive_maximum", get_receive_maximum},
    {"result", get_result},
    {"sockname", get_sockname},
    {"station", get_station},
    {"sub_props", get_sub_props},
    {"timestamp", get_timestamp},
    {"topic", get_topic},
    {"unsub_props", get_unsub_props},
    {"username", get_username},
};

static const struct column *find_column(struct str name)
{
    size_t low = 0, high = LENGTH(columns);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(name, str_of(columns[middle].name));
        if (order == 0)
            return &columns[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const char *const common_columns[] = {"event", "timestamp", "node", "metadata", NULL};
static const char *const record_columns[] = {"station", "offset", NULL};

/* The lists of names that this input has; NULL ends them. */
static void lists_of(const struct rule_input *input, const char *const *lists[4])
{
    lists[0] = info_of(input)->columns;
    lists[1] = common_columns;
    lists[2] = input->record != NULL && input->station_event == NULL ? record_columns : NULL;
    lists[3] = NULL;
}

static bool has_column(const struct rule_input *input, struct str name)
{
    const char *const *lists[4];
    lists_of(input, lists);
    for (size_t i = 0; lists[i] != NULL; i++) {
        for (const char *const *at = lists[i]; *at != NULL; at++) {
            if (str_is(name, *at))
                return true;
        }
    }
    return false;
}

static bool get_one(void *source, struct str name, struct sql_scope *scope, struct sql_value *out,
                    struct error *err)
{
    const struct rule_input *input = source;
    const struct column *column = find_column(name);
    return column == NULL || !has_column(input, name) || column->get(input, scope, out, err);
}

static bool get_all(void *source, struct sql_map_builder *into, struct error *err)
{
    const struct rule_input *input = source;
    const char *const *lists[4];
    lists_of(input, lists);
    for (size_t i = 0; lists[i] != NULL; i++) {
        for (const char *const *at = lists[i]; *at != NULL; at++) {
            struct sql_value value = sql_undefined();
            if (!find_column(str_of(*at))->get(input, into->scope, &value, err))
                return false;
            if (!sql_map_put(into, str_of(*at), value, err))
                return false;
        }
    }
    return true;
}

struct sql_columns input_columns(struct rule_input *input)
{
    if (input->taken != NULL)
        return sql_columns_of_map(&input->taken->columns);
    return (struct sql_columns){.source = input, .get = get_one, .all = get_all};
}
