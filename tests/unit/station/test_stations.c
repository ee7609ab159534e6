/* Stations as a whole: create, capture, read back, restart, delete. */
#include "station_test.h"

static void test_what_is_published_is_stored_and_read_back_after_a_restart(void **state)
{
    (void)state;
    struct depot depot;
    struct client a, b;
    depot_start(&depot, 2);
    make_station(&depot, "{\"name\":\"x\",\"topics\":[\"t/#\"]}");
    CLIENT_CONNECT(&a, &depot.site, false, .id = "a");
    say_publish(&a, "t/1", 1, 7, "one");
    EXPECT(&a, "PUBACK #7 00");
    say_publish(&a, "t/2", 2, 8, "two");
    EXPECT(&a, "PUBREC #8 00");
    say_ack(&a, MQTT_PUBREL, 8);
    EXPECT(&a, "PUBCOMP #8 00");
    client_bye(&a);
    depot_restart(&depot);
    CLIENT_CONNECT(&b, &depot.site, false, .id = "b", .version = MQTT_3_1_1);
    subscribe_to(&b, "$station/x@earliest", 1);
    uint16_t first = hear_publish(&b, "t/1", "one");
    uint16_t second = hear_publish(&b, "t/2", "two");
    put_ack(&b, MQTT_PUBACK, first);
    put_ack(&b, MQTT_PUBACK, second);
    say_publish(&b, "t/3", 1, 9, "three");
    EXPECT(&b, "PUBACK #9 00");
    hear_publish(&b, "t/3", "three");
    client_bye(&b);
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_what_is_published_is_stored_and_read_back_after_a_restart))
