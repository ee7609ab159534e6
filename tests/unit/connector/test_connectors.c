/* Connectors in memory and in the catalog: their states, their stores, their secrets, and who uses them. */
#include "connector/connector_internal.h"
#include "connector/fake_objects.h"

#include "auth/auth.h"
#include "base/log.h"
#include "catalog/catalog.h"

#define SECRET "open sesame 0123456789"
#define S3     "'type':'s3','host':'s3.example','port':443,'access_key_id':'id','secret_access_key':'" SECRET "'"

struct site {
    char dir[HARNESS_PATH_BYTES];
    struct secret_key secret;
    struct catalog *catalog;
    struct connectors *connectors;
    struct error err;
};

static void open_site(struct site *site)
{
    site->catalog = catalog_open(site->dir, &site->err);
    if (site->catalog == NULL)
        fail_msg("%s", site->err.text);
    const struct connectors_options options = {site->dir, site->catalog, &site->secret};
    site->connectors = connectors_open(&options, &site->err);
    if (site->connectors == NULL)
        fail_msg("%s", site->err.text);
}

static void close_site(struct site *site)
{
    connectors_close(site->connectors);
    catalog_close(site->catalog);
    fake_reset();
}

static int setup(void **state)
{
    struct site *site = mem_zalloc(sizeof(*site));
    log_set_level(LOG_LEVEL_ERROR);
    harness_make_dir(site->dir);
    memset(site->secret.bytes, 7, sizeof(site->secret.bytes));
    open_site(site);
    *state = site;
    return 0;
}

static int teardown(void **state)
{
    struct site *site = *state;
    close_site(site);
    harness_remove_dir(site->dir);
    mem_free(site);
    return 0;
}

/* JSON with ' for ". */
static json_t *parsed(const char *text)
{
    struct buf json = {0};
    buf_append_str(&json, str_of(text));
    for (size_t i = 0; i < json.len; i++)
        json.data[i] = json.data[i] == '\'' ? '"' : json.data[i];
    json_t *value = json_loadb((const char *)json.data, json.len, 0, NULL);
    CHECK(value != NULL, "%s", text);
    buf_free(&json);
    return value;
}

static bool create(struct site *site, const char *text)
{
    char id[CONNECTOR_ID_MAX];
    json_t *object = parsed(text);
    bool ok = connectors_create(site->connectors, object, id, &site->err);
    json_decref(object);
    return ok;
}

static bool update(struct site *site, const char *id, const char *text)
{
    json_t *object = parsed(text);
    bool ok = connectors_update(site->connectors, str_of(id), object, &site->err);
    json_decref(object);
    return ok;
}

static json_t *describe(struct site *site, const char *id)
{
    json_t *object = connectors_describe(site->connectors, str_of(id), "node@here", &site->err);
    if (object == NULL)
        fail_msg("%s", site->err.text);
    return object;
}

/* "connected" or "disconnected: reason". Static. */
static const char *status(struct site *site, const char *id)
{
    static char text[500];
    enum connector_status now;
    struct error why;
    ASSERT_OK(connectors_status(site->connectors, str_of(id), &now, &why, &site->err), site->err);
    snprintf(text, sizeof(text), "%s%s%s", connector_status_name(now), why.text[0] != '\0' ? ": " : "",
             why.text);
    return text;
}

static bool is(struct site *site, const char *id, const char *expected)
{
    return strcmp(status(site, id), expected) == 0;
}

static struct connector_store *take(struct site *site, const char *id)
{
    struct connector_store *store = connectors_take(site->connectors, str_of(id), &site->err);
    if (store == NULL)
        fail_msg("%s", site->err.text);
    return store;
}

static bool note_id(struct str id, void *arg)
{
    buf_printf(arg, "%.*s ", STR_ARG(id));
    return true;
}

static void assert_ids(struct site *site, const char *expected)
{
    struct buf ids = {0};
    connectors_each(site->connectors, note_id, &ids);
    assert_string_equal(buf_cstr(&ids), expected);
    buf_free(&ids);
}

/* ---- The built-in one ------------------------------------------------------------------------------------ */

static void test_the_data_directory_is_a_connector_from_the_start(void **state)
{
    struct site *site = *state;
    char path[HARNESS_PATH_BYTES + 10];
    assert_ids(site, "directory:local ");
    struct object_store *store = fake_store(CONNECTOR_LOCAL, 0);
    snprintf(path, sizeof(path), "%s/objects", site->dir);
    assert_string_equal(store->config.path, path);
    fake_answer(fake_request(store), ERR_NOT_FOUND, "no such bucket");
    WAIT_FOR(is(site, CONNECTOR_LOCAL, "connected"));
}

static void test_the_built_in_one_can_be_disabled_but_not_deleted(void **state)
{
    struct site *site = *state;
    assert_false(connectors_delete(site->connectors, STR(CONNECTOR_LOCAL), &site->err));
    assert_int_equal(site->err.code, ERR_INVALID);
    ASSERT_OK(connectors_enable(site->connectors, STR(CONNECTOR_LOCAL), false, &site->err), site->err);
    close_site(site);
    open_site(site);
    assert_string_equal(status(site, CONNECTOR_LOCAL), "disconnected: it is disabled");
    assert_ids(site, "directory:local ");
}

/* ---- States ---------------------------------------------------------------------------------------------- */

static void test_a_connector_is_connecting_until_its_store_has_answered(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a','bucket':'b-1'," S3 "}"), site->err);
    struct object_store *store = fake_store("s3:a", 0);
    struct object_request *request = fake_request(store);
    assert_string_equal(status(site, "s3:a"), "connecting");
    assert_int_equal(request->op, OBJECT_HEAD_BUCKET);
    assert_true(str_is(request->bucket, "b-1"));
    assert_int_equal(request->deadline_ms, 60000);
    fake_answer(request, ERR_NONE, "");
    WAIT_FOR(is(site, "s3:a", "connected"));
}

static void test_a_denied_head_is_explained_by_a_list(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a','bucket':'b-1'," S3 "}"), site->err);
    struct object_store *store = fake_store("s3:a", 0);
    fake_answer(fake_request(store), ERR_DENIED, "403");
    struct object_request *list = fake_request(store);
    assert_int_equal(list->op, OBJECT_LIST);
    assert_true(str_is(list->bucket, "b-1"));
    assert_int_equal(list->limit, 1);
    fake_answer(list, ERR_DENIED, "the secret is wrong");
    WAIT_FOR(is(site, "s3:a", "disconnected: the secret is wrong"));
}

static void test_without_a_bucket_one_that_nobody_has_is_asked_for(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    struct object_store *store = fake_store("s3:a", 0);
    struct object_request *list = fake_request(store);
    assert_int_equal(list->op, OBJECT_LIST);
    fake_answer(list, ERR_NOT_FOUND, "no such bucket");
    WAIT_FOR(is(site, "s3:a", "connected"));
}

static void test_a_missing_bucket_and_a_silent_host_are_told_as_they_are(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a','bucket':'b-1'," S3 ",'resource_opts':{'health_check_interval':1}}"),
              site->err);
    struct object_store *store = fake_store("s3:a", 0);
    fake_answer(fake_request(store), ERR_NOT_FOUND, "no bucket b-1");
    WAIT_FOR(is(site, "s3:a", "disconnected: no bucket b-1"));
    fake_answer(fake_request(store), ERR_TIMEOUT, "no answer");
    WAIT_FOR(is(site, "s3:a", "disconnected: no answer"));
    fake_answer(fake_request(store), ERR_NONE, "");
    WAIT_FOR(is(site, "s3:a", "connected"));
    fake_answer(fake_request(store), ERR_IO, "reset");
    WAIT_FOR(is(site, "s3:a", "disconnected: reset"));
}

static void test_a_store_that_cannot_be_opened_is_tried_again(void **state)
{
    struct site *site = *state;
    fake_refuse(&fake.refuse_open, ERR_NOT_FOUND, "/run/secret: no such file");
    ASSERT_OK(create(site, "{'name':'a'," S3 ",'resource_opts':{'health_check_interval':1}}"), site->err);
    assert_string_equal(status(site, "s3:a"), "disconnected: /run/secret: no such file");
    assert_null(connectors_take(site->connectors, STR("s3:a"), &site->err));
    assert_string_equal(site->err.text, "connector s3:a: /run/secret: no such file");
    fake_refuse(&fake.refuse_open, ERR_NONE, "");
    fake_answer(fake_request(fake_store("s3:a", 0)), ERR_NOT_FOUND, "no such bucket");
    WAIT_FOR(is(site, "s3:a", "connected"));
}

static void test_a_look_that_cannot_begin_is_the_reason(void **state)
{
    struct site *site = *state;
    fake_refuse(&fake.refuse_start, ERR_BUSY, "the store's queue is full");
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    WAIT_FOR(is(site, "s3:a", "disconnected: the store's queue is full"));
}

static void test_what_is_created_without_a_start_waits_for_it(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 ",'resource_opts':{'start_after_created':false}}"), site->err);
    assert_string_equal(status(site, "s3:a"),
                        "disconnected: it is not started: start_after_created is false");
    ASSERT_OK(connectors_start(site->connectors, STR("s3:a"), &site->err), site->err);
    fake_answer(fake_request(fake_store("s3:a", 0)), ERR_NOT_FOUND, "");
    WAIT_FOR(is(site, "s3:a", "connected"));
}

static void test_a_disabled_connector_gives_no_store_and_does_not_start(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    struct object_store *store = fake_store("s3:a", 0);
    fake_answer(fake_request(store), ERR_NOT_FOUND, "");
    ASSERT_OK(connectors_enable(site->connectors, STR("s3:a"), false, &site->err), site->err);
    WAIT_FOR(fake_closed(store));
    assert_string_equal(status(site, "s3:a"), "disconnected: it is disabled");
    assert_null(connectors_take(site->connectors, STR("s3:a"), &site->err));
    assert_int_equal(site->err.code, ERR_READ_ONLY);
    assert_false(connectors_start(site->connectors, STR("s3:a"), &site->err));
    assert_int_equal(site->err.code, ERR_INVALID);
    ASSERT_OK(connectors_enable(site->connectors, STR("s3:a"), true, &site->err), site->err);
    fake_answer(fake_request(fake_store("s3:a", 1)), ERR_NOT_FOUND, "");
    WAIT_FOR(is(site, "s3:a", "connected"));
}

struct waited {
    atomic_uint calls;
};

static void note_change(void *arg)
{
    atomic_fetch_add(&((struct waited *)arg)->calls, 1);
}

static void test_who_waits_is_told_once_when_it_is_settled(void **state)
{
    struct site *site = *state;
    struct waited waited = {0};
    ASSERT_OK(create(site, "{'name':'a'," S3 ",'resource_opts':{'start_timeout':'3s'}}"), site->err);
    assert_int_equal(connectors_await(site->connectors, STR("s3:a"), note_change, &waited, &site->err), 3000);
    struct object_request *request = fake_request(fake_store("s3:a", 0));
    assert_int_equal(atomic_load(&waited.calls), 0);
    fake_answer(request, ERR_DENIED, "no");
    WAIT_FOR(atomic_load(&waited.calls) == 1);
    assert_int_equal(connectors_await(site->connectors, STR("s3:a"), note_change, &waited, &site->err), 3000);
    assert_int_equal(atomic_load(&waited.calls), 2); /* settled already */
    assert_int_equal(connectors_await(site->connectors, STR("s3:b"), note_change, &waited, &site->err), -1);
    assert_int_equal(site->err.code, ERR_NOT_FOUND);
}

/* ---- Stores ---------------------------------------------------------------------------------------------- */

static void test_all_who_take_a_connector_share_its_store(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a','bucket':'b-1'," S3 "}"), site->err);
    struct connector_store *one = take(site, "s3:a"), *two = take(site, "s3:a");
    assert_ptr_equal(one, two);
    assert_ptr_equal(one->objects, fake_store("s3:a", 0));
    assert_string_equal(one->bucket, "b-1");
    assert_string_equal(one->id, "s3:a");
    connector_store_release(one);
    connector_store_release(two);
}

static void test_an_update_lets_work_under_way_end_on_the_former_store(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    struct object_store *former = fake_store("s3:a", 0);
    fake_answer(fake_request(former), ERR_NOT_FOUND, "");
    struct connector_store *held = take(site, "s3:a"), *also = connector_store_ref(held);
    ASSERT_OK(update(site, "s3:a", "{'secret_access_key':'another'}"), site->err);
    struct object_store *fresh = fake_store("s3:a", 1);
    assert_string_equal(fresh->config.secret_access_key, "another");
    assert_string_equal(fresh->config.access_key_id, "id");
    fake_answer(fake_request(fresh), ERR_NOT_FOUND, "");
    WAIT_FOR(is(site, "s3:a", "connected"));
    struct connector_store *now = take(site, "s3:a");
    assert_ptr_equal(now->objects, fresh);
    connector_store_release(now);
    connector_store_release(held);
    assert_false(fake_closed(former));
    connector_store_release(also);
    WAIT_FOR(fake_closed(former));
    assert_false(fake_closed(fresh));
}

static void test_what_a_former_store_answers_does_not_count(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    struct object_store *former = fake_store("s3:a", 0);
    struct object_request *late = fake_request(former);
    ASSERT_OK(update(site, "s3:a", "{'description':'x'}"), site->err);
    struct object_store *fresh = fake_store("s3:a", 1);
    fake_answer(late, ERR_DENIED, "of the former");
    struct object_request *request = fake_request(fresh);
    assert_string_equal(status(site, "s3:a"), "connecting");
    fake_answer(request, ERR_NOT_FOUND, "");
    WAIT_FOR(is(site, "s3:a", "connected"));
    WAIT_FOR(fake_closed(former));
}

static void test_closing_ends_looks_that_are_under_way(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    WAIT_FOR(fake_waiting(fake_store("s3:a", 0)) == 1);
    close_site(site);
    open_site(site);
    assert_ids(site, "directory:local s3:a ");
}

/* ---- Objects --------------------------------------------------------------------------------------------- */

static void test_an_object_is_shown_whole_and_without_its_secrets(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 ",'session_token':'env:TOKEN','status':'x','actions':[]}"),
              site->err);
    fake_answer(fake_request(fake_store("s3:a", 0)), ERR_DENIED, "no");
    WAIT_FOR(is(site, "s3:a", "disconnected: no"));
    json_t *object = describe(site, "s3:a");
    char *text = json_dumps(object, 0);
    assert_null(strstr(text, SECRET));
    assert_string_equal(spec_text(object, "secret_access_key"), "******");
    assert_string_equal(spec_text(object, "session_token"), "env:TOKEN");
    assert_string_equal(spec_text(object, "type"), "s3");
    assert_string_equal(spec_text(object, "name"), "a");
    assert_string_equal(spec_text(object, "status"), "disconnected");
    assert_string_equal(spec_text(object, "status_reason"), "no");
    json_t *node = json_array_get(json_object_get(object, "node_status"), 0);
    assert_string_equal(spec_text(node, "node"), "node@here");
    assert_string_equal(spec_text(node, "status"), "disconnected");
    assert_string_equal(spec_text(node, "status_reason"), "no");
    assert_int_equal(spec_count(json_object_get(object, "transport_options"), "pool_size"), 8);
    assert_string_equal(spec_text(object, "created_at"), spec_text(object, "last_modified_at"));
    /* What was read can be sent back, and changes nothing. */
    ASSERT_OK(connectors_update(site->connectors, STR("s3:a"), object, &site->err), site->err);
    assert_string_equal(fake_store("s3:a", 1)->config.secret_access_key, SECRET);
    free(text);
    json_decref(object);
}

static void test_ids_are_unique_and_kept(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    assert_false(create(site, "{'name':'a'," S3 "}"));
    assert_int_equal(site->err.code, ERR_EXISTS);
    assert_string_equal(site->err.text, "connector s3:a exists");
    assert_false(update(site, "s3:a", "{'name':'b'}"));
    assert_int_equal(site->err.code, ERR_INVALID);
    assert_false(update(site, "s3:a", "{'type':'directory'}"));
    ASSERT_OK(update(site, "s3:a", "{'name':'a','type':'s3'}"), site->err);
    assert_false(update(site, "s3:b", "{}"));
    assert_int_equal(site->err.code, ERR_NOT_FOUND);
}

static void test_a_refused_change_changes_nothing(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    assert_false(update(site, "s3:a", "{'description':'x','port':0}"));
    assert_false(update(site, "s3:a", "{'host':null}"));
    assert_false(update(site, "s3:a", "{'access_key_id':null}"));
    json_t *object = describe(site, "s3:a");
    assert_string_equal(spec_text(object, "description"), "");
    assert_string_equal(spec_text(object, "host"), "s3.example");
    json_decref(object);
    assert_int_equal(fake_count("s3:a"), 1);
}

/* Searches the files of the directory. */
static void assert_not_in_files(const char *dir, const char *secret)
{
    static const char *const names[] = {"catalog.db", "catalog.db-wal"};
    TABLE_EACH(name, names)
    {
        char path[HARNESS_PATH_BYTES + 20];
        struct buf bytes = {0};
        snprintf(path, sizeof(path), "%s/%s", dir, *name);
        if (access(path, F_OK) != 0)
            continue;
        assert_true(buf_read_file(&bytes, path, 64 << 20, NULL));
        CHECK(memmem(bytes.data, bytes.len, secret, strlen(secret)) == NULL, "%s", path);
        buf_free(&bytes);
    }
}

static void test_connectors_outlive_a_restart_and_their_secrets_are_in_no_file(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 ",'description':'kept'}"), site->err);
    ASSERT_OK(create(site, "{'name':'b'," S3 "}"), site->err);
    ASSERT_OK(connectors_delete(site->connectors, STR("s3:b"), &site->err), site->err);
    assert_not_in_files(site->dir, SECRET);
    close_site(site);
    assert_not_in_files(site->dir, SECRET);
    open_site(site);
    assert_ids(site, "directory:local s3:a ");
    assert_string_equal(fake_store("s3:a", 0)->config.secret_access_key, SECRET);
    json_t *object = describe(site, "s3:a");
    assert_string_equal(spec_text(object, "description"), "kept");
    json_decref(object);
}

static void test_with_another_secret_key_a_connector_waits_for_its_secret(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    close_site(site);
    site->secret.bytes[0]++;
    open_site(site);
    assert_string_equal(
        status(site, "s3:a"),
        "disconnected: secret_access_key cannot be decrypted: it was encrypted with another secret.key");
    assert_false(update(site, "s3:a", "{'secret_access_key':'******'}"));
    ASSERT_OK(update(site, "s3:a", "{'secret_access_key':'again'}"), site->err);
    assert_string_equal(fake_store("s3:a", 0)->config.secret_access_key, "again");
    fake_answer(fake_request(fake_store("s3:a", 0)), ERR_NOT_FOUND, "");
    WAIT_FOR(is(site, "s3:a", "connected"));
}

static void test_a_row_that_cannot_be_read_can_be_deleted_or_set_anew(void **state)
{
    struct site *site = *state;
    const struct catalog_object rows[] = {
        {STR("directory:a"), STR("{\"later\":1}"), 1, 1},
        {STR("directory:b"), STR("no JSON"), 1, 1},
        {STR("cloud:c"), STR("{}"), 1, 1},
    };
    TABLE_EACH(row, rows)
    {
        ASSERT_OK(catalog_object_create(site->catalog, "connector", row, &site->err), site->err);
    }
    close_site(site);
    log_set_level(LOG_LEVEL_ERROR + 1);
    open_site(site);
    assert_ids(site, "directory:a directory:b directory:local ");
    assert_string_equal(status(site, "directory:a"), "disconnected: unknown key \"later\"");
    json_decref(describe(site, "directory:b"));
    assert_null(connectors_take(site->connectors, STR("directory:b"), &site->err));
    ASSERT_OK(connectors_delete(site->connectors, STR("directory:b"), &site->err), site->err);
    ASSERT_OK(update(site, "directory:a", "{'path':'x'}"), site->err);
    fake_answer(fake_request(fake_store("directory:a", 0)), ERR_NOT_FOUND, "");
    WAIT_FOR(is(site, "directory:a", "connected"));
}

/* ---- Uses ------------------------------------------------------------------------------------------------ */

static void test_what_is_used_is_not_deleted(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    struct str id = STR("s3:a"), station = STR("station:telemetry"), action = STR("action:s3:archive");
    ASSERT_OK(connectors_use(site->connectors, id, station, &site->err), site->err);
    ASSERT_OK(connectors_use(site->connectors, id, station, &site->err), site->err);
    ASSERT_OK(connectors_use(site->connectors, id, action, &site->err), site->err);
    assert_false(connectors_delete(site->connectors, id, &site->err));
    assert_int_equal(site->err.code, ERR_BUSY);
    assert_string_equal(site->err.text,
                        "connector s3:a is used by station:telemetry, station:telemetry, action:s3:archive");
    json_t *object = describe(site, "s3:a"), *actions = json_object_get(object, "actions");
    assert_int_equal(json_array_size(json_object_get(object, "uses")), 3);
    assert_int_equal(json_array_size(actions), 1);
    assert_string_equal(json_string_value(json_array_get(actions, 0)), "archive");
    json_decref(object);
    connectors_unuse(site->connectors, id, station);
    connectors_unuse(site->connectors, id, station);
    assert_false(connectors_delete(site->connectors, id, &site->err));
    connectors_unuse(site->connectors, id, action);
    ASSERT_OK(connectors_delete(site->connectors, id, &site->err), site->err);
    assert_false(connectors_use(site->connectors, id, station, &site->err));
    assert_int_equal(site->err.code, ERR_NOT_FOUND);
    assert_ids(site, "directory:local ");
}

static void test_who_holds_the_store_of_a_deleted_connector_keeps_it(void **state)
{
    struct site *site = *state;
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    struct object_store *store = fake_store("s3:a", 0);
    fake_answer(fake_request(store), ERR_NOT_FOUND, "");
    struct connector_store *held = take(site, "s3:a");
    ASSERT_OK(connectors_delete(site->connectors, STR("s3:a"), &site->err), site->err);
    assert_null(connectors_take(site->connectors, STR("s3:a"), &site->err));
    assert_false(fake_closed(store));
    connector_store_release(held);
    WAIT_FOR(fake_closed(store));
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
}

/* ---- Trying ---------------------------------------------------------------------------------------------- */

struct tried {
    pthread_mutex_t lock;
    unsigned calls; /* under lock, as the rest */
    struct error err;
    struct object_probe probe;
};

static void note_tried(const struct error *err, void *arg)
{
    struct tried *tried = arg;
    pthread_mutex_lock(&tried->lock);
    tried->calls++;
    tried->err = err != NULL ? *err : (struct error){0};
    pthread_mutex_unlock(&tried->lock);
}

static unsigned calls(struct tried *tried)
{
    pthread_mutex_lock(&tried->lock);
    unsigned count = tried->calls;
    pthread_mutex_unlock(&tried->lock);
    return count;
}

static bool try_it(struct site *site, const char *text, struct tried *tried)
{
    json_t *object = parsed(text);
    bool ok = connectors_try(site->connectors, object, note_tried, tried, &site->err);
    json_decref(object);
    return ok;
}

static void test_a_try_leaves_nothing(void **state)
{
    struct site *site = *state;
    struct tried tried = {.lock = PTHREAD_MUTEX_INITIALIZER};
    ASSERT_OK(try_it(site, "{'name':'a','bucket':'b-1'," S3 "}", &tried), site->err);
    struct object_store *store = fake_store("s3:a", 0);
    struct object_request *request = fake_request(store);
    assert_int_equal(request->deadline_ms, 30000);
    fake_answer(request, ERR_NONE, "");
    WAIT_FOR(calls(&tried) == 1);
    assert_int_equal(tried.err.code, ERR_NONE);
    WAIT_FOR(fake_closed(store));
    assert_ids(site, "directory:local ");
    ASSERT_OK(try_it(site, "{'name':'a','bucket':'b-1'," S3 "}", &tried), site->err);
    fake_answer(fake_request(fake_store("s3:a", 1)), ERR_NOT_FOUND, "no bucket b-1");
    WAIT_FOR(calls(&tried) == 2);
    assert_string_equal(tried.err.text, "no bucket b-1");
}

static void test_a_try_refuses_what_could_not_be_created(void **state)
{
    struct site *site = *state;
    struct tried tried = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_false(try_it(site, "{'name':'a','type':'s3'}", &tried));
    assert_int_equal(site->err.code, ERR_INVALID);
    assert_false(try_it(site, "{'name':'a','secret_access_key':'******','type':'s3'}", &tried));
    fake_refuse(&fake.refuse_open, ERR_NOT_FOUND, "/run/secret: no such file");
    assert_int_equal(tried.calls, 0);
    ASSERT_OK(try_it(site, "{'name':'a'," S3 "}", &tried), site->err);
    assert_int_equal(tried.calls, 1);
    assert_string_equal(tried.err.text, "/run/secret: no such file");
}

static void test_a_try_of_what_is_there_has_its_secret(void **state)
{
    struct site *site = *state;
    struct tried tried = {.lock = PTHREAD_MUTEX_INITIALIZER};
    ASSERT_OK(create(site, "{'name':'a'," S3 "}"), site->err);
    ASSERT_OK(
        try_it(site, "{'type':'s3','name':'a','host':'other.example','secret_access_key':'******'}", &tried),
        site->err);
    struct object_store *store = fake_store("s3:a", 1);
    assert_string_equal(store->config.secret_access_key, SECRET);
    assert_string_equal(store->config.host, "other.example");
    fake_answer(fake_request(store), ERR_NOT_FOUND, "");
    WAIT_FOR(calls(&tried) == 1);
}

static void test_tries_are_bounded_and_end_with_the_connectors(void **state)
{
    struct site *site = *state;
    struct tried tried = {.lock = PTHREAD_MUTEX_INITIALIZER};
    for (unsigned i = 0; i < 16; i++)
        ASSERT_OK(try_it(site, "{'name':'a'," S3 "}", &tried), site->err);
    assert_false(try_it(site, "{'name':'a'," S3 "}", &tried));
    assert_int_equal(site->err.code, ERR_BUSY);
    close_site(site);
    assert_int_equal(calls(&tried), 16);
    assert_int_equal(tried.err.code, ERR_CLOSED);
    open_site(site);
}

static void note_probe(const struct object_probe *probe, const struct error *err, void *arg)
{
    struct tried *tried = arg;
    pthread_mutex_lock(&tried->lock);
    tried->probe = *probe;
    pthread_mutex_unlock(&tried->lock);
    note_tried(err, arg);
}

static bool probe(struct site *site, const char *id, const char *bucket, struct tried *tried)
{
    return connectors_probe(site->connectors, str_of(id), str_of(bucket), STR("p/"), note_probe, tried,
                            &site->err);
}

static void test_a_probe_takes_the_default_bucket_unless_another_is_named(void **state)
{
    struct site *site = *state;
    struct tried tried = {.lock = PTHREAD_MUTEX_INITIALIZER};
    ASSERT_OK(create(site, "{'name':'a','bucket':'good'," S3 "}"), site->err);
    ASSERT_OK(probe(site, "s3:a", "", &tried), site->err);
    WAIT_FOR(calls(&tried) == 1);
    assert_true(tried.probe.usable);
    assert_string_equal(tried.probe.checks[0].why.text, "below p/ in good");
    ASSERT_OK(probe(site, "s3:a", "bad", &tried), site->err);
    WAIT_FOR(calls(&tried) == 2);
    assert_string_equal(tried.err.text, "no such bucket: bad");
    assert_false(probe(site, "s3:b", "", &tried));
    assert_int_equal(site->err.code, ERR_NOT_FOUND);
    assert_false(probe(site, CONNECTOR_LOCAL, "", &tried));
    assert_int_equal(site->err.code, ERR_INVALID);
}

/* ---- All at once ----------------------------------------------------------------------------------------- */

static void *busy_taker(void *arg)
{
    struct site *site = arg;
    for (int i = 0; i < 300; i++) {
        struct connector_store *store = connectors_take(site->connectors, STR("s3:a"), NULL);
        enum connector_status now;
        struct error why;
        connectors_status(site->connectors, STR("s3:a"), &now, &why, NULL);
        json_decref(connectors_describe(site->connectors, STR("s3:a"), "n", NULL));
        connector_store_release(store);
    }
    return NULL;
}

static void test_changes_and_uses_on_many_threads_end_well(void **state)
{
    struct site *site = *state;
    pthread_t threads[3];
    pthread_mutex_lock(&fake.lock);
    fake.answer_all = true;
    pthread_mutex_unlock(&fake.lock);
    ASSERT_OK(create(site, "{'name':'a','bucket':'b-1'," S3 ",'resource_opts':{'health_check_interval':1}}"),
              site->err);
    TABLE_EACH(thread, threads)
    {
        ASSERT_OK(thread_start((pthread_t *)(uintptr_t)thread, "taker", busy_taker, site, &site->err),
                  site->err);
    }
    for (int i = 0; i < 20; i++) {
        ASSERT_OK(update(site, "s3:a", "{'description':'x'}"), site->err);
        ASSERT_OK(connectors_enable(site->connectors, STR("s3:a"), i % 2 == 0, &site->err), site->err);
    }
    TABLE_EACH(thread, threads)
    {
        pthread_join(*thread, NULL);
    }
    ASSERT_OK(connectors_enable(site->connectors, STR("s3:a"), true, &site->err), site->err);
    WAIT_FOR(is(site, "s3:a", "connected"));
}

#define SITE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

RUN_TESTS(
    SITE(test_the_data_directory_is_a_connector_from_the_start),
    SITE(test_the_built_in_one_can_be_disabled_but_not_deleted),
    SITE(test_a_connector_is_connecting_until_its_store_has_answered),
    SITE(test_a_denied_head_is_explained_by_a_list),
    SITE(test_without_a_bucket_one_that_nobody_has_is_asked_for),
    SITE(test_a_missing_bucket_and_a_silent_host_are_told_as_they_are),
    SITE(test_a_store_that_cannot_be_opened_is_tried_again),
    SITE(test_a_look_that_cannot_begin_is_the_reason),
    SITE(test_what_is_created_without_a_start_waits_for_it),
    SITE(test_a_disabled_connector_gives_no_store_and_does_not_start),
    SITE(test_who_waits_is_told_once_when_it_is_settled), SITE(test_all_who_take_a_connector_share_its_store),
    SITE(test_an_update_lets_work_under_way_end_on_the_former_store),
    SITE(test_what_a_former_store_answers_does_not_count), SITE(test_closing_ends_looks_that_are_under_way),
    SITE(test_an_object_is_shown_whole_and_without_its_secrets), SITE(test_ids_are_unique_and_kept),
    SITE(test_a_refused_change_changes_nothing),
    SITE(test_connectors_outlive_a_restart_and_their_secrets_are_in_no_file),
    SITE(test_with_another_secret_key_a_connector_waits_for_its_secret),
    SITE(test_a_row_that_cannot_be_read_can_be_deleted_or_set_anew), SITE(test_what_is_used_is_not_deleted),
    SITE(test_who_holds_the_store_of_a_deleted_connector_keeps_it), SITE(test_a_try_leaves_nothing),
    SITE(test_a_try_refuses_what_could_not_be_created), SITE(test_a_try_of_what_is_there_has_its_secret),
    SITE(test_tries_are_bounded_and_end_with_the_connectors),
    SITE(test_a_probe_takes_the_default_bucket_unless_another_is_named),
    SITE(test_changes_and_uses_on_many_threads_end_well))
