/* Many stations: what an idle one costs. VARVE_STATIONS says how many (200); the figures are printed. */
#include "station_test.h"

#include "base/clock.h"

#include <dirent.h>
#include <sys/resource.h>

static unsigned open_files(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &pages, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_idle_stations_hold_at_most_two_files_each(void **state)
{
    (void)state;
    const char *asked = getenv("VARVE_STATIONS");
    unsigned count = asked != NULL ? (unsigned)atoi(asked) : 200;
    struct rlimit limit = {.rlim_cur = 4 * count + 1000, .rlim_max = 4 * count + 1000};
    struct depot depot;
    struct client client;
    if (asked != NULL)
        setrlimit(RLIMIT_NOFILE, &limit);
    depot_start(&depot, 1);
    for (unsigned i = 0; i < count; i++) {
        char json[128], name[32];
        snprintf(name, sizeof(name), "s%u", i);
        snprintf(json, sizeof(json), "{\"name\":\"s%u\",\"topics\":[\"t/%u/#\"]}", i, i);
        make_station(&depot, json);
        put_message(&depot, name, "t", "1", NULL);
    }
    depot_halt(&depot);
    unsigned files_before = open_files();
    size_t bytes_before = resident_bytes();
    int64_t begin_ms = clock_mono_ms();
    depot_open(&depot);
    print_message("%u stations: start %" PRId64 " ms, ", count, clock_mono_ms() - begin_ms);
    unsigned files = open_files() - files_before;
    size_t bytes = resident_bytes() - bytes_before;
    print_message("%u files, %zu bytes each\n", files, bytes / count);
    assert_true(files <= 2 * count + 50);
    CLIENT_CONNECT(&client, &depot.site, false, .id = "a");
    say_publish(&client, "t/7/x", 1, 1, "2");
    EXPECT(&client, "PUBACK #1 00");
    assert_string_equal(READ_ALL(&depot, "s7"), "1,2");
    client_bye(&client);
    depot_end(&depot);
}

RUN_TESTS(cmocka_unit_test(test_idle_stations_hold_at_most_two_files_each))
