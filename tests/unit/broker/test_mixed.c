/* One publisher, many subscribers of every kind on all reactors: each gets what it subscribed, whole and in order,
 * however messages are bundled, copied, queued or handed over on their way.
 *
 * Every message carries its number. What a subscriber must get follows from the list of what was sent. */
#include "broker_test.h"

#define REACTORS    3
#define SUBSCRIBERS 15
#define ROUNDS      30
#define ROUND_MAX   400
#define SENT_MAX    (ROUNDS * ROUND_MAX)
#define ALIAS_MAX   4

static const char *const topics[] = {"m/a", "m/b", "m/a/deep", "other"};

struct sent {
    uint8_t topic;
    uint8_t qos;
    bool retain;
    bool expires;
    bool user; /* a user property */
    uint32_t payload_bytes;
};

static struct sent sent[SENT_MAX];
static uint32_t sent_count;

struct subscriber_kind {
    const char *filter;
    struct mqtt_subscription options;
    uint32_t id;
    uint8_t version;
    uint16_t aliases;
    uint16_t receive_maximum;
    uint32_t maximum_packet_bytes;
};

static const struct subscriber_kind kinds[SUBSCRIBERS] = {
    {"m/#", {.qos = 0}, 0, MQTT_3_1_1, 0, 0, 0},
    {"m/#", {.qos = 0}, 0, MQTT_5, 0, 0, 0},
    {"m/#", {.qos = 2}, 0, MQTT_5, 0, 0, 0},
    {"m/#", {.qos = 1}, 0, MQTT_3_1_1, 0, 0, 0},
    {"m/+", {.qos = 0}, 7, MQTT_5, 0, 0, 0},
    {"m/a", {.qos = 0, .retain_as_published = true}, 0, MQTT_5, 0, 0, 0},
    {"#", {.qos = 0}, 0, MQTT_5, ALIAS_MAX, 0, 0},
    {"#", {.qos = 1}, 3, MQTT_5, 2, 3, 0},
    {"#", {.qos = 0}, 0, MQTT_5, 0, 0, 900},
    {"#", {.qos = 2}, 0, MQTT_3_1, 0, 0, 0},
    {"m/a", {.qos = 0}, 0, MQTT_3_1_1, 0, 0, 0},
    {"m/a", {.qos = 0}, 0, MQTT_5, 0, 0, 0},
    {"m/a", {.qos = 1, .no_local = true}, 0, MQTT_5, 0, 10, 0},
    {"m/b", {.qos = 0}, 0, MQTT_5, 0, 0, 0},
    {"#", {.qos = 0, .no_local = true}, 0, MQTT_5, 0, 0, 0}, /* the publisher itself, in one of the tests */
};

struct receiver {
    struct client client;
    const struct subscriber_kind *kind;
    uint32_t next; /* of the messages sent */
    uint8_t alias_topics[ALIAS_MAX + 1];
    bool own;         /* publishes: no-local keeps everything from it */
    uint32_t unacked; /* of what it publishes */
};

/* ---- What is expected ------------------------------------------------------------------------------------ */

/* What the packet adds to the payload, at most: a message near the limit may come or not. */
#define HEAD_BYTES_MAX 100

enum fate { COMES, MAY_COME, STAYS };

static enum fate fate_of(const struct receiver *receiver, const struct sent *message)
{
    if (receiver->own || !topic_matches(str_of(receiver->kind->filter), str_of(topics[message->topic])))
        return STAYS;
    uint32_t max = receiver->kind->maximum_packet_bytes;
    if (max == 0 || message->payload_bytes + HEAD_BYTES_MAX <= max)
        return COMES;
    return message->payload_bytes > max ? STAYS : MAY_COME;
}

static uint8_t topic_index(struct receiver *receiver, const struct mqtt_publish *publish,
                           const struct mqtt_properties *properties)
{
    uint16_t alias = MQTT_HAS(properties, MQTT_PROP_TOPIC_ALIAS) ? properties->topic_alias : 0;
    assert_true(alias <= receiver->kind->aliases);
    if (publish->topic.len == 0) {
        assert_int_not_equal(alias, 0);
        assert_int_not_equal(receiver->alias_topics[alias], 0); /* it has been given */
        return receiver->alias_topics[alias] - 1;
    }
    for (uint8_t i = 0; i < LENGTH(topics); i++) {
        if (!str_is(publish->topic, topics[i]))
            continue;
        if (alias != 0)
            receiver->alias_topics[alias] = (uint8_t)(i + 1);
        return i;
    }
    fail_msg("topic \"%.*s\"", STR_ARG(publish->topic));
    return 0;
}

static void check_publish(struct receiver *receiver, const struct mqtt_publish *publish)
{
    struct mqtt_properties properties;
    mqtt_properties_init(&properties);
    if (receiver->kind->version == MQTT_5) {
        assert_int_equal(mqtt_properties_decode((const uint8_t *)publish->raw_props.data,
                                                publish->raw_props.len, MQTT_LIST_PUBLISH, &properties),
                         MQTT_SUCCESS);
    }
    uint32_t number;
    assert_true(publish->payload.len >= sizeof(number));
    memcpy(&number, publish->payload.data, sizeof(number));
    while (receiver->next < number && fate_of(receiver, &sent[receiver->next]) != COMES)
        receiver->next++;
    CHECK(receiver->next == number, "%s: number %u instead of %u", receiver->kind->filter, number,
          receiver->next);
    const struct sent *expected = &sent[receiver->next++];
    CHECK(fate_of(receiver, expected) != STAYS, "number %u", number);
    CHECK(topic_index(receiver, publish, &properties) == expected->topic, "number %u", number);
    CHECK(publish->payload.len == expected->payload_bytes, "number %u has %zu bytes", number,
          publish->payload.len);
    for (size_t i = sizeof(number); i < publish->payload.len; i++)
        CHECK((uint8_t)publish->payload.data[i] == (uint8_t)(number + i), "number %u, byte %zu", number, i);
    uint8_t most = receiver->kind->options.qos;
    CHECK(publish->qos == (expected->qos < most ? expected->qos : most), "number %u", number);
    CHECK(publish->retain == (expected->retain && receiver->kind->options.retain_as_published), "number %u",
          number);
    if (receiver->kind->version != MQTT_5)
        return;
    CHECK(MQTT_HAS(&properties, MQTT_PROP_MESSAGE_EXPIRY) == expected->expires, "number %u", number);
    CHECK(properties.subscription_id == receiver->kind->id, "number %u", number);
    CHECK(MQTT_HAS(&properties, MQTT_PROP_USER) == expected->user, "number %u", number);
}

static void answer(struct receiver *receiver, const struct mqtt_frame *frame)
{
    struct client *client = &receiver->client;
    struct mqtt_publish publish;
    uint16_t id = (uint16_t)(frame->body[0] << 8 | frame->body[1]);
    switch (frame->type) {
    case MQTT_PUBLISH:
        assert_int_equal(mqtt_decode_publish(frame, client->version, &publish), MQTT_SUCCESS);
        check_publish(receiver, &publish);
        if (publish.qos > 0)
            say_ack(client, publish.qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, publish.packet_id);
        break;
    case MQTT_PUBREL: say_ack(client, MQTT_PUBCOMP, id); break;
    case MQTT_PUBREC: say_ack(client, MQTT_PUBREL, id); break; /* of what the receiver has sent itself */
    case MQTT_PUBACK:
    case MQTT_PUBCOMP: receiver->unacked--; break;
    default: fail_msg("%s", mqtt_packet_name(frame->type));
    }
}

static bool misses_some(const struct receiver *receiver)
{
    for (uint32_t i = receiver->next; i < sent_count; i++) {
        if (fate_of(receiver, &sent[i]) == COMES)
            return true;
    }
    return false;
}

static void read_all(struct receiver *receiver)
{
    struct mqtt_frame frame;
    while (misses_some(receiver)) {
        if (!client_next(&receiver->client, &frame))
            fail_msg("%s: the end at number %u of %u", receiver->kind->filter, receiver->next, sent_count);
        answer(receiver, &frame);
    }
}

/* ---- What is sent ---------------------------------------------------------------------------------------- */

struct style {
    const char *name;
    unsigned qos0_percent;
    unsigned same_topic_percent; /* as the message before */
    unsigned plain_percent;      /* without properties and flags */
    uint32_t payload_max;
    bool alias; /* topics by alias */
};

static void put_message(struct receiver *publisher, struct random *random, const struct style *style)
{
    uint32_t number = sent_count++;
    struct sent *message = &sent[number];
    bool plain = random_below(random, 100) < style->plain_percent;
    bool same = number > 0 && random_below(random, 100) < style->same_topic_percent;
    *message = (struct sent){
        .topic = same ? sent[number - 1].topic : (uint8_t)random_below(random, LENGTH(topics)),
        .qos = random_below(random, 100) < style->qos0_percent ? 0 : (uint8_t)(1 + random_below(random, 2)),
        .retain = !plain && random_below(random, 4) == 0,
        .expires = !plain && random_below(random, 4) == 0,
        .user = !plain && random_below(random, 2) == 0,
        .payload_bytes = (uint32_t)(sizeof(number) + random_below(random, style->payload_max)),
    };
    uint8_t *payload = mem_alloc(message->payload_bytes);
    for (uint32_t i = 0; i < message->payload_bytes; i++)
        payload[i] = (uint8_t)(number + i);
    memcpy(payload, &number, sizeof(number));
    struct buf props = {0};
    if (message->expires)
        buf_append(&props, (const uint8_t[]){MQTT_PROP_MESSAGE_EXPIRY, 0, 0, 2, 0}, 5);
    if (style->alias)
        buf_append(&props, (const uint8_t[]){MQTT_PROP_TOPIC_ALIAS, 0, message->topic + 1}, 3);
    if (message->user)
        mqtt_user_property_append(&props, STR("key"), STR("value"));
    bool known = style->alias && random_below(random, 4) != 0;
    publisher->unacked += message->qos > 0;
    put_publish(&publisher->client,
                &(struct mqtt_publish){.topic = known ? STR("") : str_of(topics[message->topic]),
                                       .qos = message->qos,
                                       .retain = message->retain,
                                       .packet_id = (uint16_t)(number % 65535 + 1),
                                       .raw_props = buf_str(&props),
                                       .payload = str_make(payload, message->payload_bytes)});
    buf_free(&props);
    mem_free(payload);
}

static void open_receivers(struct site *site, struct receiver receivers[SUBSCRIBERS])
{
    memset(receivers, 0, SUBSCRIBERS * sizeof(*receivers));
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        struct receiver *receiver = &receivers[i];
        char name[16];
        snprintf(name, sizeof(name), "r%u", i);
        receiver->kind = &kinds[i];
        CLIENT_CONNECT(&receiver->client, site, false, .id = ID_ON(site, i % REACTORS, name),
                       .version = kinds[i].version, .alias_maximum = kinds[i].aliases,
                       .receive_maximum = kinds[i].receive_maximum,
                       .maximum_packet_bytes = kinds[i].maximum_packet_bytes);
        char expected[32];
        put_subscribe(&receiver->client, 1, kinds[i].filter, kinds[i].options, kinds[i].id);
        client_flush(&receiver->client);
        snprintf(expected, sizeof(expected), "SUBACK #1 %02x", kinds[i].options.qos);
        EXPECT(&receiver->client, expected);
    }
}

static void play(const struct style *style, struct random *random, bool own)
{
    struct site site;
    static struct receiver receivers[SUBSCRIBERS];
    struct receiver publisher = {.kind = &kinds[SUBSCRIBERS - 1], .own = true};
    print_message("%s\n", style->name);
    sent_count = 0;
    site_start(&site, REACTORS, NULL);
    open_receivers(&site, receivers);
    struct receiver *from = &receivers[SUBSCRIBERS - 1];
    from->own = own;
    if (!own) {
        CLIENT_CONNECT(&publisher.client, &site, false, .id = ID_ON(&site, 0, "p"));
        from = &publisher;
    }
    /* Every alias is given once before it is used alone. */
    for (uint8_t i = 0; style->alias && i < LENGTH(topics); i++) {
        const uint8_t props[] = {MQTT_PROP_TOPIC_ALIAS, 0, (uint8_t)(i + 1)};
        sent[sent_count] = (struct sent){.topic = i, .payload_bytes = sizeof(sent_count)};
        put_publish(&from->client,
                    &(struct mqtt_publish){.topic = str_of(topics[i]),
                                           .raw_props = str_make(props, sizeof(props)),
                                           .payload = str_make(&sent_count, sizeof(sent_count))});
        sent_count++;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint64_t left = 1 + random_below(random, ROUND_MAX - 1); left > 0; left--)
            put_message(from, random, style);
        client_flush(&from->client);
        mqtt_encode_ping(&from->client.out, MQTT_PINGREQ);
        client_flush(&from->client);
        struct mqtt_frame frame;
        for (bool answered = false; !answered || from->unacked > 0;) {
            assert_true(client_next(&from->client, &frame));
            if (frame.type == MQTT_PINGRESP)
                answered = true;
            else
                answer(from, &frame);
        }
        for (unsigned i = 0; i < SUBSCRIBERS; i++) {
            if (&receivers[i] != from)
                read_all(&receivers[i]);
        }
    }
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        client_drop(&receivers[i].client);
    if (!own)
        client_drop(&publisher.client);
    site_end(&site);
}

/* ---- Tests ----------------------------------------------------------------------------------------------- */

static const struct style styles[] = {
    {"small messages of QoS 0 to one topic after the other", 100, 95, 100, 50, false},
    {"mostly QoS 0", 90, 90, 90, 300, false},
    {"with aliases", 95, 90, 80, 300, true},
    {"everything", 40, 50, 50, 1500, false},
    {"everything with aliases", 40, 50, 50, 1500, true},
};

static void test_every_subscriber_gets_its_messages_whole_and_in_order(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    TABLE_EACH(style, styles)
    play(style, &random, false);
}

static void test_a_publisher_that_subscribes_without_its_own_messages_gets_none(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, harness_seed());
    TABLE_EACH(style, styles)
    play(style, &random, true);
}

RUN_TESTS(cmocka_unit_test(test_every_subscriber_gets_its_messages_whole_and_in_order),
          cmocka_unit_test(test_a_publisher_that_subscribes_without_its_own_messages_gets_none))
