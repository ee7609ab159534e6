/* Options of `varve pub` and `varve sub`: one table, each row for one command or both. */
#include "command_internal.h"

#include "mqtt/topic.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PORT_TLS 8883

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

enum kind {
    KIND_TEXT,
    KIND_NATURAL,
    KIND_SECONDS,
    KIND_FLAG,
    KIND_VERSION,
    KIND_TOPIC,
    KIND_USER,
    KIND_TLS_TEXT,
    KIND_TLS_FLAG
};

struct row {
    const char *name;
    char letter; /* 0: long form only */
    unsigned commands;
    enum kind kind;
    size_t offset;
    size_t size;
    uint64_t max;
};

enum { OPTION_LONG = 256, BOTH = COMMAND_PUB | COMMAND_SUB };

#define FIELD(member) offsetof(struct command_options, member), sizeof((struct command_options *)NULL)->member

static const struct row rows[] = {
    {"host", 'h', BOTH, KIND_TEXT, FIELD(client.host), 0},
    {"port", 'p', BOTH, KIND_NATURAL, FIELD(client.port), 65535},
    {"qos", 'q', BOTH, KIND_NATURAL, FIELD(qos), 2},
    {"id", 'i', BOTH, KIND_TEXT, FIELD(client.client_id), 0},
    {"username", 'u', BOTH, KIND_TEXT, FIELD(client.username), 0},
    {"password", 'P', BOTH, KIND_TEXT, FIELD(client.password), 0},
    {"version", 'V', BOTH, KIND_VERSION, FIELD(client.version), 0},
    {"keepalive", 'k', BOTH, KIND_NATURAL, FIELD(client.keep_alive), 65535},
    {"session-expiry", 'x', BOTH, KIND_NATURAL, FIELD(expiry_s), UINT32_MAX},
    {"topic", 't', BOTH, KIND_TOPIC, 0, 0, 0},
    {"user-property", 'D', BOTH, KIND_USER, 0, 0, 0},
    {"tls", 0, BOTH, KIND_FLAG, FIELD(client.tls), 0},
    {"cafile", 0, BOTH, KIND_TLS_TEXT, FIELD(client.ca_file), 0},
    {"cert", 0, BOTH, KIND_TLS_TEXT, FIELD(client.cert_file), 0},
    {"key", 0, BOTH, KIND_TLS_TEXT, FIELD(client.key_file), 0},
    {"insecure", 0, BOTH, KIND_TLS_FLAG, FIELD(client.insecure), 0},
    {"help", 0, BOTH, KIND_FLAG, FIELD(help), 0},
    {"message", 'm', COMMAND_PUB, KIND_TEXT, FIELD(message), 0},
    {"file", 'f', COMMAND_PUB, KIND_TEXT, FIELD(file), 0},
    {"lines", 'l', COMMAND_PUB, KIND_FLAG, FIELD(lines), 0},
    {"null", 'n', COMMAND_PUB, KIND_FLAG, FIELD(empty), 0},
    {"retain", 'r', COMMAND_PUB, KIND_FLAG, FIELD(retain), 0},
    {"count", 'C', COMMAND_SUB, KIND_NATURAL, FIELD(count), UINT64_MAX},
    {"wait", 'W', COMMAND_SUB, KIND_SECONDS, FIELD(wait_ms), 0},
    {"verbose", 'v', COMMAND_SUB, KIND_FLAG, FIELD(verbose), 0},
    {"json", 0, COMMAND_SUB, KIND_FLAG, FIELD(json), 0},
    {"persistent", 'c', COMMAND_SUB, KIND_FLAG, FIELD(persistent), 0},
};

#define ROWS (sizeof rows / sizeof rows[0])

/* ---- one option ---- */

static bool natural_parse(void *field, const struct row *row, const char *text, struct error *err)
{
    uint64_t value;
    if (!str_to_u64(str_of(text), &value, NULL) || value > row->max)
        return error_set(err, ERR_INVALID, "--%s %s: expected a whole number from 0 to %llu", row->name, text,
                         (unsigned long long)row->max);
    switch (row->size) {
    case 1: *(uint8_t *)field = (uint8_t)value; break;
    case 2: *(uint16_t *)field = (uint16_t)value; break;
    case 4: *(uint32_t *)field = (uint32_t)value; break;
    default: *(uint64_t *)field = value; break;
    }
    return true;
}

static bool seconds_parse(int64_t *field, const struct row *row, const char *text, struct error *err)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds > 0 && seconds <= 1e9))
        return error_set(err, ERR_INVALID, "--%s %s: expected seconds, such as 5 or 0.5", row->name, text);
    *field = llround(ceil(seconds * 1000));
    return true;
}

static bool version_parse(uint8_t *field, const char *text, struct error *err)
{
    struct str version = str_of(text);
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

static bool topic_parse(struct command_options *options, const char *text, struct error *err)
{
    struct topic_filter filter;
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

static bool user_parse(struct command_options *options, const char *text, struct error *err)
{
    struct str rest = str_of(text);
    struct str key;
    if (strchr(text, '=') == NULL || rest.len > UINT16_MAX || !str_next(&rest, '=', &key))
        return error_set(err, ERR_INVALID, "--user-property %s: expected key=value", text);
    mqtt_user_property_append(&options->user_properties, key, rest);
    return true;
}

static bool row_parse(struct command_options *options, const struct row *row, const char *text,
                      struct error *err)
{
    void *field = (char *)options + row->offset;
    options->port_given |= field == &options->client.port && row->kind == KIND_NATURAL;
    options->has_expiry |= field == &options->expiry_s && row->kind == KIND_NATURAL;
    switch (row->kind) {
    case KIND_TEXT: *(const char **)field = text; return true;
    case KIND_NATURAL: return natural_parse(field, row, text, err);
    case KIND_SECONDS: return seconds_parse(field, row, text, err);
    case KIND_VERSION: return version_parse(field, text, err);
    case KIND_FLAG: *(bool *)field = true; return true;
    case KIND_TOPIC: return topic_parse(options, text, err);
    case KIND_USER: return user_parse(options, text, err);
    case KIND_TLS_TEXT:
        options->client.tls = true;
        *(const char **)field = text;
        return true;
    case KIND_TLS_FLAG:
        options->client.tls = true;
        *(bool *)field = true;
        return true;
    }
    return error_set(err, ERR_INTERNAL, "option --%s has no kind", row->name);
}

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

/* How many options the command has; longs ends with a zero row, shorts is a getopt string. */
static void tables_build(enum command command, struct option *longs, char *shorts)
{
    size_t at = 0, count = 0;
    shorts[at++] = '+'; /* the first word that is no option ends the options */
    shorts[at++] = ':';
    for (size_t i = 0; i < ROWS; i++) {
        bool flag = rows[i].kind == KIND_FLAG || rows[i].kind == KIND_TLS_FLAG;
        if ((rows[i].commands & command) == 0)
            continue;
        longs[count++] =
            (struct option){rows[i].name, flag ? no_argument : required_argument, NULL, OPTION_LONG + (int)i};
        if (rows[i].letter == 0)
            continue;
        shorts[at++] = rows[i].letter;
        if (!flag)
            shorts[at++] = ':';
    }
    longs[count] = (struct option){NULL, 0, NULL, 0};
    shorts[at] = '\0';
}

static const struct row *row_of(int option)
{
    if (option >= OPTION_LONG)
        return &rows[option - OPTION_LONG];
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].letter == option)
            return &rows[i];
    }
    return NULL;
}

bool command_options_parse(struct command_options *options, enum command command, int argc, char **argv,
                           struct error *err)
{
    struct option longs[ROWS + 1];
    char shorts[2 * ROWS + 3];
    memset(options, 0, sizeof *options);
    options->command = command;
    client_options_default(&options->client);
    tables_build(command, longs, shorts);
    opterr = 0;
    optind = 0; /* glibc: forget an earlier scan of other arguments */
    for (int option; (option = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const struct row *row = option == '?' || option == ':' ? NULL : row_of(option);
        if (option == ':')
            return error_set(err, ERR_INVALID, "%s: needs a value", argv[optind - 1]);
        if (row == NULL)
            return error_set(err, ERR_INVALID, "%s: unknown option", argv[optind - 1]);
        if (!row_parse(options, row, optarg, err))
            return false;
    }
    if (options->help)
        return true;
    if (optind < argc)
        return error_set(err, ERR_INVALID, "%s: unexpected argument", argv[optind]);
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
