/* `varve log verify`: reads every byte of a closed log and changes nothing. */
#include "args/args.h"
#include "base/log.h"
#include "cli/cli_internal.h"
#include "cli/manage_internal.h"
#include "log/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct log_command {
    bool json;
    bool help;
    struct buf findings; /* of JSON: objects, with commas between */
};

static void print_help(void)
{
    puts("usage: varve log verify DIR [--json]\n\n"
         "Checks the log in a directory that no broker uses, and changes nothing. The log of station NAME is "
         "DATA/stations/NAME.\n"
         "Exit code 0: every message can be read; 1: something is wrong, or it cannot be checked; 2: usage.\n"
         "What a crash has cut short, and nobody was told of, is no fault.\n\n"
         "  --json   output for machines\n"
         "  --help\n\n"
         "example: check a station after a disk has failed\n"
         "  varve log verify data/stations/telemetry");
}

static void found(const struct log_finding *finding, void *arg)
{
    struct log_command *command = arg;
    if (!command->json) {
        printf("%s: %s, byte %" PRIu64 ", offset %" PRIu64 ": %s\n", finding->harmless ? "note" : "FAULT",
               finding->file, finding->position, finding->offset, finding->what);
        return;
    }
    struct buf *out = &command->findings;
    buf_append_str(out, out->len > 0 ? STR(",{") : STR("{"));
    manage_json_text(out, "file", finding->file);
    manage_json_int(out, "position", (int64_t)finding->position);
    manage_json_int(out, "offset", (int64_t)finding->offset);
    manage_json_bool(out, "harmless", finding->harmless);
    manage_json_text(out, "what", finding->what);
    buf_append_byte(out, '}');
}

static bool print_summary(struct log_command *command, const struct log_summary *summary)
{
    struct buf out = {0};
    if (!command->json) {
        buf_printf(&out,
                   "%" PRIu64 " messages in %" PRIu64 " batches and %" PRIu32 " segments, offsets %" PRIu64
                   " to %" PRIu64 ", %" PRIu64 " bytes on disk: %s\n",
                   summary->records, summary->batches, summary->segments, summary->first, summary->next,
                   summary->disk_bytes, summary->findings == 0 ? "sound" : "NOT SOUND");
        return manage_print(&out);
    }
    buf_append_byte(&out, '{');
    manage_json_bool(&out, "sound", summary->findings == 0);
    manage_json_int(&out, "records", (int64_t)summary->records);
    manage_json_int(&out, "batches", (int64_t)summary->batches);
    manage_json_int(&out, "segments", summary->segments);
    manage_json_int(&out, "first_offset", (int64_t)summary->first);
    manage_json_int(&out, "next_offset", (int64_t)summary->next);
    manage_json_int(&out, "bytes", (int64_t)summary->bytes);
    manage_json_int(&out, "disk_bytes", (int64_t)summary->disk_bytes);
    buf_append_str(&out, STR(",\"findings\":["));
    buf_append_str(&out, buf_str(&command->findings));
    buf_append_str(&out, STR("]}\n"));
    return manage_print(&out);
}

static int verify(struct log_command *command, const char *dir)
{
    struct log_summary summary;
    struct error err;
    bool checked = log_verify(dir, found, command, &summary, &err);
    bool printed = checked && print_summary(command, &summary);
    buf_free(&command->findings);
    if (!checked) {
        if (err.code == ERR_BUSY)
            error_hint(&err, "stop the broker that uses it first");
        return cli_fail("log", &err);
    }
    return printed && summary.findings == 0 ? EXIT_DONE : EXIT_FAILED;
}

int log_main(int argc, char **argv)
{
    static const struct args_option options[] = {
        {"json", 0, args_flag, ARGS_FIELD(struct log_command, json), 0, 0},
        {"help", 0, args_flag, ARGS_FIELD(struct log_command, help), 0, 0},
    };
    struct log_command command = {0};
    struct error err;
    const char *words[2] = {NULL, NULL};
    size_t count = 0;
    log_set_level(LOG_LEVEL_WARNING);
    /* Options may stand before, between and behind the words. */
    while (argc > 1) {
        int at = args_parse(options, sizeof(options) / sizeof(options[0]), &command, argc, argv, &err);
        if (at < 0)
            return cli_usage("log", "%s", err.text);
        if (at < argc && count == 2)
            return cli_usage("log", "\"%s\" is one argument too many", argv[at]);
        if (at < argc)
            words[count++] = argv[at];
        argc -= at;
        argv += at;
    }
    if (command.help) {
        print_help();
        return EXIT_DONE;
    }
    if (count == 0 || strcmp(words[0], "verify") != 0)
        return cli_which_verb("log", words[0], "verify");
    if (count == 1)
        return cli_usage("log", "verify needs the directory of a log");
    return verify(&command, words[1]);
}
