/* Users of the catalog, and clients that log in by password or by SCRAM. */
#ifndef TESTS_BROKER_LOGIN_H
#define TESTS_BROKER_LOGIN_H

#include "broker_test.h"

#include "auth/auth.h"

#include <stdio.h>

#define PASSWORD "correct horse"

/* Creates the user, or gives it this password. */
static inline void set_user(const struct site *site, const char *name, const char *password, bool superuser)
{
    struct error err;
    char hash[PASSWORD_HASH_BYTES];
    struct scram_credentials scram;
    ASSERT_OK(password_hash(str_of(password), hash, &err), err);
    ASSERT_OK(scram_derive(str_of(password), 4096, &scram, &err), err);
    struct catalog_user user = {.username = (char[64]){0},
                                .password_hash = hash,
                                .superuser = superuser,
                                .has_scram = true,
                                .scram_iterations = scram.iterations};
    snprintf(user.username, 64, "%s", name);
    memcpy(user.scram_salt, scram.salt, sizeof(user.scram_salt));
    memcpy(user.scram_stored_key, scram.stored_key, sizeof(user.scram_stored_key));
    memcpy(user.scram_server_key, scram.server_key, sizeof(user.scram_server_key));
    ASSERT_OK(catalog_user_put(site->catalog, &user, false, &err), err);
}

static inline void add_user(const struct site *site, const char *name, const char *password)
{
    set_user(site, name, password, false);
}

static inline void login_hello(struct client *client, const struct site *site, struct hello hello,
                               const char *username, const char *password)
{
    struct mqtt_connect connect = connect_of(&hello);
    connect.has_username = true;
    connect.username = str_of(username);
    connect.has_password = true;
    connect.password = str_of(password);
    client_open_sized(client, site, connect.version, 0);
    mqtt_encode_connect(&client->out, &connect);
    client_flush(client);
}

/* CONNECT with SCRAM: up to the challenge, and if `finish` to the answer to it. */
static inline void scram_hello(struct client *client, const struct site *site, const char *id,
                               const char *username, bool finish)
{
    struct scram_client *scram = scram_client_new(str_of(username), STR(PASSWORD));
    struct hello hello = {.id = id};
    struct mqtt_connect connect = connect_of(&hello);
    struct buf data = {0};
    scram_client_first(scram, &data);
    connect.properties.auth_method = STR("SCRAM-SHA-256");
    connect.properties.auth_data = buf_str(&data);
    property_set(&connect.properties, MQTT_PROP_AUTH_METHOD);
    property_set(&connect.properties, MQTT_PROP_AUTH_DATA);
    client_open_sized(client, site, MQTT_5, 0);
    mqtt_encode_connect(&client->out, &connect);
    client_flush(client);
    struct mqtt_frame frame;
    struct mqtt_disconnect auth;
    struct error err;
    assert_true(client_next(client, &frame));
    assert_int_equal(frame.type, MQTT_AUTH);
    assert_int_equal(mqtt_decode_auth(&frame, &auth), MQTT_SUCCESS);
    if (finish) {
        buf_reset(&data);
        ASSERT_OK(scram_client_final(scram, auth.properties.auth_data, &data, &err), err);
        auth.properties.auth_data = buf_str(&data);
        mqtt_encode_auth(&client->out, MQTT_CONTINUE_AUTHENTICATION, &auth.properties);
        client_flush(client);
    }
    buf_free(&data);
    scram_client_free(scram);
}

#endif
