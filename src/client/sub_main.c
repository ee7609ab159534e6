/* `varve sub`: connect, subscribe, print each message, and end by count, by time or by a signal. A message is
 * acknowledged after it was written. */
#include "command_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define SLICE_MS 500 /* how long a signal between two waits may go unnoticed */

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static void signals_set(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    stopped = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool subscribe(struct client *client, const struct command_options *options, struct error *err)
{
    struct mqtt_subscription *subscriptions = mem_zalloc(options->topic_count * sizeof *subscriptions);
    struct mqtt_properties properties;
    for (size_t i = 0; i < options->topic_count; i++) {
        subscriptions[i].filter = str_of(options->topics[i]);
        subscriptions[i].qos = options->qos;
    }
    mqtt_properties_init(&properties);
    properties.user_encoded = buf_str(&options->user_properties);
    bool done = client_subscribe(client, subscriptions, options->topic_count, &properties, err);
    mem_free(subscriptions);
    return done;
}

static bool print(const struct command_options *options, const struct client_message *message,
                  struct buf *line, struct error *err)
{
    buf_reset(line);
    if (options->json) {
        message_json(line, options->client.version, message);
    } else {
        if (options->verbose) {
            buf_append_str(line, message->topic);
            buf_append_byte(line, ' ');
        }
        buf_append_str(line, message->payload);
        buf_append_byte(line, '\n');
    }
    if (fwrite(line->data, 1, line->len, stdout) != line->len || fflush(stdout) != 0)
        return error_errno(err, errno, "cannot write to standard output");
    return true;
}

static bool time_is_up(const struct command_options *options, uint64_t received, struct error *err)
{
    if (options->count == 0)
        return true;
    return error_set(err, ERR_TIMEOUT, "%llu of %llu messages came within %g s", (unsigned long long)received,
                     (unsigned long long)options->count, (double)options->wait_ms / 1000);
}

static bool receive_all(struct client *client, const struct command_options *options, struct buf *line,
                        struct error *err)
{
    int64_t end_ms = options->wait_ms > 0 ? clock_mono_ms() + options->wait_ms : INT64_MAX;
    uint64_t received = 0;
    while (stopped == 0) {
        struct client_message message;
        int64_t left_ms = end_ms - clock_mono_ms();
        if (left_ms <= 0)
            return time_is_up(options, received, err);
        enum client_receive got =
            client_receive(client, left_ms < SLICE_MS ? left_ms : SLICE_MS, &message, err);
        if (got == CLIENT_FAILED || (got == CLIENT_MESSAGE && !print(options, &message, line, err)))
            return false;
        if (got == CLIENT_MESSAGE && ++received == options->count)
            return true;
    }
    return true;
}

static bool run(const struct command_options *options, struct error *err)
{
    struct buf line = {0};
    struct client *client = client_connect(&options->client, err);
    if (client == NULL)
        return false;
    bool done = subscribe(client, options, err) && receive_all(client, options, &line, err);
    client_close(client);
    buf_free(&line);
    return done;
}

int client_sub_main(int argc, char **argv)
{
    static struct command_options options; /* large for a stack */
    struct error err = {0};
    int code = COMMAND_DONE;
    signals_set();
    if (!command_options_parse(&options, COMMAND_SUB, argc, argv, &err)) {
        error_hint(&err, "see varve sub --help");
        code = command_fail(COMMAND_SUB, &err, COMMAND_USAGE);
    } else if (options.help) {
        fputs(command_sub_help, stdout);
    } else if (!run(&options, &err)) {
        code = command_fail(COMMAND_SUB, &err, COMMAND_FAILED);
    }
    command_options_free(&options);
    return code;
}
