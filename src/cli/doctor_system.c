/* What the machine gives: file descriptors, accept queue, memory, clock, processor. */
#include "base/clock.h"
#include "base/crc32c.h"
#include "cli/doctor_internal.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/timex.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define FILES_LEAST    1024
#define FILES_ENOUGH   65536
#define FILES_BESIDE   128  /* what the broker needs besides connections */
#define BACKLOG_ENOUGH 4096 /* what listeners ask for */
#define MEMORY_LEAST   (UINT64_C(64) << 20)
#define MEMORY_ENOUGH  (UINT64_C(512) << 20)
#define SMALL_FILE_MAX 65536

/* 2024-01-01 and 2100-01-01: before the first, the clock has not been set; tokens and expiries would be wrong. */
#define WALL_MIN_MS INT64_C(1704067200000)
#define WALL_MAX_MS INT64_C(4102444800000)

/* The number behind `label` in a file of /proc or /sys; an empty label: at its begin. */
static bool read_number(const char *path, const char *label, uint64_t *out)
{
    struct buf text = {0};
    char *at = buf_read_file(&text, path, SMALL_FILE_MAX, NULL) ? strstr(buf_cstr(&text), label) : NULL;
    char *end = NULL;
    *out = 0;
    if (at != NULL) {
        at += strlen(label);
        *out = strtoull(at, &end, 10);
    }
    bool found = end != at;
    buf_free(&text);
    return found;
}

void doctor_check_files(struct doctor *doctor)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        doctor_report(doctor, VERDICT_WARNING, "open files", NULL, "the limit is not known");
        return;
    }
    uint64_t wanted = 0;
    for (size_t i = 0; doctor->has_config && i < doctor->config.listener_count; i++)
        wanted += doctor->config.listeners[i].options.net.max_connections;
    uint64_t most = limit.rlim_max;
    enum verdict verdict = most < FILES_LEAST                                    ? VERDICT_FAILED
                           : most < FILES_ENOUGH || most - FILES_BESIDE < wanted ? VERDICT_WARNING
                                                                                 : VERDICT_OK;
    const char *hint =
        verdict == VERDICT_OK
            ? NULL
            : "each connection takes one: raise it (ulimit -Hn, or LimitNOFILE= of the service)";
    if (limit.rlim_max == RLIM_INFINITY) {
        doctor_report(doctor, VERDICT_OK, "open files", NULL, "no limit");
    } else if (wanted > 0) {
        doctor_report(doctor, verdict, "open files", hint,
                      "at most %llu; max_connections of the listeners: %llu", (unsigned long long)most,
                      (unsigned long long)wanted);
    } else {
        doctor_report(doctor, verdict, "open files", hint, "at most %llu", (unsigned long long)most);
    }
}

void doctor_check_backlog(struct doctor *doctor)
{
    uint64_t backlog;
    if (!read_number("/proc/sys/net/core/somaxconn", "", &backlog)) {
        doctor_report(doctor, VERDICT_WARNING, "accept queue", NULL, "net.core.somaxconn is not readable");
        return;
    }
    bool enough = backlog >= BACKLOG_ENOUGH;
    doctor_report(doctor, enough ? VERDICT_OK : VERDICT_WARNING, "accept queue",
                  enough ? NULL : "storms of connections overflow it: sysctl -w net.core.somaxconn=4096",
                  "net.core.somaxconn is %llu", (unsigned long long)backlog);
}

void doctor_check_memory(struct doctor *doctor)
{
    uint64_t total_kib, available_kib, limit = 0, used = 0;
    if (!read_number("/proc/meminfo", "MemTotal:", &total_kib) ||
        !read_number("/proc/meminfo", "MemAvailable:", &available_kib)) {
        doctor_report(doctor, VERDICT_WARNING, "memory", NULL, "/proc/meminfo is not readable");
        return;
    }
    uint64_t available = available_kib << 10;
    /* A container's own limit; "max", which is no number, stands for none. */
    bool bounded = read_number("/sys/fs/cgroup/memory.max", "", &limit) &&
                   read_number("/sys/fs/cgroup/memory.current", "", &used);
    if (bounded && (limit > used ? limit - used : 0) < available)
        available = limit > used ? limit - used : 0;
    enum verdict verdict = available < MEMORY_LEAST    ? VERDICT_FAILED
                           : available < MEMORY_ENOUGH ? VERDICT_WARNING
                                                       : VERDICT_OK;
    doctor_report(doctor, verdict, "memory",
                  verdict == VERDICT_OK ? NULL : "lower sessions.max_queued_bytes, or give the broker more",
                  "%llu MiB available of %llu MiB", (unsigned long long)(available >> 20),
                  (unsigned long long)((bounded && limit >> 10 < total_kib ? limit : total_kib << 10) >> 20));
}

void doctor_check_clock(struct doctor *doctor)
{
    char text[CLOCK_TEXT_BYTES];
    int64_t wall_ms = clock_wall_ms();
    clock_format(wall_ms, text);
    struct timex state = {0};
    if (wall_ms < WALL_MIN_MS || wall_ms > WALL_MAX_MS) {
        doctor_report(doctor, VERDICT_FAILED, "clock",
                      "set it: expiries, tokens and certificates depend on it", "%s", text);
    } else if (adjtimex(&state) == TIME_ERROR) {
        doctor_report(doctor, VERDICT_WARNING, "clock",
                      "tokens and message timestamps depend on it: run a time service such as chrony",
                      "%s; the system says that it is not synchronised", text);
    } else {
        doctor_report(doctor, VERDICT_OK, "clock", NULL, "%s", text);
    }
}

static bool has_crc_instruction(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("sse4.2");
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
    return false;
#endif
}

void doctor_check_processor(struct doctor *doctor)
{
    static const char probe[] = "123456789";
    if (crc32c(0, probe, sizeof(probe) - 1) != 0xE3069283) {
        doctor_report(doctor, VERDICT_FAILED, "processor", "use another machine: its arithmetic is wrong",
                      "CRC-32C is computed wrongly");
        return;
    }
    bool fast = has_crc_instruction();
    doctor_report(doctor, fast ? VERDICT_OK : VERDICT_WARNING, "processor", NULL,
                  fast ? "has an instruction for CRC-32C"
                       : "computes CRC-32C without an instruction: slower");
}
