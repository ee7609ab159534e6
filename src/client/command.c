/* Options of `varve pub` and `varve sub`: one table, each row for one command or both, then what must hold between
 * options. */
#include "command_internal.h"

#include "args/args.h"
#include "mqtt/topic.h"

#include <stdio.h>

#define PORT_TLS    8883
#define WAIT_MAX_MS UINT64_C(1000000000000)

#define COMMON_HELP                                                           \
    "  -h, --host HOST           broker (default 127.0.0.1)\n"                \
    "  -p, --port PORT           port (default 1883; with TLS 8883)\n"        \
    "  -q, --qos 0|1|2           quality of service (default 0)\n"            \
    "  -i, --id ID               client id (default: made up)\n"              \
    "  -u, --username NAME       user name\n"                                 \
    "  -P, --password TEXT       password\n"                                  \
    "  -V, --version 3.1.1|5     protocol version (default 5; 3.1 as well)\n" \
    "  -k, --keepalive S         seconds (default 60; 0: off)\n"              \
    "  -x, --session-expiry S    keep the session for S seconds after the end (MQTT 5)\n"

#define TLS_HELP                                                                                \
    "      --tls                 TLS with the system's authorities; implied by the following\n" \
    "      --cafile FILE         authorities to trust, PEM\n"                                   \
    "      --cert FILE, --key FILE  client certificate and its key, PEM\n"                      \
    "      --insecure            do not check the broker's certificate\n"                       \
    "      --help\n"                                                                            \
    "\n"                                                                                        \
    "exit codes: 0 done, 1 failed, 2 usage\n"                                                   \
    "\n"

const char command_pub_help[] =
    "usage: varve pub -t TOPIC (-m TEXT | -f FILE | -l | -n) [options]\n"
    "Publishes to an MQTT broker; with QoS 1 and 2 it waits for the acknowledgements.\n"
    "\n"
    "  -t, --topic TOPIC         where to\n"
    "  -m, --message TEXT        the message\n"
    "  -f, --file FILE           the message is a file's content\n"
    "  -l, --lines               each line of standard input is a message\n"
    "  -n, --null                an empty message (with -r: removes the retained one)\n"
    "  -r, --retain              retained\n"
    "  -D, --user-property K=V   of the message (MQTT 5; repeatable)\n" COMMON_HELP TLS_HELP
    "example: varve pub -t house/kitchen/temperature -m 21.5 -q 1 -r\n";

const char command_sub_help[] =
    "usage: varve sub -t FILTER [-t FILTER …] [options]\n"
    "Subscribes and prints one message a line until it is stopped.\n"
    "\n"
    "  -t, --topic FILTER        topic filter (repeatable)\n"
    "  -C, --count N             stop after N messages\n"
    "  -W, --wait S              stop after S seconds; with -C that is a failure (exit code 1)\n"
    "  -v, --verbose             topic before each message\n"
    "      --json                one JSON object a line: topic, qos, retain, payload (payload_base64 if it "
    "is not\n"
    "                            UTF-8), properties\n"
    "  -c, --persistent          keep the session (needs -i); MQTT 5: for -x seconds, default for good\n"
    "  -D, --user-property K=V   of the subscription (MQTT 5; repeatable)\n" COMMON_HELP TLS_HELP
    "example: varve sub -t 'house/+/temperature' -v -C 10 -W 60\n";

/* ---- one option ---- */

static bool port_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    struct command_options *options = target;
    options->port_given = true;
    return args_natural(target, option, text, err);
}

static bool expiry_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    struct command_options *options = target;
    options->has_expiry = true;
    return args_natural(target, option, text, err);
}

static bool version_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    struct command_options *options = target;
    struct str version = str_of(text);
    uint8_t *field = &options->client.version;
    (void)option;
    if (str_is(version, "3.1"))
        *field = MQTT_3_1;
    else if (str_is(version, "3.1.1") || str_is(version, "311"))
        *field = MQTT_3_1_1;
    else if (str_is(version, "5") || str_is(version, "5.0"))
        *field = MQTT_5;
    else
        return error_set(err, ERR_INVALID, "--version %s: expected 3.1.1 or 5", text);
    return true;
}

static bool topic_take(void *target, const struct args_option *option, const char *text, struct error *err)
{
    struct command_options *options = target;
    struct topic_filter filter;
    (void)option;
    if (options->command == COMMAND_PUB && options->topic_count == 1)
        return error_set(err, ERR_INVALID, "--topic %s: one topic is enough to publish to", text);
    if (options->topic_count == COMMAND_TOPICS_MAX)
        return error_set(err, ERR_INVALID, "--topic %s: more than %d filters", text, COMMAND_TOPICS_MAX);
    if (options->command == COMMAND_PUB && !topic_name_valid(str_of(text)))
        return error_set(err, ERR_INVALID, "--topic %s: no topic name (not empty, no + and no #)", text);
    if (options->command == COMMAND_SUB && !topic_filter_parse(str_of(text), &filter)) {
        return error_set(err, ERR_INVALID,
                         "--topic %s: no topic filter (+ stands alone in its level, # alone in the last)",
                         text);
    }
    options->topics[options->topic_count++] = text;
    return true;
}

static bool user_property_take(void *target, const struct args_option *option, const char *text,
                               struct error *err)
{
    struct command_options *options = target;
    struct str rest = str_of(text);
    struct str key;
    (void)option;
    if (strchr(text, '=') == NULL || rest.len > UINT16_MAX || !str_next(&rest, '=', &key))
        return error_set(err, ERR_INVALID, "--user-property %s: expected key=value", text);
    mqtt_user_property_append(&options->user_properties, key, rest);
    return true;
}

/* ---- the table ---- */

#define FIELD(member) ARGS_FIELD(struct command_options, member)

struct row {
    unsigned commands; /* which of them take it */
    struct args_option option;
};

enum { BOTH = COMMAND_PUB | COMMAND_SUB };

static const struct row rows[] = {
    {BOTH, {"host", 'h', args_text, FIELD(client.host), 0, 0}},
    {BOTH, {"port", 'p', port_take, FIELD(client.port), 0, 65535}},
    {BOTH, {"qos", 'q', args_natural, FIELD(qos), 0, 2}},
    {BOTH, {"id", 'i', args_text, FIELD(client.client_id), 0, 0}},
    {BOTH, {"username", 'u', args_text, FIELD(client.username), 0, 0}},
    {BOTH, {"password", 'P', args_text, FIELD(client.password), 0, 0}},
    {BOTH, {"version", 'V', version_take, FIELD(client.version), 0, 0}},
    {BOTH, {"keepalive", 'k', args_natural, FIELD(client.keep_alive), 0, 65535}},
    {BOTH, {"session-expiry", 'x', expiry_take, FIELD(expiry_s), 0, UINT32_MAX}},
    {BOTH, {"topic", 't', topic_take, 0, 0, 0, 0}},
    {BOTH, {"user-property", 'D', user_property_take, 0, 0, 0, 0}},
    {BOTH, {"tls", 0, args_flag, FIELD(client.tls), 0, 0}},
    {BOTH, {"cafile", 0, args_text, FIELD(client.ca_file), 0, 0}},
    {BOTH, {"cert", 0, args_text, FIELD(client.cert_file), 0, 0}},
    {BOTH, {"key", 0, args_text, FIELD(client.key_file), 0, 0}},
    {BOTH, {"insecure", 0, args_flag, FIELD(client.insecure), 0, 0}},
    {BOTH, {"help", 0, args_flag, FIELD(help), 0, 0}},
    {COMMAND_PUB, {"message", 'm', args_text, FIELD(message), 0, 0}},
    {COMMAND_PUB, {"file", 'f', args_text, FIELD(file), 0, 0}},
    {COMMAND_PUB, {"lines", 'l', args_flag, FIELD(lines), 0, 0}},
    {COMMAND_PUB, {"null", 'n', args_flag, FIELD(empty), 0, 0}},
    {COMMAND_PUB, {"retain", 'r', args_flag, FIELD(retain), 0, 0}},
    {COMMAND_SUB, {"count", 'C', args_natural, FIELD(count), 0, UINT64_MAX}},
    {COMMAND_SUB, {"wait", 'W', args_seconds, FIELD(wait_ms), 1, WAIT_MAX_MS}},
    {COMMAND_SUB, {"verbose", 'v', args_flag, FIELD(verbose), 0, 0}},
    {COMMAND_SUB, {"json", 0, args_flag, FIELD(json), 0, 0}},
    {COMMAND_SUB, {"persistent", 'c', args_flag, FIELD(persistent), 0, 0}},
};

#define ROWS (sizeof rows / sizeof rows[0])

/* ---- all of them ---- */

static bool settle_pub(const struct command_options *options, struct error *err)
{
    int sources = (options->message != NULL) + (options->file != NULL) + options->lines + options->empty;
    if (options->topic_count == 0)
        return error_set(err, ERR_INVALID, "--topic is missing: where to publish");
    if (sources == 0)
        return error_set(err, ERR_INVALID, "no message: give -m TEXT, -f FILE, -l or -n");
    if (sources > 1)
        return error_set(err, ERR_INVALID, "-m, -f, -l and -n exclude each other");
    return true;
}

static bool settle_sub(struct command_options *options, struct error *err)
{
    if (options->topic_count == 0)
        return error_set(err, ERR_INVALID, "--topic is missing: what to subscribe to");
    if (options->persistent && options->client.client_id == NULL)
        return error_set(err, ERR_INVALID, "--persistent needs --id: the session is found by it");
    if (options->verbose && options->json)
        return error_set(err, ERR_INVALID, "--verbose and --json exclude each other (JSON has the topic)");
    options->client.clean_start = !options->persistent;
    if (options->persistent && !options->has_expiry)
        options->expiry_s = UINT32_MAX;
    return true;
}

static bool settle(struct command_options *options, struct error *err)
{
    struct client_options *client = &options->client;
    bool v5 = client->version == MQTT_5;
    if (!(options->command == COMMAND_PUB ? settle_pub(options, err) : settle_sub(options, err)))
        return false;
    client->tls |=
        client->insecure || client->ca_file != NULL || client->cert_file != NULL || client->key_file != NULL;
    if (client->tls && !options->port_given)
        client->port = PORT_TLS;
    if (client->port == 0)
        return error_set(err, ERR_INVALID, "--port 0: expected 1 to 65535");
    if ((client->cert_file != NULL) != (client->key_file != NULL))
        return error_set(err, ERR_INVALID, "--cert and --key belong together");
    if (options->user_properties.len > 0 && !v5)
        return error_set(err, ERR_INVALID, "--user-property needs MQTT 5 (-V 5)");
    if (options->has_expiry && !v5)
        return error_set(err, ERR_INVALID, "--session-expiry needs MQTT 5 (-V 5)");
    if (client->password != NULL && client->username == NULL && !v5)
        return error_set(err, ERR_INVALID, "--password without --username needs MQTT 5 (-V 5)");
    client->session_expiry = v5 ? options->expiry_s : 0;
    return true;
}

bool command_options_parse(struct command_options *options, enum command command, int argc, char **argv,
                           struct error *err)
{
    memset(options, 0, sizeof *options);
    options->command = command;
    client_options_default(&options->client);
    struct args_option own[ROWS];
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if ((rows[i].commands & command) != 0)
            own[count++] = rows[i].option;
    }
    int words = args_parse(own, count, options, argc, argv, err);
    if (words < 0)
        return false;
    if (options->help)
        return true;
    if (words < argc)
        return error_set(err, ERR_INVALID, "%s: unexpected argument", argv[words]);
    return settle(options, err);
}

void command_options_free(struct command_options *options)
{
    buf_free(&options->user_properties);
}

int command_fail(enum command command, const struct error *err, int code)
{
    fprintf(stderr, "varve %s: %s%s%s\n", command == COMMAND_PUB ? "pub" : "sub", err->text,
            err->hint[0] != '\0' ? "; " : "", err->hint);
    return code;
}
