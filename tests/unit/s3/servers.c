#include "s3/servers.h"

#include "base/mem.h"

#include <sys/wait.h>

#ifndef S3_SCRIPTS
#error "S3_SCRIPTS: the directory of rgw-up.sh"
#endif

static const char *servers_dir(void)
{
    const char *dir = getenv("VARVE_TEST_S3");
    if (dir != NULL && dir[0] != '\0')
        return dir;
    print_message("\n"
                  "!!! VARVE_TEST_S3 is not set: NOTHING IS TESTED HERE AGAINST A REAL S3 SERVER.\n"
                  "!!! tests/s3/servers.sh up DIR starts servers; then VARVE_TEST_S3=DIR ctest …\n\n");
    return NULL;
}

static void read_env(struct s3_server *server)
{
    char path[HARNESS_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s/env", server->dir);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_error("no server in %s\n", server->dir);
        exit(1);
    }
    size_t len = fread(server->text, 1, sizeof server->text - 1, file);
    server->text[len] = '\0';
    fclose(file);
}

bool s3_server_find(const char *name, struct s3_server *out)
{
    const char *dir = servers_dir();
    if (dir == NULL)
        return false;
    snprintf(out->dir, sizeof out->dir, "%s/%s", dir, name);
    read_env(out);
    return true;
}

static bool run_script(const char *script, const char *dir, const char *options)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", S3_SCRIPTS, script);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (options != NULL)
            setenv("RGW_OPTIONS", options, 1);
        execl(path, path, dir, (char *)NULL);
        _exit(127);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool s3_server_start(const char *options, struct s3_server *out)
{
    const char *dir = servers_dir();
    if (dir == NULL)
        return false;
    snprintf(out->dir, sizeof out->dir, "%s/own-%d", dir, (int)getpid());
    if (!run_script("rgw-up.sh", out->dir, options)) {
        print_error("the gateway does not start in %s\n", out->dir);
        exit(1);
    }
    read_env(out);
    return true;
}

void s3_server_stop(const struct s3_server *server)
{
    (void)run_script("rgw-down.sh", server->dir, NULL);
}

const char *s3_server_value(const struct s3_server *server, const char *name, char *out, size_t size)
{
    struct str rest = str_of(server->text);
    struct str line;
    out[0] = '\0';
    while (str_next(&rest, '\n', &line)) {
        size_t len = strlen(name);
        if (str_starts(line, str_of(name)) && line.len > len && line.data[len] == '=')
            snprintf(out, size, "%.*s", (int)(line.len - len - 1), line.data + len + 1);
    }
    return out;
}

void s3_config_set(char **field, const char *value)
{
    mem_free(*field);
    *field = mem_strdup_or_null(value);
}

void s3_server_config(const struct s3_server *server, const char *endpoint, struct object_config *out)
{
    char value[1024];
    object_config_init(out);
    s3_config_set(&out->name, strrchr(server->dir, '/') + 1);
    s3_config_set(&out->endpoint, s3_server_value(server, endpoint, value, sizeof value));
    s3_config_set(&out->region, s3_server_value(server, "region", value, sizeof value));
    s3_config_set(&out->access_key_id, s3_server_value(server, "access_key", value, sizeof value));
    s3_config_set(&out->secret_access_key, s3_server_value(server, "secret_key", value, sizeof value));
    if (str_starts(str_of(out->endpoint), STR("https://")))
        s3_config_set(&out->tls.ca_file, s3_server_value(server, "ca", value, sizeof value));
}

struct object_store *s3_open_or_fail(const struct object_config *config)
{
    struct error err;
    struct object_store *store = object_store_open(config, &err);
    if (store == NULL) {
        print_error("%s\n", err.text);
        exit(1);
    }
    return store;
}
