/* Real servers keep every promise of an object store through this client: Ceph's gateway over http, over https with a CA of its own, with
 * buckets in the path and in the host's name, with a session token; and Swift. */
#include "object/conformance.h"
#include "s3/servers.h"

static int run(const char *what, const struct object_config *config, struct conformance target)
{
    struct object_config parts;
    object_config_copy(&parts, config);
    parts.multipart_bytes = 5u << 20;
    parts.part_bytes = 5u << 20;
    target.what = what;
    target.store = s3_open_or_fail(config);
    target.parts = s3_open_or_fail(&parts);
    object_config_free(&parts);
    if (target.bucket.len == 0)
        target.bucket = STR(S3_TEST_BUCKET);
    int failed = conformance_run(&target);
    object_store_close(target.parts);
    object_store_close(target.store);
    return failed;
}

static int run_ceph(void)
{
    struct s3_server server;
    struct object_config config;
    if (!s3_server_find("ceph", &server))
        return 0;
    s3_server_config(&server, "endpoint", &config);
    int failed = run("ceph, http", &config, (struct conformance){0});
    object_config_free(&config);

    s3_server_config(&server, "tls_endpoint", &config);
    failed += run("ceph, https with its own CA", &config, (struct conformance){.bucket = STR("varve.test")});
    object_config_free(&config);

    /* *.localhost is this machine. */
    char endpoint[100];
    char port[16];
    s3_server_config(&server, "tls_endpoint", &config);
    snprintf(endpoint, sizeof endpoint, "https://s3.localhost:%s",
             s3_server_value(&server, "tls_port", port, sizeof port));
    s3_config_set(&config.endpoint, endpoint);
    config.access = OBJECT_ACCESS_VHOST;
    failed += run("ceph, bucket in the host's name", &config, (struct conformance){.slow_factor = 4});
    object_config_free(&config);
    return failed;
}

static int run_sts(void)
{
    struct s3_server server;
    struct object_config config;
    char value[1024];
    if (!s3_server_find("ceph-sts", &server))
        return 0;
    s3_server_config(&server, "endpoint", &config);
    s3_config_set(&config.access_key_id, s3_server_value(&server, "session_access_key", value, sizeof value));
    s3_config_set(&config.secret_access_key,
                  s3_server_value(&server, "session_secret_key", value, sizeof value));
    s3_config_set(&config.session_token, s3_server_value(&server, "session_token", value, sizeof value));
    int failed = run("ceph, session token", &config, (struct conformance){.slow_factor = 4});
    object_config_free(&config);
    return failed;
}

static int run_swift(void)
{
    struct s3_server server;
    struct object_config config;
    if (!s3_server_find("swift", &server))
        return 0;
    s3_server_config(&server, "endpoint", &config);
    int failed = run("swift", &config, (struct conformance){.no_conditions = true, .slow_factor = 10});
    object_config_free(&config);
    return failed;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    int failed = 0;
    if (only[0] == '\0' || strcmp(only, "ceph") == 0)
        failed += run_ceph();
    if (only[0] == '\0' || strcmp(only, "sts") == 0)
        failed += run_sts();
    if (only[0] == '\0' || strcmp(only, "swift") == 0)
        failed += run_swift();
    return failed != 0;
}
