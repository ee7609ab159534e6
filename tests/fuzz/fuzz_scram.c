/* Both sides of SCRAM, with nonces that are fixed. The input is a letter and two messages, with a line feed between:
 *
 *   's'   client-first and client-final, to a server whose user's password nobody knows: it must refuse
 *   'c'   server-first and server-final, to a client: only the example of RFC 7677 may satisfy it */
#include "auth/auth_internal.h"

#include <stdlib.h>

#define CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"
#define SERVER_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void serve(struct str first, struct str last)
{
    struct error err = {.code = ERR_NONE};
    struct scram_credentials credentials;
    struct buf out = {0};
    struct str username;
    struct scram_server *server = scram_server_new();
    scram_server_fix_nonce(server, SERVER_NONCE);
    if (scram_server_first(server, first, &username, &err)) {
        if (username.len == 0 || !scram_text_valid(username))
            abort();
        static const uint8_t key[SCRAM_KEY_BYTES];
        scram_fake_credentials(key, username, &credentials);
        scram_server_challenge(server, &credentials, true, &out);
        if (scram_server_final(server, last, &out, &err))
            abort();
    }
    if (err.code != ERR_PROTOCOL && err.code != ERR_DENIED)
        abort();
    scram_server_free(server);
    buf_free(&out);
}

/* A challenge that asks for many iterations is legal and slow; the fuzzer is to try others. */
static bool asks_for_much(struct str first)
{
    size_t digits = 0;
    for (size_t i = 0; i < first.len; i++) {
        digits = first.data[i] >= '0' && first.data[i] <= '9' ? digits + 1 : 0;
        if (digits > 4)
            return true;
    }
    return false;
}

static void ask(struct str first, struct str last)
{
    struct buf out = {0};
    if (asks_for_much(first))
        return;
    struct scram_client *client = scram_client_new(STR("user"), STR("pencil"));
    scram_client_fix_nonce(client, CLIENT_NONCE);
    scram_client_first(client, &out);
    buf_reset(&out);
    if (scram_client_final(client, first, &out, NULL)) {
        if (out.len == 0)
            abort();
        bool example = str_is(first, "r=" CLIENT_NONCE SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        if (scram_client_verify(client, last, NULL) && !example)
            abort();
    }
    scram_client_free(client);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str rest = str_make(data + 1, size - 1);
    struct str first;
    if (!str_next(&rest, '\n', &first) || rest.data == NULL)
        rest = STR("");
    if (data[0] == 's')
        serve(first, rest);
    else if (data[0] == 'c')
        ask(first, rest);
    return 0;
}
