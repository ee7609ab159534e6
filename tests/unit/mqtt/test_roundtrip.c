/* Whatever a generator can think of survives encoding and decoding: every packet type in every version, with random
 * properties, and no cut of it is taken for the whole. The seed is printed when a case fails. */
#include "base/random.h"
#include "bytes.h"

#define CASES_EACH 400

struct source {
    struct random random;
    struct arena arena;
};

static bool coin(struct source *source)
{
    return random_next(&source->random) & 1;
}

static uint64_t below(struct source *source, uint64_t bound)
{
    return random_below(&source->random, bound);
}

/* Mostly short, at the edges of the eight-byte steps, seldom long, very seldom as long as can be. */
static size_t random_len(struct source *source)
{
    switch (below(source, 500)) {
    case 0: return 65535;
    case 1:
    case 2: return 100 + below(source, 400);
    case 3:
    case 4:
    case 5: return 0;
    default: return below(source, 34);
    }
}

static struct str random_data(struct source *source)
{
    size_t len = random_len(source);
    uint8_t *data = arena_alloc(&source->arena, len + 1);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)random_next(&source->random);
    return str_make(data, len);
}

/* UTF-8 of one to four bytes a character; `name`: a topic name, so not empty and without wildcards. */
static struct str random_text(struct source *source, bool name)
{
    static const char *const characters[] = {"a",
                                             "Z",
                                             "/",
                                             "0",
                                             "$",
                                             " ",
                                             "\x01",
                                             "\x7F",
                                             "\xC2\x80",
                                             "\xC3\xA9",
                                             "\xDF\xBF",
                                             "\xE0\xA0\x80",
                                             "\xE2\x82\xAC",
                                             "\xEF\xBB\xBF",
                                             "\xED\x9F\xBF",
                                             "\xEE\x80\x80",
                                             "\xF0\x90\x80\x80",
                                             "\xF4\x8F\xBF\xBF",
                                             "+",
                                             "#"};
    uint64_t count = sizeof characters / sizeof characters[0] - (name ? 2 : 0);
    uint64_t choices = coin(source) ? 6 : count; /* pure ASCII or all */
    size_t wanted = random_len(source);
    if (name && wanted == 0)
        wanted = 1;
    char *data = arena_alloc(&source->arena, wanted + 4);
    size_t len = 0;
    while (len < wanted) {
        struct str one = str_of(characters[below(source, choices)]);
        if (len + one.len > wanted)
            one = STR("x");
        memcpy(data + len, one.data, one.len);
        len += one.len;
    }
    return str_make(data, len);
}

static struct str random_user_properties(struct source *source)
{
    struct buf encoded = {0};
    for (uint64_t left = below(source, 4); left > 0; left--)
        mqtt_user_property_append(&encoded, random_text(source, false), random_text(source, false));
    struct str kept = arena_str(&source->arena, buf_str(&encoded));
    buf_free(&encoded);
    return kept;
}

/* What a list may hold, and values in their ranges: the second, independent statement of table 2-4. */
static void random_properties(struct source *source, enum mqtt_property_list list,
                              struct mqtt_properties *out)
{
    mqtt_properties_init(out);
    out->user_encoded = random_user_properties(source);
#define MAYBE(id, field, value)              \
    do {                                     \
        if (coin(source)) {                  \
            out->has |= UINT64_C(1) << (id); \
            out->field = (value);            \
        }                                    \
    } while (0)
    if (list == MQTT_LIST_PUBLISH || list == MQTT_LIST_WILL) {
        MAYBE(MQTT_PROP_PAYLOAD_FORMAT, payload_format, (uint8_t)coin(source));
        MAYBE(MQTT_PROP_MESSAGE_EXPIRY, message_expiry, (uint32_t)random_next(&source->random));
        MAYBE(MQTT_PROP_CONTENT_TYPE, content_type, random_text(source, false));
        MAYBE(MQTT_PROP_RESPONSE_TOPIC, response_topic, random_text(source, true));
        MAYBE(MQTT_PROP_CORRELATION_DATA, correlation_data, random_data(source));
    }
    if (list == MQTT_LIST_WILL)
        MAYBE(MQTT_PROP_WILL_DELAY, will_delay, (uint32_t)random_next(&source->random));
    if (list == MQTT_LIST_PUBLISH)
        MAYBE(MQTT_PROP_TOPIC_ALIAS, topic_alias, (uint16_t)(1 + below(source, 65535)));
    if (list == MQTT_LIST_PUBLISH || list == MQTT_LIST_SUBSCRIBE)
        MAYBE(MQTT_PROP_SUBSCRIPTION_ID, subscription_id,
              (uint32_t)(1 + below(source, coin(source) ? 300 : MQTT_REMAINING_LENGTH_MAX)));
    if (list == MQTT_LIST_CONNECT || list == MQTT_LIST_CONNACK || list == MQTT_LIST_DISCONNECT)
        MAYBE(MQTT_PROP_SESSION_EXPIRY, session_expiry, (uint32_t)random_next(&source->random));
    if (list == MQTT_LIST_CONNECT || list == MQTT_LIST_CONNACK) {
        MAYBE(MQTT_PROP_RECEIVE_MAXIMUM, receive_maximum, (uint16_t)(1 + below(source, 65535)));
        MAYBE(MQTT_PROP_TOPIC_ALIAS_MAXIMUM, topic_alias_maximum, (uint16_t)below(source, 65536));
        MAYBE(MQTT_PROP_MAXIMUM_PACKET_SIZE, maximum_packet_size, (uint32_t)(1 + below(source, UINT32_MAX)));
        MAYBE(MQTT_PROP_AUTH_METHOD, auth_method, random_text(source, false));
    }
    if (list == MQTT_LIST_CONNECT) {
        MAYBE(MQTT_PROP_REQUEST_PROBLEM_INFO, request_problem_info, (uint8_t)coin(source));
        MAYBE(MQTT_PROP_REQUEST_RESPONSE_INFO, request_response_info, (uint8_t)coin(source));
    }
    if (list == MQTT_LIST_CONNACK) {
        MAYBE(MQTT_PROP_ASSIGNED_CLIENT_ID, assigned_client_id, random_text(source, false));
        MAYBE(MQTT_PROP_SERVER_KEEP_ALIVE, server_keep_alive, (uint16_t)below(source, 65536));
        MAYBE(MQTT_PROP_RESPONSE_INFO, response_info, random_text(source, false));
        MAYBE(MQTT_PROP_MAXIMUM_QOS, maximum_qos, (uint8_t)coin(source));
        MAYBE(MQTT_PROP_RETAIN_AVAILABLE, retain_available, (uint8_t)coin(source));
        MAYBE(MQTT_PROP_WILDCARD_AVAILABLE, wildcard_available, (uint8_t)coin(source));
        MAYBE(MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE, subscription_id_available, (uint8_t)coin(source));
        MAYBE(MQTT_PROP_SHARED_AVAILABLE, shared_available, (uint8_t)coin(source));
    }
    if (list == MQTT_LIST_CONNACK || list == MQTT_LIST_DISCONNECT)
        MAYBE(MQTT_PROP_SERVER_REFERENCE, server_reference, random_text(source, false));
    if (list == MQTT_LIST_CONNACK || list == MQTT_LIST_ACK || list == MQTT_LIST_DISCONNECT ||
        list == MQTT_LIST_AUTH)
        MAYBE(MQTT_PROP_REASON_STRING, reason_string, random_text(source, false));
    if (list == MQTT_LIST_AUTH) {
        out->has |= UINT64_C(1) << MQTT_PROP_AUTH_METHOD;
        out->auth_method = random_text(source, false);
    }
    if (MQTT_HAS(out, MQTT_PROP_AUTH_METHOD))
        MAYBE(MQTT_PROP_AUTH_DATA, auth_data, random_data(source));
#undef MAYBE
}

static void random_connect(struct source *source, uint8_t version, struct mqtt_connect *out)
{
    bool five = version == MQTT_5;
    mqtt_properties_init(&out->properties);
    mqtt_properties_init(&out->will.properties);
    out->version = version;
    out->bridge = !five && coin(source);
    out->clean_start = coin(source);
    out->keep_alive = (uint16_t)below(source, 65536);
    out->client_id = random_text(source, !five); /* before MQTT 5 not empty */
    if (five)
        random_properties(source, MQTT_LIST_CONNECT, &out->properties);
    out->has_will = coin(source);
    if (out->has_will) {
        out->will.qos = (uint8_t)below(source, 3);
        out->will.retain = coin(source);
        out->will.topic = random_text(source, true);
        out->will.payload = random_data(source);
        if (five)
            random_properties(source, MQTT_LIST_WILL, &out->will.properties);
    }
    out->has_username = coin(source);
    if (out->has_username)
        out->username = random_text(source, false);
    out->has_password = (five || out->has_username) && coin(source);
    if (out->has_password)
        out->password = random_data(source);
}

static void random_publish(struct source *source, uint8_t version, struct any_packet *packet)
{
    struct mqtt_publish *out = &packet->publish;
    out->qos = (uint8_t)below(source, 3);
    out->dup = out->qos > 0 && coin(source);
    out->retain = coin(source);
    out->packet_id = out->qos > 0 ? (uint16_t)(1 + below(source, 65535)) : 0;
    out->topic = random_text(source, true);
    out->payload = random_data(source);
    mqtt_properties_init(&packet->publish_properties);
    if (version != MQTT_5 || coin(source))
        return;
    struct buf encoded = {0};
    random_properties(source, MQTT_LIST_PUBLISH, &packet->publish_properties);
    mqtt_properties_encode(&encoded, &packet->publish_properties);
    size_t prefix = 0;
    while (encoded.data[prefix++] >= 0x80)
        ;
    out->raw_props = arena_str(&source->arena, str_make(encoded.data + prefix, encoded.len - prefix));
    buf_free(&encoded);
    if (MQTT_HAS(&packet->publish_properties, MQTT_PROP_TOPIC_ALIAS) && coin(source))
        out->topic = STR_NONE;
}

/* The payload of SUBSCRIBE or UNSUBSCRIBE, written by hand. */
static void random_filters(struct source *source, uint8_t version, bool options, struct mqtt_subscribe *out)
{
    struct buf encoded = {0};
    mqtt_properties_init(&out->properties);
    if (version == MQTT_5)
        random_properties(source, options ? MQTT_LIST_SUBSCRIBE : MQTT_LIST_UNSUBSCRIBE, &out->properties);
    out->packet_id = (uint16_t)(1 + below(source, 65535));
    out->count = 1 + below(source, 5);
    for (size_t i = 0; i < out->count; i++) {
        struct str filter = random_text(source, false);
        buf_append_byte(&encoded, (uint8_t)(filter.len >> 8));
        buf_append_byte(&encoded, (uint8_t)filter.len);
        buf_append_str(&encoded, filter);
        uint8_t byte = (uint8_t)below(source, 3);
        if (version == MQTT_5)
            byte |= (uint8_t)(below(source, 4) << 2 | below(source, 3) << 4);
        if (options)
            buf_append_byte(&encoded, byte);
    }
    out->filters = arena_str(&source->arena, buf_str(&encoded));
    buf_free(&encoded);
}

static void random_suback(struct source *source, uint8_t version, uint8_t type, struct mqtt_suback *out)
{
    const struct str sub = STR("\x00\x01\x02\x80\x83\x87\x8F\x91\x97\x9E\xA1\xA2");
    const struct str sub_v3 = STR("\x00\x01\x02\x80");
    const struct str unsub = STR("\x00\x11\x80\x83\x87\x8F\x91");
    struct str from = type == MQTT_UNSUBACK ? unsub : version == MQTT_5 ? sub : sub_v3;
    mqtt_properties_init(&out->properties);
    if (version == MQTT_5)
        random_properties(source, MQTT_LIST_ACK, &out->properties);
    out->packet_id = (uint16_t)(1 + below(source, 65535));
    if (type == MQTT_UNSUBACK && version != MQTT_5)
        return;
    size_t count = 1 + below(source, 200);
    char *reasons = arena_alloc(&source->arena, count);
    for (size_t i = 0; i < count; i++)
        reasons[i] = from.data[below(source, from.len)];
    out->reasons = str_make(reasons, count);
}

static uint8_t pick(struct source *source, struct str from)
{
    return (uint8_t)from.data[below(source, from.len)];
}

static void random_ack(struct source *source, uint8_t version, uint8_t type, struct mqtt_ack *out)
{
    bool received = type == MQTT_PUBACK || type == MQTT_PUBREC;
    mqtt_properties_init(&out->properties);
    out->packet_id = (uint16_t)(1 + below(source, 65535));
    if (version != MQTT_5)
        return;
    out->reason = pick(source, received ? STR("\x00\x10\x80\x83\x87\x90\x91\x97\x99") : STR("\x00\x92"));
    if (coin(source))
        random_properties(source, MQTT_LIST_ACK, &out->properties);
}

static void random_packet(struct source *source, uint8_t type, uint8_t version, struct any_packet *out)
{
    memset(out, 0, sizeof *out);
    out->type = type;
    out->version = version;
    switch (type) {
    case MQTT_CONNECT: random_connect(source, version, &out->connect); break;
    case MQTT_CONNACK:
        mqtt_properties_init(&out->connack.properties);
        out->connack.reason =
            version == MQTT_5 ? pick(source, STR("\x00\x80\x87\x9F")) : (uint8_t)below(source, 6);
        out->connack.session_present = out->connack.reason == 0 && version != MQTT_3_1 && coin(source);
        if (version == MQTT_5)
            random_properties(source, MQTT_LIST_CONNACK, &out->connack.properties);
        break;
    case MQTT_PUBLISH: random_publish(source, version, out); break;
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE: random_filters(source, version, type == MQTT_SUBSCRIBE, &out->subscribe); break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK: random_suback(source, version, type, &out->suback); break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP: break;
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        mqtt_properties_init(&out->disconnect.properties);
        if (version != MQTT_5 || below(source, 4) == 0)
            break;
        out->disconnect.reason =
            pick(source, type == MQTT_AUTH ? STR("\x00\x18\x19") : STR("\x00\x04\x82\xA2"));
        if (type == MQTT_AUTH || coin(source))
            random_properties(source, type == MQTT_AUTH ? MQTT_LIST_AUTH : MQTT_LIST_DISCONNECT,
                              &out->disconnect.properties);
        break;
    default: random_ack(source, version, type, &out->ack);
    }
}

/* Encodes a generated packet as a caller does: user properties are in place already. */
static void encode_generated(struct buf *buf, const struct any_packet *packet, struct arena *arena)
{
    const struct mqtt_suback *suback = &packet->suback;
    const struct mqtt_disconnect *disconnect = &packet->disconnect;
    switch (packet->type) {
    case MQTT_CONNECT: mqtt_encode_connect(buf, &packet->connect); break;
    case MQTT_CONNACK: mqtt_encode_connack(buf, packet->version, &packet->connack); break;
    case MQTT_PUBLISH: mqtt_encode_publish(buf, packet->version, &packet->publish); break;
    case MQTT_SUBSCRIBE: any_encode_subscribe(buf, packet, arena); break;
    case MQTT_UNSUBSCRIBE: any_encode_unsubscribe(buf, packet, arena); break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        mqtt_encode_suback(buf, packet->version, packet->type, suback->packet_id, &suback->properties,
                           (const uint8_t *)suback->reasons.data, suback->reasons.len);
        break;
    case MQTT_PINGREQ:
    case MQTT_PINGRESP: mqtt_encode_ping(buf, packet->type); break;
    case MQTT_DISCONNECT:
        mqtt_encode_disconnect(buf, packet->version, disconnect->reason, &disconnect->properties);
        break;
    case MQTT_AUTH: mqtt_encode_auth(buf, disconnect->reason, &disconnect->properties); break;
    default:
        mqtt_encode_ack(buf, packet->version, packet->type, packet->ack.packet_id, packet->ack.reason,
                        &packet->ack.properties);
    }
}

static void check_case(uint64_t seed, uint8_t type, uint8_t version)
{
    struct source source = {0};
    struct any_packet wanted, actual;
    struct buf written = {0};
    struct mqtt_frame frame;
    char claim[80];
    snprintf(claim, sizeof claim, "seed %llu, %s, version %d", (unsigned long long)seed,
             mqtt_packet_name(type), version);
    struct row row = {.claim = claim};
    random_seed(&source.random, seed);
    random_packet(&source, type, version, &wanted);
    encode_generated(&written, &wanted, &source.arena);

    uint8_t *exact = exact_copy(written.data, written.len);
    if (mqtt_frame_scan(exact, written.len, written.len, &frame) != MQTT_SCAN_OK || frame.type != type)
        fail_msg("%s: no frame", claim);
    uint8_t reason = any_decode(&frame, version, &actual);
    if (reason != MQTT_SUCCESS)
        fail_msg("%s: %s", claim, mqtt_reason_text(reason));
    if (!any_equal(&wanted, &actual))
        fail_msg("%s: decoded to something else", claim);
    check_prefixes(&row, exact, written.len);
    check_cut_bodies(&row, version, &frame);

    struct buf again = {0};
    any_encode(&again, &actual, &source.arena);
    if (again.len != written.len || memcmp(again.data, written.data, again.len) != 0)
        fail_msg("%s: encoded to something else the second time", claim);
    buf_free(&again);
    free(exact);
    buf_free(&written);
    arena_free(&source.arena);
}

static void test_every_packet_survives_encoding_and_decoding(void **state)
{
    (void)state;
    for (uint8_t version = MQTT_3_1; version <= MQTT_5; version++) {
        for (uint8_t type = MQTT_CONNECT; type <= (version == MQTT_5 ? MQTT_AUTH : MQTT_DISCONNECT); type++)
            for (uint64_t i = 0; i < CASES_EACH; i++)
                check_case(i << 8 | (uint64_t)type << 4 | version, type, version);
    }
}

/* Packets whose fields leave no optional end: none of their cuts is a packet, whatever its header says. */
static void test_a_cut_connect_or_connack_is_never_accepted(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        for (int which = 0; which < 4; which++) {
            uint8_t type = which < 2 ? MQTT_CONNECT : MQTT_CONNACK;
            uint8_t version = which & 1 ? MQTT_5 : MQTT_3_1_1;
            struct source source = {0};
            struct any_packet packet;
            struct buf written = {0};
            struct mqtt_frame frame;
            random_seed(&source.random, seed);
            random_packet(&source, type, version, &packet);
            encode_generated(&written, &packet, &source.arena);
            assert_int_equal(mqtt_frame_scan(written.data, written.len, SIZE_MAX, &frame), MQTT_SCAN_OK);
            size_t step = 1 + frame.body_len / 500;
            for (size_t cut = 0; cut < frame.body_len; cut += step) {
                uint8_t *copy = exact_copy(frame.body, cut);
                struct mqtt_frame shorter = frame_of((uint8_t)(type << 4), copy, cut);
                if (any_decode(&shorter, version, &packet) == MQTT_SUCCESS)
                    fail_msg("seed %llu: %zu of %zu bytes", (unsigned long long)seed, cut, frame.body_len);
                free(copy);
            }
            buf_free(&written);
            arena_free(&source.arena);
        }
    }
}

/* Noise in place of a body: decoders answer, and stay inside. */
static void test_noise_is_read_within_its_bounds(void **state)
{
    (void)state;
    struct source source = {0};
    random_seed(&source.random, 81);
    for (int i = 0; i < 100000; i++) {
        size_t len = below(&source, 40);
        uint8_t *body = exact_copy("", 0);
        body = realloc(body, len > 0 ? len : 1);
        assert_non_null(body);
        for (size_t at = 0; at < len; at++) /* small bytes make plausible lengths */
            body[at] = (uint8_t)below(&source, coin(&source) ? 8 : 256);
        uint8_t first = (uint8_t)(16 + below(&source, 240));
        struct mqtt_frame frame = frame_of(first, body, len);
        struct any_packet packet;
        (void)any_decode(&frame, (uint8_t)(MQTT_3_1 + below(&source, 3)), &packet);
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_packet_survives_encoding_and_decoding),
        cmocka_unit_test(test_a_cut_connect_or_connack_is_never_accepted),
        cmocka_unit_test(test_noise_is_read_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
