/* What the broker may be told while it runs. A snapshot is immutable and counted; a reload makes a new one and
 * mails it to every shard, so that readers never lock. */
#ifndef BROKER_SETTINGS_H
#define BROKER_SETTINGS_H

#include "auth/auth.h"
#include "base/str.h"
#include "broker/router.h"

#include <stdatomic.h>

#define EXPIRY_NEVER UINT32_MAX /* seconds: a session that never expires */

enum queue_full_policy { QUEUE_DROP_OLDEST, QUEUE_DROP_NEW, QUEUE_DISCONNECT };
enum jwt_source { JWT_FROM_PASSWORD, JWT_FROM_USERNAME };
enum certificate_user { CERTIFICATE_USER_NONE, CERTIFICATE_USER_CN, CERTIFICATE_USER_SAN };

struct mqtt_settings {
    uint32_t max_packet_bytes;
    uint16_t max_topic_levels;
    uint16_t max_topic_alias; /* that clients may use; announced */
    uint8_t max_qos;
    bool retain_available;
    bool wildcard_available;
    bool shared_available;
    uint16_t receive_maximum;    /* unacknowledged QoS 1 and 2 messages from one client; announced */
    uint16_t server_keep_alive;  /* seconds: the longest that MQTT 5 clients get; 0: any, or none */
    uint32_t keep_alive_percent; /* of the keep-alive interval until a silent client is dropped: 150 */
    uint32_t connect_timeout_s;
    uint32_t max_subscriptions; /* of one session; 0: no limit */
    uint16_t max_client_id_bytes;
};

struct session_settings {
    uint32_t max_expiry_s; /* EXPIRY_NEVER: no bound */
    uint32_t v3_expiry_s;  /* of 3.1 and 3.1.1 sessions without clean session */
    uint16_t max_inflight; /* to one client, besides its own receive maximum */
    uint64_t max_sessions; /* that outlive their connection; 0: no limit */
    uint32_t max_queued_messages;
    uint64_t max_queued_bytes;
    uint64_t max_total_queued_bytes; /* of all sessions, each message counted for each; 0: no limit */
    enum queue_full_policy when_full;
    bool queue_qos0; /* keep QoS 0 messages for clients that are away */
    int64_t sync_ms; /* of what waits in durable sessions: as log_options.sync_ms */
};

struct rate_settings {
    uint32_t messages_per_second; /* 0: no limit */
    uint64_t bytes_per_second;    /* 0: no limit */
};

struct auth_settings {
    int allow_anonymous; /* 1 yes, 0 no, -1: only on loopback and only while no authentication is configured */
    bool password;
    bool scram;
    enum certificate_user certificate_user;
    enum jwt_source jwt_source;
    struct jwt_options jwt;
    /* Texts, those of `jwt` included, are owned by the settings. */
    char *jwt_secret;
    char *jwt_public_key_file;
    char *jwks_file;
    char *jwks_url;
    char *jwks_ca_file;
    int64_t jwks_refresh_ms;
};

struct acl_rule; /* acl.h */

struct settings {
    atomic_uint refs;
    struct mqtt_settings mqtt;
    struct session_settings sessions;
    struct rate_settings client_rate;
    struct auth_settings auth;
    bool acl_default_allow;
    bool acl_denied_disconnects;
    uint8_t acl_denied_reason; /* of a subscription: MQTT_NOT_AUTHORIZED or MQTT_UNSPECIFIED_ERROR */
    struct acl_rule *acl;      /* the rules of the configuration, in order */
    size_t acl_count;
    size_t acl_cap;
    enum share_strategy share_strategy;
    int64_t sys_interval_ms;        /* 0: no $SYS topics */
    uint64_t retained_max_messages; /* 0: no limit */
    uint64_t retained_max_bytes;    /* 0: no limit */
    uint32_t retained_max_payload_bytes;
};

/* The defaults of interfaces.md and docs/configuration.md; one reference. */
struct settings *settings_new(void);
struct settings *settings_ref(struct settings *settings);
void settings_unref(struct settings *settings);

#endif
