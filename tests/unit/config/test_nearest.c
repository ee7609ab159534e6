/* Which known name is near enough to be meant. */
#include "config/config_internal.h"

#include "harness.h"

static void test_the_nearest_name_within_reach_is_meant(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const char *known[4];
        const char *meant;
    } rows[] = {
        {"bnd", {"bind", "port"}, "bind"},
        {"bidn", {"bind", "bid"}, "bind"},
        {"Bind", {"bind"}, "bind"},
        {"MAX_CONNECTIONS", {"max_connections"}, "max_connections"},
        {"max_conections", {"max_connections", "max_sections"}, "max_connections"},
        {"maxconnections", {"max_connections"}, "max_connections"},
        {"tls", {"tcp", "ssl"}, NULL},
        {"tcl", {"tcp", "ssl"}, "tcp"},
        {"a", {"b"}, "b"},
        {"xyz", {"abc"}, NULL},
        {"", {"abc"}, NULL},
        {"one", {"", "ones", "onn"}, "ones"},
        {"bind_address", {"bind"}, NULL},
        {"bind", {"an_option_whose_name_is_longer_than_any_reasonable_name_would_be_at_all"}, NULL},
    };
    TABLE_EACH(row, rows)
    {
        struct nearest nearest = {.word = str_of(row->word)};
        for (size_t i = 0; i < 4 && row->known[i] != NULL; i++)
            nearest_offer(&nearest, row->known[i]);
        const char *meant = nearest.best != NULL ? nearest.best : "none";
        CHECK(strcmp(meant, row->meant != NULL ? row->meant : "none") == 0, "%s: %s", row->word, meant);
    }
}

RUN_TESTS(cmocka_unit_test(test_the_nearest_name_within_reach_is_meant))
