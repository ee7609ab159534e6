/* The inside of a client. */
#ifndef CLIENT_CLIENT_INTERNAL_H
#define CLIENT_CLIENT_INTERNAL_H

#include "base/list.h"
#include "client.h"
#include "transport_internal.h"

#define CLIENT_PACKET_MAX     ((size_t)MQTT_REMAINING_LENGTH_MAX + MQTT_FIXED_HEADER_MAX)
/* Messages that come while something else is waited for; beyond, the connection fails with ERR_LIMIT. */
#define CLIENT_KEPT_BYTES_MAX (64u * 1024 * 1024)
#define CLIENT_READ_BYTES     (64u * 1024)

/* A published message of QoS 1 or 2 that is not acknowledged yet. */
struct in_flight {
    uint16_t packet_id;
    char *topic; /* owned; for messages */
};

/* A PUBLISH that came while something else was waited for. */
struct kept {
    struct list link;
    size_t len;
    uint8_t data[];
};

struct client {
    struct transport transport;
    uint8_t version;
    int64_t timeout_ms;
    bool session_present;
    bool broken; /* no DISCONNECT can be sent */

    struct buf in; /* read, not yet handled; from in_at on */
    size_t in_at;
    struct buf out; /* not yet written */

    int64_t keep_alive_ms; /* 0: off */
    int64_t last_sent_ms;
    int64_t ping_sent_ms; /* 0: no PINGRESP is awaited */

    uint16_t next_packet_id;
    uint32_t in_flight_limit;
    uint32_t in_flight_count;
    struct in_flight in_flight[CLIENT_IN_FLIGHT_MAX];
    uint64_t maximum_packet_bytes; /* of the broker */
    uint8_t maximum_qos;
    bool retain_available;
    struct error refusal; /* the first publication that was refused; code ERR_NONE: none */

    struct list kept;
    size_t kept_bytes;
    struct buf message;  /* the PUBLISH that the last client_receive() handed out */
    uint16_t message_id; /* to be acknowledged at the next call; 0: none */
    uint8_t message_qos;
    uint64_t *received; /* QoS 2: a bit for each packet id between PUBLISH and PUBREL; NULL while none came */

    bool suback_awaited;
    uint16_t suback_id;
    struct buf suback;     /* reasons of the last SUBACK */
    struct buf suback_why; /* its reason string; empty: it has none */
};

/* Writes client->out, reading meanwhile what comes (so that two full sockets do not wait for each other). */
bool client_write(struct client *client, struct error *err);

/* Reads until one whole packet is there; *frame borrows from client->in until the next call.
 * 1: a packet; 0: the deadline has passed or a signal came; -1: failed. */
int client_next_packet(struct client *client, int64_t deadline_ms, struct mqtt_frame *frame,
                       struct error *err);

/* Handles a packet: acknowledgements, PINGRESP, PUBREL, DISCONNECT. PUBLISH is kept. */
bool client_handle(struct client *client, const struct mqtt_frame *frame, struct error *err);

/* Sends PINGREQ if it is time, fails if the broker has not answered the last one. *next_ms: when to look again. */
bool client_keep_alive(struct client *client, int64_t *next_ms, struct error *err);

bool client_timeout(struct client *client, const char *waited_for, struct error *err);
uint16_t client_packet_id(struct client *client);

bool client_ack_received(struct client *client, const struct mqtt_frame *frame, struct error *err);
bool client_release_received(struct client *client, const struct mqtt_frame *frame, struct error *err);
bool client_keep(struct client *client, const struct mqtt_frame *frame, struct error *err);
void client_ack_message(struct client *client); /* the one that was handed out: into client->out */

#endif
