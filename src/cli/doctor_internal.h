/* `varve doctor`: checks, each of which reports one line or more. */
#ifndef CLI_DOCTOR_INTERNAL_H
#define CLI_DOCTOR_INTERNAL_H

#include "base/buf.h"
#include "cli/serve_config.h"

#include <jansson.h>

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_FAILED };
#define VERDICT_COUNT 3

#define DOCTOR_SETS_MAX 256

struct doctor {
    const char *config_path; /* NULL: none */
    const char *dir;
    const char *sets[DOCTOR_SETS_MAX];
    size_t set_count;
    bool json;
    /* What earlier checks found out. */
    struct serve_config config;
    bool has_config;
    bool has_dir;    /* the data directory is there and may be read */
    bool is_running; /* a broker holds the lock of the data directory */
    json_t *run;     /* what DIR/run.json says of it; owned; NULL: none runs, or it is starting */
    /* The report so far. */
    struct buf out;
    unsigned counts[VERDICT_COUNT];
};

/* One line of the report. `check`: what was looked at, a word or two; `hint`: what to do about it, or NULL. */
void doctor_report(struct doctor *doctor, enum verdict verdict, const char *check, const char *hint,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
void doctor_report_error(struct doctor *doctor, const char *check, const struct error *err); /* failed */

/* doctor_system.c: what the machine gives. */
void doctor_check_files(struct doctor *doctor);
void doctor_check_backlog(struct doctor *doctor);
void doctor_check_memory(struct doctor *doctor);
void doctor_check_clock(struct doctor *doctor);
void doctor_check_processor(struct doctor *doctor);

/* doctor_data.c: the data directory. In this order: each relies on those before. */
void doctor_check_dir(struct doctor *doctor);
void doctor_check_broker(struct doctor *doctor);
void doctor_check_space(struct doctor *doctor);
void doctor_check_fsync(struct doctor *doctor);
void doctor_check_catalog(struct doctor *doctor);

/* doctor_stations.c: whether the disk has room for what stations may take. */
struct catalog;
void doctor_check_stations(struct doctor *doctor, struct catalog *catalog);

/* doctor_listeners.c: certificates and ports. */
void doctor_check_listeners(struct doctor *doctor);
void doctor_check_http(struct doctor *doctor);

#endif
