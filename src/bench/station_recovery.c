/* recovery: a broker of its own on a fresh data directory, its stations filled over MQTT, then kill -9 and start again,
 * several times.
 *
 *   start (empty), kill -9 ─▶ make stations ─▶ start, publish with QoS 1, kill -9 ─▶ start, kill -9 ─▶ … ─▶ count messages
 *
 * A start is measured from the making of the process until DIR/run.json is there: the broker writes it once everything
 * is ready. Nothing is closed in order before a start, so each one has the last segments to scan. At the end every
 * message that was acknowledged must be in its station. */
#include "station_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "proc_internal.h"
#include "station_broker_internal.h"
#include "station_offline_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES      4096
#define POLL_NS         100000
#define START_LIMIT_MS  600000
#define SETTLE_NS       500000000L /* before memory is looked at */
#define OUTPUT_BYTES    65536
#define NAME_BYTES      32
#define FIRST_BYTES     100 /* payload of the message that each station has */
#define FILES_A_STATION 3   /* at most, for the limit of open files that the broker inherits */
#define FILES_SPARE     1024

struct child {
    const char *binary;
    char dir[PATH_BYTES];
    char data[PATH_BYTES + 8];
    char run[PATH_BYTES + 24];    /* run.json */
    char output[PATH_BYTES + 16]; /* what the broker prints */
    pid_t pid;                    /* 0: it does not run */
    struct station_broker broker;
};

/* ---- the process ---- */

/* The last line that the broker printed. */
static bool died(const struct child *child, struct error *err)
{
    struct buf text = {0};
    struct str last = STR("it printed nothing");
    if (buf_read_file(&text, child->output, OUTPUT_BYTES, NULL)) {
        struct str rest = str_trim(buf_str(&text));
        for (struct str line; str_next(&rest, '\n', &line);)
            last = line.len > 0 ? line : last;
    }
    error_set(err, ERR_IO, "%s serve does not start: %.*s", child->binary,
              (int)(last.len < 200 ? last.len : 200), last.data);
    buf_free(&text);
    return false;
}

static bool spawn(struct child *child, struct error *err)
{
    char *argv[] = {(char *)(uintptr_t)child->binary,
                    (char *)"serve",
                    (char *)"--data",
                    child->data,
                    (char *)"--set",
                    (char *)"listeners.tcp.default.bind=127.0.0.1:0",
                    (char *)"--set",
                    (char *)"listeners.ws.default.bind=127.0.0.1:0",
                    (char *)"--set",
                    (char *)"listeners.http.bind=127.0.0.1:0",
                    NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, child->output, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    int failed = posix_spawn(&child->pid, child->binary, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed == 0)
        return true;
    child->pid = 0;
    return error_errno(err, failed, "cannot run %s", child->binary);
}

static bool wait_for_run(struct child *child, struct error *err)
{
    static const struct timespec poll = {0, POLL_NS};
    int64_t end_ms = clock_mono_ms() + START_LIMIT_MS;
    while (access(child->run, F_OK) != 0) {
        if (waitpid(child->pid, NULL, WNOHANG) == child->pid) {
            child->pid = 0;
            return died(child, err);
        }
        if (clock_mono_ms() > end_ms)
            return error_set(err, ERR_TIMEOUT, "%s serve is not ready after %d s", child->binary,
                             START_LIMIT_MS / 1000);
        nanosleep(&poll, NULL);
    }
    return true;
}

static uint32_t open_files(pid_t pid)
{
    char path[64];
    uint32_t count = 0;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *files = opendir(path);
    if (files == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(files)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(files);
    return count;
}

static bool child_start(struct child *child, struct recovery_start *result, struct error *err)
{
    static const struct timespec settle = {0, SETTLE_NS};
    if (unlink(child->run) != 0 && errno != ENOENT) /* a killed broker leaves it behind */
        return error_errno(err, errno, "cannot remove %s", child->run);
    int64_t begin_ns = clock_mono_ns();
    if (!spawn(child, err) || !wait_for_run(child, err))
        return false;
    result->seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    nanosleep(&settle, NULL);
    result->rss_bytes = proc_rss_bytes(child->pid);
    result->open_files = open_files(child->pid);
    return station_broker_read(&child->broker, child->data, err);
}

static void child_kill(struct child *child)
{
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    child->pid = 0;
}

/* ---- its stations ---- */

static void station_name(uint32_t number, char *out)
{
    snprintf(out, NAME_BYTES, "bench-%u", number);
}

/* While no broker runs. Each gets a message, so that it has a segment: a station that never had one costs less. */
static bool stations_create(const struct station_options *options, const struct child *child,
                            struct error *err)
{
    struct station_offline *offline = station_offline_open(child->data, err);
    bool fine = offline != NULL;
    for (uint32_t i = 0; fine && i < options->stations; i++) {
        char name[NAME_BYTES];
        char topic[256];
        station_name(i, name);
        snprintf(topic, sizeof topic, "%.200s/%u", options->load.topic_prefix, i);
        fine = station_offline_create(offline, name, topic, options->sync, err) &&
               station_offline_produce(offline, name, topic, FIRST_BYTES, err);
    }
    fine = offline != NULL && station_offline_wait(offline, fine ? err : NULL) && fine;
    station_offline_close(offline);
    return fine;
}

static bool stations_count(const struct station_options *options, const struct child *child, uint64_t *found,
                           struct error *err)
{
    struct station_offline *offline = station_offline_open(child->data, err);
    bool fine = offline != NULL;
    for (uint32_t i = 0; fine && i < options->stations; i++) {
        char name[NAME_BYTES];
        uint64_t count;
        station_name(i, name);
        fine = station_offline_messages(offline, name, &count, err);
        *found += fine ? count : 0;
    }
    station_offline_close(offline);
    return fine;
}

static bool fill(struct station_options *options, const struct child *child, struct recovery_result *result,
                 struct error *err)
{
    static struct load_result load; /* its histogram is large for a stack */
    struct bench_options *generator = &options->load;
    generator->port = child->broker.mqtt_port;
    generator->count = options->bytes / generator->payload_bytes;
    if (generator->count == 0)
        return true;
    if (generator->count < generator->pubs)
        generator->pubs = (uint32_t)generator->count;
    generator->topics = options->stations < generator->pubs ? options->stations : generator->pubs;
    int64_t begin_ns = clock_mono_ns();
    if (!load_run(generator, &load, err))
        return false;
    result->fill_seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    result->acked += load.total_acked;
    return true;
}

static bool prepare(struct station_options *options, struct child *child, struct recovery_result *result,
                    struct error *err)
{
    struct recovery_start ignored;
    if (!child_start(child, &result->empty, err))
        return false;
    child_kill(child);
    int64_t begin_ns = clock_mono_ns();
    if (!stations_create(options, child, err))
        return false;
    result->acked = options->stations;
    result->create_seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    return child_start(child, &ignored, err) && fill(options, child, result, err);
}

static bool rounds(const struct station_options *options, struct child *child, struct recovery_result *result,
                   struct error *err)
{
    struct timespec age = {options->age_ms / 1000, options->age_ms % 1000 * 1000000};
    nanosleep(&age, NULL);
    while (result->rounds < options->rounds) {
        child_kill(child);
        if (!child_start(child, &result->full[result->rounds], err))
            return false;
        result->rounds++;
    }
    child_kill(child);
    return stations_count(options, child, &result->found, err);
}

/* As many as the stations may take, or what there is: the broker says what it lacks. */
static void files_raise(const struct station_options *options)
{
    struct rlimit limit;
    uint64_t files = (uint64_t)options->stations * FILES_A_STATION + FILES_SPARE;
    if (!stream_raise_file_limit(files, NULL) && getrlimit(RLIMIT_NOFILE, &limit) == 0)
        (void)stream_raise_file_limit(limit.rlim_max, NULL);
}

bool recovery_run(struct station_options *options, struct recovery_result *result, struct error *err)
{
    static struct child child;
    char self[PATH_BYTES];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (options->broker == NULL && len <= 0)
        return error_errno(err, errno, "cannot find this binary; give --broker");
    if (len > 0)
        self[len] = '\0';
    log_set_level(LOG_LEVEL_WARNING); /* what opens stations in this process has nothing to tell */
    memset(result, 0, sizeof *result);
    child = (struct child){.binary = options->broker != NULL ? options->broker : self};
    files_raise(options);
    if (!station_dir_make(options->dir, child.dir, PATH_BYTES, err))
        return false;
    snprintf(child.data, sizeof child.data, "%s/data", child.dir);
    snprintf(child.run, sizeof child.run, "%s/run.json", child.data);
    snprintf(child.output, sizeof child.output, "%s/output", child.dir);
    bool fine = prepare(options, &child, result, err) && rounds(options, &child, result, err);
    child_kill(&child);
    result->disk_bytes = station_dir_bytes(child.data);
    if (!options->keep)
        station_dir_remove(child.dir);
    return fine;
}
