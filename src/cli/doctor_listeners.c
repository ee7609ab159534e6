/* Certificates and ports. Each listener is opened as varve serve opens it, and closed at once; beside a running broker
 * on a free port, so that only its certificates are tried. Where that one listens it says itself: the configuration may
 * leave the port to the system. */
#include "base/mem.h"
#include "cli/doctor_internal.h"
#include "net/net.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPIRES_SOON_DAYS 30

/* ---- Certificates ---------------------------------------------------------------------------------------- */

/* The first certificate of a PEM file, or NULL. */
static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    return certificate;
}

static void check_certificate(struct doctor *doctor, const char *path)
{
    X509 *certificate = read_certificate(path);
    int days, seconds;
    if (certificate == NULL)
        return; /* opening the listener says why */
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        doctor_report(doctor, VERDICT_FAILED, "certificate", "look at the clock, and at the certificate",
                      "%s is not valid yet", path);
    } else if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1) {
        doctor_report(doctor, VERDICT_FAILED, "certificate", NULL,
                      "%s: the end of its validity is not readable", path);
    } else if (days < 0 || seconds < 0) {
        doctor_report(doctor, VERDICT_FAILED, "certificate", "renew it, then send SIGHUP to the broker",
                      "%s expired %d days ago", path, -days);
    } else {
        doctor_report(doctor, days < EXPIRES_SOON_DAYS ? VERDICT_WARNING : VERDICT_OK, "certificate",
                      days < EXPIRES_SOON_DAYS ? "renew it, then send SIGHUP to the broker" : NULL,
                      "%s is valid for %d days", path, days);
    }
    X509_free(certificate);
}

static void check_key(struct doctor *doctor, const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && (info.st_mode & 07) != 0) {
        doctor_report(doctor, VERDICT_WARNING, "certificate", "chmod 600 it, and own it as the broker's user",
                      "everyone can read or write the key file %s", path);
    }
}

static void check_tls_files(struct doctor *doctor, const struct tls_options *tls)
{
    check_certificate(doctor, tls->cert_file);
    check_key(doctor, tls->key_file);
    for (size_t i = 0; i < tls->sni_count; i++) {
        check_certificate(doctor, tls->sni[i].cert_file);
        check_key(doctor, tls->sni[i].key_file);
    }
}

/* ---- Ports ----------------------------------------------------------------------------------------------- */

/* Whoever connects in this moment comes back later. */
static void drop(struct channel *channel)
{
    channel_abort(channel, NULL);
}

static size_t take_all(struct channel *channel, uint8_t *data, size_t len)
{
    (void)channel;
    (void)data;
    return len;
}

static void ignore(struct channel *channel)
{
    (void)channel;
}

static void forget(struct channel *channel, const struct error *why)
{
    (void)channel;
    (void)why;
}

static const struct channel_ops drop_ops = {
    .on_open = drop,
    .on_data = take_all,
    .on_drained = ignore,
    .on_timeout = ignore,
    .on_closed = forget,
};

/* `bind`: as configured. It could be opened. */
static void report_address(struct doctor *doctor, const char *name, const char *bind)
{
    const char *address = json_string_value(json_object_get(json_object_get(doctor->run, "listeners"), name));
    if (!doctor->is_running) {
        doctor_report(doctor, VERDICT_OK, "listener", NULL, "%s: %s is free", name, bind);
    } else if (address != NULL) {
        doctor_report(doctor, VERDICT_OK, "listener", NULL, "%s: %s is the running broker's", name, address);
    } else if (doctor->run != NULL) {
        doctor_report(doctor, VERDICT_WARNING, "listener",
                      "give this check the configuration that the broker was started with, or start it again",
                      "%s: %s is not open in the running broker", name, bind);
    }
}

/* Returns the listener, which is to be freed after the reactors, or NULL. */
static struct listener *try_listener(struct doctor *doctor, struct reactor_group *group,
                                     const struct serve_listener *wanted)
{
    struct listener_options options = wanted->options.net;
    struct error err;
    options.channel_bytes = sizeof(struct channel);
    options.ops = &drop_ops;
    if (doctor->is_running)
        options.bind = "127.0.0.1:0";
    struct listener *listener = listener_open(group, &options, &err);
    if (listener == NULL) {
        doctor_report_error(doctor, "listener", &err);
        return NULL;
    }
    listener_stop_accepting(listener);
    report_address(doctor, wanted->name, wanted->options.net.bind);
    return listener;
}

void doctor_check_listeners(struct doctor *doctor)
{
    const struct reactor_group_options one = {.count = 1};
    struct error err;
    if (!doctor->has_config)
        return;
    struct reactor_group *group = reactor_group_start(&one, &err);
    if (group == NULL) {
        doctor_report_error(doctor, "listener", &err);
        return;
    }
    size_t count = doctor->config.listener_count;
    struct listener **listeners = mem_zalloc((count + 1) * sizeof(struct listener *));
    for (size_t i = 0; i < count; i++) {
        const struct serve_listener *wanted = &doctor->config.listeners[i];
        listeners[i] = try_listener(doctor, group, wanted);
        if (wanted->options.net.tls != NULL)
            check_tls_files(doctor, wanted->options.net.tls);
    }
    reactor_group_stop(group);
    for (size_t i = 0; i < count; i++) {
        if (listeners[i] != NULL)
            listener_free(listeners[i]);
    }
    mem_free(listeners);
    reactor_group_free(group);
}

void doctor_check_http(struct doctor *doctor)
{
    struct error err;
    char address[CHANNEL_PEER_BYTES];
    if (!doctor->has_config || !doctor->config.http_enabled)
        return;
    const struct api_listener_options *http = &doctor->config.http;
    int fd = listener_socket(doctor->is_running ? "127.0.0.1:0" : http->bind, address, &err);
    if (fd < 0) {
        error_wrap(&err, "listener http");
        doctor_report_error(doctor, "listener", &err);
    } else {
        close(fd);
        report_address(doctor, "http", http->bind);
    }
    if (http->tls_cert_file != NULL) {
        check_certificate(doctor, http->tls_cert_file);
        check_key(doctor, http->tls_key_file);
    }
}
