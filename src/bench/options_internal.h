/* What the user asks of `varve bench mqtt`. */
#ifndef BENCH_OPTIONS_INTERNAL_H
#define BENCH_OPTIONS_INTERNAL_H

#include "args/args.h"
#include "base/error.h"

#include <stdint.h>

/* A message's payload begins with 24 bytes that the generator needs (see message_internal.h). */
#define OPTIONS_PAYLOAD_MIN 24
#define OPTIONS_PAYLOAD_MAX (1024 * 1024)
#define OPTIONS_LINKS_MAX   1000000
#define OPTIONS_THREADS_MAX 256
#define OPTIONS_WINDOW_MAX  1000000
#define OPTIONS_TIME_MAX_MS 1000000000

struct bench_options {
    const char *host; /* strings borrow from argv */
    uint16_t port;
    uint32_t pubs;
    uint32_t subs;
    uint32_t topics;
    uint8_t qos;
    uint8_t version; /* enum mqtt_version */
    uint32_t payload_bytes;
    uint64_t rate;    /* messages a second of all publishers together; 0: as fast as the window allows */
    uint32_t tick_us; /* with a rate, messages leave at multiples of this; 0: each at its own time */
    uint32_t window;  /* messages in flight for each publisher; 0: no limit */
    uint32_t max_lag; /* QoS 1 and 2: messages the slowest subscriber may be behind; 0: no limit */
    int64_t duration_ms;
    int64_t warmup_ms;
    int64_t quiet_ms; /* nothing has come for so long: what is missing is lost */
    uint64_t count;   /* messages of all publishers together instead of a duration; 0: by duration */
    uint32_t threads;
    uint32_t idle; /* number of idle connections; 0: no idle run */
    bool idle_subscribe;
    uint64_t connect_rate; /* connections a second; 0: as fast as the broker accepts */
    int64_t pid;           /* the broker's, for its memory; 0: look for the owner of the port */
    const char *client_prefix;
    const char *topic_prefix;
    const char *username; /* NULL: none */
    const char *password;
    bool json;
    bool relay;
    bool help;

    /* `varve bench station` alone */
    uint8_t sub_qos;    /* of subscriptions; OPTIONS_QOS_SAME: as publications */
    const char *filter; /* what every subscriber subscribes to; NULL: its topic */
    bool fill;          /* subscribers connect once all that was published is acknowledged */
    bool group;         /* the subscribers share the messages: each goes to one of them */

    /* `varve bench sink` alone */
    const char *texts;   /* payloads, one behind the other: there are no subscribers; NULL: none */
    uint32_t text_count; /* of payload_bytes each; used in turn, each publisher beginning elsewhere */
};

#define OPTIONS_QOS_SAME 0xFF

static inline uint8_t options_sub_qos(const struct bench_options *options)
{
    return options->sub_qos == OPTIONS_QOS_SAME ? options->qos : options->sub_qos;
}

/* Whether latency is from a publication to its acknowledgement: there is nobody to receive it meanwhile. */
static inline bool options_ack_latency(const struct bench_options *options)
{
    return options->qos > 0 && (options->fill || options->subs == 0);
}

void bench_options_default(struct bench_options *options);

/* Errors: ERR_INVALID, one line that names the option. */
bool bench_options_parse(struct bench_options *options, int argc, char **argv, struct error *err);

/* Options of more than one subcommand. */
args_take_fn bench_version_take; /* uint8_t, enum mqtt_version: 3.1.1 or 5, as users write them */
args_take_fn bench_bytes_take;   /* uint64_t, of sizes such as 64MiB, from min to max */

/* An option that some modes of a subcommand take. */
struct bench_row {
    unsigned modes; /* bits: 1 << mode */
    struct args_option option;
};
/* Hands argv[1 …] to the rows of the mode; a word that is no option is refused unless *help is set by then. Errors: ERR_INVALID. */
bool bench_rows_parse(const struct bench_row *rows, size_t count, unsigned mode, void *target,
                      const bool *help, int argc, char **argv, struct error *err);
/* The index of the name; `count`: it is none of them. */
unsigned bench_mode_parse(const char *const *names, unsigned count, const char *text);

extern const char bench_options_help[];

#endif
