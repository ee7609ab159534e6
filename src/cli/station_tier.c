/* The verbs of `varve station` that concern the second tier. What takes long is a job of the broker's: it is started, and asked
 * how far it is until it ends; on a terminal with a bar, elsewhere with a line now and then. */
#include "cli/cli_internal.h"
#include "cli/station_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS     200
#define LINE_MS     10000 /* between two lines, where there is no terminal */
#define BAR_COLUMNS 40

/* ---- Progress -------------------------------------------------------------------------------------------- */

struct progress {
    bool terminal;
    bool shown;
    int64_t next_line_ms;
};

static void show(struct progress *progress, json_t *job)
{
    long long done = remote_number(job, "done"), total = remote_number(job, "total");
    int64_t now_ms = clock_mono_ms();
    if (total <= 0)
        return;
    if (progress->terminal) {
        int full = (int)(done * BAR_COLUMNS / total);
        fprintf(stderr, "\r[%.*s%*s] %3lld %%", full, "########################################",
                BAR_COLUMNS - full, "", done * 100 / total);
        fflush(stderr);
        progress->shown = true;
    } else if (now_ms >= progress->next_line_ms) {
        fprintf(stderr, "%s: %lld of %lld\n", remote_text(job, "kind"), done, total);
        progress->next_line_ms = now_ms + LINE_MS;
    }
}

/* Until it has ended. *job is owned. */
static bool await(const struct remote_command *command, const char *id, json_t **job, struct error *err)
{
    struct progress progress = {.terminal = isatty(STDERR_FILENO) && !command->remote.json,
                                .next_line_ms = clock_mono_ms() + LINE_MS};
    struct buf path = {0};
    buf_printf(&path, "/api/v5/jobs/%s", id);
    bool ok, running = true;
    do {
        ok = http_client_json(command->client, "GET", buf_cstr(&path), NULL, job, err);
        if (!ok)
            break;
        running = strcmp(remote_text(*job, "state"), "running") == 0;
        show(&progress, *job);
        if (running) {
            json_decref(*job);
            nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000}, NULL);
        }
    } while (running);
    if (progress.shown)
        fputc('\n', stderr);
    buf_free(&path);
    return ok;
}

/* Starts the job, waits for it, and prints what came of it. `say`: for people. */
static int run_job(const struct remote_command *command, const char *path, json_t *body,
                   void (*say)(const struct remote_command *command, json_t *result), struct error *err)
{
    json_t *started, *job;
    bool ok = http_client_json(command->client, "POST", path, body, &started, err);
    json_decref(body);
    if (!ok)
        return cli_fail("station", err);
    ok = await(command, remote_text(started, "job"), &job, err);
    json_decref(started);
    if (!ok)
        return cli_fail("station", err);
    bool succeeded = strcmp(remote_text(job, "state"), "succeeded") == 0;
    if (command->remote.json)
        remote_print_json(job);
    else if (succeeded)
        say(command, json_object_get(job, "result"));
    if (!succeeded) {
        error_set(err, ERR_IO, "%s", remote_text(job, "error"));
        error_hint(err, "%s", remote_text(job, "hint"));
    }
    json_decref(job);
    if (!succeeded)
        return cli_fail("station", err);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int run_of_station(const struct remote_command *command, const char *tail, json_t *body,
                          void (*say)(const struct remote_command *command, json_t *result),
                          struct error *err)
{
    struct buf path = {0};
    station_path(command->name, tail, &path);
    int code = run_job(command, buf_cstr(&path), body, say, err);
    buf_free(&path);
    return code;
}

/* ---- Verbs ----------------------------------------------------------------------------------------------- */

int station_tier_main(struct remote_command *command, struct error *err)
{
    json_t *answer;
    struct buf path = {0};
    station_path(command->name, "/tier", &path);
    bool ok = http_client_json(command->client, "GET", buf_cstr(&path), NULL, &answer, err);
    buf_free(&path);
    return ok ? remote_print_one(command, answer, NULL) : cli_fail("station", err);
}

static void say_flushed(const struct remote_command *command, json_t *result)
{
    (void)result;
    printf("station %s: what is expelled is committed\n", command->name);
}

int station_flush_main(struct remote_command *command, struct error *err)
{
    return run_of_station(command, "/tier/flush", json_object(), say_flushed, err);
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(object, key, json_string(text));
}

static void say_restored(const struct remote_command *command, json_t *result)
{
    const struct station_command *mine = (const struct station_command *)command;
    printf("%s%lld messages, offsets %lld to %lld", mine->dry ? "would restore " : "restored ",
           remote_number(result, "messages"), remote_number(result, "first_offset"),
           remote_number(result, "next_offset") - 1);
    if (mine->into != NULL)
        printf(", into station %s\n", mine->into);
    else
        printf(": %lld files, %lld bytes\n", remote_number(result, "files"), remote_number(result, "bytes"));
}

int station_restore_main(struct remote_command *command, struct error *err)
{
    const struct station_command *mine = (const struct station_command *)command;
    json_t *body = json_object();
    set_text(body, "from", mine->from);
    set_text(body, "to", mine->to);
    set_text(body, "into", mine->into);
    json_object_set_new(body, "dry_run", json_boolean(mine->dry));
    return run_of_station(command, "/restore", body, say_restored, err);
}

int station_release_main(struct remote_command *command, struct error *err)
{
    json_t *answer;
    struct buf path = {0};
    char text[80];
    station_path(command->name, "/tier/release", &path);
    bool ok = http_client_json(command->client, "POST", buf_cstr(&path), NULL, &answer, err);
    buf_free(&path);
    if (!ok)
        return cli_fail("station", err);
    snprintf(text, sizeof(text), "%lld bytes released", remote_number(answer, "released_bytes"));
    return remote_print_one(command, answer, text);
}

static void say_scrubbed(const struct remote_command *command, json_t *result)
{
    printf("station %s: %lld files with %lld messages checked, %lld findings\n", command->name,
           remote_number(result, "files"), remote_number(result, "messages"),
           remote_number(result, "findings"));
}

int station_scrub_main(struct remote_command *command, struct error *err)
{
    return run_of_station(command, "/tier/scrub", json_object(), say_scrubbed, err);
}

static void say_recovered(const struct remote_command *command, json_t *result)
{
    const struct station_command *mine = (const struct station_command *)command;
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(result, "recovered"), i, one)
    {
        printf("%s %s: %lld messages, next offset %lld\n", mine->dry ? "would recover" : "recovered",
               remote_text(one, "name"), remote_number(one, "messages"), remote_number(one, "next_offset"));
    }
    json_array_foreach(json_object_get(result, "failed"), i, one)
    {
        printf("not recovered %s: %s\n", remote_text(one, "name"), remote_text(one, "error"));
    }
}

int station_recover_main(struct remote_command *command, struct error *err)
{
    const struct station_command *mine = (const struct station_command *)command;
    json_t *body = json_object();
    if (mine->connector == NULL) {
        json_decref(body);
        return cli_usage("station", "recover needs --connector");
    }
    set_text(body, "connector", mine->connector);
    set_text(body, "bucket", mine->bucket);
    set_text(body, "prefix", mine->prefix);
    json_object_set_new(body, "dry_run", json_boolean(mine->dry));
    json_t *names = json_array();
    for (int i = 0; i < command->name_count; i++)
        json_array_append_new(names, json_string(command->names[i]));
    json_object_set_new(body, "stations", names);
    return run_job(command, "/api/v5/stations/recover", body, say_recovered, err);
}
