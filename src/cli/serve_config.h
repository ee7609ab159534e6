/* varve.yaml as the broker takes it: every key of `varve serve` is read in serve_config.c. */
#ifndef CLI_SERVE_CONFIG_H
#define CLI_SERVE_CONFIG_H

#include "api/api.h"
#include "base/log.h"
#include "broker/broker.h"
#include "config/config.h"

struct serve_listener {
    char name[64];                          /* "tcp.default" */
    struct broker_listener_options options; /* its texts live as long as the configuration */
    struct tls_options tls;
    struct tls_sni *sni;  /* owned */
    const char **origins; /* owned */
};

struct serve_config {
    struct config *config; /* owned: texts of the listeners are its */
    unsigned reactors;
    enum log_level log_level;
    enum log_format log_format;
    uint64_t segment_bytes; /* of the logs of stations */
    struct {
        bool ignore_sys_messages;
        int64_t jq_timeout_ms;
        uint64_t kv_bytes_max;
    } rules;
    struct settings *settings; /* one reference; NULL once taken */
    struct serve_listener *listeners;
    size_t listener_count;
    bool http_enabled;
    struct api_listener_options http; /* its texts are the configuration's */
    const char **http_hosts;          /* owned */
};

/* Reads everything. Errors: ERR_NOT_FOUND, ERR_INVALID with file, line and key. */
bool serve_config_load(struct serve_config *out, const char *path, const char *const *sets, size_t set_count,
                       char *const *environment, struct error *err);
void serve_config_free(struct serve_config *config);

#endif
