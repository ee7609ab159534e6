/* `varve serve`: the broker in the foreground.
 *
 * 1. Read the configuration, lock the data directory, open the catalog and the connectors, start the logs' writers and the
 *    broker, open the listeners.
 * 2. Write DIR/run.json: everything is ready.
 * 3. Wait for signals: SIGHUP reloads, SIGTERM and SIGINT stop. Every few seconds, look whether the reactors turn; a
 *    service manager that asked for it (notify.h) is told so only while all of them do.
 *
 * The main thread alone takes signals; all others are started with them blocked. */
#include "alarm/alarm.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log_ring.h"
#include "base/mem.h"
#include "base/random.h"
#include "cli/cli_internal.h"
#include "cli/notify.h"
#include "cli/serve_config.h"
#include "cli/serve_stores.h"
#include "connector/connector.h"
#include "log/log.h"
#include "rule/rule.h"
#include "sink/sink.h"
#include "station/station.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STOP_TIMEOUT_MS 10000
#define HTTP_STOP_MS    5000
#define PULSE_MS        5000 /* how often reactors are looked at, or four times in the time of the watchdog */
#define ADMIN_KEY_BYTES 1024
#define PATH_BYTES      4096
#define SETS_MAX        256
#define KEY_BYTES       8
#define SECRET_BYTES    24
#define LOG_WRITERS     2
#define DISK_WORKERS    4
#define DISK_QUEUE      10000

struct serve {
    const char *config_path;
    const char *dir;
    const char *sets[SETS_MAX];
    size_t set_count;
    bool describe;
    int lock_fd;
    struct serve_config config;
    struct secret_key secret;
    struct catalog *catalog;
    struct log_engine *log_engine;
    struct worker_pool *workers; /* of what waits for disks */
    struct connectors *connectors;
    struct serve_stores stores;
    struct stations *stations;
    struct broker *broker;
    struct sinks *sinks;
    struct alarms *alarms;
    struct rules *rules;
    struct listener **listeners; /* in the order of config.listeners */
    size_t listener_count;       /* that are open */
    struct api *api;
    bool api_open;
    struct notify notify;
    bool stuck; /* reactors were, when they were looked at last */
    char first_password
        [API_PASSWORD_BYTES]; /* of the user admin, if it has just been made; until it is shown */
};

static void print_help(void)
{
    puts("usage: varve serve [-c FILE] [--data DIR] [--set key=value]...\n\n"
         "Runs the broker in the foreground. SIGTERM stops it cleanly; SIGHUP reloads certificates, "
         "authorization,\n"
         "limits and the log level.\n\n"
         "  -c, --config FILE     configuration (YAML); every key has a default\n"
         "      --data DIR        data directory (default ./data); DIR/run.json tells pid and addresses\n"
         "      --set key=value   overrides a key: --set listeners.tcp.default.bind=127.0.0.1:0\n"
         "      --describe-config prints every key with its default, as Markdown\n"
         "      --help\n\n"
         "Environment variables override the file: VARVE_LOG__LEVEL=debug is log.level.\n\n"
         "example: a broker on the local network, for users only\n"
         "  varve user create alice\n"
         "  varve serve --set listeners.tcp.default.bind=0.0.0.0:1883");
}

/* ---- The data directory ---------------------------------------------------------------------------------- */

static const char *path_in(const struct serve *serve, const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s", serve->dir, name);
    return out;
}

/* One broker a directory: the lock goes with the process, however it ends. */
static bool lock_dir(struct serve *serve, struct error *err)
{
    char path[PATH_BYTES];
    if (mkdir(serve->dir, 0700) != 0 && errno != EEXIST) {
        error_errno(err, errno, "create data directory %s", serve->dir);
        return error_hint(err,
                          "choose another with --data; the directory above it has to be there and writable");
    }
    serve->lock_fd = open(path_in(serve, "varve.lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (serve->lock_fd < 0) {
        error_errno(err, errno, "open %s", path);
        return error_hint(err, "run as the owner of the data directory, or choose another with --data");
    }
    if (flock(serve->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        char pid[32];
        int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
        if (ftruncate(serve->lock_fd, 0) != 0 || pwrite(serve->lock_fd, pid, (size_t)len, 0) != len)
            return error_errno(err, errno, "write %s", path);
        return true;
    }
    char pid[32] = "";
    ssize_t len = pread(serve->lock_fd, pid, sizeof(pid) - 1, 0);
    pid[len > 0 ? strcspn(pid, "\n") : 0] = '\0';
    error_set(err, ERR_BUSY, "another broker (pid %s) uses the data directory %s", pid, serve->dir);
    return error_hint(err, "stop it, or choose another directory with --data");
}

/* The key of the machine's own administrator, for the command line: made once. */
static bool make_admin_key(const struct serve *serve, struct error *err)
{
    char path[PATH_BYTES];
    if (access(path_in(serve, "admin.key", path), F_OK) == 0)
        return true;
    uint8_t key[KEY_BYTES], secret[SECRET_BYTES];
    char key_text[2 * KEY_BYTES + 1], secret_text[2 * SECRET_BYTES + 1];
    random_bytes(key, sizeof(key));
    random_bytes(secret, sizeof(secret));
    hex_encode(key, sizeof(key), key_text);
    hex_encode(secret, sizeof(secret), secret_text);
    struct buf line = {0};
    buf_printf(&line, "%s:%s\n", key_text, secret_text);
    bool ok = buf_write_file(&line, path, 0600, err);
    mem_wipe(line.data, line.len);
    buf_free(&line);
    mem_wipe(secret, sizeof(secret));
    mem_wipe(secret_text, sizeof(secret_text));
    return ok;
}

static bool write_run_json(const struct serve *serve, struct error *err)
{
    char path[PATH_BYTES];
    struct buf text = {0};
    buf_printf(&text, "{\"pid\":%ld,\"listeners\":{", (long)getpid());
    for (size_t i = 0; i < serve->listener_count; i++) {
        buf_append_str(&text, i > 0 ? STR(",") : STR(""));
        buf_append_json(&text, str_of(listener_name(serve->listeners[i])));
        buf_append_byte(&text, ':');
        buf_append_json(&text, str_of(listener_address(serve->listeners[i])));
    }
    if (serve->api_open) {
        buf_append_str(&text, serve->listener_count > 0 ? STR(",\"http\":") : STR("\"http\":"));
        buf_append_json(&text, str_of(api_address(serve->api)));
    }
    buf_append_byte(&text, '}');
    if (serve->api_open) {
        buf_append_str(&text, STR(",\"api\":"));
        char url[128];
        buf_append_json(&text, str_of(api_url(serve->api, url, sizeof(url))));
    }
    buf_append_str(&text, STR("}\n"));
    bool ok = buf_write_file(&text, path_in(serve, "run.json", path), 0644, err);
    buf_free(&text);
    return ok;
}

/* ---- Start ----------------------------------------------------------------------------------------------- */

static bool open_listeners(struct serve *serve, struct error *err)
{
    serve->listeners = mem_zalloc((serve->config.listener_count + 1) * sizeof(*serve->listeners));
    for (size_t i = 0; i < serve->config.listener_count; i++) {
        struct listener *listener = broker_listen(serve->broker, &serve->config.listeners[i].options, err);
        if (listener == NULL)
            return false;
        serve->listeners[serve->listener_count++] = listener;
    }
    if (serve->listener_count > 0)
        return true;
    error_set(err, ERR_INVALID, "no listener is enabled");
    return error_hint(err, "set listeners.tcp.default.enabled: true");
}

/* As it goes into a header of HTTP. */
static bool is_key_and_secret(struct str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] <= ' ' || line.data[i] > '~')
            return false;
    }
    return line.len > 0 && memchr(line.data, ':', line.len) != NULL;
}

/* The key file's line, without its end. */
static bool read_admin_key(const struct serve *serve, struct buf *out, struct error *err)
{
    char path[PATH_BYTES];
    if (!buf_read_file(out, path_in(serve, "admin.key", path), ADMIN_KEY_BYTES, err))
        return false;
    if (is_key_and_secret(str_trim(buf_str(out))))
        return true;
    error_set(err, ERR_INVALID, "%s: is not one line key:secret", path);
    return error_hint(err, "delete the file: the next start makes another");
}

/* Where MQTT clients connect, for the API. They are opened in the order of the configuration. */
static void tell_listeners(const struct serve *serve)
{
    for (size_t i = 0; i < serve->listener_count; i++) {
        const struct listener_options *net = &serve->config.listeners[i].options.net;
        const struct api_mqtt_listener listener = {
            .name = listener_name(serve->listeners[i]),
            .address = listener_address(serve->listeners[i]),
            .path = net->websocket ? net->websocket_path : NULL,
        };
        api_add_listener(serve->api, &listener);
    }
}

static bool open_api(struct serve *serve, struct error *err)
{
    struct buf key = {0};
    if (!serve->config.http_enabled)
        return true;
    if (!api_first_administrator(serve->catalog, serve->first_password, err))
        return false;
    bool ok = read_admin_key(serve, &key, err);
    if (ok) {
        const struct api_options options = {
            .broker = serve->broker,
            .catalog = serve->catalog,
            .stations = serve->stations,
            .connectors = serve->connectors,
            .sinks = serve->sinks,
            .rules = serve->rules,
            .alarms = serve->alarms,
            .admin_key = str_trim(buf_str(&key)),
        };
        serve->api = api_new(&options);
        tell_listeners(serve);
        ok = serve->api_open = api_open(serve->api, &serve->config.http, err);
    }
    mem_wipe(key.data, key.len);
    buf_free(&key);
    return ok;
}

/* As many connections as the system lets this process have. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        LOG_WARNING("limit of open files not raised", LOG_UINT("limit", limit.rlim_cur));
}

static void apply_log(const struct serve_config *config)
{
    log_set_level(config->log_level);
    log_set_format(config->log_format);
}

static bool load_config(const struct serve *serve, struct serve_config *out, struct error *err)
{
    return serve_config_load(out, serve->config_path, serve->sets, serve->set_count, environ, err);
}

/* What lies below the broker: the segment log, and the stations that are in it. */
static bool open_stations(struct serve *serve, struct error *err)
{
    const struct log_engine_options engine = {.writers = LOG_WRITERS};
    serve->log_engine = log_engine_start(&engine, err);
    if (serve->log_engine == NULL)
        return false;
    serve->workers = worker_pool_new("disk-worker", DISK_WORKERS, DISK_QUEUE, err);
    if (serve->workers == NULL)
        return false;
    struct stations_options options = {
        .dir = serve->dir,
        .catalog = serve->catalog,
        .engine = serve->log_engine,
        .workers = serve->workers,
        .segment_bytes = serve->config.segment_bytes,
    };
    serve->stores = (struct serve_stores){.connectors = serve->connectors};
    serve_stores_fill(&serve->stores, &options.tiers);
    serve->stations = stations_open(&options, err);
    return serve->stations != NULL;
}

static bool open_connectors(struct serve *serve, struct error *err)
{
    const struct connectors_options options = {
        .dir = serve->dir, .catalog = serve->catalog, .secret = &serve->secret};
    serve->connectors = connectors_open(&options, err);
    return serve->connectors != NULL;
}

/* Before anybody can publish. */
static bool open_rules(struct serve *serve, struct error *err)
{
    const struct sinks_options sinks = {
        .dir = serve->dir,
        .catalog = serve->catalog,
        .connectors = serve->connectors,
        .engine = serve->log_engine,
        .workers = serve->workers,
        .broker = serve->broker,
        .node = "varve@127.0.0.1",
        .republish = rules_republish(),
    };
    serve->sinks = sinks_open(&sinks, err);
    if (serve->sinks == NULL)
        return false;
    const struct alarms_options alarms = {
        .connectors = serve->connectors, .sinks = serve->sinks, .stations = serve->stations};
    serve->alarms = alarms_open(&alarms, err);
    if (serve->alarms == NULL)
        return false;
    const struct rules_options rules = {
        .catalog = serve->catalog,
        .broker = serve->broker,
        .stations = serve->stations,
        .sinks = serve->sinks,
        .alarms = serve->alarms,
        .node = "varve@127.0.0.1",
        .ignore_sys_messages = serve->config.rules.ignore_sys_messages,
        .jq_timeout_ms = serve->config.rules.jq_timeout_ms,
        .kv_bytes_max = serve->config.rules.kv_bytes_max,
    };
    serve->rules = rules_open(&rules, err);
    return serve->rules != NULL;
}

static bool start(struct serve *serve, struct error *err)
{
    if (!load_config(serve, &serve->config, err))
        return false;
    apply_log(&serve->config);
    log_ring_start();
    raise_file_limit();
    if (!lock_dir(serve, err) || !make_admin_key(serve, err))
        return false;
    serve->catalog = catalog_open(serve->dir, err);
    if (serve->catalog == NULL || !secret_key_load(&serve->secret, serve->dir, err) ||
        !open_connectors(serve, err) || !open_stations(serve, err))
        return false;
    char sessions_dir[PATH_BYTES];
    const struct broker_options options = {
        .reactors = serve->config.reactors,
        .catalog = serve->catalog,
        .settings = serve->config.settings,
        .secret = &serve->secret,
        .feeds = stations_provider(serve->stations),
        .log_engine = serve->log_engine,
        .sessions_dir = path_in(serve, "sessions", sessions_dir),
    };
    serve->config.settings = NULL; /* the broker's, whether it starts or not */
    serve->broker = broker_start(&options, err);
    if (serve->broker == NULL || !stations_attach(serve->stations, serve->broker, err) ||
        !open_rules(serve, err) || !open_listeners(serve, err) || !open_api(serve, err))
        return false;
    if (serve->api_open)
        api_set_ready(serve->api);
    return write_run_json(serve, err);
}

/* To who looks at the terminal; where a service manager keeps what is printed, into a file of its own. */
static void show_first_password(const struct serve *serve)
{
    char path[PATH_BYTES];
    struct error err;
    if (!notify_is_on(&serve->notify)) {
        printf("  %-12s user admin, password %s (it is not shown again)\n", "log in", serve->first_password);
        return;
    }
    struct buf line = {0};
    buf_printf(&line, "%s\n", serve->first_password);
    if (buf_write_file(&line, path_in(serve, "admin.password", path), 0600, &err))
        printf("  %-12s user admin, password in %s (remove it once it is changed)\n", "log in", path);
    else
        LOG_ERROR("first password not written", LOG_ERROR_OF(&err));
    mem_wipe(line.data, line.len);
    buf_free(&line);
}

static void announce(struct serve *serve)
{
    printf("Varve " VARVE_VERSION " is ready.\n");
    for (size_t i = 0; i < serve->listener_count; i++)
        printf("  %-12s %s\n", listener_name(serve->listeners[i]), listener_address(serve->listeners[i]));
    char url[128];
    if (serve->api_open) {
        printf("  %-12s %s\n", "http", api_url(serve->api, url, sizeof(url)));
        printf("  %-12s %s/\n", "dashboard", url);
    }
    printf("  %-12s %s\n", "data", serve->dir);
    if (serve->first_password[0] != '\0') {
        show_first_password(serve);
        mem_wipe(serve->first_password, sizeof(serve->first_password));
    }
    fflush(stdout);
    LOG_INFO("broker started", LOG_INT("pid", getpid()), LOG_TEXT("data", serve->dir),
             LOG_TEXT("version", VARVE_VERSION));
}

/* ---- Run ------------------------------------------------------------------------------------------------- */

static struct listener *find_listener(const struct serve *serve, const char *name)
{
    for (size_t i = 0; i < serve->listener_count; i++) {
        if (strcmp(listener_name(serve->listeners[i]), name) == 0)
            return serve->listeners[i];
    }
    return NULL;
}

/* Each listener for itself: a certificate that cannot be read leaves that listener with its old one. */
static void reload_listeners(const struct serve *serve, const struct serve_config *fresh)
{
    for (size_t i = 0; i < fresh->listener_count; i++) {
        const struct serve_listener *wanted = &fresh->listeners[i];
        struct listener *listener = find_listener(serve, wanted->name);
        struct error err;
        if (listener == NULL) {
            LOG_WARNING("listener not opened by a reload: restart for it",
                        LOG_TEXT("listener", wanted->name));
            continue;
        }
        listener_set_limits(listener, wanted->options.net.max_connections,
                            wanted->options.net.connections_per_second);
        broker_set_listener_limits(listener, &wanted->options);
        if (wanted->options.net.tls != NULL && !listener_reload_tls(listener, wanted->options.net.tls, &err))
            LOG_ERROR("certificate not reloaded", LOG_TEXT("listener", wanted->name), LOG_ERROR_OF(&err));
    }
}

static void reload(struct serve *serve)
{
    struct serve_config fresh;
    struct error err;
    if (!load_config(serve, &fresh, &err)) {
        LOG_ERROR("configuration not reloaded", LOG_ERROR_OF(&err));
        return;
    }
    apply_log(&fresh);
    reload_listeners(serve, &fresh);
    struct settings *settings = fresh.settings;
    fresh.settings = NULL;
    if (broker_reload(serve->broker, settings, &err))
        LOG_INFO("configuration reloaded");
    else
        LOG_ERROR("configuration not reloaded", LOG_ERROR_OF(&err));
    serve_config_free(&fresh);
}

static void say_ready(struct serve *serve)
{
    struct buf status = {0};
    buf_printf(&status, "ready:");
    for (size_t i = 0; i < serve->listener_count; i++)
        buf_printf(&status, " %s %s,", listener_name(serve->listeners[i]),
                   listener_address(serve->listeners[i]));
    if (serve->api_open)
        buf_printf(&status, " http %s", api_address(serve->api));
    notify_ready(&serve->notify, buf_cstr(&status));
    buf_free(&status);
}

static void look_at_reactors(struct serve *serve)
{
    unsigned stuck = broker_pulse(serve->broker);
    if (stuck == 0)
        notify_send(&serve->notify, "WATCHDOG=1");
    if (stuck > 0 && !serve->stuck)
        LOG_ERROR("reactors do not turn", LOG_UINT("reactors", stuck));
    else if (stuck == 0 && serve->stuck)
        LOG_INFO("reactors turn again");
    serve->stuck = stuck > 0;
}

static void wait_for_stop(struct serve *serve, const sigset_t *signals)
{
    int64_t every_ms = PULSE_MS;
    if (serve->notify.watchdog_ms > 0 && serve->notify.watchdog_ms / 4 < every_ms)
        every_ms = serve->notify.watchdog_ms / 4;
    int64_t next_ms = clock_mono_ms();
    for (;;) {
        int64_t left_ms = next_ms - clock_mono_ms();
        if (left_ms <= 0) {
            look_at_reactors(serve);
            next_ms = clock_mono_ms() + every_ms;
            continue;
        }
        const struct timespec pause = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        int signal_number = sigtimedwait(signals, NULL, &pause);
        if (signal_number == SIGHUP) {
            notify_reloading(&serve->notify);
            reload(serve);
            say_ready(serve);
        } else if (signal_number == SIGTERM || signal_number == SIGINT) {
            return;
        }
    }
}

static void stop(struct serve *serve)
{
    char path[PATH_BYTES];
    int64_t begin_ms = clock_mono_ms();
    if (serve->api != NULL) {
        api_stop(serve->api, HTTP_STOP_MS);
        api_free(serve->api);
    }
    if (serve->broker != NULL) {
        broker_stop(serve->broker, STOP_TIMEOUT_MS);
        rules_close(serve->rules);
        alarms_close(serve->alarms);
        sinks_close(serve->sinks);
        stations_close(serve->stations); /* what the log still writes refers to the broker's reactors */
        broker_free(serve->broker);
        LOG_INFO("broker stopped", LOG_INT("took_ms", clock_mono_ms() - begin_ms));
    } else {
        stations_close(serve->stations);
    }
    connectors_close(serve->connectors);
    log_engine_stop(serve->log_engine);
    if (serve->workers != NULL)
        worker_pool_stop(serve->workers);
    catalog_close(serve->catalog);
    mem_wipe(&serve->secret, sizeof(serve->secret));
    if (serve->listener_count > 0)
        unlink(path_in(serve, "run.json", path));
    mem_free(serve->listeners);
    serve_config_free(&serve->config);
    if (serve->lock_fd >= 0)
        close(serve->lock_fd);
}

/* ---- Command line ---------------------------------------------------------------------------------------- */

/* -1: go on; else the exit code. */
static int parse_options(struct serve *serve, int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"data", required_argument, NULL, 'd'},
        {"set", required_argument, NULL, 's'},    {"describe-config", no_argument, NULL, 'D'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    optind = 1;
    for (int option; (option = cli_option(argc, argv, "c:h", options)) != -1;) {
        switch (option) {
        case 'c': serve->config_path = optarg; break;
        case 'd': serve->dir = optarg; break;
        case 'D': serve->describe = true; break;
        case 'h': print_help(); return EXIT_DONE;
        case 's':
            if (serve->set_count == SETS_MAX)
                return cli_usage("serve", "at most %d --set", SETS_MAX);
            serve->sets[serve->set_count++] = optarg;
            break;
        default: return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return cli_usage("serve", "\"%s\" is not an option", argv[optind]);
    return -1;
}

static int describe_config(struct serve *serve)
{
    struct error err;
    struct buf text = {0};
    if (!load_config(serve, &serve->config, &err))
        return cli_fail("serve", &err);
    config_describe(serve->config.config, &text);
    fwrite(text.data, 1, text.len, stdout);
    buf_free(&text);
    serve_config_free(&serve->config);
    return EXIT_DONE;
}

int serve_main(int argc, char **argv)
{
    struct serve serve = {.dir = CLI_DATA_DEFAULT, .lock_fd = -1};
    int code = parse_options(&serve, argc, argv);
    if (code >= 0)
        return code;
    if (serve.describe)
        return describe_config(&serve);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct error err;
    notify_open(&serve.notify);
    bool started = start(&serve, &err);
    if (started) {
        announce(&serve);
        say_ready(&serve);
        wait_for_stop(&serve, &signals);
    }
    notify_send(&serve.notify, "STOPPING=1");
    stop(&serve);
    notify_close(&serve.notify);
    return started ? EXIT_DONE : cli_fail("serve", &err);
}
