/* What `varve pub` and `varve sub` share: options and how errors are told. */
#ifndef CLIENT_COMMAND_INTERNAL_H
#define CLIENT_COMMAND_INTERNAL_H

#include "base/buf.h"
#include "client.h"

enum { COMMAND_DONE, COMMAND_FAILED, COMMAND_USAGE };

enum command { COMMAND_PUB = 1, COMMAND_SUB = 2 };

#define COMMAND_TOPICS_MAX 1000

struct command_options {
    enum command command;
    struct client_options client; /* strings borrow from argv */
    bool port_given;
    bool help;
    uint8_t qos;
    const char *topics[COMMAND_TOPICS_MAX];
    size_t topic_count;
    struct buf user_properties; /* encoded; owned */
    bool has_expiry;
    uint32_t expiry_s; /* session expiry */

    /* pub */
    const char *message;
    const char *file;
    bool lines;
    bool empty;
    bool retain;

    /* sub */
    uint64_t count;  /* messages; 0: no limit */
    int64_t wait_ms; /* 0: no limit */
    bool verbose;
    bool json;
    bool persistent;
};

/* Returns false with ERR_INVALID: one line that names the option. command_options_free() in any case. */
bool command_options_parse(struct command_options *options, enum command command, int argc, char **argv,
                           struct error *err);
void command_options_free(struct command_options *options);

/* Prints the one line and returns the exit code: COMMAND_USAGE for ERR_INVALID options is the caller's to say. */
int command_fail(enum command command, const struct error *err, int code);

extern const char command_pub_help[];
extern const char command_sub_help[];

/* ---- one message as a line of JSON (message_json.c) ---- */

void message_json(struct buf *out, uint8_t version, const struct client_message *message);

/* ---- lines of a byte stream (lines.c): whatever comes in pieces ---- */

/* Takes the next whole line off the front of pending[*at …]; without its \n. False: there is none yet. */
bool lines_next(const struct buf *pending, size_t *at, struct str *line);

#endif
