/* Settings: defaults and life. See settings.h. */
#include "broker/settings.h"

#include "base/mem.h"
#include "broker/acl.h"
#include "log/log.h"
#include "mqtt/mqtt.h"

struct settings *settings_new(void)
{
    struct settings *settings = mem_zalloc(sizeof(*settings));
    atomic_init(&settings->refs, 1);
    settings->mqtt = (struct mqtt_settings){
        .max_packet_bytes = 1u << 20,
        .max_topic_levels = TOPIC_LEVELS_MAX,
        .max_topic_alias = 100,
        .max_qos = 2,
        .retain_available = true,
        .wildcard_available = true,
        .shared_available = true,
        .receive_maximum = 1000,
        .keep_alive_percent = 150, /* [MQTT-3.1.2-22] */
        .connect_timeout_s = 10,
        .max_subscriptions = 100000,
        .max_client_id_bytes = 1024,
    };
    settings->sessions = (struct session_settings){
        .max_expiry_s = EXPIRY_NEVER,
        .v3_expiry_s = 7 * 24 * 3600,
        .max_inflight = 1000,
        .max_sessions = 1000000,
        .max_queued_messages = 100000,
        .max_queued_bytes = UINT64_C(64) << 20,
        .max_total_queued_bytes = UINT64_C(8) << 30,
        .when_full = QUEUE_DROP_OLDEST,
        .sync_ms = LOG_SYNC_COMMIT,
    };
    settings->auth = (struct auth_settings){
        .allow_anonymous = -1,
        .password = true,
        .scram = true,
        .jwt = {.require_expiry = true},
        .jwks_refresh_ms = 300000,
    };
    settings->acl_default_allow = true;
    settings->acl_denied_reason = MQTT_NOT_AUTHORIZED;
    settings->share_strategy = SHARE_ROUND_ROBIN;
    settings->sys_interval_ms = 10000;
    settings->retained_max_bytes = UINT64_C(4) << 30;
    settings->retained_max_payload_bytes = 1u << 20;
    return settings;
}

struct settings *settings_ref(struct settings *settings)
{
    atomic_fetch_add_explicit(&settings->refs, 1, memory_order_relaxed);
    return settings;
}

void settings_add_rule(struct settings *settings, const struct acl_rule *rule)
{
    if (settings->acl_count == settings->acl_cap) {
        settings->acl_cap = settings->acl_cap > 0 ? settings->acl_cap * 2 : 8;
        settings->acl = mem_realloc(settings->acl, settings->acl_cap * sizeof(*rule));
    }
    settings->acl[settings->acl_count++] = *rule;
}

static void auth_free(struct auth_settings *auth)
{
    if (auth->jwt_secret != NULL)
        mem_wipe(auth->jwt_secret, strlen(auth->jwt_secret));
    mem_free(auth->jwt_secret);
    mem_free(auth->jwt_public_key_file);
    mem_free(auth->jwks_file);
    mem_free(auth->jwks_url);
    mem_free(auth->jwks_ca_file);
    mem_free((char *)(uintptr_t)auth->jwt.issuer);
    mem_free((char *)(uintptr_t)auth->jwt.audience);
    mem_free((char *)(uintptr_t)auth->jwt.username_claim);
}

void settings_unref(struct settings *settings)
{
    if (settings == NULL || atomic_fetch_sub_explicit(&settings->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < settings->acl_count; i++)
        acl_rule_free(&settings->acl[i]);
    mem_free(settings->acl);
    auth_free(&settings->auth);
    mem_free(settings);
}
