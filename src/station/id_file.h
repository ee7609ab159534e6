/* The message ids and exchanges that have left a station's log before their window is over: on disk, so that a repetition is known
 * after a restart, too, wherever its message is by then. Those of messages that are in the log are read from there (recall.c). */
#ifndef STATION_ID_FILE_H
#define STATION_ID_FILE_H

#include "log/log.h"
#include "station/exchanges.h"
#include "station/ids.h"

struct id_file {
    pthread_mutex_t lock;
    /* Set once. */
    char *path;         /* DIR/ids/new-<station> */
    char *old_path;     /* DIR/ids/old-<station> */
    int64_t created_ms; /* of the station: what another one of its name has left does not count */
    /* Under lock. */
    int fd;            /* -1: not open for writing */
    uint64_t bytes;    /* of the file that is written */
    int64_t first_ms;  /* of the first message in it */
    uint64_t saved;    /* ids of messages below are on disk, if they were in the window */
    int64_t warned_ms; /* monotonic, of the last warning */
};

void id_file_init(struct id_file *file, const char *dir, const char *station, int64_t created_ms);
void id_file_free(struct id_file *file);
/* Whether there may be ids to read. */
bool id_file_any(const struct id_file *file);
/* Reads what is younger than `after_ms`, the oldest first. A torn end is passed over: its messages are in the log. Errors:
 * those of the system. */
bool id_file_read(struct id_file *file, struct ids *ids, struct exchanges *exchanges, int64_t after_ms,
                  struct error *err);
/* Saves the ids and exchanges of the log's messages below `below` that are in the window: they are on disk when it returns. Reads nothing if none
 * of them are, or no message has one. Errors: those of the log and the system. Thread: any. */
bool id_file_save(struct id_file *file, struct log *log, uint64_t below, int64_t window_ms,
                  struct error *err);
/* Whether it is time to warn of a failure again. */
bool id_file_warns(struct id_file *file);
void id_file_remove(struct id_file *file);
/* Removes files of stations that are not `live`. */
void id_files_sweep(const char *dir, bool (*live)(struct str name, void *arg), void *arg);

#endif
