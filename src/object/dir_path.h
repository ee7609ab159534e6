/* How keys become paths of files below a bucket's directory, and back. No I/O. */
#ifndef OBJECT_DIR_PATH_H
#define OBJECT_DIR_PATH_H

#include "base/buf.h"

/* Not a name that a key can have. */
#define DIR_LOCK   "%lock"
#define DIR_TMP    "%tmp"
#define DIR_BESIDE "%o" /* ends the name of an object that stands beside a directory of the same name */

/* Appends the path, relative to the bucket; never has a segment "." or "..", never begins or ends with '/'. */
void dir_path_of_key(struct str key, struct buf *out);

enum dir_name {
    DIR_NAME_FOREIGN, /* nothing of ours */
    DIR_NAME_SEGMENT, /* a file: the last segment of a key; a directory: a segment that goes on with '/' */
    DIR_NAME_BESIDE,  /* a file: the last segment of a key, beside a directory of that name */
    DIR_NAME_CHUNK    /* a directory: the beginning of a long segment */
};

/* What the name of a directory's entry says; appends what it stands for, if it is not foreign. */
enum dir_name dir_name_read(struct str name, struct buf *out);

#endif
