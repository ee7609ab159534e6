/* From a port to its socket's inode (/proc/net/tcp), from the inode to the process that has it open
 * (/proc/<pid>/fd). */
#include "proc_internal.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_LISTEN 0x0A

/* `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`, addresses as HEX:PORT. */
static unsigned long inode_in(const char *table, uint16_t port)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");
    if (file == NULL)
        return 0;
    while (found == 0 && fgets(line, sizeof line, file) != NULL) {
        unsigned local_port, state;
        unsigned long inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*d %lu", &local_port,
                   &state, &inode) == 3 &&
            local_port == port && state == STATE_LISTEN)
            found = inode;
    }
    fclose(file);
    return found;
}

static bool has_open(const char *pid, const char *target)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
    DIR *files = opendir(path);
    bool found = false;
    if (files == NULL)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(files)) != NULL;) {
        char link[64];
        ssize_t len = readlinkat(dirfd(files), entry->d_name, link, sizeof link - 1);
        if (len > 0) {
            link[len] = '\0';
            found = strcmp(link, target) == 0;
        }
    }
    closedir(files);
    return found;
}

int64_t proc_find_listener(uint16_t port)
{
    unsigned long inode = inode_in("/proc/net/tcp", port);
    if (inode == 0)
        inode = inode_in("/proc/net/tcp6", port);
    DIR *processes = inode != 0 ? opendir("/proc") : NULL;
    if (processes == NULL)
        return 0;
    char target[64];
    int64_t pid = 0;
    snprintf(target, sizeof target, "socket:[%lu]", inode);
    for (struct dirent *entry; pid == 0 && (entry = readdir(processes)) != NULL;) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_open(entry->d_name, target))
            pid = atoll(entry->d_name);
    }
    closedir(processes);
    return pid;
}

/* The line `<name>  12345 kB`. */
static uint64_t status_bytes(int64_t pid, const char *name)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    size_t name_len = strlen(name);
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file == NULL)
        return 0;
    while (kib == 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, name_len) == 0)
            sscanf(line + name_len, "%llu kB", &kib);
    }
    fclose(file);
    return (uint64_t)kib * 1024;
}

uint64_t proc_rss_bytes(int64_t pid)
{
    return status_bytes(pid, "VmRSS:");
}

uint64_t proc_anonymous_bytes(int64_t pid)
{
    return status_bytes(pid, "RssAnon:");
}

uint64_t proc_peak_bytes(int64_t pid)
{
    return status_bytes(pid, "VmHWM:");
}

void proc_peak_reset(int64_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/clear_refs", (long long)pid);
    FILE *file = pid > 0 ? fopen(path, "we") : NULL;
    if (file == NULL)
        return;
    fputs("5", file);
    fclose(file);
}

/* `pid (name) state …`; utime and stime are the 12th and 13th fields behind the name. */
double proc_cpu_seconds(int64_t pid)
{
    char path[64], line[1024];
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file == NULL)
        return 0;
    const char *name_end = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    if (name_end == NULL ||
        sscanf(name_end + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
