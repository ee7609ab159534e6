/* The data directory: owner and permissions, whether a broker uses it, space, how long fsync takes, the catalog. */
#include "base/clock.h"
#include "broker/access.h"
#include "catalog/catalog.h"
#include "cli/doctor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PATH_BYTES    4096
#define RUN_BYTES_MAX ((size_t)64 << 10)
#define SPACE_LEAST   (UINT64_C(64) << 20)
#define SPACE_ENOUGH  (UINT64_C(1) << 30)
#define INODES_LEAST  100
#define FSYNC_ROUNDS  9
#define FSYNC_BYTES   4096
#define FSYNC_SLOW_US 20000
#define CIFS_MAGIC    0xFF534D42
#define SMB2_MAGIC    0xFE534D42

static const char *path_in(const struct doctor *doctor, const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s", doctor->dir, name);
    return out;
}

/* ---- Owner and permissions ------------------------------------------------------------------------------- */

static void check_secret_file(struct doctor *doctor, const char *name, uid_t owner)
{
    char path[PATH_BYTES], hint[PATH_BYTES + 64];
    struct stat info;
    if (stat(path_in(doctor, name, path), &info) != 0)
        return;
    if ((info.st_mode & 077) != 0) {
        snprintf(hint, sizeof(hint), "it holds secrets: chmod 600 %.4000s", path);
        doctor_report(doctor, VERDICT_WARNING, "permissions", hint, "others can read or write %s (mode %03o)",
                      path, (unsigned)info.st_mode & 0777);
    } else if (info.st_uid != owner) {
        snprintf(hint, sizeof(hint), "the broker cannot use it: chown --reference=%s %s", doctor->dir, path);
        doctor_report(doctor, VERDICT_FAILED, "permissions", hint,
                      "%s and its directory have different owners", path);
    }
}

static void check_owner(struct doctor *doctor, const struct stat *info)
{
    char hint[PATH_BYTES + 64];
    if ((info->st_mode & 022) != 0) {
        snprintf(hint, sizeof(hint), "chmod 700 %.4000s", doctor->dir);
        doctor_report(doctor, VERDICT_FAILED, "permissions", hint,
                      "others can change the data directory (mode %03o)", (unsigned)info->st_mode & 0777);
    } else if ((info->st_mode & 055) != 0) {
        snprintf(hint, sizeof(hint), "chmod 700 %.4000s", doctor->dir);
        doctor_report(doctor, VERDICT_WARNING, "permissions", hint,
                      "others can look into the data directory (mode %03o)", (unsigned)info->st_mode & 0777);
    } else {
        doctor_report(doctor, VERDICT_OK, "permissions", NULL, "mode %03o", (unsigned)info->st_mode & 0777);
    }
    if (info->st_uid != geteuid()) {
        doctor_report(
            doctor, VERDICT_WARNING, "owner", "run the broker, and this check, as the directory's owner",
            "the data directory is of user %u, this is user %u", (unsigned)info->st_uid, (unsigned)geteuid());
    }
    check_secret_file(doctor, "catalog.db", info->st_uid);
    check_secret_file(doctor, "admin.key", info->st_uid);
    check_secret_file(doctor, "secret.key", info->st_uid);
}

void doctor_check_dir(struct doctor *doctor)
{
    struct stat info;
    if (stat(doctor->dir, &info) != 0) {
        if (errno == ENOENT) {
            doctor_report(doctor, VERDICT_OK, "data directory", NULL,
                          "%s is not there yet: varve serve makes it", doctor->dir);
        } else {
            doctor_report(doctor, VERDICT_FAILED, "data directory", NULL, "%s: %s", doctor->dir,
                          errno == EACCES ? "may not be reached by this user" : "cannot be reached");
        }
        return;
    }
    if (!S_ISDIR(info.st_mode)) {
        doctor_report(doctor, VERDICT_FAILED, "data directory", "choose another with --data",
                      "%s is no directory", doctor->dir);
        return;
    }
    if (access(doctor->dir, R_OK | W_OK | X_OK) != 0) {
        doctor_report(doctor, VERDICT_FAILED, "data directory",
                      "run this as the broker's user, or change the owner",
                      "%s may not be written by user %u", doctor->dir, (unsigned)geteuid());
        return;
    }
    doctor->has_dir = true;
    doctor_report(doctor, VERDICT_OK, "data directory", NULL, "%s", doctor->dir);
    check_owner(doctor, &info);
}

/* ---- A broker that runs ---------------------------------------------------------------------------------- */

static json_t *read_run(const char *path)
{
    struct buf text = {0};
    json_t *run = NULL;
    if (buf_read_file(&text, path, RUN_BYTES_MAX, NULL))
        run = json_loadb((const char *)text.data, text.len, 0, NULL);
    buf_free(&text);
    return run;
}

void doctor_check_broker(struct doctor *doctor)
{
    char path[PATH_BYTES], pid[32] = "";
    if (!doctor->has_dir)
        return;
    int fd = open(path_in(doctor, "varve.lock", path), O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        doctor->is_running = true;
        ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);
        pid[len > 0 ? strcspn(pid, "\n") : 0] = '\0';
    }
    if (fd >= 0)
        close(fd);
    if (doctor->is_running)
        doctor->run = read_run(path_in(doctor, "run.json", path));
    if (doctor->run != NULL) {
        doctor_report(doctor, VERDICT_OK, "broker", NULL, "runs here, pid %s", pid);
    } else if (doctor->is_running) {
        doctor_report(doctor, VERDICT_WARNING, "broker", "wait; if that does not help, look into its log",
                      "pid %s is starting or stopping", pid);
    } else {
        doctor_report(doctor, VERDICT_OK, "broker", NULL, "none runs here");
    }
}

/* ---- Disk ------------------------------------------------------------------------------------------------ */

/* The directory, or the one that it will be made in. */
static const char *existing_dir(const struct doctor *doctor, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s", doctor->dir);
    while (access(out, F_OK) != 0) {
        char *slash = strrchr(out, '/');
        if (slash == NULL || slash == out)
            return slash == NULL ? "." : "/";
        *slash = '\0';
    }
    return out;
}

static void check_filesystem(struct doctor *doctor, const char *path)
{
    struct statfs info;
    if (statfs(path, &info) != 0)
        return;
    switch ((unsigned long)info.f_type & 0xFFFFFFFF) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_MAGIC:
    case SMB2_MAGIC:
        doctor_report(doctor, VERDICT_FAILED, "file system", "put the data directory on a local disk",
                      "%s is on a network file system, where the catalog's locks do not work", path);
        break;
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
        doctor_report(doctor, VERDICT_WARNING, "file system", "put the data directory on a disk",
                      "%s is in memory: it is gone after a restart of the machine", path);
        break;
    default: break;
    }
}

void doctor_check_space(struct doctor *doctor)
{
    char buffer[PATH_BYTES];
    const char *path = existing_dir(doctor, buffer);
    struct statvfs info;
    if (statvfs(path, &info) != 0) {
        doctor_report(doctor, VERDICT_WARNING, "free space", NULL, "not known for %s", path);
        return;
    }
    check_filesystem(doctor, path);
    uint64_t space = (uint64_t)info.f_bavail * info.f_frsize;
    /* Some file systems do not count inodes: then both are 0. */
    bool inodes_gone = info.f_files > 0 && info.f_favail < INODES_LEAST;
    enum verdict verdict = space < SPACE_LEAST || inodes_gone ? VERDICT_FAILED
                           : space < SPACE_ENOUGH             ? VERDICT_WARNING
                                                              : VERDICT_OK;
    doctor_report(doctor, verdict, "free space",
                  verdict == VERDICT_OK ? NULL : "make room, or move the data directory", "%llu MiB%s",
                  (unsigned long long)(space >> 20), inodes_gone ? ", and no inodes" : "");
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median of some rounds of write and fsync, in microseconds; -1 with errno. */
static int64_t measure_fsync(int fd)
{
    static const char block[FSYNC_BYTES];
    int64_t took_us[FSYNC_ROUNDS];
    for (int i = 0; i < FSYNC_ROUNDS; i++) {
        int64_t begin_ns = clock_mono_ns();
        if (pwrite(fd, block, sizeof(block), (off_t)i * FSYNC_BYTES) != FSYNC_BYTES || fsync(fd) != 0)
            return -1;
        took_us[i] = (clock_mono_ns() - begin_ns) / 1000;
    }
    qsort(took_us, FSYNC_ROUNDS, sizeof(took_us[0]), compare_i64);
    return took_us[FSYNC_ROUNDS / 2];
}

void doctor_check_fsync(struct doctor *doctor)
{
    char path[PATH_BYTES];
    struct error err;
    if (!doctor->has_dir)
        return;
    int fd = mkostemp((char *)path_in(doctor, ".doctor-XXXXXX", path), O_CLOEXEC);
    if (fd < 0) {
        error_errno(&err, errno, "write in %s", doctor->dir);
        doctor_report_error(doctor, "fsync", &err);
        return;
    }
    int64_t took_us = measure_fsync(fd);
    int errnum = errno;
    close(fd);
    unlink(path);
    if (took_us < 0) {
        error_errno(&err, errnum, "write and fsync in %s", doctor->dir);
        error_hint(&err, "the disk is full or failing: nothing can be acknowledged");
        doctor_report_error(doctor, "fsync", &err);
        return;
    }
    bool slow = took_us > FSYNC_SLOW_US;
    doctor_report(doctor, slow ? VERDICT_WARNING : VERDICT_OK, "fsync",
                  slow ? "acknowledgements of what must be durable take as long: use a faster disk" : NULL,
                  "takes %.2f ms", (double)took_us / 1000);
}

/* ---- Catalog --------------------------------------------------------------------------------------------- */

/* A listener that others reach needs clients that log in, or the operator's word that they need not. */
static void check_exposed(struct doctor *doctor, bool proven)
{
    for (size_t i = 0; i < doctor->config.listener_count && !proven; i++) {
        const struct broker_listener_options *options = &doctor->config.listeners[i].options;
        int anonymous = options->allow_anonymous != LISTENER_ANONYMOUS_AS_BROKER
                            ? options->allow_anonymous
                            : doctor->config.settings->auth.allow_anonymous;
        bool certificate = options->net.tls != NULL && options->net.tls->require_client_cert;
        if (anonymous < 0 && !certificate && !broker_listener_is_local(options)) {
            doctor_report(doctor, VERDICT_FAILED, "authentication",
                          "create a user (varve user create NAME), or set allow_anonymous: true",
                          "listener %s: %s %s, and no client would have to log in", options->net.name,
                          options->net.bind,
                          options->net.proxy_protocol ? "takes clients that a proxy forwards"
                                                      : "is reachable from outside");
        }
    }
}

/* Rules, bans and the key files of the configuration, read as the broker reads them. */
static void check_access(struct doctor *doctor, struct catalog *catalog)
{
    struct error err;
    struct access *access = access_load(catalog, doctor->config.settings, STR_NONE, &err);
    if (access == NULL) {
        doctor_report_error(doctor, "authentication", &err);
        return;
    }
    bool proven = access_has_credentials(access, doctor->config.settings);
    doctor_report(doctor, VERDICT_OK, "authentication", NULL, "%s; rules: %zu, bans: %zu",
                  proven ? "clients have to log in" : "no users, tokens or certificates are set up",
                  access->rule_count, access->ban_count);
    access_unref(access);
    check_exposed(doctor, proven);
}

static void check_no_catalog(struct doctor *doctor)
{
    doctor_report(doctor, VERDICT_OK, "catalog", NULL, "none yet: varve serve makes it");
    if (doctor->has_config) {
        const struct auth_settings *auth = &doctor->config.settings->auth;
        check_exposed(doctor, auth->jwt_secret != NULL || auth->jwt_public_key_file != NULL ||
                                  auth->jwks_file != NULL || auth->jwks_url != NULL ||
                                  auth->certificate_user != CERTIFICATE_USER_NONE);
    }
}

void doctor_check_catalog(struct doctor *doctor)
{
    char path[PATH_BYTES];
    struct error err;
    if (!doctor->has_dir || access(path_in(doctor, "catalog.db", path), F_OK) != 0) {
        check_no_catalog(doctor);
        return;
    }
    struct catalog *catalog = catalog_open(doctor->dir, &err);
    if (catalog == NULL) {
        doctor_report_error(doctor, "catalog", &err);
        return;
    }
    uint64_t users = 0;
    if (!catalog_check(catalog, &err) || !catalog_user_count(catalog, &users, &err)) {
        doctor_report_error(doctor, "catalog", &err);
    } else {
        doctor_report(doctor, VERDICT_OK, "catalog", NULL, "sound; users: %llu", (unsigned long long)users);
    }
    if (doctor->has_config)
        check_access(doctor, catalog);
    doctor_check_stations(doctor, catalog);
    catalog_close(catalog);
}
