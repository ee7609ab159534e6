/* The events that FROM can name: names, columns and examples, in one table. It is what is evaluated by (columns.c), what GET
 * /rule_events lists, and what rules are tried with. */
#include "rule/rule_internal.h"

static const char *const of_publish[] = {"id",
                                         "clientid",
                                         "username",
                                         "payload",
                                         "peerhost",
                                         "peername",
                                         "topic",
                                         "qos",
                                         "flags",
                                         "pub_props",
                                         "publish_received_at",
                                         "client_attrs",
                                         NULL};
static const char *const of_delivery[] = {"id",
                                          "from_clientid",
                                          "from_username",
                                          "clientid",
                                          "username",
                                          "payload",
                                          "peerhost",
                                          "peername",
                                          "topic",
                                          "qos",
                                          "flags",
                                          "pub_props",
                                          "publish_received_at",
                                          NULL};
static const char *const of_ack[] = {"id",
                                     "from_clientid",
                                     "from_username",
                                     "clientid",
                                     "username",
                                     "payload",
                                     "peerhost",
                                     "peername",
                                     "topic",
                                     "qos",
                                     "flags",
                                     "pub_props",
                                     "puback_props",
                                     "publish_received_at",
                                     NULL};
static const char *const of_drop[] = {"id",      "reason",   "clientid",  "username",
                                      "payload", "peerhost", "peername",  "topic",
                                      "qos",     "flags",    "pub_props", "publish_received_at",
                                      NULL};
static const char *const of_delivery_drop[] = {
    "id",       "reason",   "from_clientid", "from_username", "clientid", "username",  "payload",
    "peerhost", "peername", "topic",         "qos",           "flags",    "pub_props", "publish_received_at",
    NULL};
static const char *const of_connect[] = {"clientid",    "username",        "mountpoint",      "peername",
                                         "sockname",    "proto_name",      "proto_ver",       "keepalive",
                                         "clean_start", "receive_maximum", "expiry_interval", "is_bridge",
                                         "conn_props",  "connected_at",    "client_attrs",    NULL};
static const char *const of_disconnect[] = {
    "reason",    "clientid",      "username",        "peername",     "sockname",     "proto_name",
    "proto_ver", "disconn_props", "disconnected_at", "connected_at", "client_attrs", NULL};
static const char *const of_connack[] = {
    "reason_code", "clientid",  "clean_start",     "username",     "peername",   "sockname", "proto_name",
    "proto_ver",   "keepalive", "expiry_interval", "connected_at", "conn_props", NULL};
static const char *const of_ping[] = {"clientid",        "clean_start", "username",  "peername",
                                      "sockname",        "proto_name",  "proto_ver", "keepalive",
                                      "expiry_interval", "conn_props",  NULL};
static const char *const of_authz[] = {"clientid", "username",     "peername", "peerhost",     "topic",
                                       "action",   "authz_source", "result",   "client_attrs", NULL};
static const char *const of_authn[] = {"clientid",     "username",     "peername",     "reason_code",
                                       "is_anonymous", "is_superuser", "client_attrs", NULL};
static const char *const of_range[] = {"station",         "first_offset",   "last_offset",
                                       "first_timestamp", "last_timestamp", "count",
                                       "bytes",           "reason",         NULL};
static const char *const of_migration[] = {"station",         "first_offset",   "last_offset",
                                           "first_timestamp", "last_timestamp", "count",
                                           "bytes",           "files",          NULL};
static const char *const of_letter[] = {"station",  "group",    "offset",    "reason",
                                        "clientid", "username", "topic",     "payload",
                                        "qos",      "flags",    "pub_props", "publish_received_at",
                                        NULL};
static const char *const of_alarm[] = {"name", "details", "message", "activated_at", NULL};
static const char *const of_alarm_end[] = {"name",         "details",        "message",
                                           "activated_at", "deactivated_at", NULL};
static const char *const of_subscribe[] = {"clientid", "username", "peerhost",     "peername", "sub_props",
                                           "topic",    "qos",      "client_attrs", NULL};
static const char *const of_unsubscribe[] = {
    "clientid", "username", "peerhost", "peername", "unsub_props", "topic", "qos", "client_attrs", NULL};

#define EXAMPLE_MESSAGE                                                                                  \
    "'id':'0018B3E0A1B20F00A1B2C3D4E5F60718','payload':'{\\'msg\\':\\'hello\\'}','topic':'t/a','qos':1," \
    "'flags':{'retain':false,'dup':false},'pub_props':{'User-Property':{'foo':'bar'}},"                  \
    "'publish_received_at':1700000000000,'peerhost':'127.0.0.1',"
#define EXAMPLE_CLIENT "'clientid':'c_emqx','username':'u_emqx','peername':'127.0.0.1:52918'"
#define EXAMPLE_CONNECTION \
    "'sockname':'127.0.0.1:1883','proto_name':'MQTT','proto_ver':5,'keepalive':60,'clean_start':true,"

const struct event_kind_info event_publish = {
    .kind = RULE_EVENT_KINDS,
    .topic = "t/#",
    .event = "message.publish",
    .title = "a message is published",
    .columns = of_publish,
    .sql = "SELECT payload.msg as msg FROM \"t/#\" WHERE msg = 'hello'",
    .example = "{" EXAMPLE_MESSAGE EXAMPLE_CLIENT ",'client_attrs':{'test':'example'}}",
};

#define EXAMPLE_RANGE                                                                               \
    "'station':'telemetry','first_offset':1000,'last_offset':1999,'first_timestamp':1700000000000," \
    "'last_timestamp':1700000060000,'count':1000,'bytes':200000"

#define EXAMPLE_ALARM                                                                                     \
    "'name':'action_disconnected/s3:archive','details':{'kind':'action_disconnected','id':'s3:archive'}," \
    "'message':'the store does not answer','activated_at':1700000000000"

static const struct event_kind_info kinds[RULE_EVENT_KINDS] = {
    [EVENT_MESSAGE_DELIVERED] = {EVENT_MESSAGE_DELIVERED, "$events/message/delivered",
                                 "$events/message_delivered", "message.delivered",
                                 "a message has been sent to a client", of_delivery,
                                 "SELECT * FROM \"$events/message/delivered\" WHERE topic =~ 't/#'",
                                 "{" EXAMPLE_MESSAGE EXAMPLE_CLIENT
                                 ",'from_clientid':'c_emqx_1','from_username':'u_emqx_1'}"},
    [EVENT_MESSAGE_ACKED] = {EVENT_MESSAGE_ACKED, "$events/message/acked", "$events/message_acked",
                             "message.acked", "a client has acknowledged a message", of_ack,
                             "SELECT * FROM \"$events/message/acked\" WHERE topic =~ 't/#'",
                             "{" EXAMPLE_MESSAGE EXAMPLE_CLIENT
                             ",'from_clientid':'c_emqx_1','from_username':'u_emqx_1','puback_props':{}}"},
    [EVENT_MESSAGE_DROPPED] = {EVENT_MESSAGE_DROPPED, "$events/message/dropped", "$events/message_dropped",
                               "message.dropped", "a message has no subscriber", of_drop,
                               "SELECT * FROM \"$events/message/dropped\" WHERE topic =~ 't/#'",
                               "{" EXAMPLE_MESSAGE EXAMPLE_CLIENT ",'reason':'no_subscribers'}"},
    [EVENT_DELIVERY_DROPPED] =
        {EVENT_DELIVERY_DROPPED, "$events/message/delivery_dropped", "$events/delivery_dropped",
         "delivery.dropped", "a subscriber does not get a message", of_delivery_drop,
         "SELECT * FROM \"$events/message/delivery_dropped\" WHERE topic =~ 't/#'",
         "{" EXAMPLE_MESSAGE EXAMPLE_CLIENT
         ",'from_clientid':'c_emqx_1','from_username':'u_emqx_1','reason':'queue_full'}"},
    [EVENT_CLIENT_CONNECTED] = {EVENT_CLIENT_CONNECTED, "$events/client/connected",
                                "$events/client_connected", "client.connected", "a client has connected",
                                of_connect, "SELECT * FROM \"$events/client/connected\"",
                                "{" EXAMPLE_CONNECTION EXAMPLE_CLIENT
                                ",'receive_maximum':32,'expiry_interval':3600,'is_bridge':false,"
                                "'connected_at':1700000000000,'conn_props':{}}"},
    [EVENT_CLIENT_DISCONNECTED] = {EVENT_CLIENT_DISCONNECTED, "$events/client/disconnected",
                                   "$events/client_disconnected", "client.disconnected", "a client has gone",
                                   of_disconnect,
                                   "SELECT * FROM \"$events/client/disconnected\" WHERE reason != 'normal'",
                                   "{" EXAMPLE_CONNECTION EXAMPLE_CLIENT
                                   ",'reason':'normal','connected_at':1700000000000,"
                                   "'disconnected_at':1700000060000,'disconn_props':{}}"},
    [EVENT_CLIENT_CONNACK] =
        {EVENT_CLIENT_CONNACK, "$events/client/connack", "$events/client_connack", "client.connack",
         "CONNACK has been sent", of_connack,
         "SELECT * FROM \"$events/client/connack\" WHERE reason_code != 'success'",
         "{" EXAMPLE_CONNECTION EXAMPLE_CLIENT
         ",'reason_code':'success','expiry_interval':3600000,'connected_at':1700000000000,"
         "'conn_props':{}}"},
    [EVENT_CLIENT_PING] = {EVENT_CLIENT_PING, "$events/client/ping", NULL, "client.ping",
                           "a client has sent PINGREQ", of_ping, "SELECT * FROM \"$events/client/ping\"",
                           "{" EXAMPLE_CONNECTION EXAMPLE_CLIENT
                           ",'expiry_interval':3600000,'conn_props':{}}"},
    [EVENT_AUTHZ] = {EVENT_AUTHZ, "$events/auth/check_authz_complete", "$events/client_check_authz_complete",
                     "client.check_authz_complete", "a publish or a subscription has been judged", of_authz,
                     "SELECT * FROM \"$events/auth/check_authz_complete\" WHERE result = 'deny'",
                     "{" EXAMPLE_CLIENT ",'peerhost':'127.0.0.1','topic':'t/1','action':'publish',"
                     "'authz_source':'rules','result':'allow'}"},
    [EVENT_AUTHN] = {EVENT_AUTHN, "$events/auth/check_authn_complete", "$events/client_check_authn_complete",
                     "client.check_authn_complete", "a client has proved who it is, or not", of_authn,
                     "SELECT * FROM \"$events/auth/check_authn_complete\" WHERE reason_code != 'success'",
                     "{" EXAMPLE_CLIENT
                     ",'reason_code':'success','is_anonymous':false,'is_superuser':false}"},
    [EVENT_SESSION_SUBSCRIBED] = {EVENT_SESSION_SUBSCRIBED, "$events/session/subscribed",
                                  "$events/session_subscribed", "session.subscribed",
                                  "a client has subscribed", of_subscribe,
                                  "SELECT * FROM \"$events/session/subscribed\" WHERE topic =~ 't/#'",
                                  "{" EXAMPLE_CLIENT
                                  ",'peerhost':'127.0.0.1','topic':'t/a','qos':1,'sub_props':{}}"},
    [EVENT_SESSION_UNSUBSCRIBED] = {EVENT_SESSION_UNSUBSCRIBED, "$events/session/unsubscribed",
                                    "$events/session_unsubscribed", "session.unsubscribed",
                                    "a client has unsubscribed", of_unsubscribe,
                                    "SELECT * FROM \"$events/session/unsubscribed\" WHERE topic =~ 't/#'",
                                    "{" EXAMPLE_CLIENT
                                    ",'peerhost':'127.0.0.1','topic':'t/a','qos':1,'unsub_props':{}}"},
    [RULE_EVENT_STATION +
        STATION_EXPELLED] = {RULE_EVENT_STATION + STATION_EXPELLED, "$events/station/expelled", NULL,
                             "station.expelled", "retention has expelled messages from a station", of_range,
                             "SELECT * FROM \"$events/station/expelled\" WHERE reason != 'age'",
                             "{" EXAMPLE_RANGE ",'reason':'bytes'}"},
    [RULE_EVENT_STATION +
        STATION_MIGRATED] = {RULE_EVENT_STATION + STATION_MIGRATED, "$events/station/migrated", NULL,
                             "station.migrated", "expelled messages are in the station's table", of_migration,
                             "SELECT station, count, bytes FROM \"$events/station/migrated\"",
                             "{" EXAMPLE_RANGE ",'files':1}"},
    [RULE_EVENT_STATION + STATION_DEAD_LETTER] =
        {RULE_EVENT_STATION + STATION_DEAD_LETTER, "$events/station/dead_letter", NULL, "station.dead_letter",
         "a message of a station has used up its deliveries", of_letter,
         "SELECT * FROM \"$events/station/dead_letter\" WHERE station = 'orders'",
         "{'station':'orders','group':'billing','offset':1234,'reason':'not_acknowledged','clientid':'c_emqx'"
         ","
         "'username':'u_emqx','topic':'t/"
         "a','payload':'{\\'msg\\':\\'hello\\'}','qos':1,'flags':{'retain':false,"
         "'dup':false},'pub_props':{'User-Property':{}},'publish_received_at':1700000000000}"},
    [RULE_EVENT_ALARM + ALARM_ACTIVATED] = {RULE_EVENT_ALARM + ALARM_ACTIVATED, "$events/sys/alarm_activated",
                                            NULL, "alarm.activated", "something is not as it should be",
                                            of_alarm,
                                            "SELECT name, message FROM \"$events/sys/alarm_activated\" WHERE "
                                            "details.kind = 'action_disconnected'",
                                            "{" EXAMPLE_ALARM "}"},
    [RULE_EVENT_ALARM + ALARM_DEACTIVATED] =
        {RULE_EVENT_ALARM + ALARM_DEACTIVATED, "$events/sys/alarm_deactivated", NULL, "alarm.deactivated",
         "an alarm's reason is gone", of_alarm_end,
         "SELECT name, deactivated_at - activated_at AS ms FROM \"$events/sys/alarm_deactivated\"",
         "{" EXAMPLE_ALARM ",'deactivated_at':1700000060000}"},
};

const struct event_kind_info *event_info(unsigned kind)
{
    return &kinds[kind];
}

uint32_t event_kinds_of(struct str topic)
{
    uint32_t found = 0;
    for (unsigned i = 0; i < RULE_EVENT_KINDS; i++) {
        if ((kinds[i].legacy != NULL && str_is(topic, kinds[i].legacy)) ||
            sql_topic_matches(str_of(kinds[i].topic), topic))
            found |= EVENT_BIT(i);
    }
    return found;
}

/* ---- GET /rule_events ------------------------------------------------------------------------------------ */

json_t *example_of(const struct event_kind_info *info)
{
    /* An escaped ' stands for a quote within a text. */
    char json[2048];
    size_t len = 0;
    for (const char *at = info->example; *at != '\0'; at++) {
        if (at[0] == '\\' && at[1] == '\'') {
            json[len++] = '\\';
            json[len++] = '"';
            at++;
        } else {
            json[len++] = *at == '\'' ? '"' : *at;
        }
    }
    json_t *example = json_loadb(json, len, 0, NULL);
    json_object_set_new(example, "event", json_string(info->event));
    json_object_set_new(example, "timestamp", json_integer(1700000000123));
    json_object_set_new(example, "node", json_string("varve@127.0.0.1"));
    return example;
}

static json_t *describe(const struct event_kind_info *info)
{
    json_t *columns = json_array(), *test = json_object(), *example = example_of(info);
    static const char *const common[] = {"event", "timestamp", "node", "metadata", NULL};
    const char *const *both[] = {common, info->columns};
    for (size_t list = 0; list < LENGTH(both); list++) {
        for (const char *const *name = both[list]; *name != NULL; name++) {
            json_array_append_new(columns, json_string(*name));
            json_t *value = json_object_get(example, *name);
            if (value != NULL)
                json_object_set(test, *name, value);
        }
    }
    json_decref(example);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "event", info->topic, "title", info->title,
                     "event_type", info->event, "columns", columns, "test_columns", test, "sql_example",
                     info->sql);
}

json_t *rules_events(void)
{
    json_t *list = json_array();
    json_t *publish = describe(&event_publish);
    json_object_set_new(publish, "event", json_string("$events/message/publish"));
    json_array_append_new(list, publish);
    for (unsigned i = 0; i < RULE_EVENT_KINDS; i++)
        json_array_append_new(list, describe(&kinds[i]));
    return list;
}
