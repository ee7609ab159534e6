/* The steps one after the other, each in a child process: fork() before this process has a thread.
 *
 *   fill ─▶ migrate ─▶ replay ─▶ seek ─▶ restore ─▶ verify (of what is restored) ─▶ destroy
 *
 * The result lies in memory that is shared, and the error of the step that fails, too. */
#include "tier_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "station_dir_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
    struct tier_bench_result result;
    struct error err;
};

struct run {
    const struct tier_bench_options *options;
    char dir[TIER_BENCH_PATH_BYTES];
    char prefix[64];
    struct shared *shared;
};

_Noreturn static void child(const struct run *run, tier_step_fn *step)
{
    struct tier_rig rig = {.options = run->options, .dir = run->dir, .prefix = run->prefix};
    if (run->options->prefix != NULL)
        rig.prefix = run->options->prefix;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    log_set_level(LOG_LEVEL_WARNING);
    bool fine = step(&rig, &run->shared->result, &run->shared->err);
    tier_rig_close(&rig);
    _exit(fine ? 0 : 1);
}

static bool run_step(const struct run *run, const char *name, tier_step_fn *step, struct error *err)
{
    int status;
    run->shared->err = (struct error){0};
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return error_errno(err, errno, "cannot start a process for the step %s", name);
    if (pid == 0)
        child(run, step);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return error_errno(err, errno, "cannot wait for the step %s", name);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        return error_set(err, ERR_INTERNAL, "the step %s ended with signal %d", name, WTERMSIG(status));
    if (run->shared->err.code == ERR_NONE)
        return error_set(err, ERR_INTERNAL, "the step %s failed without saying why", name);
    *err = run->shared->err;
    return error_wrap(err, "%s", name);
}

static bool run_all(const struct run *run, struct error *err)
{
    const struct tier_bench_options *options = run->options;
    const struct tier_bench_result *result = &run->shared->result;
    bool table = run_step(run, "fill", tier_step_fill, err);
    bool fine = table && run_step(run, "migrate", tier_step_migrate, err) &&
                run_step(run, "replay", tier_step_replay, err) &&
                run_step(run, "seek", tier_step_seek, err) &&
                run_step(run, "restore", tier_step_restore, err) &&
                (options->no_verify || run_step(run, "verify", tier_step_verify, err));
    if (table && !options->keep) /* of two errors the first one counts */
        fine = run_step(run, "destroy", tier_step_destroy, fine ? err : &(struct error){0}) && fine;
    if (fine && (result->lost > 0 || result->different > 0 || result->read != options->count)) {
        return error_set(err, ERR_CORRUPT,
                         "of %llu messages %llu were read, %llu are lost, %llu are not what they were",
                         (unsigned long long)options->count, (unsigned long long)result->read,
                         (unsigned long long)result->lost, (unsigned long long)result->different);
    }
    return fine;
}

bool tier_bench_run(const struct tier_bench_options *options, struct tier_bench_result *result,
                    struct error *err)
{
    struct run *run = mem_zalloc(sizeof *run);
    run->options = options;
    snprintf(run->prefix, sizeof run->prefix, "varve-bench-%016llx", (unsigned long long)random_u64());
    run->shared = mmap(NULL, sizeof *run->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run->shared == MAP_FAILED) {
        mem_free(run);
        return error_errno(err, errno, "cannot share memory with a process of ours");
    }
    bool fine = station_dir_make(options->dir, run->dir, sizeof run->dir, err);
    if (fine) {
        fine = run_all(run, err);
        if (!options->keep)
            station_dir_remove(run->dir);
    }
    *result = run->shared->result;
    munmap(run->shared, sizeof *run->shared);
    mem_free(run);
    return fine;
}
