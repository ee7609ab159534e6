/* What becomes of open connections when their user is deleted, or changed. */
#include "broker/access.h"
#include "broker_test.h"
#include "login.h"

/* Without a reload: the broker finds out by itself. */
static int start(void **state)
{
    struct site *site = mem_zalloc(sizeof(*site));
    struct settings *settings = quiet_settings();
    struct acl_rule rule = {
        .publish = true, .subscribe = true, .topics = mem_alloc(sizeof(char *)), .topic_count = 1};
    rule.topics[0] = mem_strdup("secret/#");
    settings_add_rule(settings, &rule);
    settings->auth.allow_anonymous = 1;
    site_start(site, 2, settings);
    add_user(site, "alice", PASSWORD);
    add_user(site, "bob", PASSWORD);
    *state = site;
    return 0;
}

static int end(void **state)
{
    site_end(*state);
    mem_free(*state);
    return 0;
}

static void delete_user(const struct site *site, const char *name)
{
    struct error err;
    ASSERT_OK(catalog_user_delete(site->catalog, str_of(name), &err), err);
}

/* Retried: the first users are noticed within a second. */
static void log_in(struct client *client, const struct site *site, struct hello hello, const char *username)
{
    login_hello(client, site, hello, username, PASSWORD);
    EXPECT(client, "CONNACK new 00");
}

static void read_users(struct shard *shard, void *arg)
{
    *(uint64_t *)arg = shard->access->revision;
}

/* Every shard knows what the catalog says now. */
static void wait_for_news(const struct site *site)
{
    struct error err;
    uint64_t wanted = 0;
    ASSERT_OK(catalog_revision(site->catalog, &wanted, &err), err);
    for (unsigned i = 0; i < site->broker->shard_count; i++) {
        uint64_t known = 0;
        WAIT_FOR((on_shard(site, i, read_users, &known), known >= wanted));
    }
}

static void test_the_connections_of_a_deleted_user_end(void **state)
{
    const struct site *site = *state;
    struct client by_password, by_scram, old, other, anonymous;
    wait_for_news(site);
    log_in(&by_password, site, (struct hello){.id = ID_ON(site, 0, "a")}, "alice");
    scram_hello(&by_scram, site, ID_ON(site, 1, "b"), "alice", true);
    EXPECT(&by_scram, "CONNACK new 00");
    log_in(&old, site, (struct hello){.id = "c", .version = MQTT_3_1_1}, "alice");
    log_in(&other, site, (struct hello){.id = "d"}, "bob");
    CLIENT_CONNECT(&anonymous, site, false, .id = "alice");
    delete_user(site, "alice");
    EXPECT(&by_password, "DISCONNECT 87", "end");
    EXPECT(&by_scram, "DISCONNECT 87", "end");
    EXPECT(&old, "end");
    client_sync(&other);
    client_sync(&anonymous);
    client_drop(&by_password);
    client_drop(&by_scram);
    client_drop(&old);
    client_bye(&other);
    client_bye(&anonymous);
}

static void test_another_password_ends_what_the_former_has_opened(void **state)
{
    const struct site *site = *state;
    struct client alice, bob;
    wait_for_news(site);
    log_in(&alice, site, (struct hello){.id = "a"}, "alice");
    log_in(&bob, site, (struct hello){.id = "b"}, "bob");
    set_user(site, "alice", "another horse", false);
    EXPECT(&alice, "DISCONNECT 87", "end");
    client_drop(&alice);
    client_sync(&bob);
    client_bye(&bob);
    login_hello(&alice, site, (struct hello){.id = "a"}, "alice", "another horse");
    EXPECT(&alice, "CONNACK new 00");
    wait_for_news(site);
    client_sync(&alice);
    client_bye(&alice);
}

/* The snapshot that the shard has is older than the login: it must not be held against the user. */
static void test_who_logs_in_before_the_news_have_come_stays(void **state)
{
    const struct site *site = *state;
    struct client client;
    wait_for_news(site);
    add_user(site, "carol", PASSWORD);
    log_in(&client, site, (struct hello){.id = "c"}, "carol");
    set_user(site, "bob", "another horse", false); /* others change meanwhile */
    wait_for_news(site);
    client_sync(&client);
    client_bye(&client);
}

static void test_rights_of_a_superuser_come_and_go_with_open_connections(void **state)
{
    const struct site *site = *state;
    struct client client, publisher;
    struct error err;
    struct catalog_user user;
    wait_for_news(site);
    log_in(&client, site, (struct hello){.id = "c"}, "alice");
    set_user(site, "bob", PASSWORD, true);
    wait_for_news(site);
    log_in(&publisher, site, (struct hello){.id = "p"}, "bob");
    put_subscribe(&client, 1, "secret/a", (struct mqtt_subscription){.qos = 0}, 0);
    client_flush(&client);
    EXPECT(&client, "SUBACK #1 87");

    ASSERT_OK(catalog_user_get(site->catalog, STR("alice"), &user, &err), err);
    user.superuser = true;
    ASSERT_OK(catalog_user_put(site->catalog, &user, false, &err), err);
    wait_for_news(site);
    subscribe_to(&client, "secret/a", 0);
    say_publish(&publisher, "secret/a", 1, 1, "1");
    EXPECT(&publisher, "PUBACK #1 00");
    EXPECT(&client, "PUBLISH secret/a qos 0 \"1\"");

    user.superuser = false;
    ASSERT_OK(catalog_user_put(site->catalog, &user, false, &err), err);
    catalog_user_free(&user);
    wait_for_news(site);
    say_publish(&publisher, "secret/a", 1, 2, "2");
    EXPECT(&publisher, "PUBACK #2 10");
    say_publish(&client, "secret/a", 1, 3, "3");
    EXPECT(&client, "PUBACK #3 87");
    client_bye(&client);
    client_bye(&publisher);
}

/* A note, or the same right once more, concerns nobody who is connected. */
static void test_changes_that_do_not_concern_the_login_leave_it_alone(void **state)
{
    const struct site *site = *state;
    struct client client;
    struct error err;
    struct catalog_user user;
    wait_for_news(site);
    log_in(&client, site, (struct hello){.id = "c"}, "alice");
    ASSERT_OK(catalog_user_get(site->catalog, STR("alice"), &user, &err), err);
    user.note = mem_strdup("moved to the third floor");
    ASSERT_OK(catalog_user_put(site->catalog, &user, false, &err), err);
    catalog_user_free(&user);
    wait_for_news(site);
    client_sync(&client);
    client_bye(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

RUN_TESTS(TEST(test_the_connections_of_a_deleted_user_end),
          TEST(test_another_password_ends_what_the_former_has_opened),
          TEST(test_who_logs_in_before_the_news_have_come_stays),
          TEST(test_rights_of_a_superuser_come_and_go_with_open_connections),
          TEST(test_changes_that_do_not_concern_the_login_leave_it_alone))
