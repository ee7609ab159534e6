/* `varve pub`: connect, publish what -m, -f, -l or -n says, wait for the acknowledgements, disconnect. */
#include "command_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define READ_BYTES    65536
#define SERVICE_MS    1000 /* how often keep alive is looked at while standard input is quiet */
#define PAYLOAD_BYTES ((size_t)MQTT_REMAINING_LENGTH_MAX)

static bool publish(struct client *client, const struct command_options *options, struct str payload,
                    struct error *err)
{
    struct client_message message = {.topic = str_of(options->topics[0]),
                                     .payload = payload,
                                     .qos = options->qos,
                                     .retain = options->retain};
    mqtt_properties_init(&message.properties);
    message.properties.user_encoded = buf_str(&options->user_properties);
    return client_publish(client, &message, err);
}

static bool publish_file(struct client *client, const struct command_options *options, struct error *err)
{
    struct buf content = {0};
    bool done = buf_read_file(&content, options->file, PAYLOAD_BYTES, err) &&
                publish(client, options, buf_str(&content), err);
    buf_free(&content);
    return done;
}

/* Waits for standard input, and answers the broker meanwhile. 1: readable, 0: not yet, -1: failed. */
static int wait_input(struct client *client, struct error *err)
{
    struct client_message ignored;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, SERVICE_MS) > 0)
        return 1;
    return client_receive(client, 0, &ignored, err) == CLIENT_FAILED ? -1 : 0;
}

static bool publish_pending(struct client *client, const struct command_options *options, struct buf *pending,
                            bool at_end, struct error *err)
{
    size_t at = 0;
    struct str line;
    bool done = true;
    while (done && lines_next(pending, &at, &line))
        done = publish(client, options, line, err);
    buf_consume(pending, at);
    if (done && at_end && pending->len > 0) /* the last line has no \n */
        done = publish(client, options, buf_str(pending), err);
    return done;
}

static bool publish_lines(struct client *client, const struct command_options *options, struct error *err)
{
    struct buf pending = {0};
    bool done = true;
    for (ssize_t got = 1; done && got != 0;) {
        int ready = wait_input(client, err);
        if (ready <= 0) {
            done = ready == 0;
            continue;
        }
        buf_reserve(&pending, READ_BYTES);
        got = read(STDIN_FILENO, pending.data + pending.len, READ_BYTES);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            done = error_errno(err, errno, "cannot read standard input");
        if (got >= 0)
            pending.len += (size_t)got;
        done = done && publish_pending(client, options, &pending, got == 0, err);
        if (done && pending.len > PAYLOAD_BYTES)
            done = error_set(err, ERR_TOO_LARGE, "a line of more than 256 MiB");
    }
    buf_free(&pending);
    return done;
}

static bool run(const struct command_options *options, struct error *err)
{
    bool done;
    struct client *client = client_connect(&options->client, err);
    if (client == NULL)
        return false;
    if (options->lines)
        done = publish_lines(client, options, err);
    else if (options->file != NULL)
        done = publish_file(client, options, err);
    else
        done = publish(client, options, str_of(options->empty ? "" : options->message), err);
    done = done && client_flush(client, err);
    client_close(client);
    return done;
}

int client_pub_main(int argc, char **argv)
{
    static struct command_options options; /* large for a stack */
    struct error err = {0};
    int code = COMMAND_DONE;
    signal(SIGPIPE, SIG_IGN);
    if (!command_options_parse(&options, COMMAND_PUB, argc, argv, &err)) {
        error_hint(&err, "see varve pub --help");
        code = command_fail(COMMAND_PUB, &err, COMMAND_USAGE);
    } else if (options.help) {
        fputs(command_pub_help, stdout);
    } else if (!run(&options, &err)) {
        code = command_fail(COMMAND_PUB, &err, COMMAND_FAILED);
    }
    command_options_free(&options);
    return code;
}
