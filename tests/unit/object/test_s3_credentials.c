/* Credentials: configured, from the environment, shared files, a container's and a machine's role; and renewed before they expire. The
 * metadata services are a small server of the test's own. */
#include "base/clock.h"
#include "base/mem.h"
#include "loopback.h"
#include "object/s3_credentials.h"
#include "s3/fake_s3.h"
#include "s3/servers.h"

#include <pthread.h>

/* ---- A metadata service ------------------------------------------------------------------------------------ */

static struct {
    int listener;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    /* Under the lock. */
    char json[1024];     /* of the role */
    const char *role;    /* its name; NULL: this machine has none */
    bool absent;         /* answers nothing but 404 */
    unsigned asked;      /* for the role's credentials */
    bool token_was_sent; /* the session's token, or the container's */
    char form[1024];     /* what STS was asked */
    bool sts_refuses;
} service = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer(int fd, int status, const char *body)
{
    char text[2048];
    int len =
        snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                 status, strlen(body), body);
    (void)!send(fd, text, (size_t)len, MSG_NOSIGNAL);
}

static void serve_one(int fd)
{
    char request[4096] = "";
    size_t len = 0;
    while (strstr(request, "\r\n\r\n") == NULL && len < sizeof request - 1) {
        ssize_t got = recv(fd, request + len, sizeof request - 1 - len, 0);
        if (got <= 0)
            return;
        len += (size_t)got;
        request[len] = '\0';
    }
    /* The form of a POST comes behind the head. */
    const char *length = strstr(request, "Content-Length: ");
    char *form = strstr(request, "\r\n\r\n") + 4;
    size_t wanted = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
    while (strlen(form) < wanted && len < sizeof request - 1) {
        ssize_t got = recv(fd, request + len, sizeof request - 1 - len, 0);
        if (got <= 0)
            return;
        len += (size_t)got;
        request[len] = '\0';
    }
    pthread_mutex_lock(&service.lock);
    bool has_session = strstr(request, "x-aws-ec2-metadata-token: session") != NULL;
    bool has_container = strstr(request, "authorization: container-token") != NULL;
    if (service.absent) {
        answer(fd, 404, "");
    } else if (strncmp(request, "PUT /latest/api/token ", 22) == 0) {
        answer(fd, strstr(request, "x-aws-ec2-metadata-token-ttl-seconds: 21600") != NULL ? 200 : 400,
               "session");
    } else if (strncmp(request, "GET /latest/meta-data/iam/security-credentials/ ", 48) == 0 && has_session) {
        answer(fd, service.role != NULL ? 200 : 404, service.role != NULL ? service.role : "");
    } else if (strncmp(request, "GET /latest/meta-data/iam/security-credentials/the-role ", 56) == 0 &&
               has_session) {
        service.asked++;
        service.token_was_sent = true;
        answer(fd, 200, service.json);
    } else if (strncmp(request, "POST /sts ", 10) == 0) {
        service.asked++;
        snprintf(service.form, sizeof service.form, "%s", form);
        if (service.sts_refuses) {
            answer(fd, 403,
                   "<ErrorResponse "
                   "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
                   "<Code>AccessDenied</Code><Message>Not authorized to perform "
                   "sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>");
        } else {
            answer(fd, 200, service.json);
        }
    } else if (strncmp(request, "GET /container/creds ", 21) == 0) {
        service.asked++;
        service.token_was_sent = has_container;
        answer(fd, 200, service.json);
    } else {
        answer(fd, 401, "");
    }
    pthread_mutex_unlock(&service.lock);
}

static void *serve(void *arg)
{
    (void)arg;
    for (int fd; (fd = accept(service.listener, NULL, NULL)) >= 0;) {
        serve_one(fd);
        close(fd);
    }
    return NULL;
}

static void start_service(void)
{
    service.listener = loopback_bind(&service.port);
    if (listen(service.listener, 16) != 0 || pthread_create(&service.thread, NULL, serve, NULL) != 0)
        abort();
}

static void stop_service(void)
{
    shutdown(service.listener, SHUT_RDWR);
    pthread_join(service.thread, NULL);
    close(service.listener);
}

static void set_role(const char *id, const char *secret, const char *token, int64_t lasts_ms)
{
    char expires[CLOCK_TEXT_BYTES];
    clock_format(clock_wall_ms() + lasts_ms, expires);
    pthread_mutex_lock(&service.lock);
    service.role = "the-role\n";
    service.absent = false;
    service.asked = 0;
    snprintf(service.json, sizeof service.json,
             "{\"Code\":\"Success\",\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"%s\",\"Token\":\"%s\","
             "\"Expiration\":"
             "\"%s\"}",
             id, secret, token, expires);
    pthread_mutex_unlock(&service.lock);
}

static unsigned times_asked(void)
{
    pthread_mutex_lock(&service.lock);
    unsigned asked = service.asked;
    pthread_mutex_unlock(&service.lock);
    return asked;
}

/* ---- The environment --------------------------------------------------------------------------------------- */

static char dir[HARNESS_PATH_BYTES];

static const char *const variables[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_DEFAULT_PROFILE",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CONFIG_FILE",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                        "AWS_EC2_METADATA_DISABLED",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                        "AWS_ROLE_ARN",
                                        "AWS_ROLE_SESSION_NAME",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_ENDPOINT_URL_STS",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION"};

static int set_up(void **state)
{
    (void)state;
    char endpoint[64];
    harness_make_dir(dir);
    for (size_t i = 0; i < LENGTH(variables); i++)
        unsetenv(variables[i]);
    setenv("HOME", dir, 1);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/", service.port);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint, 1);
    pthread_mutex_lock(&service.lock);
    service.absent = true;
    pthread_mutex_unlock(&service.lock);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    harness_remove_dir(dir);
    return 0;
}

static const char *write_file(const char *name, const char *text, char *path)
{
    struct buf content = {0};
    struct error err;
    snprintf(path, HARNESS_PATH_BYTES + 32, "%s/%s", dir, name);
    buf_append_str(&content, str_of(text));
    ASSERT_OK(buf_write_file(&content, path, 0600, &err), err);
    buf_free(&content);
    return path;
}

static void expect_chain(const char *id, const char *secret, const char *token)
{
    struct object_config config;
    struct s3_identity identity;
    struct error err;
    object_config_init(&config);
    config.credentials = OBJECT_CREDENTIALS_CHAIN;
    ASSERT_OK(s3_credentials_load(&config, &identity, &err), err);
    assert_string_equal(identity.access_key_id, id);
    assert_string_equal(identity.secret_access_key, secret);
    assert_string_equal(identity.session_token != NULL ? identity.session_token : "", token);
    s3_identity_free(&identity);
    object_config_free(&config);
}

static void expect_chain_fails(enum error_code code, const char *text)
{
    struct object_config config;
    struct s3_identity identity;
    struct error err;
    object_config_init(&config);
    config.credentials = OBJECT_CREDENTIALS_CHAIN;
    ASSERT_FAILS(s3_credentials_load(&config, &identity, &err), err, code);
    CHECK(strstr(err.text, text) != NULL, "%s in %s", text, err.text);
    object_config_free(&config);
}

static void test_the_chain_goes_from_the_environment_to_the_machine(void **state)
{
    (void)state;
    char path[HARNESS_PATH_BYTES + 32];
    char url[100];
    expect_chain_fails(ERR_NOT_FOUND, "none in the environment");
    set_role("instance-id", "instance-secret", "instance-token", 3600000);
    expect_chain("instance-id", "instance-secret", "instance-token");
    snprintf(url, sizeof url, "http://127.0.0.1:%u/container/creds", service.port);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", write_file("token", "container-token\n", path), 1);
    set_role("container-id", "container-secret", "t", 3600000);
    expect_chain("container-id", "container-secret", "t");
    assert_true(service.token_was_sent);
    setenv("AWS_SHARED_CREDENTIALS_FILE",
           write_file("credentials",
                      "[default]\naws_access_key_id = file-id\naws_secret_access_key=file-secret\n", path),
           1);
    expect_chain("file-id", "file-secret", "");
    setenv("AWS_ACCESS_KEY_ID", "env-id", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "env-secret", 1);
    setenv("AWS_SESSION_TOKEN", "env-token", 1);
    expect_chain("env-id", "env-secret", "env-token");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    expect_chain_fails(ERR_INVALID, "AWS_SECRET_ACCESS_KEY");
}

static void set_sts(const char *id, const char *secret, const char *token, int64_t lasts_ms)
{
    char expires[CLOCK_TEXT_BYTES];
    clock_format(clock_wall_ms() + lasts_ms, expires);
    pthread_mutex_lock(&service.lock);
    service.absent = service.sts_refuses = false;
    service.asked = 0;
    snprintf(service.json, sizeof service.json,
             "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
             "<AssumeRoleWithWebIdentityResult><Audience>sts.amazonaws.com</Audience><Credentials>"
             "<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey>"
             "<SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>"
             "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
             id, secret, token, expires);
    pthread_mutex_unlock(&service.lock);
}

static void test_a_web_identity_gets_its_role_of_sts(void **state)
{
    (void)state;
    char path[HARNESS_PATH_BYTES + 32], other[HARNESS_PATH_BYTES + 32], url[100];
    struct s3_identity identity = {0};
    struct error err;
    bool found;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/sts", service.port);
    setenv("AWS_ENDPOINT_URL_STS", url, 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write_file("web", "eyJ.a-b_c.d\n", path), 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE",
           write_file("credentials", "[default]\naws_access_key_id=f\naws_secret_access_key=fs\n", other), 1);
    set_sts("sts-id", "sts+/secret=", "sts-token", 3600000);
    expect_chain_fails(ERR_INVALID, "AWS_ROLE_ARN");
    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/varve", 1);
    expect_chain("sts-id", "sts+/secret=", "sts-token"); /* before the shared file */
    assert_string_equal(service.form,
                        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"
                        "123456789012%3Arole%2Fvarve&RoleSessionName=varve&WebIdentityToken=eyJ.a-b_c.d");
    ASSERT_OK(s3_credentials_from_web_identity(&identity, &found, &err), err);
    assert_true(found && identity.expires_ms > clock_wall_ms()); /* so that it is renewed before */
    s3_identity_free(&identity);
    write_file("web", "eyJ.renewed.d", path);
    setenv("AWS_ROLE_SESSION_NAME", "host 1", 1);
    expect_chain("sts-id", "sts+/secret=", "sts-token");
    assert_non_null(strstr(service.form, "RoleSessionName=host%201&WebIdentityToken=eyJ.renewed.d"));
    pthread_mutex_lock(&service.lock);
    service.sts_refuses = true;
    pthread_mutex_unlock(&service.lock);
    expect_chain_fails(ERR_DENIED, "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity");
    setenv("AWS_ENDPOINT_URL_STS", "http://sts.example.com/", 1);
    expect_chain_fails(ERR_INVALID, "AWS_ENDPOINT_URL_STS");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token", 1);
    setenv("AWS_ENDPOINT_URL_STS", url, 1);
    expect_chain_fails(ERR_NOT_FOUND, "/nowhere/token");
}

static void test_profiles_of_shared_files(void **state)
{
    (void)state;
    static const char text[] = "# keys\n\n[default]\naws_access_key_id=d\naws_secret_access_key=ds\n"
                               "[ other ]\r\nAWS_ACCESS_KEY_ID = o \r\naws_secret_access_key = os=+/\r\n"
                               "aws_session_token = ot\r\ns3 =\r\n  max_concurrent_requests = 20\r\n; end\n"
                               "[incomplete]\naws_access_key_id=i\n";
    struct s3_identity identity;
    struct error err;
    ASSERT_OK(s3_credentials_from_file(STR(text), STR("default"), &identity, &err), err);
    assert_string_equal(identity.access_key_id, "d");
    s3_identity_free(&identity);
    ASSERT_OK(s3_credentials_from_file(STR(text), STR("other"), &identity, &err), err);
    assert_string_equal(identity.access_key_id, "o");
    assert_string_equal(identity.secret_access_key, "os=+/");
    assert_string_equal(identity.session_token, "ot");
    s3_identity_free(&identity);
    ASSERT_FAILS(s3_credentials_from_file(STR(text), STR("incomplete"), &identity, &err), err, ERR_NOT_FOUND);
    ASSERT_FAILS(s3_credentials_from_file(STR(text), STR("absent"), &identity, &err), err, ERR_NOT_FOUND);
    ASSERT_FAILS(s3_credentials_from_file(STR("[default\n"), STR("default"), &identity, &err), err,
                 ERR_INVALID);
    ASSERT_FAILS(
        s3_credentials_from_file(STR("[default]\nsecret without equals"), STR("default"), &identity, &err),
        err, ERR_INVALID);
    assert_null(strstr(err.text, "secret without"));
    assert_null(identity.access_key_id);
}

static void test_a_profile_that_is_asked_for_must_be_there(void **state)
{
    (void)state;
    char path[HARNESS_PATH_BYTES + 32];
    setenv("AWS_PROFILE", "ops", 1);
    set_role("instance-id", "instance-secret", "", 3600000);
    expect_chain_fails(ERR_NOT_FOUND, "");
    setenv("AWS_CONFIG_FILE",
           write_file("config", "[profile ops]\naws_access_key_id = c\naws_secret_access_key = cs\n", path),
           1);
    expect_chain("c", "cs", "");
}

static void test_answers_of_roles(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum error_code error; /* ERR_NONE: fine */
    } rows[] = {
        {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}", ERR_NONE},
        {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":null,\"Expiration\":\"2030-01-01T00:00:"
         "00Z\"}",
         ERR_NONE},
        {"{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"x\"}", ERR_DENIED},
        {"{\"AccessKeyId\":\"a\"}", ERR_PROTOCOL},
        {"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Expiration\":\"soon\"}", ERR_PROTOCOL},
        {"[]", ERR_PROTOCOL},
        {"", ERR_PROTOCOL},
        {"{", ERR_PROTOCOL},
    };
    TABLE_EACH(row, rows)
    {
        struct s3_identity identity;
        struct error err = {.code = ERR_NONE};
        bool ok = s3_credentials_from_json(str_of(row->json), &identity, &err);
        CHECK(ok == (row->error == ERR_NONE) && err.code == row->error, "%s", row->json);
        s3_identity_free(&identity);
    }
}

static void test_a_containers_token_does_not_go_far(void **state)
{
    (void)state;
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token", 1);
    static const char *const urls[] = {"http://example.com/creds", "http://127.0.0.1.example.com/",
                                       "ftp://127.0.0.1/", "127.0.0.1"};
    for (size_t i = 0; i < LENGTH(urls); i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", urls[i], 1);
        expect_chain_fails(ERR_INVALID, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    }
}

static void test_the_machine_is_not_asked_where_that_is_off(void **state)
{
    (void)state;
    set_role("instance-id", "instance-secret", "", 3600000);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    expect_chain_fails(ERR_NOT_FOUND, "none in the environment");
    assert_int_equal(times_asked(), 0);
}

static void test_a_machine_without_a_role_says_so(void **state)
{
    (void)state;
    set_role("x", "y", "", 3600000);
    pthread_mutex_lock(&service.lock);
    service.role = NULL;
    pthread_mutex_unlock(&service.lock);
    expect_chain_fails(ERR_NOT_FOUND, "instance role");
}

static void test_configured_keys_stand_where_they_are_said_to(void **state)
{
    (void)state;
    char path[HARNESS_PATH_BYTES + 32];
    char url[HARNESS_PATH_BYTES + 40];
    struct object_config config;
    struct s3_identity identity;
    struct error err;
    object_config_init(&config);
    setenv("TEST_SECRET", "from-env", 1);
    snprintf(url, sizeof url, "file://%s", write_file("id", "from-file  \nsecond line\n", path));
    config.access_key_id = mem_strdup(url);
    config.secret_access_key = mem_strdup("env:TEST_SECRET");
    config.session_token = mem_strdup("literal");
    ASSERT_OK(s3_credentials_load(&config, &identity, &err), err);
    assert_string_equal(identity.access_key_id, "from-file");
    assert_string_equal(identity.secret_access_key, "from-env");
    assert_string_equal(identity.session_token, "literal");
    s3_identity_free(&identity);
    unsetenv("TEST_SECRET");
    ASSERT_FAILS(s3_credentials_load(&config, &identity, &err), err, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "TEST_SECRET"));
    setenv("TEST_SECRET", "x", 1);
    s3_config_set(&config.access_key_id, "bad key");
    ASSERT_FAILS(s3_credentials_load(&config, &identity, &err), err, ERR_INVALID);
    assert_null(strstr(err.text, "bad key"));
    object_config_free(&config);
}

/* ---- A store with a role ----------------------------------------------------------------------------------- */

static struct fake_s3 *fake;
static struct object_store *store;

static void open_with_role(void)
{
    struct object_config config;
    fake = fake_s3_start();
    fake_s3_config(fake, &config);
    config.request_timeout_ms = 30000; /* no machine is so slow */
    config.credentials = OBJECT_CREDENTIALS_CHAIN;
    s3_config_set(&config.access_key_id, NULL);
    s3_config_set(&config.secret_access_key, NULL);
    store = s3_open_or_fail(&config);
    object_config_free(&config);
}

static void close_with_role(void)
{
    object_store_close(store);
    fake_s3_stop(fake);
}

static bool put(struct error *err)
{
    return object_put(store, STR(FAKE_BUCKET), STR("a"), STR("x"), OBJECT_ALWAYS, err);
}

static void test_a_role_is_asked_once_while_its_credentials_serve(void **state)
{
    (void)state;
    struct error err;
    set_role("role-1", "secret-1", "token-1", 3600000);
    open_with_role();
    fake_s3_set_traits(
        fake, &(struct fake_s3_traits){.access_key = "role-1", .secret_key = "secret-1", .token = "token-1"});
    for (int i = 0; i < 20; i++)
        ASSERT_OK(put(&err), err);
    assert_int_equal(times_asked(), 1);
    close_with_role();
}

/* No request is refused while the credentials change under way. */
static void test_credentials_are_renewed_before_they_expire(void **state)
{
    (void)state;
    struct error err;
    struct object_stats stats;
    clock_fake_set(clock_wall_ms(), clock_mono_ns());
    set_role("role-1", "secret-1", "token-1", 3600000);
    open_with_role();
    fake_s3_set_traits(
        fake, &(struct fake_s3_traits){.access_key = "role-1", .secret_key = "secret-1", .token = "token-1"});
    ASSERT_OK(put(&err), err);
    assert_int_equal(times_asked(), 1);
    /* Four minutes before, it asks for others, and goes on with the old ones meanwhile. */
    clock_fake_advance_ms((int64_t)56 * 60000);
    while (times_asked() < 2) {
        ASSERT_OK(put(&err), err);
        usleep(10000);
    }
    object_stats(store, &stats);
    assert_int_equal(stats.ops[OBJECT_PUT].retries, 0);
    assert_int_equal(stats.ops[OBJECT_PUT].failed, 0);
    close_with_role();
    clock_fake_stop();
}

static void test_credentials_that_a_store_refuses_are_renewed(void **state)
{
    (void)state;
    struct error err;
    set_role("role-1", "secret-1", "token-1", 3600000);
    open_with_role();
    fake_s3_set_traits(
        fake, &(struct fake_s3_traits){.access_key = "role-1", .secret_key = "secret-1", .token = "token-1"});
    ASSERT_OK(put(&err), err);
    set_role("role-2", "secret-2", "token-2", 3600000);
    fake_s3_set_traits(
        fake, &(struct fake_s3_traits){.access_key = "role-2", .secret_key = "secret-2", .token = "token-2"});
    ASSERT_OK(put(&err), err);
    /* The role gives the same again: that is all there is. */
    fake_s3_set_traits(fake, &(struct fake_s3_traits){.access_key = "role-3"});
    ASSERT_FAILS(put(&err), err, ERR_DENIED);
    close_with_role();
}

static void test_requests_wait_for_credentials_that_come_late(void **state)
{
    (void)state;
    struct error err;
    struct object_request request = {
        .op = OBJECT_PUT, .bucket = STR(FAKE_BUCKET), .key = STR("a"), .body = STR("x"), .brief = true};
    open_with_role();
    ASSERT_FAILS(object_wait(store, &request, &err), err, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "credentials"));
    object_request_free(&request);
    set_role(FAKE_ACCESS_KEY, FAKE_SECRET_KEY, FAKE_TOKEN, 3600000);
    ASSERT_OK(object_wait(store, &request, &err), err);
    object_request_free(&request);
    close_with_role();
}

#define OWN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    start_service();
    const struct CMUnitTest tests[] = {
        OWN(test_the_chain_goes_from_the_environment_to_the_machine),
        OWN(test_a_web_identity_gets_its_role_of_sts),
        OWN(test_profiles_of_shared_files),
        OWN(test_a_profile_that_is_asked_for_must_be_there),
        OWN(test_answers_of_roles),
        OWN(test_a_containers_token_does_not_go_far),
        OWN(test_the_machine_is_not_asked_where_that_is_off),
        OWN(test_a_machine_without_a_role_says_so),
        OWN(test_configured_keys_stand_where_they_are_said_to),
        OWN(test_a_role_is_asked_once_while_its_credentials_serve),
        OWN(test_credentials_are_renewed_before_they_expire),
        OWN(test_credentials_that_a_store_refuses_are_renewed),
        OWN(test_requests_wait_for_credentials_that_come_late),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    stop_service();
    return failed;
}
