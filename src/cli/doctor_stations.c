/* Stations against the disk: what they may take by their own limits, and what there is. A station without a limit of
 * bytes takes what comes in its time: nothing is known of that, so it is only counted. */
#include "base/mem.h"
#include "catalog/catalog.h"
#include "cli/doctor_internal.h"
#include "station/station.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define PATH_BYTES      4096
#define WALK_OPEN_FILES 16
#define GIB             (1024.0 * 1024 * 1024)

struct survey {
    uint64_t count;
    uint64_t unbounded; /* those whose retention has no limit of bytes */
    uint64_t tiered;
    uint64_t may_take_bytes;
};

static bool survey_one(struct str name, struct str object, int64_t created_ms, void *arg)
{
    struct survey *survey = arg;
    struct station_config config;
    struct error err;
    (void)name;
    (void)created_ms;
    station_config_init(&config);
    survey->count++;
    if (station_config_parse(&config, object, &err)) {
        survey->unbounded += config.retention.bytes == 0;
        survey->may_take_bytes += config.retention.bytes;
        survey->tiered += config.tier.enabled;
        survey->may_take_bytes += config.tier.enabled ? config.tier.disk_budget_bytes : 0;
    }
    station_config_free(&config);
    return true;
}

/* Bytes on disk below the directory that is walked. nftw() has no argument for its callback, and doctor one thread. */
static uint64_t walked_bytes;

static int add_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)path;
    (void)where;
    if (type == FTW_F)
        walked_bytes += (uint64_t)info->st_blocks * 512;
    return 0;
}

void doctor_check_stations(struct doctor *doctor, struct catalog *catalog)
{
    struct survey survey = {0};
    struct error err;
    struct statvfs space;
    char path[PATH_BYTES];
    if (!catalog_station_each(catalog, survey_one, &survey, &err)) {
        doctor_report_error(doctor, "stations", &err);
        return;
    }
    if (survey.count == 0 || statvfs(doctor->dir, &space) != 0)
        return;
    snprintf(path, sizeof(path), "%s/stations", doctor->dir);
    walked_bytes = 0;
    nftw(path, add_file, WALK_OPEN_FILES, FTW_PHYS | FTW_MOUNT);
    uint64_t room = (uint64_t)space.f_bavail * space.f_frsize + walked_bytes;
    bool enough = survey.may_take_bytes <= room;
    doctor_report(
        doctor, enough ? VERDICT_OK : VERDICT_WARNING, "stations",
        enough ? NULL : "lower retention.bytes or tier.disk_budget, or make room",
        "%llu (%llu with a second tier) take %.1f GiB; their limits allow %.1f GiB%s, there is room for %.1f",
        (unsigned long long)survey.count, (unsigned long long)survey.tiered, (double)walked_bytes / GIB,
        (double)survey.may_take_bytes / GIB, survey.unbounded > 0 ? " and what is not bounded by bytes" : "",
        (double)room / GIB);
}
