/* DISCONNECT and AUTH of a client whose session is open (MQTT 5, 3.14 and 3.15). */
#include "broker/events_internal.h"

/* MQTT 5, 3.14.2.2.2: a session that was not to be kept cannot be kept after all. */
static bool take_expiry(struct connection *connection, const struct mqtt_properties *properties)
{
    struct session *session = connection->session;
    if (!MQTT_HAS(properties, MQTT_PROP_SESSION_EXPIRY))
        return true;
    if (connection->ends_session && properties->session_expiry != 0)
        return false;
    session_set_expiry(session->shard, session, properties->session_expiry);
    return true;
}

void handle_disconnect(struct connection *connection, const struct mqtt_frame *frame)
{
    struct mqtt_disconnect disconnect;
    uint8_t reason = mqtt_decode_disconnect(frame, connection->version, &disconnect);
    if (reason == MQTT_SUCCESS && connection->version == MQTT_5 &&
        !take_expiry(connection, &disconnect.properties))
        reason = MQTT_PROTOCOL_ERROR;
    if (reason != MQTT_SUCCESS) {
        connection_fail(connection, reason, NULL);
        return;
    }
    /* Any other reason than a normal end leaves the will in force [MQTT-3.14.4-3]. */
    connection->clean_end = disconnect.reason == MQTT_SUCCESS;
    if (connection->version == MQTT_5 &&
        event_wanted(shard_of_channel(&connection->channel), EVENT_CLIENT_DISCONNECTED))
        event_note_disconnect(connection, disconnect.properties.raw);
    channel_close(&connection->channel, NULL);
}

void handle_auth(struct connection *connection, const struct mqtt_frame *frame)
{
    struct mqtt_disconnect auth;
    if (connection->version != MQTT_5) {
        connection_fail(connection, MQTT_PROTOCOL_ERROR, NULL);
        return;
    }
    uint8_t reason = mqtt_decode_auth(frame, &auth);
    if (reason != MQTT_SUCCESS) {
        connection_fail(connection, reason, NULL);
        return;
    }
    if (auth.reason == MQTT_RE_AUTHENTICATE)
        authenticate_again(connection, &auth);
    else
        authenticate_continue(connection, &auth);
}
