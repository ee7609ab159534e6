/* SCRAM-SHA-256: the example of RFC 7677, then everything that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/auth_internal.h"

/* RFC 7677, section 3: user "user", password "pencil". */
#define CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"
#define SERVER_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define CLIENT_FIRST "n,,n=user,r=" CLIENT_NONCE
#define SERVER_FIRST "r=" CLIENT_NONCE SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define CLIENT_FINAL "c=biws,r=" CLIENT_NONCE SERVER_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct scram_credentials credentials; /* of the example */

static int derive_example(void **state)
{
    (void)state;
    uint8_t salted[SCRAM_KEY_BYTES];
    uint8_t client_key[SCRAM_KEY_BYTES];
    credentials.iterations = 4096;
    if (base64_decode(STR("W22ZaJ0SNY7soEsUEjb6gQ=="), credentials.salt, false) != SCRAM_SALT_BYTES)
        return -1;
    if (!scram_salted_password(STR("pencil"), credentials.salt, SCRAM_SALT_BYTES, 4096, salted))
        return -1;
    scram_keys(salted, client_key, credentials.stored_key, credentials.server_key);
    return 0;
}

static void assert_text(const struct buf *buf, const char *expected)
{
    assert_int_equal(buf->len, strlen(expected));
    assert_memory_equal(buf->data, expected, buf->len);
}

/* A server that has sent the example's challenge. */
static struct scram_server *challenged(const char *client_first, bool real)
{
    struct scram_server *server = scram_server_new();
    struct str username;
    struct buf challenge = {0};
    scram_server_fix_nonce(server, SERVER_NONCE);
    assert_true(scram_server_first(server, str_of(client_first), &username, NULL));
    scram_server_challenge(server, &credentials, real, &challenge);
    buf_free(&challenge);
    return server;
}

static enum error_code final_code(const char *client_first, bool real, struct str client_final)
{
    struct error err = {.code = ERR_NONE};
    struct buf out = {0};
    struct scram_server *server = challenged(client_first, real);
    bool ok = scram_server_final(server, client_final, &out, &err);
    assert_true(ok == (err.code == ERR_NONE));
    assert_true(ok == (out.len != 0));
    scram_server_free(server);
    buf_free(&out);
    return err.code;
}

static void test_server_speaks_the_example_of_rfc_7677(void **state)
{
    (void)state;
    struct scram_server *server = scram_server_new();
    struct buf out = {0};
    struct str username;
    scram_server_fix_nonce(server, SERVER_NONCE);
    assert_true(scram_server_first(server, STR(CLIENT_FIRST), &username, NULL));
    assert_true(str_is(username, "user"));
    scram_server_challenge(server, &credentials, true, &out);
    assert_text(&out, SERVER_FIRST);
    buf_reset(&out);
    assert_true(scram_server_final(server, STR(CLIENT_FINAL), &out, NULL));
    assert_text(&out, SERVER_FINAL);
    scram_server_free(server);
    buf_free(&out);
}

static struct scram_client *example_client(struct buf *first)
{
    struct scram_client *client = scram_client_new(STR("user"), STR("pencil"));
    scram_client_fix_nonce(client, CLIENT_NONCE);
    scram_client_first(client, first);
    return client;
}

static void test_client_speaks_the_example_of_rfc_7677(void **state)
{
    (void)state;
    struct buf out = {0};
    struct scram_client *client = example_client(&out);
    assert_text(&out, CLIENT_FIRST);
    buf_reset(&out);
    assert_true(scram_client_final(client, STR(SERVER_FIRST), &out, NULL));
    assert_text(&out, CLIENT_FINAL);
    assert_true(scram_client_verify(client, STR(SERVER_FINAL), NULL));
    /* An exchange is verified once. */
    assert_false(scram_client_verify(client, STR(SERVER_FINAL), NULL));
    scram_client_free(client);
    buf_free(&out);
}

static void test_a_flipped_bit_anywhere_in_the_final_message_is_refused(void **state)
{
    (void)state;
    char message[] = CLIENT_FINAL;
    assert_int_equal(final_code(CLIENT_FIRST, true, str_of(message)), ERR_NONE);
    for (size_t bit = 0; bit < 8 * (sizeof message - 1); bit++) {
        message[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_not_equal(final_code(CLIENT_FIRST, true, str_make(message, sizeof message - 1)), ERR_NONE);
        message[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t len = 0; len < sizeof message - 1; len++)
        assert_int_not_equal(final_code(CLIENT_FIRST, true, str_make(message, len)), ERR_NONE);
}

static void test_a_flipped_bit_anywhere_in_the_challenge_ends_the_exchange(void **state)
{
    (void)state;
    char message[] = SERVER_FIRST;
    for (size_t bit = 0; bit < 8 * (sizeof message - 1); bit++) {
        struct buf out = {0};
        struct scram_client *client = example_client(&out);
        buf_reset(&out);
        message[bit / 8] ^= (char)(1 << bit % 8);
        if (scram_client_final(client, str_make(message, sizeof message - 1), &out, NULL)) {
            assert_int_not_equal(final_code(CLIENT_FIRST, true, buf_str(&out)), ERR_NONE);
        } else {
            assert_int_equal(out.len, 0);
        }
        message[bit / 8] ^= (char)(1 << bit % 8);
        scram_client_free(client);
        buf_free(&out);
    }
}

static void test_client_refuses_a_server_final_with_a_flipped_bit(void **state)
{
    (void)state;
    char message[] = SERVER_FINAL;
    for (size_t bit = 0; bit < 8 * (sizeof message - 1); bit++) {
        struct buf out = {0};
        struct scram_client *client = example_client(&out);
        assert_true(scram_client_final(client, STR(SERVER_FIRST), &out, NULL));
        message[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(scram_client_verify(client, str_make(message, sizeof message - 1), NULL));
        message[bit / 8] ^= (char)(1 << bit % 8);
        scram_client_free(client);
        buf_free(&out);
    }
}

static void test_client_first_messages(void **state)
{
    (void)state;
    const struct {
        struct str message;
        const char *username; /* NULL: refused */
    } cases[] = {
        {STR("n,,n=user,r=abc"), "user"},
        {STR("y,,n=user,r=abc"), "user"},
        {STR("n,a=user,n=user,r=abc"), "user"},
        {STR("n,,n=us=2Cer=3D,r=abc"), "us,er="},
        {STR("n,a=us=2Cer,n=us=2Cer,r=abc"), "us,er"},
        {STR("n,,n=J\xc3\xbcrgen,r=abc"), "J\xc3\xbcrgen"},
        {STR("n,,n=user,r=abc,x=1,y=2"), "user"},
        {STR("n,,n=user,r=a=b"), "user"},
        /* GS2 header */
        {STR(""), NULL},
        {STR("n"), NULL},
        {STR("n,"), NULL},
        {STR("n,,"), NULL},
        {STR("n=user,r=abc"), NULL},
        {STR(",,n=user,r=abc"), NULL},
        {STR("N,,n=user,r=abc"), NULL},
        {STR("nn,,n=user,r=abc"), NULL},
        {STR("p=tls-unique,,n=user,r=abc"), NULL},
        {STR("p=tls-exporter,,n=user,r=abc"), NULL},
        {STR("p,,n=user,r=abc"), NULL},
        {STR("F,n,,n=user,r=abc"), NULL},
        {STR("n,a=,n=user,r=abc"), NULL},
        {STR("n,user,n=user,r=abc"), NULL},
        {STR("n,a=root,n=user,r=abc"), NULL},
        /* name */
        {STR("n,,n=,r=abc"), NULL},
        {STR("n,,r=abc"), NULL},
        {STR("n,,r=abc,n=user"), NULL},
        {STR("n,,user,r=abc"), NULL},
        {STR("n,,n=us=er,r=abc"), NULL},
        {STR("n,,n=user=,r=abc"), NULL},
        {STR("n,,n=user=2,r=abc"), NULL},
        {STR("n,,n=user=2c,r=abc"), NULL},
        {STR("n,,n=user=41,r=abc"), NULL},
        {STR("n,,n=us\0er,r=abc"), NULL},
        {STR("n,,n=us\377er,r=abc"), NULL},
        {STR("n,,n=us\xed\xa0\x80,r=abc"), NULL},
        /* nonce */
        {STR("n,,n=user"), NULL},
        {STR("n,,n=user,"), NULL},
        {STR("n,,n=user,r="), NULL},
        {STR("n,,n=user,r=a b"), NULL},
        {STR("n,,n=user,r=a\x7f"), NULL},
        {STR("n,,n=user,r=\xc3\xbc"), NULL},
        {STR("n,,n=user,x=1,r=abc"), NULL},
        /* extensions */
        {STR("n,,m=x,n=user,r=abc"), NULL},
        {STR("n,,n=user,r=abc,m=x"), NULL},
        {STR("n,,n=user,r=abc,r=abc"), NULL},
        {STR("n,,n=user,r=abc,n=root"), NULL},
        {STR("n,,n=user,r=abc,"), NULL},
        {STR("n,,n=user,r=abc,x"), NULL},
        {STR("n,,n=user,r=abc,x="), NULL},
        {STR("n,,n=user,r=abc,1=x"), NULL},
        {STR("n,,n=user,r=abc,xx=1"), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {.code = ERR_NONE};
        struct str username;
        struct scram_server *server = scram_server_new();
        bool ok = scram_server_first(server, cases[i].message, &username, &err);
        if (ok != (cases[i].username != NULL))
            fail_msg("case %zu: %.*s", i, STR_ARG(cases[i].message));
        if (ok) {
            assert_true(str_is(username, cases[i].username));
        } else {
            assert_int_equal(err.code, ERR_PROTOCOL);
        }
        scram_server_free(server);
    }
}

static void test_a_message_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct buf message = {0};
    buf_append_str(&message, STR("n,,n=user,r="));
    while (message.len < SCRAM_MESSAGE_BYTES_MAX)
        buf_append_byte(&message, 'x');
    for (int over = 0; over <= 1; over++) {
        struct str username;
        struct scram_server *server = scram_server_new();
        assert_true(scram_server_first(server, buf_str(&message), &username, NULL) == !over);
        scram_server_free(server);
        buf_append_byte(&message, 'x');
    }
    buf_free(&message);
}

static void test_client_final_messages_that_break_the_protocol(void **state)
{
    (void)state;
#define NONCE CLIENT_NONCE SERVER_NONCE
#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    static const char *const messages[] = {
        "c=biws,r=" CLIENT_NONCE "," PROOF,          /* the client's nonce alone */
        "c=biws,r=" SERVER_NONCE "," PROOF,          /* the server's nonce alone */
        "c=biws,r=" NONCE "x," PROOF,                /* a longer nonce */
        "c=eSws,r=" NONCE "," PROOF,                 /* "y,,": not what the first message said */
        "c=cD10bHMtdW5pcXVlLCw=,r=" NONCE "," PROOF, /* "p=tls-unique,," */
        "c=biwsYWJj,r=" NONCE "," PROOF,             /* "n,," and channel data */
        "c=biw,r=" NONCE "," PROOF,
        "c=,r=" NONCE "," PROOF,
        "r=" NONCE ",c=biws," PROOF,
        "r=" NONCE "," PROOF,
        "c=biws," PROOF,
        "c=biws,r=" NONCE,
        "c=biws,r=" NONCE ",",
        "c=biws,r=" NONCE ",p=",
        "c=biws,r=" NONCE ",p=dHzb",
        "c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ",  /* no padding */
        "c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQA", /* 33 bytes */
        "c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR=", /* a stray bit */
        "c=biws,r=" NONCE "," PROOF "," PROOF,
        "c=biws,r=" NONCE "," PROOF ",x=1",
        "c=biws,r=" NONCE ",m=1," PROOF,
        "c=biws,r=" NONCE ",n=root," PROOF,
        "c=biws,r=" NONCE ",," PROOF,
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (final_code(CLIENT_FIRST, true, str_of(messages[i])) != ERR_PROTOCOL)
            fail_msg("%s", messages[i]);
    }
}

static void test_an_extension_in_the_final_message_belongs_to_the_proof(void **state)
{
    (void)state;
    /* The extension is well-formed, but the proof was made without it. */
    assert_int_equal(final_code(CLIENT_FIRST, true, STR("c=biws,r=" NONCE ",x=1," PROOF)), ERR_DENIED);
}

static void test_stripped_channel_binding_is_noticed(void **state)
{
    (void)state;
    /* The client said "n"; somebody made it "y" (or the reverse) on the way. */
    assert_int_equal(final_code("y,,n=user,r=" CLIENT_NONCE, true, STR(CLIENT_FINAL)), ERR_PROTOCOL);
    assert_int_equal(final_code("n,a=user,n=user,r=" CLIENT_NONCE, true, STR(CLIENT_FINAL)), ERR_PROTOCOL);
}

static void test_the_right_proof_for_made_up_credentials_is_denied(void **state)
{
    (void)state;
    assert_int_equal(final_code(CLIENT_FIRST, false, STR(CLIENT_FINAL)), ERR_DENIED);
}

static void test_messages_out_of_order_are_refused(void **state)
{
    (void)state;
    struct buf out = {0};
    struct error err;
    struct str username;

    struct scram_server *server = scram_server_new();
    assert_false(scram_server_final(server, STR(CLIENT_FINAL), &out, &err));
    assert_int_equal(err.code, ERR_PROTOCOL);
    assert_false(scram_server_first(server, STR(CLIENT_FIRST), &username, &err));
    scram_server_free(server);

    server = challenged(CLIENT_FIRST, true);
    assert_true(scram_server_final(server, STR(CLIENT_FINAL), &out, NULL));
    assert_false(scram_server_final(server, STR(CLIENT_FINAL), &out, &err));
    assert_int_equal(err.code, ERR_PROTOCOL);
    scram_server_free(server);

    /* One wrong proof ends the exchange: no second guess at the same challenge. */
    server = challenged(CLIENT_FIRST, true);
    assert_false(scram_server_final(server, STR("c=biws,r=x," PROOF), &out, NULL));
    assert_false(scram_server_final(server, STR(CLIENT_FINAL), &out, NULL));
    scram_server_free(server);

    struct scram_client *client = scram_client_new(STR("user"), STR("pencil"));
    assert_false(scram_client_verify(client, STR(SERVER_FINAL), &err));
    assert_int_equal(err.code, ERR_PROTOCOL);
    scram_client_free(client);
    buf_free(&out);
}

/* Our client against our server. ERR_NONE, or what the server's answer was. */
static enum error_code exchange(struct str username, struct str password,
                                const struct scram_credentials *have, bool real)
{
    struct error err = {.code = ERR_NONE};
    struct buf first = {0};
    struct buf challenge = {0};
    struct buf final = {0};
    struct buf answer = {0};
    struct str seen;
    struct scram_client *client = scram_client_new(username, password);
    struct scram_server *server = scram_server_new();
    scram_client_first(client, &first);
    assert_true(scram_server_first(server, buf_str(&first), &seen, NULL));
    assert_true(str_equal(seen, username));
    scram_server_challenge(server, have, real, &challenge);
    assert_true(scram_client_final(client, buf_str(&challenge), &final, NULL));
    if (scram_server_final(server, buf_str(&final), &answer, &err))
        assert_true(scram_client_verify(client, buf_str(&answer), NULL));
    scram_client_free(client);
    scram_server_free(server);
    buf_free(&first);
    buf_free(&challenge);
    buf_free(&final);
    buf_free(&answer);
    return err.code;
}

static void test_derived_credentials_verify_their_password_alone(void **state)
{
    (void)state;
    const struct {
        struct str username;
        struct str password;
    } users[] = {
        {STR("user"), STR("pencil")},
        {STR("a=b,c=2C"), STR("p,q=r")},
        {STR("J\xc3\xbcrgen"), STR("gr\303\274\303\237e")},
        {STR("empty"), STR("")},
    };
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        struct scram_credentials derived;
        assert_true(scram_derive(users[i].password, SCRAM_ITERATIONS, &derived, NULL));
        assert_int_equal(derived.iterations, SCRAM_ITERATIONS);
        assert_int_equal(exchange(users[i].username, users[i].password, &derived, true), ERR_NONE);
        assert_int_equal(exchange(users[i].username, STR("other"), &derived, true), ERR_DENIED);
        assert_int_equal(exchange(users[i].username, users[i].password, &derived, false), ERR_DENIED);
    }
}

static void test_derivation_salts_and_refuses_what_scram_cannot_take(void **state)
{
    (void)state;
    struct scram_credentials one;
    struct scram_credentials two;
    assert_true(scram_derive(STR("pencil"), 4096, &one, NULL));
    assert_true(scram_derive(STR("pencil"), 4096, &two, NULL));
    assert_memory_not_equal(one.salt, two.salt, sizeof one.salt);
    assert_memory_not_equal(one.stored_key, two.stored_key, sizeof one.stored_key);

    const struct {
        struct str password;
        uint32_t iterations;
    } refused[] = {
        {STR("pencil"), 0},          {STR("pencil"), 4095},   {STR("pencil"), SCRAM_ITERATIONS_MAX + 1},
        {STR("pencil"), UINT32_MAX}, {STR("pen\0cil"), 4096}, {STR("pen\xff"), 4096},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct error err;
        assert_false(scram_derive(refused[i].password, refused[i].iterations, &one, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void test_made_up_credentials_are_steady_and_never_verify(void **state)
{
    (void)state;
    struct scram_credentials first;
    struct scram_credentials again;
    struct scram_credentials other;
    static const uint8_t key[SCRAM_KEY_BYTES] = {1}, other_key[SCRAM_KEY_BYTES] = {2};
    scram_fake_credentials(key, STR("nobody"), &first);
    scram_fake_credentials(key, STR("nobody"), &again);
    scram_fake_credentials(key, STR("nobody2"), &other);
    assert_int_equal(first.iterations, SCRAM_ITERATIONS);
    assert_memory_equal(first.salt, again.salt, sizeof first.salt);
    assert_memory_not_equal(first.salt, other.salt, sizeof first.salt);
    scram_fake_credentials(other_key, STR("nobody"), &other);
    assert_memory_not_equal(first.salt, other.salt, sizeof first.salt);
    assert_int_equal(exchange(STR("nobody"), STR(""), &first, false), ERR_DENIED);
    assert_int_equal(exchange(STR("nobody"), STR("pencil"), &first, true), ERR_DENIED);
}

static void test_each_exchange_has_its_own_nonces(void **state)
{
    (void)state;
    struct buf challenges[2] = {{0}, {0}};
    for (size_t i = 0; i < 2; i++) {
        struct str username;
        struct scram_server *server = scram_server_new();
        assert_true(scram_server_first(server, STR(CLIENT_FIRST), &username, NULL));
        scram_server_challenge(server, &credentials, true, &challenges[i]);
        assert_true(str_starts(buf_str(&challenges[i]), STR("r=" CLIENT_NONCE)));
        scram_server_free(server);
    }
    assert_false(str_equal(buf_str(&challenges[0]), buf_str(&challenges[1])));
    buf_free(&challenges[0]);
    buf_free(&challenges[1]);
}

static void test_client_refuses_challenges(void **state)
{
    (void)state;
#define SALT "s=W22ZaJ0SNY7soEsUEjb6gQ=="
    const struct str messages[] = {
        STR(""),
        STR("r=" CLIENT_NONCE "," SALT ",i=4096"), /* nothing added to the nonce */
        STR("r=other," SALT ",i=4096"),
        STR("r=xrOprNGfwEbeRWgbNEkqO," SALT ",i=4096"),
        STR("r=" NONCE "\x7f," SALT ",i=4096"),
        STR("m=x,r=" NONCE "," SALT ",i=4096"),
        STR("r=" NONCE "," SALT ",i=4096,m=x"),
        STR("r=" NONCE "," SALT ",i=4096,"),
        STR("r=" NONCE "," SALT),
        STR("r=" NONCE ",i=4096," SALT),
        STR("r=" NONCE ",s=,i=4096"),
        STR("r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096"),
        STR("r=" NONCE ",s=!!!!,i=4096"),
        STR("r=" NONCE "," SALT ",i=4095"),
        STR("r=" NONCE "," SALT ",i=1"),
        STR("r=" NONCE "," SALT ",i=0"),
        STR("r=" NONCE "," SALT ",i=04096"),
        STR("r=" NONCE "," SALT ",i=-4096"),
        STR("r=" NONCE "," SALT ",i=4096x"),
        STR("r=" NONCE "," SALT ",i=1000001"),
        STR("r=" NONCE "," SALT ",i=99999999999999999999"),
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct error err;
        struct buf out = {0};
        struct scram_client *client = example_client(&out);
        buf_reset(&out);
        if (scram_client_final(client, messages[i], &out, &err))
            fail_msg("%.*s", STR_ARG(messages[i]));
        assert_int_equal(err.code, ERR_PROTOCOL);
        assert_int_equal(out.len, 0);
        scram_client_free(client);
        buf_free(&out);
    }
}

static void test_client_takes_salts_of_other_sizes(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 300; len++) {
        uint8_t salt[300];
        memset(salt, 0x5A, sizeof salt);
        struct buf challenge = {0};
        struct buf out = {0};
        buf_append_str(&challenge, STR("r=" NONCE ",s="));
        scram_base64_append(&challenge, salt, len);
        buf_append_str(&challenge, STR(",i=4096"));
        struct scram_client *client = example_client(&out);
        /* The work grows with the salt only by a hash block; a few sizes show the edge. */
        bool edge = len < 4 || (len > 250 && len < 260) || len == 300;
        if (edge)
            assert_true(scram_client_final(client, buf_str(&challenge), &out, NULL) == (len <= 255));
        scram_client_free(client);
        buf_free(&challenge);
        buf_free(&out);
    }
}

static void test_client_reports_the_servers_refusal(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        enum error_code code;
    } cases[] = {
        {"e=invalid-proof", ERR_DENIED},
        {"e=", ERR_PROTOCOL},
        {"", ERR_PROTOCOL},
        {"v=", ERR_PROTOCOL},
        {"v=AAAA", ERR_PROTOCOL},
        {"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ERR_DENIED},
        {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,m=1", ERR_PROTOCOL},
        {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=1", ERR_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {.code = ERR_NONE};
        struct buf out = {0};
        struct scram_client *client = example_client(&out);
        assert_true(scram_client_final(client, STR(SERVER_FIRST), &out, NULL));
        scram_client_verify(client, str_of(cases[i].message), &err);
        assert_int_equal(err.code, cases[i].code);
        scram_client_free(client);
        buf_free(&out);
    }
}

static void test_client_refuses_names_and_passwords_that_are_not_text(void **state)
{
    (void)state;
    const struct {
        struct str username;
        struct str password;
    } cases[] = {{STR(""), STR("pencil")}, {STR("us\xff"), STR("pencil")}, {STR("user"), STR("pen\0cil")}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        struct buf out = {0};
        struct scram_client *client = scram_client_new(cases[i].username, cases[i].password);
        scram_client_fix_nonce(client, CLIENT_NONCE);
        scram_client_first(client, &out);
        assert_false(scram_client_final(client, STR(SERVER_FIRST), &out, &err));
        assert_int_equal(err.code, ERR_INVALID);
        scram_client_free(client);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_speaks_the_example_of_rfc_7677),
        cmocka_unit_test(test_client_speaks_the_example_of_rfc_7677),
        cmocka_unit_test(test_a_flipped_bit_anywhere_in_the_final_message_is_refused),
        cmocka_unit_test(test_a_flipped_bit_anywhere_in_the_challenge_ends_the_exchange),
        cmocka_unit_test(test_client_refuses_a_server_final_with_a_flipped_bit),
        cmocka_unit_test(test_client_first_messages),
        cmocka_unit_test(test_a_message_over_the_limit_is_refused),
        cmocka_unit_test(test_client_final_messages_that_break_the_protocol),
        cmocka_unit_test(test_an_extension_in_the_final_message_belongs_to_the_proof),
        cmocka_unit_test(test_stripped_channel_binding_is_noticed),
        cmocka_unit_test(test_the_right_proof_for_made_up_credentials_is_denied),
        cmocka_unit_test(test_messages_out_of_order_are_refused),
        cmocka_unit_test(test_derived_credentials_verify_their_password_alone),
        cmocka_unit_test(test_derivation_salts_and_refuses_what_scram_cannot_take),
        cmocka_unit_test(test_made_up_credentials_are_steady_and_never_verify),
        cmocka_unit_test(test_each_exchange_has_its_own_nonces),
        cmocka_unit_test(test_client_refuses_challenges),
        cmocka_unit_test(test_client_takes_salts_of_other_sizes),
        cmocka_unit_test(test_client_reports_the_servers_refusal),
        cmocka_unit_test(test_client_refuses_names_and_passwords_that_are_not_text),
    };
    return cmocka_run_group_tests(tests, derive_example, NULL);
}
